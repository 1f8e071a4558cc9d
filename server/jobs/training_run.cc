#include "server/jobs/training_run.h"

#include <string>

#include "engine/base/isa.h"
#include "server/convert/model_version.h"
#include "server/convert/names.h"
#include "server/convert/training.h"

namespace sobolev::server {

std::unique_ptr<TrainingRun> MakeTrainingRun(const JobContext& context,
                                             const train::SampleSet& samples,
                                             const v1::TrainingSpec& spec,
                                             const v1::Schema& schema) {
  const TrainingRunEnvironment environment{.clock = context.environment.clock,
                                           .metrics = context.environment.metrics,
                                           .memory_limit = context.environment.memory_limit,
                                           .compute_seconds = context.compute_seconds};
  if (IsSelection(spec)) return MakeSelectionRun(environment, samples, spec, schema, context.stop);
  return MakeNetworkRun(environment, samples, spec, schema, context.stop);
}

JobResult DescribeTraining(const JobContext& context, const TrainingRun& run,
                           const Snapshot& snapshot, const v1::Schema& schema) {
  JobResult result{.surrogate = run.MakeSurrogate(), .version = {}};
  v1::ModelVersion& version = result.version;
  *version.mutable_schema() = schema;
  Describe(*result.surrogate, version);
  for (const ValueRange& range : snapshot.statistics().inputs) {
    v1::Range* domain = version.add_domain();
    domain->set_min(range.min);
    domain->set_max(range.max);
  }
  v1::TrainingReport& report = *version.mutable_report();
  report.set_job(JobName(context.job.id));
  report.set_dataset(DatasetName(context.job.dataset_id));
  report.set_dataset_version(snapshot.version());
  report.set_dataset_fingerprint(snapshot.statistics().fingerprint);
  report.set_train_seconds(context.compute_seconds());
  report.set_instruction_set(std::string(Name(BestIsa())));
  run.Report(report);
  return result;
}

}  // namespace sobolev::server
