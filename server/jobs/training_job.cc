#include "server/jobs/training_job.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <grpcpp/support/status_code_enum.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/train/trainer.h"
#include "proto/sobolev/v1/training.pb.h"
#include "server/base/log.h"
#include "server/convert/grpc_status.h"
#include "server/convert/names.h"
#include "server/convert/resources.h"
#include "server/convert/tensor.h"
#include "server/models/weights_codec.h"

namespace sobolev::server {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kProgressInterval{100};
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

// One attempt at a job. Everything runs inside the job's arena.
class Attempt {
 public:
  Attempt(const TrainingEnvironment& environment, const JobRecord& job, std::stop_token stop,
          const std::function<void()>& on_news)
      : environment_(environment),
        job_(job),
        lease_{.job_id = job.id, .epoch = job.lease_epoch},
        stop_(std::move(stop)),
        on_news_(on_news),
        start_(environment.clock.Steady()),
        last_checkpoint_(start_),
        last_progress_(start_) {
    request_.ParseFromString(job.spec);
  }

  JobEnding Run() {
    Prepare();
    while (true) {
      const Index before = trainer_->SamplesSeen();
      const steady_clock::time_point slice_start = environment_.clock.Steady();
      const train::Status status = trainer_->Advance(stop_, slice_samples_);
      MeasureSpeed(trainer_->SamplesSeen() - before, environment_.clock.Steady() - slice_start);
      switch (status) {
        case train::Status::kEpochDone:
          environment_.metrics.Trained(0, 1);
          [[fallthrough]];
        case train::Status::kRunning:
          PublishProgress(false);
          if (environment_.clock.Steady() - last_checkpoint_ >= environment_.checkpoint_interval) {
            SaveCheckpoint();
          }
          break;
        case train::Status::kCancelled:
          // A cancelled job never resumes.
          if (!environment_.store.GetJob(job_.id).cancel_requested) SaveCheckpoint();
          return JobEnding::kStopped;
        case train::Status::kDiverged:
          ThrowDiverged();
        case train::Status::kMaxEpochs:
          Publish(v1::TrainingReport::STOP_REASON_MAX_EPOCHS);
          return JobEnding::kSucceeded;
        case train::Status::kEarlyStopping:
          Publish(v1::TrainingReport::STOP_REASON_EARLY_STOPPING);
          return JobEnding::kSucceeded;
      }
    }
  }

 private:
  // Opens the snapshot, checks every block, and makes the trainer, from the checkpoint if any.
  void Prepare() {
    snapshot_ = environment_.store.OpenSnapshot(job_.dataset_id, job_.dataset_version);
    const train::SampleSet& samples = snapshot_->samples();
    for (std::size_t block = 0; block < samples.blocks.size(); ++block) {
      if (stop_.stop_requested()) throw Error(ErrorCode::kCancelled, "CANCELLED", "", "stopped");
      snapshot_->Verify(block);
    }
    const train::Options options = train::ResolveOptions(
        ToOptions(request_.spec()), samples.n, samples.m, samples.NumSamples(),
        samples.NumJacobians(), environment_.memory_limit);
    trainer_.emplace(samples, options, stop_);
    try {
      const std::string state = environment_.store.LoadCheckpoint(job_.id);
      if (!state.empty()) trainer_->LoadState(state);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDataLoss) throw;
      // The same weights come out either way; only time is lost.
      LogWarning("checkpoint unusable, training starts over",
                 {{"job", job_.id}, {"what", error.what()}});
      trainer_.emplace(samples, options, stop_);
    }
    start_samples_ = trainer_->SamplesSeen();
    train_start_ = environment_.clock.Steady();
  }

  void MeasureSpeed(Index samples, steady_clock::duration duration) {
    environment_.metrics.Trained(samples, 0);
    const double seconds = Seconds(duration);
    if (samples == 0 || seconds <= 0) return;
    samples_per_second_ = static_cast<double>(samples) / seconds;
    slice_samples_ = std::max<Index>(1, static_cast<Index>(samples_per_second_ * kSliceSeconds));
  }

  double ComputeSeconds() const {
    return job_.compute_seconds + Seconds(environment_.clock.Steady() - start_);
  }

  // At most one event in kProgressInterval, and the last one always.
  void PublishProgress(bool last) {
    const steady_clock::time_point now = environment_.clock.Steady();
    if (trainer_->History().empty()) return;
    if (!last && (now - last_progress_ < kProgressInterval ||
                  trainer_->History().size() == published_epochs_)) {
      return;
    }
    last_progress_ = now;
    published_epochs_ = trainer_->History().size();
    v1::TrainingProgress progress;
    *progress.mutable_epoch() = ToProto(trainer_->History().back());
    progress.set_epochs(static_cast<std::int32_t>(*trainer_->options().epochs));
    progress.set_samples_per_second(samples_per_second_);
    const auto left = static_cast<double>(trainer_->SamplesTotal() - trainer_->SamplesSeen());
    progress.set_remaining_seconds(last || samples_per_second_ <= 0 ? 0
                                                                    : left / samples_per_second_);
    UnlessFull([&] { environment_.store.AppendProgress(lease_, progress.SerializeAsString()); });
    on_news_();
  }

  void SaveCheckpoint() {
    last_checkpoint_ = environment_.clock.Steady();
    UnlessFull([&] {
      environment_.store.SaveCheckpoint(lease_, trainer_->SaveState(), ComputeSeconds());
    });
  }

