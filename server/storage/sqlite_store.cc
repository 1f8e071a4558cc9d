#include "server/storage/sqlite_store.h"

#include <set>
#include <utility>

#include "server/storage/block_writer.h"
#include "server/storage/dataset_store.h"
#include "server/storage/job_store.h"
#include "server/storage/model_store.h"
#include "server/storage/program_store.h"
#include "server/storage/sampling_store.h"
#include "server/storage/store_core.h"

namespace sobolev::server {
namespace {

// Hands each call to the part that serves it; what the operating system says leaves as Error.
class SqliteStore final : public Store {
 public:
  explicit SqliteStore(const StoreOptions& options)
      : core_(options),
        datasets_(core_),
        jobs_(core_),
        models_(core_),
        programs_(core_),
        samplings_(core_),
        block_writer_(core_) {
    CollectBlobs();
  }

  DatasetRecord CreateDataset(const std::string& id, const std::string& schema, std::int64_t n,
                              std::int64_t m) override {
    return TranslateIoErrors([&] { return datasets_.Create(id, schema, n, m); });
  }
  DatasetRecord GetDataset(const std::string& id) override { return datasets_.Get(id); }
  std::vector<DatasetRecord> ListDatasets(const std::string& after, std::int64_t limit) override {
    return datasets_.List(after, limit);
  }
  void DeleteDataset(const std::string& id) override {
    TranslateIoErrors([&] { datasets_.Delete(id); });
  }

  UploadState OpenUpload(const std::string& dataset_id, const std::string& upload_id) override {
    return TranslateIoErrors([&] { return datasets_.OpenUpload(dataset_id, upload_id); });
  }
  void AppendBlock(const std::string& upload_token, SampleBlockData block,
                   BlockDone done) override {
    block_writer_.Append(upload_token, std::move(block), std::move(done));
  }
  std::int64_t CommitUpload(const std::string& upload_token, std::int64_t block_count,
                            std::int64_t sample_count, std::uint32_t crc32c) override {
    return datasets_.CommitUpload(upload_token, block_count, sample_count, crc32c);
  }
  void DropStaleUploads(std::int64_t before_micros) override {
    datasets_.DropStaleUploads(before_micros);
  }

  std::shared_ptr<const Snapshot> OpenSnapshot(const std::string& dataset_id,
                                               std::int64_t version) override {
    return TranslateIoErrors([&] { return datasets_.OpenSnapshot(dataset_id, version); });
  }

  JobRecord CreateJob(JobRecord job) override {
    return TranslateIoErrors([&] { return jobs_.Create(std::move(job)); });
  }
  JobRecord GetJob(const std::string& id) override { return jobs_.Get(id); }
  std::vector<JobRecord> ListJobs(const std::string& before, std::int64_t limit) override {
    return jobs_.List(before, limit);
  }
  std::vector<std::pair<JobState, std::int64_t>> CountJobs() override { return jobs_.Count(); }
  std::optional<JobRecord> ClaimJob(JobPool pool) override { return jobs_.Claim(pool); }
  JobRecord RequestCancel(const std::string& id) override { return jobs_.RequestCancel(id); }
  void ReleaseJob(const Lease& lease) override { jobs_.Release(lease); }
  void SaveCheckpoint(const Lease& lease, std::string_view state, double compute_seconds) override {
    TranslateIoErrors([&] { jobs_.SaveCheckpoint(lease, state, compute_seconds); });
  }
  std::string LoadCheckpoint(const std::string& job_id) override {
    return TranslateIoErrors([&] { return jobs_.LoadCheckpoint(job_id); });
  }
  JobEventRecord AppendProgress(const Lease& lease, const std::string& progress) override {
    return jobs_.AppendProgress(lease, progress);
  }
  std::vector<JobEventRecord> ListEvents(const std::string& job_id, std::int64_t after,
                                         std::int64_t limit) override {
    return jobs_.ListEvents(job_id, after, limit);
  }
  ModelVersionRecord CompleteJob(const Lease& lease, std::string_view weights,
                                 const DescribeVersion& describe) override {
    return TranslateIoErrors([&] { return jobs_.Complete(lease, weights, describe); });
  }
  void CompleteJobWith(const Lease& lease, std::int64_t model_version) override {
    jobs_.CompleteWith(lease, model_version);
  }
  void FailJob(const Lease& lease, const JobFailure& failure) override {
    jobs_.Fail(lease, failure);
  }
  void FinishCancelledJob(const Lease& lease) override { jobs_.FinishCancelled(lease); }

  ModelRecord GetModel(const std::string& id) override { return models_.Get(id); }
  std::vector<ModelRecord> ListModels(const std::string& after, std::int64_t limit) override {
    return models_.List(after, limit);
  }
  void DeleteModel(const std::string& id) override {
    TranslateIoErrors([&] { models_.Delete(id); });
  }
  ModelVersionRecord GetModelVersion(const std::string& model_id, std::int64_t version) override {
    return models_.GetVersion(model_id, version);
  }
  std::vector<ModelVersionRecord> ListModelVersions(const std::string& model_id, std::int64_t after,
                                                    std::int64_t limit) override {
    return models_.ListVersions(model_id, after, limit);
  }
  ModelVersionRecord AddModelVersion(
      const std::string& model_id, std::string_view weights, const std::string& description,
      const std::function<bool(const ModelVersionRecord& newest)>& is_same) override {
    return TranslateIoErrors(
        [&] { return models_.AddVersion(model_id, weights, description, is_same); });
  }
  std::string LoadWeights(const ModelVersionRecord& version) override {
    return TranslateIoErrors([&] { return models_.LoadWeights(version); });
  }

