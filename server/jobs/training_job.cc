#include "server/jobs/training_job.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "proto/sobolev/v1/training.pb.h"
#include "server/convert/model_version.h"
#include "server/convert/names.h"
#include "server/convert/training.h"
#include "server/jobs/training_run.h"

namespace sobolev::server {
namespace {

class TrainingWork : public JobWork {
 public:
  explicit TrainingWork(const JobContext& context)
      : context_(context), snapshot_(OpenVerifiedSnapshot(context)) {
    schema_.ParseFromString(context.environment.store.GetDataset(context.job.dataset_id).schema);
    run_ = MakeRun();
  }

  Status Advance(const std::stop_token& stop) override { return run_->Advance(stop); }
  std::size_t NewsCount() const override { return run_->NewsCount(); }
  v1::TrainingProgress Progress() const override { return run_->Progress(); }
  std::string SaveState() const override { return run_->SaveState(); }
  void LoadState(std::string_view state) override { run_->LoadState(state); }

  JobResult Result() const override {
    JobResult result{.surrogate = run_->MakeSurrogate(), .version = {}};
    v1::ModelVersion& version = result.version;
    *version.mutable_schema() = schema_;
    Describe(*result.surrogate, version);
    for (const ValueRange& range : snapshot_->statistics().inputs) {
      v1::Range* domain = version.add_domain();
      domain->set_min(range.min);
      domain->set_max(range.max);
    }
    v1::TrainingReport& report = *version.mutable_report();
    report.set_job(JobName(context_.job.id));
    report.set_dataset(DatasetName(context_.job.dataset_id));
    report.set_dataset_version(snapshot_->version());
    report.set_dataset_fingerprint(snapshot_->statistics().fingerprint);
    report.set_train_seconds(context_.compute_seconds());
    report.set_instruction_set(std::string(Name(BestIsa())));
    run_->Report(report);
    return result;
  }

 private:
  std::unique_ptr<TrainingRun> MakeRun() const {
    const TrainingRunEnvironment environment{.clock = context_.environment.clock,
                                             .metrics = context_.environment.metrics,
                                             .memory_limit = context_.environment.memory_limit,
                                             .compute_seconds = context_.compute_seconds};
    v1::TrainRequest request;
    request.ParseFromString(context_.job.spec);
    const train::SampleSet& samples = snapshot_->samples();
    if (IsSelection(request.spec())) {
      return MakeSelectionRun(environment, samples, request.spec(), schema_, context_.stop);
    }
    return MakeNetworkRun(environment, samples, request.spec(), schema_, context_.stop);
  }

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
