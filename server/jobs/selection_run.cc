#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/error.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/selection.h"
#include "server/convert/report.h"
#include "server/convert/training.h"
#include "server/jobs/training_run.h"

namespace sobolev::server {
namespace {

// Trials may be long: so much more of the work is news.
constexpr double kProgressStep = 0.01;

train::SelectionOptions OptionsFor(const TrainingRunEnvironment& environment,
                                   const v1::TrainingSpec& spec, const v1::Schema& schema) {
  train::SelectionOptions options = ToSelectionOptions(spec, schema);
  options.memory_limit = environment.memory_limit;
  return options;
}

class SelectionRun : public TrainingRun {
 public:
  SelectionRun(const TrainingRunEnvironment& environment, const train::SampleSet& samples,
               const v1::TrainingSpec& spec, const v1::Schema& schema, const std::stop_token& stop)
      : environment_(environment),
        spec_(spec),
        schema_(schema),
        selection_(samples, OptionsFor(environment, spec, schema), stop) {}

  Status Advance(const std::stop_token& stop) override {
    if (spec_.has_time_limit_seconds() && !out_of_time_ &&
        environment_.compute_seconds() > spec_.time_limit_seconds()) {
      out_of_time_ = true;
      selection_.Hurry();
    }
    switch (selection_.Advance(stop)) {
      case train::SelectionStatus::kRunning:
        if (selection_.Progress() < told_ + kProgressStep) return Status::kRunning;
        told_ = selection_.Progress();
        ++news_count_;
        return Status::kRunning;
      case train::SelectionStatus::kTrialDone:
        ++news_count_;
        return Status::kRunning;
      case train::SelectionStatus::kFinished:
        ++news_count_;
        return Status::kFinished;
      case train::SelectionStatus::kCancelled:
        return Status::kCancelled;
      case train::SelectionStatus::kFailed:
        break;
    }
    throw FailedPrecondition("NO_MODEL", "dataset",
                             "no recipe made a model of these samples; append samples or choose "
                             "another spec.kind");
  }

  std::size_t NewsCount() const override { return news_count_; }

  v1::TrainingProgress Progress() const override {
    v1::TrainingProgress progress;
    for (const train::Trial& trial : selection_.Leaderboard()) {
      *progress.add_leaderboard() = ToProto(trial);
    }
    const double fraction = selection_.Progress();
    progress.set_fraction(fraction);
    if (fraction > 0) {
      progress.set_remaining_seconds(environment_.compute_seconds() * (1 - fraction) / fraction);
    }
    return progress;
  }

  std::string SaveState() const override { return selection_.SaveState(); }

  void LoadState(std::string_view state) override { selection_.LoadState(state); }

  std::shared_ptr<const Surrogate> MakeSurrogate() const override {
    return selection_.MakeSurrogate();
  }

  std::vector<train::HeldOutSample> HeldOutSamples() const override {
    return selection_.HeldOutSamples();
  }

  void Report(v1::TrainingReport& report) const override {
    report.set_training_samples(selection_.NumTrainingSamples());
    report.set_validation_samples(selection_.NumValidationSamples());
    report.set_jacobian_samples(selection_.NumJacobians());
    report.set_alpha(selection_.loss().alpha);
    report.set_beta(selection_.loss().beta);
    report.set_gamma(selection_.loss().gamma);
    report.set_seed(spec_.has_seed() ? spec_.seed() : train::SelectionOptions().seed);
    report.set_stop_reason(out_of_time_ ? v1::TrainingReport::STOP_REASON_TIME_LIMIT
                                        : v1::TrainingReport::STOP_REASON_SELECTION_DONE);
    *report.mutable_validation() = ToProto(selection_.Best()->errors);
    for (const train::Trial& trial : selection_.Leaderboard()) {
      *report.add_leaderboard() = ToProto(trial);
    }
    for (const train::CurvePoint& point : selection_.LearningCurve()) {
      *report.add_learning_curve() = ToProto(point);
    }
    for (const train::CurvePoint& point : selection_.ValueOnly()) {
      *report.mutable_value_only() = ToProto(point);
    }
    for (const train::SuspectLabel& suspect : selection_.Suspects()) {
      *report.add_warnings() = ToProto(suspect, schema_);
    }
  }

 private:
  const TrainingRunEnvironment environment_;
  const v1::TrainingSpec spec_;
  const v1::Schema schema_;
  train::Selection selection_;
  std::size_t news_count_ = 0;
  double told_ = 0;  // Progress that was news on its own.
  bool out_of_time_ = false;
};

}  // namespace

std::unique_ptr<TrainingRun> MakeSelectionRun(const TrainingRunEnvironment& environment,
                                              const train::SampleSet& samples,
                                              const v1::TrainingSpec& spec,
                                              const v1::Schema& schema,
                                              const std::stop_token& stop) {
  return std::make_unique<SelectionRun>(environment, samples, spec, schema, stop);
}

}  // namespace sobolev::server
