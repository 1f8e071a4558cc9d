#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/train/composed_trainer.h"
#include "engine/train/composition.h"
#include "engine/train/options.h"
#include "engine/train/trainer.h"
#include "server/convert/composition.h"
#include "server/convert/report.h"
#include "server/convert/tensor.h"
#include "server/convert/training.h"
#include "server/jobs/training_run.h"

namespace sobolev::server {
namespace {

using std::chrono::steady_clock;

constexpr double kSliceSeconds = 0.1;       // Of one Advance, to look at the clock in between.
constexpr Index kFirstSliceSamples = 4096;  // Until the speed is known.
constexpr std::size_t kMaxHistory = 256;

double Seconds(steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

std::vector<train::EpochRecord> Thin(const std::vector<train::EpochRecord>& history) {
  if (history.size() <= kMaxHistory) return history;
  std::vector<train::EpochRecord> thinned;
  thinned.reserve(kMaxHistory);
  for (std::size_t i = 0; i < kMaxHistory; ++i) {
    thinned.push_back(history[i * (history.size() - 1) / (kMaxHistory - 1)]);
  }
  return thinned;
}

class NetworkRun : public TrainingRun {
 public:
  NetworkRun(const TrainingRunEnvironment& environment, const train::SampleSet& samples,
             const train::Options& options, const train::CompositionOptions& composition,
             std::optional<double> time_limit_seconds, const std::stop_token& stop)
      : environment_(environment),
        time_limit_seconds_(time_limit_seconds),
        training_(samples, options, composition, environment.memory_limit, stop),
        trainer_(training_.trainer()),
        start_(environment.clock.Steady()) {}

  Status Advance(const std::stop_token& stop) override {
    if (IsOutOfTime()) {
      stop_reason_ = v1::TrainingReport::STOP_REASON_TIME_LIMIT;
      return Status::kFinished;
    }
    const Index before = trainer_.SamplesSeen();
    const steady_clock::time_point slice_start = environment_.clock.Steady();
    const train::Status status = trainer_.Advance(stop, slice_samples_);
    MeasureSpeed(trainer_.SamplesSeen() - before, environment_.clock.Steady() - slice_start);
    switch (status) {
      case train::Status::kEpochDone:
        environment_.metrics.Trained(0, 1);
        return Status::kRunning;
      case train::Status::kRunning:
        return Status::kRunning;
      case train::Status::kCancelled:
        return Status::kCancelled;
      case train::Status::kDiverged:
        if (trainer_.BestEpoch() == 0) break;
        stop_reason_ = v1::TrainingReport::STOP_REASON_DIVERGED;
        return Status::kFinished;
      case train::Status::kMaxEpochs:
        stop_reason_ = v1::TrainingReport::STOP_REASON_MAX_EPOCHS;
        return Status::kFinished;
      case train::Status::kEarlyStopping:
        stop_reason_ = v1::TrainingReport::STOP_REASON_EARLY_STOPPING;
        return Status::kFinished;
    }
    throw FailedPrecondition(
        "DIVERGED", "spec.learning_rate",
        "no epoch ended with finite numbers, down to a learning_rate of " +
            Text(trainer_.PeakLearningRate()) +
            "; train again with precision float64 or fewer layers, and look for outliers");
  }

  std::size_t NewsCount() const override { return trainer_.History().size(); }

  v1::TrainingProgress Progress() const override {
    v1::TrainingProgress progress;
    *progress.mutable_epoch() = ToProto(trainer_.History().back());
    progress.set_epochs(static_cast<std::int32_t>(*trainer_.options().epochs));
    progress.set_samples_per_second(samples_per_second_);
    const bool finished = stop_reason_ != v1::TrainingReport::STOP_REASON_UNSPECIFIED;
    const auto left = static_cast<double>(trainer_.SamplesTotal() - trainer_.SamplesSeen());
    progress.set_remaining_seconds(
        finished || samples_per_second_ <= 0 ? 0 : left / samples_per_second_);
    progress.set_fraction(finished ? 1
                                   : static_cast<double>(trainer_.SamplesSeen()) /
                                         static_cast<double>(trainer_.SamplesTotal()));
    return progress;
  }

  std::string SaveState() const override { return trainer_.SaveState(); }

  void LoadState(std::string_view state) override {
    trainer_.LoadState(state);
    start_samples_ = trainer_.SamplesSeen();
  }

  std::shared_ptr<const Surrogate> MakeSurrogate() const override {
    return training_.MakeSurrogate();
  }

  void Report(v1::TrainingReport& report) const override {
    const train::Options& options = trainer_.options();
    report.set_training_samples(trainer_.NumTrainingSamples());
    report.set_validation_samples(trainer_.NumValidationSamples());
    report.set_jacobian_samples(training_.NumTrainingJacobians());
    report.set_alpha(*options.alpha);
    report.set_beta(*options.beta);
    report.set_gamma(options.gamma);
    report.set_seed(options.seed);
    report.set_epochs(static_cast<std::int32_t>(trainer_.History().size()));
    report.set_best_epoch(static_cast<std::int32_t>(trainer_.BestEpoch()));
    report.set_stop_reason(stop_reason_);
    report.set_rollbacks(static_cast<std::int32_t>(trainer_.NumRollbacks()));
    report.set_learning_rate(trainer_.PeakLearningRate());
    const double seconds = Seconds(environment_.clock.Steady() - start_);
    if (seconds > 0) {
      report.set_samples_per_second(static_cast<double>(trainer_.SamplesSeen() - start_samples_) /
                                    seconds);
    }
    *report.mutable_validation() = ToProto(training_.ValidationErrors());
    for (const train::EpochRecord& record : Thin(trainer_.History())) {
      *report.add_history() = ToProto(record);
    }
  }

 private:
  // And has a best epoch.
  bool IsOutOfTime() const {
    return time_limit_seconds_ && !trainer_.History().empty() &&
           environment_.compute_seconds() > *time_limit_seconds_;
  }

  void MeasureSpeed(Index samples, steady_clock::duration duration) {
    environment_.metrics.Trained(samples, 0);
    const double seconds = Seconds(duration);
    if (samples == 0 || seconds <= 0) return;
    samples_per_second_ = static_cast<double>(samples) / seconds;
    slice_samples_ = std::max<Index>(1, static_cast<Index>(samples_per_second_ * kSliceSeconds));
  }

  const TrainingRunEnvironment environment_;
  const std::optional<double> time_limit_seconds_;
  train::ComposedTrainer training_;
  train::Trainer& trainer_;  // Of training_.
  const steady_clock::time_point start_;
  v1::TrainingReport::StopReason stop_reason_ = v1::TrainingReport::STOP_REASON_UNSPECIFIED;
  Index start_samples_ = 0;
  Index slice_samples_ = kFirstSliceSamples;
  double samples_per_second_ = 0;
};

}  // namespace

std::unique_ptr<TrainingRun> MakeNetworkRun(const TrainingRunEnvironment& environment,
                                            const train::SampleSet& samples,
                                            const v1::TrainingSpec& spec, const v1::Schema& schema,
                                            const std::stop_token& stop) {
  std::optional<double> time_limit;
  if (spec.has_time_limit_seconds()) time_limit = spec.time_limit_seconds();
  return std::make_unique<NetworkRun>(environment, samples, ToOptions(spec, schema),
                                      ToComposition(spec, schema), time_limit, stop);
}

}  // namespace sobolev::server
