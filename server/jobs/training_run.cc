#include "server/jobs/training_run.h"

#include <algorithm>
#include <stop_token>
#include <string>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/sampling/taylor_shares.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/samples.h"
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

namespace {

// Of the spread of an output, that a Taylor polynomial may be off.
constexpr double kTolerance = 0.01;
// Samples around which polynomials are made at most.
constexpr Index kMostCentres = 4096;

// The first ones, n×K.
Matrix CentresOf(const train::SampleSet& samples, const std::stop_token& stop) {
  Matrix centres(samples.n, std::min(samples.NumSamples(), kMostCentres));
  train::ForEachSample(samples, stop, [&](Index number, const train::Sample& sample) {
    if (number < centres.cols()) centres.col(number) = ConstMatrixMap(sample.x, samples.n, 1);
  });
  return centres;
}

void DescribeShares(const Surrogate& surrogate, const train::SampleSet& samples,
                    const std::stop_token& stop, v1::ModelVersion& version) {
  const Matrix centres = CentresOf(samples, stop);
  const Vector lo = centres.rowwise().minCoeff();
  const Vector hi = centres.rowwise().maxCoeff();
  const sampling::TaylorShares shares =
      sampling::FindTaylorShares(surrogate, centres, lo, hi, kTolerance, stop);
  version.mutable_local_taylor()->set_constant_share(shares[0]);
  version.mutable_local_taylor()->set_linear_share(shares[1]);
  version.mutable_local_taylor()->set_quadratic_share(shares[2]);
}

}  // namespace

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
  if (version.has_local_taylor()) {
    DescribeShares(*result.surrogate, snapshot.samples(), context.stop, version);
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
