#include "server/jobs/training_job.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "proto/sobolev/v1/training.pb.h"
#include "server/jobs/training_run.h"

namespace sobolev::server {
namespace {

class TrainingWork : public JobWork {
 public:
  explicit TrainingWork(const JobContext& context)
      : context_(context), snapshot_(OpenVerifiedSnapshot(context, context.job.dataset_version)) {
    schema_.ParseFromString(context.environment.store.GetDataset(context.job.dataset_id).schema);
    v1::TrainRequest request;
    request.ParseFromString(context.job.spec);
    run_ = MakeTrainingRun(context_, snapshot_->samples(), request.spec(), schema_);
  }

  Status Advance(const std::stop_token& stop) override { return run_->Advance(stop); }
  std::size_t NewsCount() const override { return run_->NewsCount(); }
  v1::TrainingProgress Progress() const override { return run_->Progress(); }
  std::string SaveState() const override { return run_->SaveState(); }
  void LoadState(std::string_view state) override { run_->LoadState(state); }

  JobResult Result() const override {
    return DescribeTraining(context_, *run_, *snapshot_, schema_);
  }

 private:
  const JobContext context_;
  const std::shared_ptr<const Snapshot> snapshot_;
  v1::Schema schema_;
  std::unique_ptr<TrainingRun> run_;
};

}  // namespace

std::unique_ptr<JobWork> MakeTrainingWork(const JobContext& context) {
  return std::make_unique<TrainingWork>(context);
}

}  // namespace sobolev::server
