#include "server/jobs/job_runner.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <grpcpp/support/status_code_enum.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/train/surrogate_codec.h"
#include "server/base/log.h"
#include "server/convert/grpc_status.h"
#include "server/convert/names.h"
#include "server/convert/resources.h"
#include "server/jobs/pruning_job.h"
#include "server/jobs/sampling_job.h"
#include "server/jobs/training_job.h"

namespace sobolev::server {
namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kProgressInterval{100};

double Seconds(steady_clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// The one place that knows all kinds of jobs.
std::unique_ptr<JobWork> MakeWork(const JobContext& context) {
  switch (context.job.kind) {
    case JobKind::kTrain:
      return MakeTrainingWork(context);
    case JobKind::kPrune:
      return MakePruningWork(context);
    case JobKind::kSample:
      return MakeSamplingWork(context);
  }
  throw Error(ErrorCode::kInternal, "UNKNOWN_JOB_KIND", "job",
              "expected a kind of job that this server knows; upgrade it");
}

// One attempt at a job. Everything runs inside the job's arena.
class Attempt {
 public:
  Attempt(const JobEnvironment& environment, const JobRecord& job, std::stop_token stop,
          const std::function<void()>& on_news)
      : environment_(environment),
        job_(job),
        lease_{.job_id = job.id, .epoch = job.lease_epoch},
        stop_(std::move(stop)),
        on_news_(on_news),
        start_(environment.clock.Steady()),
        last_checkpoint_(start_),
        last_progress_(start_) {}

  JobEnding Run() {
    Prepare();
    while (true) {
      switch (work_->Advance(stop_)) {
        case JobWork::Status::kRunning:
          PublishProgress(false);
          if (environment_.clock.Steady() - last_checkpoint_ >= environment_.checkpoint_interval) {
            SaveCheckpoint();
          }
          break;
        case JobWork::Status::kCancelled:
          // A cancelled job never resumes.
          if (!environment_.store.GetJob(job_.id).cancel_requested) SaveCheckpoint();
          return JobEnding::kStopped;
        case JobWork::Status::kFinished:
          PublishProgress(true);
          Publish();
          return JobEnding::kSucceeded;
      }
    }
  }

 private:
  // From the checkpoint, if any.
  void Prepare() {
    work_ = MakeWork(Context());
    try {
      const std::string state = environment_.store.LoadCheckpoint(job_.id);
      if (!state.empty()) work_->LoadState(state);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kDataLoss) throw;
      // The same model comes out either way; only time is lost.
      LogWarning("checkpoint unusable, the job starts over",
                 {{"job", job_.id}, {"what", error.what()}});
      work_ = MakeWork(Context());
    }
    published_news_ = work_->NewsCount();
  }

  JobContext Context() const {
    return {.environment = environment_, .job = job_, .stop = stop_, .compute_seconds = [this] {
              return ComputeSeconds();
            }};
  }

  double ComputeSeconds() const {
    return job_.compute_seconds + Seconds(environment_.clock.Steady() - start_);
  }

  // At most one event in kProgressInterval, and the last one always.
  void PublishProgress(bool last) {
    const steady_clock::time_point now = environment_.clock.Steady();
    if (work_->NewsCount() == 0) return;
    if (!last &&
        (now - last_progress_ < kProgressInterval || work_->NewsCount() == published_news_)) {
      return;
    }
    last_progress_ = now;
    published_news_ = work_->NewsCount();
    UnlessFull(
        [&] { environment_.store.AppendProgress(lease_, work_->Progress().SerializeAsString()); });
    on_news_();
  }

  void SaveCheckpoint() {
    last_checkpoint_ = environment_.clock.Steady();
    UnlessFull(
        [&] { environment_.store.SaveCheckpoint(lease_, work_->SaveState(), ComputeSeconds()); });
  }

  // Jobs can do without progress events and checkpoints while the disk is full.
  template <class Write>
  void UnlessFull(const Write& write) const {
    try {
      write();
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kResourceExhausted) throw;
      LogWarning("no room on the disk, the job goes on",
                 {{"job", job_.id}, {"what", error.what()}});
    }
  }

  void Publish() {
    const JobResult result = work_->Result();
    if (result.known_version > 0) {
      environment_.store.CompleteJobWith(lease_, result.known_version);
      return;
    }
    const ModelVersionRecord record =
        environment_.store.CompleteJob(lease_, train::EncodeSurrogate(*result.surrogate),
                                       [&](std::int64_t, const ModelVersionRecord* newest) {
                                         // Since the job was submitted the name may have become
                                         // that of a pipeline.
                                         if (newest != nullptr) RequireNoPipeline(*newest);
                                         return result.version.SerializeAsString();
                                       });
    environment_.models.Publish(record.model_id, record.version);
    const v1::TrainingReport& report = result.version.report();
    LogInfo("model version published",
            {{"job", job_.id},
             {"model", ModelVersionName(record.model_id, record.version)},
             {"validation_value_relative", report.validation().value_relative()},
             {"train_seconds", report.train_seconds()}});
  }

  const JobEnvironment& environment_;
  const JobRecord& job_;
  const Lease lease_;
  const std::stop_token stop_;
  const std::function<void()>& on_news_;
  std::unique_ptr<JobWork> work_;
  const steady_clock::time_point start_;
  steady_clock::time_point last_checkpoint_;
  steady_clock::time_point last_progress_;
  std::size_t published_news_ = 0;
};

}  // namespace

JobEnding RunJob(const JobEnvironment& environment, const JobRecord& job,
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