  // Training can do without progress events and checkpoints while the disk is full.
  template <class Write>
  void UnlessFull(const Write& write) const {
    try {
      write();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kResourceExhausted) throw;
      LogWarning("no room on the disk, training goes on",
                 {{"job", job_.id}, {"what", error.what()}});
    }
  }

  [[noreturn]] void ThrowDiverged() const {
    const std::size_t epoch = trainer_->History().size() + 1;
    throw FailedPrecondition("DIVERGED", "spec.learning_rate",
                             "the loss became non-finite in epoch " + std::to_string(epoch) +
                                 "; train again with a learning_rate below " +
                                 Text(*trainer_->options().learning_rate) +
                                 " or with precision float64");
  }

  void Publish(v1::TrainingReport::StopReason stop_reason) {
    PublishProgress(true);
    const nn::NetworkSurrogate surrogate = trainer_->MakeSurrogate();
    v1::ModelVersion version;
    *version.mutable_network() = ToProto(surrogate.architecture());
    const DatasetRecord dataset = environment_.store.GetDataset(job_.dataset_id);
    version.mutable_schema()->ParseFromString(dataset.schema);
    for (const ValueRange& range : snapshot_->statistics().inputs) {
      v1::Range* domain = version.add_domain();
      domain->set_min(range.min);
      domain->set_max(range.max);
    }
    version.set_parameter_count(surrogate.architecture().NumParameters());
    *version.mutable_report() = Report(stop_reason);
    const ModelVersionRecord record =
        environment_.store.CompleteJob(lease_, EncodeSurrogate(surrogate),
                                       [&](std::int64_t) { return version.SerializeAsString(); });
    environment_.models.Publish(record.model_id, record.version);
    LogInfo("model version published",
            {{"job", job_.id},
             {"model", ModelVersionName(record.model_id, record.version)},
             {"epochs", trainer_->History().size()},
             {"validation_value_relative", version.report().validation().value_relative()},
             {"train_seconds", version.report().train_seconds()}});
  }

  v1::TrainingReport Report(v1::TrainingReport::StopReason stop_reason) const {
    const train::Options& options = trainer_->options();
    v1::TrainingReport report;
    report.set_job(JobName(job_.id));
    report.set_dataset(DatasetName(job_.dataset_id));
    report.set_dataset_version(snapshot_->version());
    report.set_dataset_fingerprint(snapshot_->statistics().fingerprint);
    report.set_training_samples(trainer_->NumTrainingSamples());
    report.set_validation_samples(trainer_->NumValidationSamples());
    report.set_jacobian_samples(trainer_->NumTrainingJacobians());
    report.set_alpha(*options.alpha);
    report.set_beta(*options.beta);
    report.set_seed(options.seed);
    report.set_epochs(static_cast<std::int32_t>(trainer_->History().size()));
    report.set_best_epoch(static_cast<std::int32_t>(trainer_->BestEpoch()));
    report.set_stop_reason(stop_reason);
    report.set_train_seconds(ComputeSeconds());
    const double train_seconds = Seconds(environment_.clock.Steady() - train_start_);
    if (train_seconds > 0) {
      report.set_samples_per_second(static_cast<double>(trainer_->SamplesSeen() - start_samples_) /
                                    train_seconds);
    }
    *report.mutable_validation() = ToProto(trainer_->ValidationErrors());
    for (const train::EpochRecord& record : Thin(trainer_->History())) {
      *report.add_history() = ToProto(record);
    }
    report.set_instruction_set(std::string(Name(BestIsa())));
    return report;
  }

  const TrainingEnvironment& environment_;
  const JobRecord& job_;
  const Lease lease_;
  const std::stop_token stop_;
  const std::function<void()>& on_news_;
  v1::TrainRequest request_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::optional<train::Trainer> trainer_;
  const steady_clock::time_point start_;
  steady_clock::time_point train_start_;
  steady_clock::time_point last_checkpoint_;
  steady_clock::time_point last_progress_;
  std::size_t published_epochs_ = 0;
  Index start_samples_ = 0;
  Index slice_samples_ = kFirstSliceSamples;
  double samples_per_second_ = 0;
};

}  // namespace

JobEnding RunTrainingJob(const TrainingEnvironment& environment, const JobRecord& job,
                         const std::stop_token& stop, const std::function<void()>& on_news) {
  oneapi::tbb::task_arena arena(environment.num_threads, 1, oneapi::tbb::task_arena::priority::low);
  try {
    return arena.execute([&] { return Attempt(environment, job, stop, on_news).Run(); });
  } catch (...) {
    const grpc::Status status = ToStatus(std::current_exception());
    if (status.error_code() == grpc::StatusCode::CANCELLED) return JobEnding::kStopped;
    const std::string reason = ErrorReason(std::current_exception());
    // Not the job's fault: the caller releases it to be run again.
    if (reason == "LEASE_LOST" || reason == "DISK_FULL" || reason == "DISK_LOW") throw;
    LogWarning("job failed", {{"job", job.id}, {"what", status.error_message()}});
    environment.store.FailJob({.job_id = job.id, .epoch = job.lease_epoch},
                              {.code = static_cast<int>(status.error_code()),
                               .reason = reason,
                               .message = status.error_message()});
    return JobEnding::kFailed;
  }
}

}  // namespace sobolev::server
