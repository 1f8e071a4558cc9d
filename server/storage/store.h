// What the server keeps: datasets with their samples, jobs, model versions, programs.
//
// Every method that returns has made its effect durable: it survives kill -9 and, where the disk
// honours flushes, loss of power. Methods throw sobolev::Error; the field names the resource
// ("name", "dataset", "block.block_id", ...). Wire messages (schemas, specs, reports) are opaque
// bytes here. Thread-safe.

#ifndef SOBOLEV_SERVER_STORAGE_STORE_H_
#define SOBOLEV_SERVER_STORAGE_STORE_H_

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/train/samples.h"
#include "server/storage/block_layout.h"

namespace sobolev::server {

// ---- Datasets -------------------------------------------------------------------------------

// Of the committed rows. Ranges are in schema order and empty without rows.
struct DatasetStatistics {
  std::int64_t sample_count = 0;
  LabelCounts labels = {};
  std::vector<ValueRange> inputs = {};
  std::vector<ValueRange> outputs = {};  // Of what is known: min > max if nothing is.
  // Hex SHA-256 over schema and, in order, block rows, kinds of labels and checksums.
  std::string fingerprint = {};
  std::int64_t size_bytes = 0;
};

struct DatasetRecord {
  std::string id;
  std::string uid;
  std::string schema;  // Opaque; equal bytes mean equal schemas.
  std::int64_t n = 0;
  std::int64_t m = 0;
  std::string damage;        // Empty while every block read so far was whole.
  std::int64_t version = 0;  // Number of committed uploads.
  DatasetStatistics statistics;
  std::int64_t create_micros = 0;
  std::int64_t update_micros = 0;
};

// ---- Uploads --------------------------------------------------------------------------------

struct BlockIdRange {
  std::int64_t first = 0;
  std::int64_t last = 0;  // Inclusive.
};

struct UploadState {
  std::string token;  // Names the open upload in the calls below.
  std::vector<BlockIdRange> stored_blocks;
  std::int64_t sample_count = 0;
  std::int64_t committed_version = 0;  // 0 while open.
};

// Called once from a thread of the store: with null when the block is durable (or was already, with
// `already_stored`), else with what went wrong.
using BlockDone = std::function<void(std::exception_ptr error, bool already_stored)>;

// ---- Snapshots ------------------------------------------------------------------------------

// An immutable, memory-mapped view of the rows of one dataset version. Keeps its memory alive even
// if the dataset is deleted.
class Snapshot {
 public:
  virtual ~Snapshot() = default;
  // In order of upload commit and block id. The pointers live as long as the snapshot.
  virtual const train::SampleSet& samples() const = 0;
  // Checks the checksum of block `index`; on a mismatch marks the dataset damaged and throws
  // kDataLoss naming dataset and block.
  virtual void Verify(std::size_t index) const = 0;
  // As of the snapshot's version.
  virtual const DatasetStatistics& statistics() const = 0;
  virtual std::int64_t version() const = 0;
};

// ---- Jobs -----------------------------------------------------------------------------------

// What a job does; the numbers are stored.
enum class JobKind {
  kTrain = 0,
  kPrune = 1,
  kSample = 2,
};

// Which threads work on a job: those that compute, or those of sampling jobs, which mostly wait.
enum class JobPool { kCompute, kSampling };

enum class JobState { kQueued, kRunning, kSucceeded, kFailed, kCancelled };

// "queued", "running", "succeeded", "failed", "cancelled".
std::string_view Name(JobState state);

inline bool IsTerminal(JobState state) {
  return state != JobState::kQueued && state != JobState::kRunning;
}

struct JobFailure {
  int code = 0;  // gRPC status code.
  std::string reason;
  std::string message;
};

struct JobRecord {
  std::string id;
  JobKind kind = JobKind::kTrain;
  JobState state = JobState::kQueued;
  std::string dataset_id;  // Empty: it reads none.
  std::string dataset_uid;
  std::int64_t dataset_version = 0;
  std::string source_model_id;  // Of the version that it starts from; empty: none.
  std::int64_t source_model_version = 0;
  std::string model_id;
  std::int64_t model_version = 0;  // Set on success.
  std::string spec;                // Opaque.
  std::string request_id;          // Empty: none.
  bool cancel_requested = false;
  std::int64_t attempt = 0;      // Times claimed.
  std::int64_t lease_epoch = 0;  // Fencing token: grows by one with each claim.
  JobFailure failure;            // With kFailed.
  std::string progress;          // Opaque; latest.
  double compute_seconds = 0;    // Over all attempts, as of the last checkpoint.
  std::int64_t create_micros = 0;
  std::int64_t start_micros = 0;  // First claim; 0 before.
  std::int64_t end_micros = 0;    // 0 before the end.
};

struct JobEventRecord {
  std::int64_t number = 0;  // Assigned by the store: greater than any before, for the same job.
  std::int64_t time_micros = 0;
  JobState state = JobState::kQueued;
  std::string progress;  // Opaque; empty unless a progress event.
};

// Who works on a job: the calls that carry a lease fail with kFailedPrecondition LEASE_LOST if the
// job was claimed again since.
struct Lease {
  std::string job_id;
  std::int64_t epoch = 0;
};

// ---- Models ---------------------------------------------------------------------------------

struct ModelVersionRecord {
  std::string model_id;
  std::int64_t version = 0;
  std::string description;  // Opaque: everything but the weights.
  std::string blob_sha256;  // Hex; of the weights blob.
  std::int64_t create_micros = 0;
};

// Told the number of a version that is being published, and the newest version so far (null if
// there is none), in the same transaction. Returns the opaque description, or throws to refuse.
using DescribeVersion =
    std::function<std::string(std::int64_t version, const ModelVersionRecord* newest)>;

struct ModelRecord {
  std::string id;
  std::int64_t version_count = 0;
  std::int64_t create_micros = 0;
  std::int64_t update_micros = 0;
  ModelVersionRecord latest;
};

// ---- Programs -------------------------------------------------------------------------------

// Immutable.
struct ProgramRecord {
  std::string id;
  std::string source;
  std::string variables;  // Opaque: inputs and outputs, which can be as long as the source.
  std::string overview;   // Opaque: what lists show.
  std::int64_t create_micros = 0;
};

// ---- Sampling -------------------------------------------------------------------------------

// What of a sampling job changes besides its points.
struct SamplingRecord {
  bool paused = false;
  bool stop_requested = false;
  std::string state;  // Opaque; as of the last AddSamplingPoints.
  std::string spec;   // Opaque; as of the last UpdateSampling, empty before.
};

// Told a sampling job and what of it may change, in a transaction: changes the spec, and of a job
// that has ended the rest as well; returns whether that one is to go on, or throws to refuse.
using ChangeSampling = std::function<bool(const JobRecord& job, SamplingRecord& record)>;

// The numbers are stored.
enum class SamplingPointState {
  kQueued = 1,
  kLeased = 2,
  kDone = 3,
  kInfeasible = 4,
  kFailed = 5,
};

struct NewSamplingPoint {
  std::vector<double> x;
  bool space_filling = false;
  std::int64_t round = 0;
};

struct SamplingPointRecord {
  std::int64_t id = 0;  // From 1 in each job.
  std::vector<double> x;
  SamplingPointState state = SamplingPointState::kQueued;
  bool space_filling = false;
  std::int64_t round = 0;
  std::string worker;
  std::int64_t attempt = 0;        // Times handed out.
  std::int64_t expire_micros = 0;  // Wall time, with kLeased.
  std::string reason;
  std::string result;       // Opaque, with kDone.
  std::int64_t upload = 0;  // Which of the job's uploads has the result; 0: none yet.
};

struct SamplingPointCounts {
  std::int64_t queued = 0;
  std::int64_t leased = 0;
  std::int64_t done = 0;
  std::int64_t infeasible = 0;
  std::int64_t failed = 0;
  std::int64_t attempts = 0;  // Over all points.
  std::int64_t uploads = 0;   // The greatest number of an upload.

