// The workers of a sampling job whose function is behind UM-Bridge servers: one for each of them.

#ifndef SOBOLEV_SERVER_JOBS_SAMPLING_PULL_H_
#define SOBOLEV_SERVER_JOBS_SAMPLING_PULL_H_

#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "proto/sobolev/v1/sampling.pb.h"
#include "server/jobs/job_work.h"
#include "server/jobs/um_bridge_simulator.h"

namespace sobolev::server {

// Threads that ask the store for points, as workers over gRPC do, and tell what the simulators
// answer. They end with this object, and stop what is under way.
class SamplingPull {
 public:
  // `context` outlives this.
  SamplingPull(const JobContext& context, const v1::SamplingSpec& spec, Index n, Index m);

  // Throws what makes the whole job fail: a simulator of the wrong size.
  void RequireSound() const;

 private:
  void Work(const std::string& worker, const std::string& url, const std::stop_token& stop);
  // Whether there was a point to evaluate.
  bool EvaluateNext(const std::string& worker, const UmBridgeSimulator& simulator,
                    const std::stop_token& stop) const;

  const JobContext& context_;
  const v1::SamplingSpec spec_;  // Its own: the job's may change.
  const Index n_;
  const Index m_;
  mutable std::mutex mutex_;
  std::optional<Error> fault_;         // Guarded by mutex_.
  std::vector<std::jthread> threads_;  // Last: they use the others.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_SAMPLING_PULL_H_
