#include "server/jobs/pruning_data.h"

#include <algorithm>
#include <span>
#include <string>

#include "engine/train/scaling.h"
#include "engine/train/standard_points.h"
#include "server/convert/names.h"
#include "server/convert/pruning.h"

namespace sobolev::server {
namespace {

// Held-out samples that are kept in memory.
constexpr std::size_t kMaxPoints = 100'000;

std::vector<Index> ColumnsOfDataset(const JobContext& context, const v1::ModelVersion& source) {
  v1::Schema schema;
  schema.ParseFromString(context.environment.store.GetDataset(context.job.dataset_id).schema);
  return ColumnsOf(source.schema(), schema);
}

}  // namespace

HeldOut HeldOutOf(const v1::TrainingReport& report, const std::string& dataset,
                  std::int64_t dataset_version, Index num_samples) {
  HeldOut held_out;
  const std::int64_t validation = report.validation_samples();
  const bool same_samples = report.dataset() == dataset &&
                            report.dataset_version() == dataset_version && validation > 0 &&
                            report.training_samples() + validation == num_samples;
  if (!same_samples) return held_out;
  held_out.fraction = static_cast<double>(validation) / static_cast<double>(num_samples);
  held_out.seed = report.seed();
  return held_out;
}

PruningData::PruningData(const JobContext& context, const v1::ModelVersion& source,
                         const prune::Box& box)
    : memory_limit_(context.environment.memory_limit),
      snapshot_(OpenVerifiedSnapshot(context, context.job.dataset_version)),
      columns_(ColumnsOfDataset(context, source)),
      samples_(snapshot_->samples(), {.inputs = columns_, .min = box.min, .max = box.max},
               memory_limit_, context.stop),
      held_out_(HeldOutOf(source.report(), DatasetName(context.job.dataset_id),
                          context.job.dataset_version, samples_.view().NumSamples())) {
  if (!IsUsable()) return;
  split_ = train::SplitSamples(samples_.view().NumSamples(), held_out_.fraction, held_out_.seed);
  scaling_ =
      train::Standardise(samples_.view(), split_, train::DerivativeScale::kPerOutput, context.stop)
          .scaling;
  const std::span<const std::uint32_t> validation(split_.validation);
  points_ = train::StandardPoints(samples_.view(),
                                  validation.first(std::min(validation.size(), kMaxPoints)),
                                  scaling_, context.stop);
}

train::Errors PruningData::ErrorsOf(const Surrogate& surrogate, const std::stop_token& stop) const {
  return train::ErrorsOn(surrogate, points_, scaling_, nullptr, stop);
}

std::unique_ptr<const train::SelectedSamples> PruningData::Select(
    const std::vector<Index>& inputs, const std::stop_token& stop) const {
  return std::make_unique<const train::SelectedSamples>(
      samples_.view(), train::SampleSelection{.inputs = inputs}, memory_limit_, stop);
}

}  // namespace sobolev::server