  bool operator==(const SamplingPointCounts&) const = default;
};

// Until when what is handed out now is leased, and how often a point is handed out.
struct SamplingLeaseTerms {
  std::int64_t now_micros = 0;
  std::int64_t expire_micros = 0;
  std::int64_t max_attempts = 1;
  bool paused = false;  // Nothing new is handed out.
};

struct SamplingResult {
  std::int64_t point = 0;
  std::vector<double> x;  // Where it was evaluated.
  std::string result;     // Opaque; equal bytes are equal results.
};

struct SamplingFailure {
  std::int64_t point = 0;
  std::int64_t attempt = 0;  // 0: the latest.
  bool infeasible = false;
  std::string reason;
};

enum class TellOutcome { kTaken, kKnown, kLate, kRetry };

// ---- The store ------------------------------------------------------------------------------

class Store {
 public:
  virtual ~Store() = default;

  // Returns the existing dataset if it has the same schema bytes, throws kAlreadyExists otherwise.
  virtual DatasetRecord CreateDataset(const std::string& id, const std::string& schema,
                                      std::int64_t n, std::int64_t m) = 0;
  virtual DatasetRecord GetDataset(const std::string& id) = 0;
  // At most `limit` with id > `after`, in order of id.
  virtual std::vector<DatasetRecord> ListDatasets(const std::string& after, std::int64_t limit) = 0;
  // kFailedPrecondition DATASET_IN_USE while a queued or running job reads it.
  virtual void DeleteDataset(const std::string& id) = 0;

