// The samples by which a pruning job judges networks, and on which it retrains.

#ifndef SOBOLEV_SERVER_JOBS_PRUNING_DATA_H_
#define SOBOLEV_SERVER_JOBS_PRUNING_DATA_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/errors.h"
#include "engine/train/samples.h"
#include "engine/train/selected_samples.h"
#include "proto/sobolev/v1/models.pb.h"
#include "server/jobs/job_work.h"
#include "server/storage/store.h"

namespace sobolev::server {

// How much to hold out, and by which seed: as in the training of the report, if that held out some
// of these samples and trained on the others, so that what its network never saw stays unseen.
struct HeldOut {
  double fraction = 0.1;
  std::uint64_t seed = 1;
};
HeldOut HeldOutOf(const v1::TrainingReport& report, const std::string& dataset,
                  std::int64_t dataset_version, Index num_samples);

class PruningData {
 public:
  // Of the job's dataset in the box, by the inputs of the version that is pruned. Throws as
  // OpenVerifiedSnapshot and SelectedSamples.
  PruningData(const JobContext& context, const v1::ModelVersion& source, const prune::Box& box);

  const Snapshot& snapshot() const { return *snapshot_; }
  const HeldOut& held_out() const { return held_out_; }
  const train::Split& split() const { return split_; }

  // Whether there are enough to hold some out. Else nothing below is.
  bool IsUsable() const { return samples_.view().NumSamples() >= 2; }

  // Of a function of all inputs of the version. Throws Error(kCancelled).
  train::Errors ErrorsOf(const Surrogate& surrogate, const std::stop_token& stop) const;

  // The samples by some of the version's inputs.
  std::unique_ptr<const train::SelectedSamples> Select(const std::vector<Index>& inputs,
                                                       const std::stop_token& stop) const;

 private:
  const std::size_t memory_limit_;
  const std::shared_ptr<const Snapshot> snapshot_;
  const std::vector<Index> columns_;  // Of the dataset's inputs, those of the version.
  const train::SelectedSamples samples_;
  const HeldOut held_out_;
  train::Split split_;
  nn::Scaling scaling_;
  LabelledPoints points_;  // The held-out ones.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_PRUNING_DATA_H_
