#include "server/jobs/training_job.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include <grpcpp/support/status_code_enum.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/surrogate_codec.h"
#include "proto/sobolev/v1/training.pb.h"
#include "server/base/log.h"
#include "server/convert/grpc_status.h"
#include "server/convert/model_version.h"
#include "server/convert/names.h"
#include "server/convert/report.h"
#include "server/convert/resources.h"
#include "server/convert/training.h"
#include "server/jobs/training_run.h"

namespace sobolev::server {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kProgressInterval{100};

double Seconds(steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
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
      switch (run_->Advance(stop_)) {
        case TrainingRun::Status::kRunning:
          PublishProgress(false);
          if (environment_.clock.Steady() - last_checkpoint_ >= environment_.checkpoint_interval) {
            SaveCheckpoint();
          }
          break;
        case TrainingRun::Status::kCancelled:
          // A cancelled job never resumes.
          if (!environment_.store.GetJob(job_.id).cancel_requested) SaveCheckpoint();
          return JobEnding::kStopped;
        case TrainingRun::Status::kFinished:
          Publish();
          return JobEnding::kSucceeded;
      }
    }
  }

 private:
  // Opens the snapshot, checks every block, and makes the run, from the checkpoint if any.
  void Prepare() {
    snapshot_ = environment_.store.OpenSnapshot(job_.dataset_id, job_.dataset_version);
    for (std::size_t block = 0; block < snapshot_->samples().blocks.size(); ++block) {
      if (stop_.stop_requested()) throw Error(ErrorCode::kCancelled, "CANCELLED", "", "stopped");
      snapshot_->Verify(block);
    }
    run_ = MakeRun();
    try {
      const std::string state = environment_.store.LoadCheckpoint(job_.id);
      if (!state.empty()) run_->LoadState(state);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDataLoss) throw;
      // The same weights come out either way; only time is lost.
      LogWarning("checkpoint unusable, training starts over",
                 {{"job", job_.id}, {"what", error.what()}});
      run_ = MakeRun();
    }
    published_news_ = run_->NewsCount();
  }

  std::unique_ptr<TrainingRun> MakeRun() const {
    const TrainingRunEnvironment environment{
        .clock = environment_.clock,
        .metrics = environment_.metrics,
        .memory_limit = environment_.memory_limit,
        .compute_seconds = [this] { return ComputeSeconds(); }};
    v1::Schema schema;
    schema.ParseFromString(environment_.store.GetDataset(job_.dataset_id).schema);
    if (IsSelection(request_.spec())) {
      return MakeSelectionRun(environment, snapshot_->samples(), request_.spec(), schema, stop_);
    }
    return MakeNetworkRun(environment, snapshot_->samples(), request_.spec(), schema, stop_);
  }

  double ComputeSeconds() const {
    return job_.compute_seconds + Seconds(environment_.clock.Steady() - start_);
  }

  // At most one event in kProgressInterval, and the last one always.
  void PublishProgress(bool last) {
    const steady_clock::time_point now = environment_.clock.Steady();
    if (run_->NewsCount() == 0) return;
    if (!last &&
        (now - last_progress_ < kProgressInterval || run_->NewsCount() == published_news_)) {
      return;
    }
    last_progress_ = now;
    published_news_ = run_->NewsCount();
    UnlessFull(
        [&] { environment_.store.AppendProgress(lease_, run_->Progress().SerializeAsString()); });
    on_news_();
  }

  void SaveCheckpoint() {
    last_checkpoint_ = environment_.clock.Steady();
    UnlessFull(
        [&] { environment_.store.SaveCheckpoint(lease_, run_->SaveState(), ComputeSeconds()); });
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

  void Publish() {
    PublishProgress(true);
    const std::shared_ptr<const Surrogate> surrogate = run_->MakeSurrogate();
    v1::ModelVersion version;
    const DatasetRecord dataset = environment_.store.GetDataset(job_.dataset_id);
    version.mutable_schema()->ParseFromString(dataset.schema);
    Describe(*surrogate, version);
    for (const ValueRange& range : snapshot_->statistics().inputs) {
      v1::Range* domain = version.add_domain();
      domain->set_min(range.min);
      domain->set_max(range.max);
    }
    v1::TrainingReport& report = *version.mutable_report();
    report.set_job(JobName(job_.id));
    report.set_dataset(DatasetName(job_.dataset_id));
    report.set_dataset_version(snapshot_->version());
    report.set_dataset_fingerprint(snapshot_->statistics().fingerprint);
    report.set_train_seconds(ComputeSeconds());
    report.set_instruction_set(std::string(Name(BestIsa())));
    run_->Report(report);
    const ModelVersionRecord record =
        environment_.store.CompleteJob(lease_, train::EncodeSurrogate(*surrogate),
                                       [&](std::int64_t, const ModelVersionRecord* newest) {
                                         // Since the job was submitted the name may have become
                                         // that of a pipeline.
                                         if (newest != nullptr) RequireNoPipeline(*newest);
                                         return version.SerializeAsString();
                                       });
    environment_.models.Publish(record.model_id, record.version);
    LogInfo("model version published",
            {{"job", job_.id},
             {"model", ModelVersionName(record.model_id, record.version)},
             {"validation_value_relative", report.validation().value_relative()},
             {"train_seconds", report.train_seconds()}});
  }

  const TrainingEnvironment& environment_;
  const JobRecord& job_;
  const Lease lease_;
  const std::stop_token stop_;
  const std::function<void()>& on_news_;
  v1::TrainRequest request_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::unique_ptr<TrainingRun> run_;
  const steady_clock::time_point start_;
  steady_clock::time_point last_checkpoint_;
  steady_clock::time_point last_progress_;
  std::size_t published_news_ = 0;
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