  // Creates the upload or finds it with what it holds.
  virtual UploadState OpenUpload(const std::string& dataset_id, const std::string& upload_id) = 0;
  // Queues the block and returns; blocks of all uploads are committed in groups. A block id that is
  // there with another wire_crc32c is kAlreadyExists.
  virtual void AppendBlock(const std::string& upload_token, SampleBlockData block,
                           BlockDone done) = 0;
  // Makes the upload visible as the next version. Throws kInvalidArgument, changing nothing, unless
  // the counts and the checksum (CRC-32C of the blocks' wire_crc32c, four little-endian bytes each,
  // ascending block id) agree. Repeating a successful commit returns the same version.
  virtual std::int64_t CommitUpload(const std::string& upload_token, std::int64_t block_count,
                                    std::int64_t sample_count, std::uint32_t crc32c) = 0;
  // Drops open uploads that were last touched before this time, with their bytes.
  virtual void DropStaleUploads(std::int64_t before_micros) = 0;

  // version 0 means the current one. kDataLoss if the dataset is marked damaged.
  virtual std::shared_ptr<const Snapshot> OpenSnapshot(const std::string& dataset_id,
                                                       std::int64_t version) = 0;

  // Inserts a queued job and its first event. `job` needs the fields up to request_id; id and times
  // are assigned here. If request_id is known: returns that job if its kind and spec are equal,
  // else throws kInvalidArgument REQUEST_ID_REUSED.
  virtual JobRecord CreateJob(JobRecord job) = 0;
  virtual JobRecord GetJob(const std::string& id) = 0;
  // Newest first; `before` is the id of the last job of the page before, empty for the first page.
  virtual std::vector<JobRecord> ListJobs(const std::string& before, std::int64_t limit) = 0;
  // How many jobs are in each state; every state is listed.
  virtual std::vector<std::pair<JobState, std::int64_t>> CountJobs() = 0;
  // Takes the oldest queued job for these threads, which becomes running, or nothing.
  virtual std::optional<JobRecord> ClaimJob(JobPool pool) = 0;
  // Sets cancel_requested; a queued job becomes cancelled at once. Returns the job.
  virtual JobRecord RequestCancel(const std::string& id) = 0;
  // Puts a running job back to the queue (shutdown); it resumes from its checkpoint.
  virtual void ReleaseJob(const Lease& lease) = 0;
  // Replaces the job's checkpoint.
  virtual void SaveCheckpoint(const Lease& lease, std::string_view state,
                              double compute_seconds) = 0;
  // The last checkpoint, or empty. kDataLoss if its checksum fails.
  virtual std::string LoadCheckpoint(const std::string& job_id) = 0;
  // Appends a progress event and makes it the job's progress. Unlike the rest, an event may be lost
  // in a crash until the next durable write of the job; its number is never used again.
  virtual JobEventRecord AppendProgress(const Lease& lease, const std::string& progress) = 0;
  // Events with number > after, ascending, at most `limit`.
  virtual std::vector<JobEventRecord> ListEvents(const std::string& job_id, std::int64_t after,
                                                 std::int64_t limit) = 0;

  // Ends the job as succeeded and publishes its model version, in one transaction; creates the
  // model if missing.
  virtual ModelVersionRecord CompleteJob(const Lease& lease, std::string_view weights,
                                         const DescribeVersion& describe) = 0;
  // Ends the job as succeeded with a version of its model that is there already.
  virtual void CompleteJobWith(const Lease& lease, std::int64_t model_version) = 0;
  virtual void FailJob(const Lease& lease, const JobFailure& failure) = 0;
  // Ends the job as cancelled.
  virtual void FinishCancelledJob(const Lease& lease) = 0;

