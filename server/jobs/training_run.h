// The engine's side of a training job: something that advances, reports, saves and ends with a
// surrogate.

#ifndef SOBOLEV_SERVER_JOBS_TRAINING_RUN_H_
#define SOBOLEV_SERVER_JOBS_TRAINING_RUN_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/surrogate/surrogate.h"
#include "engine/train/samples.h"
#include "engine/train/selection_data.h"
#include "proto/sobolev/v1/jobs.pb.h"
#include "proto/sobolev/v1/models.pb.h"
#include "proto/sobolev/v1/training.pb.h"
#include "server/base/clock.h"
#include "server/jobs/job_work.h"
#include "server/metrics/metrics.h"

namespace sobolev::server {

class TrainingRun {
 public:
  using Status = JobWork::Status;

  virtual ~TrainingRun() = default;

  // Works for a fraction of a second. Throws Error if training failed for good.
  virtual Status Advance(const std::stop_token& stop) = 0;

  // Grows whenever Progress() has something new to tell.
  virtual std::size_t NewsCount() const = 0;
  virtual v1::TrainingProgress Progress() const = 0;

  virtual std::string SaveState() const = 0;
  // Throws Error(kDataLoss), changing nothing, if the state is not of this run.
  virtual void LoadState(std::string_view state) = 0;

  // Once finished.
  virtual std::shared_ptr<const Surrogate> MakeSurrogate() const = 0;
  // What fits made of samples that they had not seen, where that is known sample by sample.
  virtual std::vector<train::HeldOutSample> HeldOutSamples() const { return {}; }
  // What the run knows: sizes, losses, errors, history, why it stopped.
  virtual void Report(v1::TrainingReport& report) const = 0;
};

// What runs need besides the samples. The references outlive the run.
struct TrainingRunEnvironment {
  const Clock& clock;
  Metrics& metrics;
  std::size_t memory_limit;                 // Bytes the run may hold.
  std::function<double()> compute_seconds;  // Spent on the job so far, over all attempts.
};

// A network trained with Adam. `samples` are those whose labels are known; `schema` is theirs.
std::unique_ptr<TrainingRun> MakeNetworkRun(const TrainingRunEnvironment& environment,
                                            const train::SampleSet& samples,
                                            const v1::TrainingSpec& spec, const v1::Schema& schema,
                                            const std::stop_token& stop);

// A choice among recipes, or a single one. `samples` outlive the run.
std::unique_ptr<TrainingRun> MakeSelectionRun(const TrainingRunEnvironment& environment,
                                              const train::SampleSet& samples,
                                              const v1::TrainingSpec& spec,
                                              const v1::Schema& schema,
                                              const std::stop_token& stop);

// The run that a spec asks for. `samples` outlive it.
std::unique_ptr<TrainingRun> MakeTrainingRun(const JobContext& context,
                                             const train::SampleSet& samples,
                                             const v1::TrainingSpec& spec,
                                             const v1::Schema& schema);

// The surrogate of a finished run on a snapshot, with all that is known of it.
JobResult DescribeTraining(const JobContext& context, const TrainingRun& run,
                           const Snapshot& snapshot, const v1::Schema& schema);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_TRAINING_RUN_H_
