#include "server/rpc/sampling_service.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <absl/strings/str_format.h>

#include "engine/base/error.h"
#include "server/convert/names.h"
#include "server/convert/resources.h"
#include "server/convert/sample_block.h"
#include "server/convert/sample_rows.h"
#include "server/convert/sampling.h"
#include "server/convert/sampling_domain.h"
#include "server/jobs/sampling_goal.h"
#include "server/jobs/sampling_rules.h"
#include "server/programs/stored_program.h"
#include "server/rpc/own_records.h"
#include "server/rpc/unary_call.h"

namespace sobolev::server {
namespace {

constexpr const char* kService = "sobolev.v1.SamplingService";
constexpr std::int32_t kMaxAsked = 4096;
constexpr std::int32_t kMaxListed = 10000;
constexpr std::int64_t kMaxTold = 65536;
constexpr std::size_t kMaxReasonBytes = 1024;
// While the job works on the next points, and while it waits for results of others.
constexpr double kRetrySeconds = 0.5;
// A worker that misses two heartbeats keeps its points.
constexpr double kHeartbeatsPerLease = 3;

v1::SamplingSpec SpecOf(const JobRecord& job) {
  v1::StartSamplingRequest request;
  request.ParseFromString(job.spec);
  return request.spec();
}

// As last changed.
v1::SamplingSpec SpecOf(const JobRecord& job, const SamplingRecord& record) {
  if (record.spec.empty()) return SpecOf(job);
  v1::SamplingSpec spec;
  spec.ParseFromString(record.spec);
  return spec;
}

// Puts a job that has succeeded where it would be if no rule had held: its last round has the
// version that the job ended with.
void Reopen(const JobRecord& job, SamplingRecord& record) {
  v1::Sampling state;
  state.ParseFromString(record.state);
  state.mutable_rounds()->rbegin()->set_model_version(
      ModelVersionName(job.model_id, job.model_version));
  state.clear_stop_reason();
  state.clear_stop_rule();
  record.state = state.SerializeAsString();
  record.paused = false;
  record.stop_requested = false;
}

v1::Schema SchemaOf(Store& store, const JobRecord& job) {
  v1::Schema schema;
  schema.ParseFromString(store.GetDataset(job.dataset_id).schema);
  return schema;
}

SamplingStatus StatusAt(std::int64_t micros, const JobRecord& job,
                        const SamplingPointCounts& counts, const v1::SamplingSpec& spec) {
  return {.evaluations = counts.done,
          .cost = SpentCost(counts, spec),
          .seconds = static_cast<double>(micros - job.create_micros) * 1e-6};
}

v1::TellResponse::Outcome ToProto(TellOutcome outcome) {
  switch (outcome) {
    case TellOutcome::kTaken:
      return v1::TellResponse::OUTCOME_TAKEN;
    case TellOutcome::kKnown:
      return v1::TellResponse::OUTCOME_KNOWN;
    case TellOutcome::kLate:
      return v1::TellResponse::OUTCOME_LATE;
    case TellOutcome::kRetry:
      return v1::TellResponse::OUTCOME_RETRY;
  }
  return v1::TellResponse::OUTCOME_UNSPECIFIED;
}

// The results of a request, each with its point; checked against the schema.
std::vector<SamplingResult> ResultsOf(const v1::TellRequest& request, const v1::Schema& schema) {
  if (request.points_size() == 0 && !request.has_block()) return {};
  // The store reads the tensors where they are.
  const auto block = std::make_shared<v1::SampleBlock>(request.block());
  const SampleBlockData data = CheckBlock(block, schema, kMaxTold);
  if (data.rows != request.points_size()) {
    throw InvalidArgument("SHAPE_MISMATCH", "points",
                          "expected the ids of the " + std::to_string(data.rows) +
                              " rows of block, got " + std::to_string(request.points_size()));
  }
  const Index n = schema.inputs_size();
  std::vector<SampleRow> rows = SplitRows(data, n, schema.outputs_size());
  const auto* x = reinterpret_cast<const double*>(data.x.data());
  std::vector<SamplingResult> results;
  results.reserve(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const double* begin = x + static_cast<Index>(row) * n;
    results.push_back({.point = request.points(static_cast<int>(row)),
                       .x = {begin, begin + n},
                       .result = std::move(rows[row])});
  }
  return results;
}

std::vector<SamplingFailure> FailuresOf(const v1::TellRequest& request) {
  std::vector<SamplingFailure> failures;
  failures.reserve(static_cast<std::size_t>(request.failures_size()));
  for (int i = 0; i < request.failures_size(); ++i) {
    const v1::TellRequest::Failure& failure = request.failures(i);
    if (failure.reason().size() > kMaxReasonBytes) {
      throw InvalidArgument("OUT_OF_RANGE", "failures[" + std::to_string(i) + "].reason",
                            "expected at most " + std::to_string(kMaxReasonBytes) + " bytes, got " +
                                std::to_string(failure.reason().size()));
    }
    if (failure.attempt() < 0) {
      throw InvalidArgument(
          "OUT_OF_RANGE", "failures[" + std::to_string(i) + "].attempt",
          "expected 0, the latest, or more, got " + std::to_string(failure.attempt()));
    }
    failures.push_back({.point = failure.point(),
                        .attempt = failure.attempt(),
                        .infeasible = failure.infeasible(),
                        .reason = failure.reason()});
  }
  return failures;
}

}  // namespace

SamplingService::SamplingService(Store& store, JobManager& jobs, SamplingDesk& desk,
                                 const Clock& clock, Metrics& metrics, ThreadPool& pool,
                                 const ServerConfig& config)
    : store_(store),
      jobs_(jobs),
      desk_(desk),
      clock_(clock),
      pool_(pool),
      config_(config),
      start_metrics_(metrics.Method(RpcType::kUnary, kService, "StartSampling")),
      get_metrics_(metrics.Method(RpcType::kUnary, kService, "GetSampling")),
      update_metrics_(metrics.Method(RpcType::kUnary, kService, "UpdateSampling")),
      boxes_metrics_(metrics.Method(RpcType::kUnary, kService, "GetSamplingBoxes")),
      list_metrics_(metrics.Method(RpcType::kUnary, kService, "ListSamplingPoints")),
      ask_metrics_(metrics.Method(RpcType::kUnary, kService, "Ask")),
      tell_metrics_(metrics.Method(RpcType::kUnary, kService, "Tell")),
      heartbeat_metrics_(metrics.Method(RpcType::kUnary, kService, "Heartbeat")),
      pause_metrics_(metrics.Method(RpcType::kUnary, kService, "PauseSampling")),
      resume_metrics_(metrics.Method(RpcType::kUnary, kService, "ResumeSampling")),
      stop_metrics_(metrics.Method(RpcType::kUnary, kService, "StopSampling")) {}

grpc::ServerUnaryReactor* SamplingService::StartSampling(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request,
                                                         grpc::ByteBuffer* response) {
  return UnaryCall<v1::StartSamplingRequest, v1::Job>::Start(
      start_metrics_, pool_, context, request, response,
      [this](const v1::StartSamplingRequest& parsed, v1::Job& reply, const std::stop_token& stop) {
        reply = Start(parsed, stop);
      });
}

grpc::ServerUnaryReactor* SamplingService::GetSampling(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetSamplingRequest, v1::Sampling>::Start(
      get_metrics_, pool_, context, request, response,
      [this](const v1::GetSamplingRequest& parsed, v1::Sampling& reply, const std::stop_token&) {
        reply = Describe(parsed.name());
      });
}

grpc::ServerUnaryReactor* SamplingService::UpdateSampling(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return UnaryCall<v1::UpdateSamplingRequest, v1::Sampling>::Start(
      update_metrics_, pool_, context, request, response,
      [this](const v1::UpdateSamplingRequest& parsed, v1::Sampling& reply, const std::stop_token&) {
        reply = Update(parsed);
      });
}

grpc::ServerUnaryReactor* SamplingService::GetSamplingBoxes(grpc::CallbackServerContext* context,
                                                            const grpc::ByteBuffer* request,
                                                            grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetSamplingBoxesRequest, v1::SamplingBoxes>::Start(
      boxes_metrics_, pool_, context, request, response,
      [this](const v1::GetSamplingBoxesRequest& parsed, v1::SamplingBoxes& reply,
             const std::stop_token&) { reply = Boxes(parsed.name()); });
}

grpc::ServerUnaryReactor* SamplingService::ListSamplingPoints(grpc::CallbackServerContext* context,
                                                              const grpc::ByteBuffer* request,
                                                              grpc::ByteBuffer* response) {
  return UnaryCall<v1::ListSamplingPointsRequest, v1::ListSamplingPointsResponse>::Start(
      list_metrics_, pool_, context, request, response,
      [this](const v1::ListSamplingPointsRequest& parsed, v1::ListSamplingPointsResponse& reply,
             const std::stop_token&) { reply = Answer(parsed); });
}

grpc::ServerUnaryReactor* SamplingService::Ask(grpc::CallbackServerContext* context,
                                               const grpc::ByteBuffer* request,
                                               grpc::ByteBuffer* response) {
  return UnaryCall<v1::AskRequest, v1::AskResponse>::Start(
      ask_metrics_, pool_, context, request, response,
      [this](const v1::AskRequest& parsed, v1::AskResponse& reply, const std::stop_token&) {
        reply = Answer(parsed);
      });
}

grpc::ServerUnaryReactor* SamplingService::Tell(grpc::CallbackServerContext* context,
                                                const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) {
  return UnaryCall<v1::TellRequest, v1::TellResponse>::Start(
      tell_metrics_, pool_, context, request, response,
      [this](const v1::TellRequest& parsed, v1::TellResponse& reply, const std::stop_token&) {
        reply = Answer(parsed);
      });
}

grpc::ServerUnaryReactor* SamplingService::Heartbeat(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return UnaryCall<v1::HeartbeatRequest, v1::HeartbeatResponse>::Start(
      heartbeat_metrics_, pool_, context, request, response,
      [this](const v1::HeartbeatRequest& parsed, v1::HeartbeatResponse& reply,
             const std::stop_token&) { reply = Answer(parsed); });
}

grpc::ServerUnaryReactor* SamplingService::PauseSampling(grpc::CallbackServerContext* context,
                                                         const grpc::ByteBuffer* request,
                                                         grpc::ByteBuffer* response) {
  return UnaryCall<v1::PauseSamplingRequest, v1::Sampling>::Start(
      pause_metrics_, pool_, context, request, response,
      [this](const v1::PauseSamplingRequest& parsed, v1::Sampling& reply, const std::stop_token&) {
        reply = Pause(parsed.name(), true);
      });
}

grpc::ServerUnaryReactor* SamplingService::ResumeSampling(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return UnaryCall<v1::ResumeSamplingRequest, v1::Sampling>::Start(
      resume_metrics_, pool_, context, request, response,
      [this](const v1::ResumeSamplingRequest& parsed, v1::Sampling& reply, const std::stop_token&) {
        reply = Pause(parsed.name(), false);
      });
}

grpc::ServerUnaryReactor* SamplingService::StopSampling(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return UnaryCall<v1::StopSamplingRequest, v1::Sampling>::Start(
      stop_metrics_, pool_, context, request, response,
      [this](const v1::StopSamplingRequest& parsed, v1::Sampling& reply, const std::stop_token&) {
        reply = Stop(parsed.name());
      });
}

JobRecord SamplingService::GetSamplingJob(const std::string& name) const {
  JobRecord job = GetOwnJob(store_, ParseJobName(name, "name"));
  if (job.kind != JobKind::kSample) {
    throw FailedPrecondition("WRONG_JOB_KIND", "name",
                             "expected a sampling job; StartSampling makes one");
  }
  return job;
}

SamplingLeaseTerms SamplingService::Terms(const v1::SamplingSpec& spec) const {
  const std::int64_t now = clock_.WallMicros();
  return {.now_micros = now,
          .expire_micros = now + static_cast<std::int64_t>(spec.lease_seconds() * 1e6),
          .max_attempts = spec.max_attempts()};
}

v1::Job SamplingService::Start(const v1::StartSamplingRequest& request,
                               const std::stop_token& stop) const {
  const v1::SamplingSpec& given = request.spec();
  const std::string dataset_id = ParseDatasetName(given.dataset(), "spec.dataset");
  if (!given.model_id().empty()) {
    RequireResourceId(given.model_id(), "spec.model_id");
    RequireNoPipeline(store_, StoredId(given.model_id()));
  }
  if (!request.request_id().empty()) RequireToken(request.request_id(), "request_id");
  const DatasetRecord dataset = store_.GetDataset(dataset_id);
  v1::Schema schema;
  schema.ParseFromString(dataset.schema);
  v1::StartSamplingRequest complete = request;
  *complete.mutable_spec() = CompleteSpec(given, schema, config_.um_bridge_hosts);
  if (!given.program().empty()) {
    const auto program = LoadProgram(store_, given.program(), "spec.program");
    if (program->n() != dataset.n || program->m() != dataset.m) {
      throw FailedPrecondition(
          "SHAPE_MISMATCH", "spec.program",
          absl::StrFormat(
              "expected a program with the %d inputs and %d outputs of the dataset, got "
              "one with %d and %d",
              dataset.n, dataset.m, program->n(), program->m()));
    }
  }
  std::shared_ptr<const program::Program> constraints;
  if (!given.constraint_program().empty()) {
    const auto program = LoadProgram(store_, given.constraint_program(), "spec.constraint_program");
    constraints = {program, &program->program()};
  }
  ToDomain(complete.spec(), schema, constraints, stop);
  const JobRecord job{
      .kind = JobKind::kSample,
      .dataset_id = dataset_id,
      .dataset_uid = dataset.uid,
      .dataset_version = dataset.version,
      .model_id = StoredId(given.model_id().empty() ? RandomModelId() : given.model_id()),
      .spec = SerializeDeterministic(complete),
      .request_id = request.request_id().empty() ? "" : StoredId(request.request_id())};
  if (request.validate_only()) return Preview(job);
  return ToProto(jobs_.Submit(job));
}

v1::Sampling SamplingService::Describe(const std::string& name) const {
  const JobRecord job = GetSamplingJob(name);
  const SamplingRecord record = store_.GetSampling(job.id);
  const SamplingPointCounts counts = store_.CountSamplingPoints(job.id);
  v1::Sampling sampling;
  sampling.ParseFromString(record.state);
  sampling.set_job(JobName(job.id));
  *sampling.mutable_spec() = SpecOf(job, record);
  sampling.mutable_spec()->set_model_id(LocalId(job.model_id));
  *sampling.mutable_counts() = ToProto(counts);
  sampling.set_cost(SpentCost(counts, sampling.spec()));
  if (IsTerminal(job.state)) {
    sampling.set_phase(v1::Sampling::PHASE_ENDED);
  } else if (record.paused) {
    sampling.set_phase(v1::Sampling::PHASE_PAUSED);
  } else {
    sampling.set_phase(v1::Sampling::PHASE_SAMPLING);
  }
  if (job.state == JobState::kSucceeded && !sampling.rounds().empty()) {
    // Published with the end of the job, after the round was written down.
    sampling.mutable_rounds()->rbegin()->set_model_version(
        ModelVersionName(job.model_id, job.model_version));
  }
  AddBest(job, sampling);
  return sampling;
}

// Of the samples known after the last round, and of what was told since.
void SamplingService::AddBest(const JobRecord& job, v1::Sampling& sampling) const {
  const v1::SamplingGoal& goal = sampling.spec().goal();
  if (!HasBest(goal)) return;
  std::optional<v1::SamplingBest> best;
  if (!sampling.rounds().empty() && sampling.rounds().rbegin()->has_best()) {
    const v1::SamplingRound& last = *sampling.rounds().rbegin();
    const v1::SamplingGoal& then = sampling.revisions(last.revision()).spec().goal();
    if (then.kind() == goal.kind() && then.output() == goal.output()) best = last.best();
  }
  const v1::Schema schema = SchemaOf(store_, job);
  const auto output = static_cast<int>(OutputOf(goal, schema));
  for (const SamplingPointRecord& point :
       store_.ListSamplingPoints(job.id, 0, std::numeric_limits<std::int64_t>::max())) {
    const v1::SamplingPoint known = ToProto(point, schema.outputs_size());
    if (known.y().empty() || !IsBetter(goal, known.y(output), best)) continue;
    best = MakeBest(point.x, known.y(output));
  }
  if (best) *sampling.mutable_best() = *best;
}

v1::Sampling SamplingService::Update(const v1::UpdateSamplingRequest& request) const {
  const JobRecord job = GetSamplingJob(request.name());
  const v1::Schema schema = SchemaOf(store_, job);
  const SamplingPointCounts counts = store_.CountSamplingPoints(job.id);
  bool is_reopened = false;
  store_.UpdateSampling(job.id, [&](const JobRecord& now, SamplingRecord& record) {
    const v1::SamplingSpec before = SpecOf(now, record);
    const v1::SamplingSpec after =
        ChangeSpec(before, request.spec(), request.update_mask(), schema);
    if (now.state == JobState::kFailed || now.state == JobState::kCancelled) {
      throw FailedPrecondition("JOB_ENDED", "name",
                               "the job failed or was cancelled; start another one");
    }
    const std::string bytes = SerializeDeterministic(after);
    if (bytes == SerializeDeterministic(before)) return false;
    record.spec = bytes;
    v1::Sampling state;
    state.ParseFromString(record.state);
    if (state.stop_reason() == v1::Sampling::STOP_REASON_UNSPECIFIED) return false;
    if (now.state != JobState::kSucceeded) {
      throw Error(ErrorCode::kUnavailable, "JOB_ENDING", "name",
                  "the job is about to end; try again, to reopen it");
    }
    v1::SamplingSpec same_rules = after;
    *same_rules.mutable_stop_rules() = before.stop_rules();
    if (SerializeDeterministic(same_rules) == bytes) {
      throw FailedPrecondition(
          "JOB_ENDED", "name",
          "the job has ended and would end again; change stop_rules as well to reopen it");
    }
    if (const auto rule =
            HoldingRule(after.stop_rules(), StatusAt(clock_.WallMicros(), job, counts, after),
                        state.rounds())) {
      throw FailedPrecondition("JOB_ENDED", "spec.stop_rules[" + std::to_string(*rule) + "]",
                               "expected a rule that does not hold yet, because the job has ended; "
                               "ask for more than it has");
    }
    Reopen(now, record);
    is_reopened = true;
    return true;
  });
  if (is_reopened) {
    // Workers gave up what they had when they heard that the job was over.
    store_.ExpireSamplingLeases(job.id, {.now_micros = std::numeric_limits<std::int64_t>::max(),
                                         .max_attempts = std::numeric_limits<int>::max()});
    jobs_.Wake(job.id);
  }
  desk_.Ring(job.id);
  return Describe(request.name());
}

v1::SamplingBoxes SamplingService::Boxes(const std::string& name) const {
  v1::SamplingBoxes boxes;
  boxes.ParseFromString(store_.GetSamplingBoxes(GetSamplingJob(name).id));
  return boxes;
}

v1::AskResponse SamplingService::Answer(const v1::AskRequest& request) const {
  const JobRecord job = GetSamplingJob(request.name());
  RequireToken(request.worker(), "worker");
  if (request.count() < 0 || request.count() > kMaxAsked) {
    throw InvalidArgument(
        "OUT_OF_RANGE", "count",
        "expected 0 to " + std::to_string(kMaxAsked) + ", got " + std::to_string(request.count()));
  }
  const v1::SamplingSpec spec = SpecOf(job);
  v1::AskResponse response;
  response.set_jacobian(spec.jacobian());
  response.set_heartbeat_seconds(spec.lease_seconds() / kHeartbeatsPerLease);
  const SamplingRecord record = store_.GetSampling(job.id);
  if (IsTerminal(job.state) || record.stop_requested) {
    response.set_finished(true);
    return response;
  }
  response.set_retry_after_seconds(kRetrySeconds);
  if (!spec.program().empty() || spec.has_um_bridge()) return response;
  const std::int64_t count = std::max(request.count(), 1);
  SamplingLeaseTerms terms = Terms(spec);
  terms.paused = record.paused;
  const std::vector<SamplingPointRecord> points =
      store_.AskSamplingPoints(job.id, request.worker(), count, terms);
  for (const SamplingPointRecord& point : points) {
    *response.add_points() = ToProto(point, 0);
  }
  desk_.Ring(job.id, count - std::ssize(points));
  return response;
}

v1::TellResponse SamplingService::Answer(const v1::TellRequest& request) const {
  const JobRecord job = GetSamplingJob(request.name());
  RequireToken(request.worker(), "worker");
  if (request.points_size() == 0 && request.failures_size() == 0) {
    throw InvalidArgument(
        "REQUIRED", "points",
        "expected results or failures, got neither; tell what came of the points");
  }
  const std::vector<SamplingResult> results = ResultsOf(request, SchemaOf(store_, job));
  const std::vector<SamplingFailure> failures = FailuresOf(request);
  v1::TellResponse response;
  for (const TellOutcome outcome :
       store_.TellSamplingPoints(job.id, request.worker(), results, failures, Terms(SpecOf(job)))) {
    response.add_outcomes(ToProto(outcome));
  }
  response.set_finished(IsTerminal(job.state));
  desk_.Ring(job.id);
  return response;
}

v1::HeartbeatResponse SamplingService::Answer(const v1::HeartbeatRequest& request) const {
  const JobRecord job = GetSamplingJob(request.name());
  RequireToken(request.worker(), "worker");
  v1::HeartbeatResponse response;
  for (const std::int64_t point :
       store_.RenewSamplingPoints(job.id, request.worker(), Terms(SpecOf(job)))) {
    response.add_points(point);
  }
  response.set_finished(IsTerminal(job.state) || store_.GetSampling(job.id).stop_requested);
  return response;
}

v1::ListSamplingPointsResponse SamplingService::Answer(
    const v1::ListSamplingPointsRequest& request) const {
  const JobRecord job = GetSamplingJob(request.name());
  if (request.page_size() < 0) {
    throw InvalidArgument("OUT_OF_RANGE", "page_size",
                          "expected 0 or more, got " + std::to_string(request.page_size()));
  }
  if (request.after_point() < 0) {
    throw InvalidArgument("OUT_OF_RANGE", "after_point",
                          "expected 0 or more, got " + std::to_string(request.after_point()));
  }
  constexpr std::int32_t kDefault = 100;
  const std::int32_t limit =
      request.page_size() == 0 ? kDefault : std::min(request.page_size(), kMaxListed);
  const Index m = store_.GetDataset(job.dataset_id).m;
  v1::ListSamplingPointsResponse response;
  for (const SamplingPointRecord& point :
       store_.ListSamplingPoints(job.id, request.after_point(), limit)) {
    *response.add_points() = ToProto(point, m);
  }
  return response;
}

v1::Sampling SamplingService::Pause(const std::string& name, bool paused) const {
  const JobRecord job = GetSamplingJob(name);
  if (IsTerminal(job.state)) {
    throw FailedPrecondition("JOB_ENDED", "name", "the job has ended; start another one");
  }
  store_.SetSamplingPaused(job.id, paused);
  desk_.Ring(job.id);
  return Describe(name);
}

v1::Sampling SamplingService::Stop(const std::string& name) const {
  const JobRecord job = GetSamplingJob(name);
  if (!IsTerminal(job.state)) {
    store_.RequestSamplingStop(job.id);
    desk_.Ring(job.id);
  }
  return Describe(name);
}

}  // namespace sobolev::server