  virtual ModelRecord GetModel(const std::string& id) = 0;
  virtual std::vector<ModelRecord> ListModels(const std::string& after, std::int64_t limit) = 0;
  virtual void DeleteModel(const std::string& id) = 0;
  virtual ModelVersionRecord GetModelVersion(const std::string& model_id, std::int64_t version) = 0;
  // Versions > after, ascending, at most `limit`.
  virtual std::vector<ModelVersionRecord> ListModelVersions(const std::string& model_id,
                                                            std::int64_t after,
                                                            std::int64_t limit) = 0;
  // Publishes a version that no job has made; creates the model if missing. `is_same` is told the
  // newest version, if there is one, in the same transaction: it returns whether that is what is to
  // be published, in which case it is returned and nothing is added, and throws to refuse.
  virtual ModelVersionRecord AddModelVersion(
      const std::string& model_id, std::string_view weights, const std::string& description,
      const std::function<bool(const ModelVersionRecord& newest)>& is_same) = 0;
  // The weights blob. kDataLoss if its SHA-256 disagrees.
  virtual std::string LoadWeights(const ModelVersionRecord& version) = 0;

  // `program` needs the fields up to overview. Returns the existing program if it has the same
  // source, throws kAlreadyExists otherwise.
  virtual ProgramRecord CreateProgram(ProgramRecord program) = 0;
  // kDataLoss if the checksum of the source disagrees.
  virtual ProgramRecord GetProgram(const std::string& id) = 0;
  // At most `limit` with id > `after`, in order of id; source and variables are left empty.
  virtual std::vector<ProgramRecord> ListPrograms(const std::string& after, std::int64_t limit) = 0;
  virtual void DeleteProgram(const std::string& id) = 0;

  // Of a sampling job; kNotFound if there is no job of that id.
  virtual SamplingRecord GetSampling(const std::string& job_id) = 0;
  virtual void SetSamplingPaused(const std::string& job_id, bool paused) = 0;
  virtual void RequestSamplingStop(const std::string& job_id) = 0;
  // The job after the change: one that was to go on is queued again.
  virtual JobRecord UpdateSampling(const std::string& job_id, const ChangeSampling& change) = 0;
  // Appends points to the queue and replaces the state, in one transaction.
  virtual void AddSamplingPoints(const Lease& lease, const std::vector<NewSamplingPoint>& points,
                                 const std::string& state) = 0;
  // Keeps so many points of the queue, first those that were handed out before, then the oldest.
  // Drops the others; of those that were handed out it is given up to have a result.
  virtual void TrimSamplingQueue(const Lease& lease, std::int64_t keep) = 0;
  // Opaque; empty until they are set.
  virtual void SetSamplingBoxes(const Lease& lease, const std::string& boxes) = 0;
  virtual std::string GetSamplingBoxes(const std::string& job_id) = 0;
  virtual SamplingPointCounts CountSamplingPoints(const std::string& job_id) = 0;
  // Points with id > after, ascending, at most `limit`.
  virtual std::vector<SamplingPointRecord> ListSamplingPoints(const std::string& job_id,
                                                              std::int64_t after,
                                                              std::int64_t limit) = 0;
  // Points whose lease has run out go back to the queue, or are failed after their last attempt.
  virtual void ExpireSamplingLeases(const std::string& job_id, const SamplingLeaseTerms& terms) = 0;
  // As ExpireSamplingLeases. Then the worker gets, up to `count`, those that it holds, their leases
  // renewed, and the first of the queue.
  virtual std::vector<SamplingPointRecord> AskSamplingPoints(const std::string& job_id,
                                                             const std::string& worker,
                                                             std::int64_t count,
                                                             const SamplingLeaseTerms& terms) = 0;
  // The ids of the points that the worker holds, their leases renewed.
  virtual std::vector<std::int64_t> RenewSamplingPoints(const std::string& job_id,
                                                        const std::string& worker,
                                                        const SamplingLeaseTerms& terms) = 0;
  // All or, throwing, nothing: kNotFound naming "points[3]" or "failures[0].point" for an unknown
  // point, kFailedPrecondition for one that was never handed out, kInvalidArgument naming
  // "block.x[3][0]" for a result at another place.
  virtual std::vector<TellOutcome> TellSamplingPoints(const std::string& job_id,
                                                      const std::string& worker,
                                                      const std::vector<SamplingResult>& results,
                                                      const std::vector<SamplingFailure>& failures,
                                                      const SamplingLeaseTerms& terms) = 0;
  // The points of upload number `upload`, which first takes in all that are done and in no upload
  // yet, unless it is there already. Ascending ids.
  virtual std::vector<SamplingPointRecord> TakeSamplingUpload(const Lease& lease,
                                                              std::int64_t upload) = 0;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_STORE_H_
