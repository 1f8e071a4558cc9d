// Decides which points of its domain a sampling job has evaluated next.

#ifndef SOBOLEV_SERVER_JOBS_SAMPLING_PLACER_H_
#define SOBOLEV_SERVER_JOBS_SAMPLING_PLACER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/sampling/domain.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/model_error.h"
#include "engine/sampling/placement.h"
#include "engine/surrogate/held_out_sample.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/samples.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/sampling.pb.h"
#include "server/storage/store.h"

namespace sobolev::server {

class SamplingPlacer {
 public:
  // `spec` is complete and outlives this; its strategy and goal may change between calls.
  SamplingPlacer(const v1::SamplingSpec& spec, sampling::Domain domain, const v1::Schema& schema);

  const sampling::Domain& domain() const { return domain_; }
  // What the dataset held when it was last read.
  const sampling::Evidence& known() const { return known_; }

  // The dataset holds these samples, among them the results of the first `uploads` uploads.
  void Learn(const train::SampleSet& samples, std::int64_t uploads);

  // The model of the latest round. What it and the one before disagree on counts.
  void Trust(std::shared_ptr<const Surrogate> model);
  // Null before the first round.

  // Errors over the feasible part of the domain of the model that was chosen by these. `points` are
  // all of the job. Throws Error(kCancelled).
  sampling::RelativeErrors Judge(const std::vector<HeldOutSample>& held_out,
                                 const std::vector<SamplingPointRecord>& points,
                                 const std::stop_token& stop) const;

  // Whether the values that are known are noisy: the root mean square over the outputs of the
  // standard deviation of the noise, relative to that of the values. With derivatives that
  // contradict the values that cannot be told, and is taken for 0.
  double MeasureNoise(bool has_suspects, const std::stop_token& stop);

  // About `count` points, 1 … kMaxPointsAtOnce, besides `points`, which are all of the job. None if
  // every point is known. Throws Error(kFailedPrecondition) if no feasible point is found, and
  // Error(kCancelled).
  std::vector<NewSamplingPoint> Place(const std::vector<SamplingPointRecord>& points,
                                      std::int64_t count, std::int64_t round,
                                      const std::stop_token& stop) const;

 private:
  sampling::PlacementOptions Options(std::int64_t num_points) const;
  // Null if all of the domain is feasible.
  sampling::Feasible Feasibility(const std::stop_token& stop) const;

  const v1::SamplingSpec& spec_;
  const v1::Schema schema_;
  const sampling::Domain domain_;
  const bool has_discrete_inputs_;
  sampling::Evidence known_;    // What the dataset held when it was last read,
  std::int64_t uploads_ = 0;    // with so many uploads of this job.
  std::vector<Index> columns_;  // Of its samples in known_.
  Vector noise_;                // m: of the values.
  std::shared_ptr<const Surrogate> model_;
  std::shared_ptr<const Surrogate> model_before_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_SAMPLING_PLACER_H_