  ProgramRecord CreateProgram(ProgramRecord program) override {
    return TranslateIoErrors([&] { return programs_.Create(std::move(program)); });
  }
  ProgramRecord GetProgram(const std::string& id) override { return programs_.Get(id); }
  std::vector<ProgramRecord> ListPrograms(const std::string& after, std::int64_t limit) override {
    return programs_.List(after, limit);
  }
  void DeleteProgram(const std::string& id) override {
    TranslateIoErrors([&] { programs_.Delete(id); });
  }

  SamplingRecord GetSampling(const std::string& job_id) override { return samplings_.Get(job_id); }
  void SetSamplingPaused(const std::string& job_id, bool paused) override {
    samplings_.SetPaused(job_id, paused);
  }
  void RequestSamplingStop(const std::string& job_id) override { samplings_.RequestStop(job_id); }
  JobRecord UpdateSampling(const std::string& job_id, const ChangeSampling& change) override {
    return TranslateIoErrors([&] {
      return jobs_.Change(job_id, [&](Database& db, const JobRow& job) {
        return ChangeSamplingOf(db, job, change);
      });
    });
  }
  void AddSamplingPoints(const Lease& lease, const std::vector<NewSamplingPoint>& points,
                         const std::string& state) override {
    TranslateIoErrors([&] { samplings_.AddPoints(lease, points, state); });
  }
  void TrimSamplingQueue(const Lease& lease, std::int64_t keep) override {
    TranslateIoErrors([&] { samplings_.TrimQueue(lease, keep); });
  }
  void SetSamplingBoxes(const Lease& lease, const std::string& boxes) override {
    TranslateIoErrors([&] { samplings_.SetBoxes(lease, boxes); });
  }
  std::string GetSamplingBoxes(const std::string& job_id) override {
    return samplings_.GetBoxes(job_id);
  }
  SamplingPointCounts CountSamplingPoints(const std::string& job_id) override {
    return samplings_.Count(job_id);
  }
  std::vector<SamplingPointRecord> ListSamplingPoints(const std::string& job_id, std::int64_t after,
                                                      std::int64_t limit) override {
    return samplings_.List(job_id, after, limit);
  }
  void ExpireSamplingLeases(const std::string& job_id, const SamplingLeaseTerms& terms) override {
    samplings_.Expire(job_id, terms);
  }
  std::vector<SamplingPointRecord> AskSamplingPoints(const std::string& job_id,
                                                     const std::string& worker, std::int64_t count,
                                                     const SamplingLeaseTerms& terms) override {
    return samplings_.Ask(job_id, worker, count, terms);
  }
  std::vector<std::int64_t> RenewSamplingPoints(const std::string& job_id,
                                                const std::string& worker,
                                                const SamplingLeaseTerms& terms) override {
    return samplings_.Renew(job_id, worker, terms);
  }
  std::vector<TellOutcome> TellSamplingPoints(const std::string& job_id, const std::string& worker,
                                              const std::vector<SamplingResult>& results,
                                              const std::vector<SamplingFailure>& failures,
                                              const SamplingLeaseTerms& terms) override {
    return TranslateIoErrors(
        [&] { return samplings_.Tell(job_id, worker, results, failures, terms); });
  }
  std::vector<SamplingPointRecord> TakeSamplingUpload(const Lease& lease,
                                                      std::int64_t upload) override {
    return samplings_.TakeForUpload(lease, upload);
  }

 private:
  // A crash leaves blobs that nobody came to refer to, or no longer refers to.
  void CollectBlobs() {
    std::set<std::string> referenced;
    {
      StoreCore::Reader reader(core_);
      Rows rows = reader.db().Query(
          "SELECT checkpoint_file FROM jobs WHERE checkpoint_file <> '' "
          "UNION ALL SELECT blob_file FROM model_versions");
      while (rows.Next()) referenced.insert(rows.Text(0));
    }
    core_.blobs.Collect(referenced);
  }

  StoreCore core_;
  DatasetStore datasets_;
  JobStore jobs_;
  ModelStore models_;
  ProgramStore programs_;
  SamplingStore samplings_;
  BlockWriter block_writer_;
};

}  // namespace

std::string_view Name(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return "queued";
    case JobState::kRunning:
      return "running";
    case JobState::kSucceeded:
      return "succeeded";
    case JobState::kFailed:
      return "failed";
    case JobState::kCancelled:
      return "cancelled";
  }
  return "";
}

std::unique_ptr<Store> OpenSqliteStore(const StoreOptions& options) {
  return TranslateIoErrors([&] { return std::make_unique<SqliteStore>(options); });
}

}  // namespace sobolev::server
