#include "client/cpp/sampling.h"

#include <algorithm>
#include <cstddef>
#include <optional>

#include <google/protobuf/repeated_field.h>
#include <sobolev/client.h>
#include <sobolev/sampling.h>

#include "client/cpp/connection.h"
#include "client/cpp/convert.h"
#include "client/cpp/sample_parts.h"
#include "client/cpp/training.h"
#include "proto/sobolev/v1/sampling.pb.h"

namespace sobolev::client {
namespace {

using SamplingStub = v1::SamplingService::Stub;

constexpr int kPageSize = 10000;

v1::StopRule ToProto(const StopRule& rule) {
  v1::StopRule proto;
  if (rule.evaluations) proto.set_evaluations(*rule.evaluations);
  if (rule.cost) proto.set_cost(*rule.cost);
  if (rule.value_error) proto.set_value_error(*rule.value_error);
  if (rule.gradient_error) proto.set_gradient_error(*rule.gradient_error);
  if (rule.seconds) proto.set_seconds(*rule.seconds);
  if (rule.stale_rounds) proto.set_stale_rounds(*rule.stale_rounds);
  if (rule.closed_share) proto.set_closed_share(*rule.closed_share);
  return proto;
}

v1::SamplingSpec::Strategy ToProto(SamplingStrategy strategy) {
  switch (strategy) {
    case SamplingStrategy::kAdaptive:
      return v1::SamplingSpec::STRATEGY_ADAPTIVE;
    case SamplingStrategy::kSpaceFilling:
      return v1::SamplingSpec::STRATEGY_SPACE_FILLING;
    case SamplingStrategy::kLolaVoronoi:
      return v1::SamplingSpec::STRATEGY_LOLA_VORONOI;
  }
  return v1::SamplingSpec::STRATEGY_UNSPECIFIED;
}

SamplingStrategy FromProto(v1::SamplingSpec::Strategy strategy) {
  switch (strategy) {
    case v1::SamplingSpec::STRATEGY_SPACE_FILLING:
      return SamplingStrategy::kSpaceFilling;
    case v1::SamplingSpec::STRATEGY_LOLA_VORONOI:
      return SamplingStrategy::kLolaVoronoi;
    default:
      return SamplingStrategy::kAdaptive;
  }
}

v1::SamplingGoal ToProto(const SamplingGoal& goal) {
  v1::SamplingGoal proto;
  switch (goal.kind) {
    case SamplingGoalKind::kSurrogate:
      proto.set_kind(v1::SamplingGoal::KIND_SURROGATE);
      break;
    case SamplingGoalKind::kMinimum:
      proto.set_kind(v1::SamplingGoal::KIND_MINIMUM);
      break;
    case SamplingGoalKind::kMaximum:
      proto.set_kind(v1::SamplingGoal::KIND_MAXIMUM);
      break;
    case SamplingGoalKind::kLevel:
      proto.set_kind(v1::SamplingGoal::KIND_LEVEL);
      break;
  }
  proto.set_output(goal.output);
  if (goal.level) proto.set_level(*goal.level);
  return proto;
}

SamplingGoal FromProto(const v1::SamplingGoal& proto) {
  SamplingGoal goal{.output = proto.output()};
  switch (proto.kind()) {
    case v1::SamplingGoal::KIND_MINIMUM:
      goal.kind = SamplingGoalKind::kMinimum;
      break;
    case v1::SamplingGoal::KIND_MAXIMUM:
      goal.kind = SamplingGoalKind::kMaximum;
      break;
    case v1::SamplingGoal::KIND_LEVEL:
      goal.kind = SamplingGoalKind::kLevel;
      break;
    default:
      break;
  }
  if (proto.has_level()) goal.level = proto.level();
  return goal;
}

v1::SamplingBoxSpec ToProto(const SamplingBoxSpec& boxes) {
  v1::SamplingBoxSpec proto;
  if (boxes.tolerance) proto.set_tolerance(*boxes.tolerance);
  if (boxes.max_boxes) proto.set_max_boxes(*boxes.max_boxes);
  return proto;
}

SamplingBoxSpec FromProto(const v1::SamplingBoxSpec& proto) {
  return {.tolerance = proto.tolerance(), .max_boxes = proto.max_boxes()};
}

StopRule FromProto(const v1::StopRule& proto) {
  StopRule rule;
  if (proto.has_evaluations()) rule.evaluations = proto.evaluations();
  if (proto.has_cost()) rule.cost = proto.cost();
  if (proto.has_value_error()) rule.value_error = proto.value_error();
  if (proto.has_gradient_error()) rule.gradient_error = proto.gradient_error();
  if (proto.has_seconds()) rule.seconds = proto.seconds();
  if (proto.has_stale_rounds()) rule.stale_rounds = proto.stale_rounds();
  if (proto.has_closed_share()) rule.closed_share = proto.closed_share();
  return rule;
}

v1::SamplingSpec ToProto(const SamplingSpec& spec) {
  v1::SamplingSpec proto;
  proto.set_dataset(ResourceName("datasets", spec.dataset));
  proto.set_model_id(spec.model);
  if (!spec.program.empty()) proto.set_program(ResourceName("programs", spec.program));
  for (const Range& range : spec.domain) {
    v1::Range& added = *proto.add_domain();
    added.set_min(range.min);
    added.set_max(range.max);
  }
  if (spec.strategy) proto.set_strategy(ToProto(*spec.strategy));
  if (spec.goal) *proto.mutable_goal() = ToProto(*spec.goal);
  if (spec.boxes) *proto.mutable_boxes() = ToProto(*spec.boxes);
  if (spec.initial_points) proto.set_initial_points(*spec.initial_points);
  if (spec.round_fraction) proto.set_round_fraction(*spec.round_fraction);
  if (spec.jacobian) proto.set_jacobian(*spec.jacobian);
  if (spec.value_cost) proto.set_value_cost(*spec.value_cost);
  if (spec.jacobian_cost) proto.set_jacobian_cost(*spec.jacobian_cost);
  for (const StopRule& rule : spec.stop_rules) *proto.add_stop_rules() = ToProto(rule);
  if (spec.training) *proto.mutable_training() = client::ToProto(*spec.training);
  if (spec.lease_seconds) proto.set_lease_seconds(*spec.lease_seconds);
  if (spec.max_attempts) proto.set_max_attempts(*spec.max_attempts);
  if (spec.seed) proto.set_seed(*spec.seed);
  return proto;
}

SamplingSpec FromProto(const v1::SamplingSpec& proto) {
  SamplingSpec spec{.dataset = proto.dataset(),
                    .model = proto.model_id(),
                    .program = proto.program(),
                    .domain = {},
                    .strategy = FromProto(proto.strategy()),
                    .initial_points = proto.initial_points(),
                    .round_fraction = proto.round_fraction(),
                    .jacobian = proto.jacobian(),
                    .value_cost = proto.value_cost(),
                    .jacobian_cost = proto.jacobian_cost(),
                    .stop_rules = {},
                    .training = {},
                    .lease_seconds = proto.lease_seconds(),
                    .max_attempts = proto.max_attempts(),
                    .seed = proto.seed(),
                    .goal = FromProto(proto.goal()),
                    .boxes = {}};
  if (proto.has_boxes()) spec.boxes = FromProto(proto.boxes());
  spec.domain.reserve(static_cast<std::size_t>(proto.domain_size()));
  for (const v1::Range& range : proto.domain()) spec.domain.push_back({range.min(), range.max()});
  for (const v1::StopRule& rule : proto.stop_rules()) spec.stop_rules.push_back(FromProto(rule));
  return spec;
}

SamplingCounts FromProto(const v1::SamplingCounts& proto) {
  return {.queued = proto.queued(),
          .leased = proto.leased(),
          .done = proto.done(),
          .infeasible = proto.infeasible(),
          .failed = proto.failed()};
}

Vector ToVector(const google::protobuf::RepeatedField<double>& numbers) {
  return Eigen::Map<const Vector>(numbers.data(), numbers.size());
}

ClosedShare FromProto(const v1::ClosedShare& proto) {
  return {.constant = proto.constant(),
          .linear = proto.linear(),
          .quadratic = proto.quadratic(),
          .proved = proto.proved()};
}

SamplingBest FromProto(const v1::SamplingBest& proto) {
  return {.x = ToVector(proto.x()), .value = proto.value()};
}

SamplingRound FromProto(const v1::SamplingRound& proto) {
  SamplingRound round{.number = proto.number(),
                      .evaluations = proto.evaluations(),
                      .model_version = proto.model_version(),
                      .value_error = proto.value_error(),
                      .gradient_error = proto.gradient_error(),
                      .cost = proto.cost(),
                      .time = client::FromProto(proto.time()),
                      .value_noise = proto.value_noise(),
                      .revision = proto.revision(),
                      .samples = proto.samples(),
                      .held_out_value_error = proto.held_out_value_error(),
                      .held_out_gradient_error = proto.held_out_gradient_error(),
                      .few_samples = proto.few_samples()};
  if (proto.has_closed()) round.closed = FromProto(proto.closed());
  if (proto.has_best()) round.best = FromProto(proto.best());
  return round;
}

SamplingRevision FromProto(const v1::SamplingRevision& proto) {
  const v1::SamplingChange& spec = proto.spec();
  SamplingRevision revision{.spec = {.stop_rules = std::vector<StopRule>(),
                                     .strategy = FromProto(spec.strategy()),
                                     .goal = FromProto(spec.goal()),
                                     .boxes = {},
                                     .round_fraction = spec.round_fraction()},
                            .time = client::FromProto(proto.time())};
  for (const v1::StopRule& rule : spec.stop_rules()) {
    revision.spec.stop_rules->push_back(FromProto(rule));
  }
  if (spec.has_boxes()) revision.spec.boxes = FromProto(spec.boxes());
  return revision;
}

SamplingPhase FromProto(v1::Sampling::Phase phase) {
  switch (phase) {
    case v1::Sampling::PHASE_SAMPLING:
      return SamplingPhase::kSampling;
    case v1::Sampling::PHASE_PAUSED:
      return SamplingPhase::kPaused;
    case v1::Sampling::PHASE_ENDED:
      return SamplingPhase::kEnded;
    default:
      return SamplingPhase::kUnknown;
  }
}

SamplingStop FromProto(v1::Sampling::StopReason reason) {
  switch (reason) {
    case v1::Sampling::STOP_REASON_RULE:
      return SamplingStop::kRule;
    case v1::Sampling::STOP_REASON_STOPPED:
      return SamplingStop::kStopped;
    case v1::Sampling::STOP_REASON_EXHAUSTED:
      return SamplingStop::kExhausted;
    case v1::Sampling::STOP_REASON_NOISE:
      return SamplingStop::kNoise;
    default:
      return SamplingStop::kNone;
  }
}

Sampling FromProto(const v1::Sampling& proto) {
  Sampling sampling{.job = proto.job(),
                    .spec = FromProto(proto.spec()),
                    .phase = FromProto(proto.phase()),
                    .counts = FromProto(proto.counts()),
                    .cost = proto.cost(),
                    .rounds = {},
                    .stop = FromProto(proto.stop_reason()),
                    .stop_rule = proto.stop_rule(),
                    .warnings = {}};
  for (const v1::SamplingRound& round : proto.rounds()) sampling.rounds.push_back(FromProto(round));
  if (proto.has_best()) sampling.best = FromProto(proto.best());
  for (const v1::SamplingRevision& revision : proto.revisions()) {
    sampling.revisions.push_back(FromProto(revision));
  }
  for (const v1::LabelWarning& warning : proto.warnings()) {
    sampling.warnings.push_back(client::FromProto(warning));
  }
  return sampling;
}

SamplingPointState FromProto(v1::SamplingPoint::State state) {
  switch (state) {
    case v1::SamplingPoint::STATE_QUEUED:
      return SamplingPointState::kQueued;
    case v1::SamplingPoint::STATE_LEASED:
      return SamplingPointState::kLeased;
    case v1::SamplingPoint::STATE_DONE:
      return SamplingPointState::kDone;
    case v1::SamplingPoint::STATE_INFEASIBLE:
      return SamplingPointState::kInfeasible;
    case v1::SamplingPoint::STATE_FAILED:
      return SamplingPointState::kFailed;
    default:
      return SamplingPointState::kUnknown;
  }
}

BoxOrder FromProto(v1::SamplingBox::Order order) {
  switch (order) {
    case v1::SamplingBox::ORDER_OPEN:
      return BoxOrder::kOpen;
    case v1::SamplingBox::ORDER_CONSTANT:
      return BoxOrder::kConstant;
    case v1::SamplingBox::ORDER_LINEAR:
      return BoxOrder::kLinear;
    case v1::SamplingBox::ORDER_QUADRATIC:
      return BoxOrder::kQuadratic;
    default:
      return BoxOrder::kUnknown;
  }
}

SamplingPoint FromProto(const v1::SamplingPoint& proto) {
  SamplingPoint point{.id = proto.id(),
                      .x = ToVector(proto.x()),
                      .state = FromProto(proto.state()),
                      .space_filling = proto.space_filling(),
                      .round = proto.round(),
                      .worker = proto.worker(),
                      .attempt = proto.attempt(),
                      .lease_expire_time = {},
                      .reason = proto.reason(),
                      .y = ToVector(proto.y())};
  if (proto.has_lease_expire_time()) {
    point.lease_expire_time = client::FromProto(proto.lease_expire_time());
  }
  return point;
}

TellOutcome FromProto(v1::TellResponse::Outcome outcome) {
  switch (outcome) {
    case v1::TellResponse::OUTCOME_TAKEN:
      return TellOutcome::kTaken;
    case v1::TellResponse::OUTCOME_KNOWN:
      return TellOutcome::kKnown;
    case v1::TellResponse::OUTCOME_LATE:
      return TellOutcome::kLate;
    case v1::TellResponse::OUTCOME_RETRY:
      return TellOutcome::kRetry;
    default:
      return TellOutcome::kUnknown;
  }
}

v1::SampleBlock ToBlock(const Samples& samples) {
  SampleSizes sizes;
  v1::SampleBlock block;
  for (const SamplePart& part :
       PartsOf(samples.X, samples.Y, samples.jacobian, samples.weight, samples, sizes)) {
    AppendRows(part, 0, samples.X.cols(), block);
    SetShape(part.shape, samples.X.cols(), block);
  }
  block.set_crc32c(Checksum(block));
  return block;
}

}  // namespace

SamplingProgress FromProto(const v1::SamplingProgress& proto) {
  SamplingProgress progress{.counts = FromProto(proto.counts()), .cost = proto.cost(), .round = {}};
  if (proto.has_round()) progress.round = FromProto(proto.round());
  return progress;
}

Job Client::StartSampling(const SamplingSpec& spec, const std::string& request_id) const {
  v1::StartSamplingRequest request;
  *request.mutable_spec() = ToProto(spec);
  // With a request id, a retry after a lost answer does not start a second job.
  request.set_request_id(request_id.empty() ? RandomId() : request_id);
  const v1::Job job =
      connection_->Call(connection_->sampling(), &SamplingStub::StartSampling, request);
  return Job(connection_, job.name());
}

Sampling Client::GetSampling(const std::string& job) const {
  v1::GetSamplingRequest request;
  request.set_name(ResourceName("jobs", job));
  return FromProto(connection_->Call(connection_->sampling(), &SamplingStub::GetSampling, request));
}

Sampling Client::UpdateSampling(const std::string& job, const SamplingChange& change) const {
  v1::UpdateSamplingRequest request;
  request.set_name(ResourceName("jobs", job));
  v1::SamplingChange& spec = *request.mutable_spec();
  google::protobuf::FieldMask& mask = *request.mutable_update_mask();
  if (change.stop_rules) {
    mask.add_paths("stop_rules");
    for (const StopRule& rule : *change.stop_rules) *spec.add_stop_rules() = ToProto(rule);
  }
  if (change.strategy) {
    mask.add_paths("strategy");
    spec.set_strategy(ToProto(*change.strategy));
  }
  if (change.goal) {
    mask.add_paths("goal");
    *spec.mutable_goal() = ToProto(*change.goal);
  }
  if (change.boxes) {
    mask.add_paths("boxes");
    *spec.mutable_boxes() = ToProto(*change.boxes);
  }
  if (change.round_fraction) {
    mask.add_paths("round_fraction");
    spec.set_round_fraction(*change.round_fraction);
  }
  return FromProto(
      connection_->Call(connection_->sampling(), &SamplingStub::UpdateSampling, request));
}

SamplingBoxes Client::GetSamplingBoxes(const std::string& job) const {
  v1::GetSamplingBoxesRequest request;
  request.set_name(ResourceName("jobs", job));
  const v1::SamplingBoxes proto =
      connection_->Call(connection_->sampling(), &SamplingStub::GetSamplingBoxes, request);
  SamplingBoxes boxes{.round = proto.round(), .boxes = {}, .closed = FromProto(proto.closed())};
  boxes.boxes.reserve(static_cast<std::size_t>(proto.boxes_size()));
  for (const v1::SamplingBox& box : proto.boxes()) {
    boxes.boxes.push_back({.min = ToVector(box.min()),
                           .max = ToVector(box.max()),
                           .order = FromProto(box.order()),
                           .volume = box.volume(),
                           .linear_in = {box.linear_in().begin(), box.linear_in().end()}});
  }
  return boxes;
}

std::vector<SamplingPoint> Client::ListSamplingPoints(const std::string& job,
                                                      std::int64_t after_point,
                                                      std::int64_t count) const {
  v1::ListSamplingPointsRequest request;
  request.set_name(ResourceName("jobs", job));
  request.set_after_point(after_point);
  std::vector<SamplingPoint> points;
  for (bool more = count > 0; more;) {
    const std::int64_t missing = count - static_cast<std::int64_t>(points.size());
    request.set_page_size(static_cast<int>(std::min<std::int64_t>(missing, kPageSize)));
    const v1::ListSamplingPointsResponse page =
        connection_->Call(connection_->sampling(), &SamplingStub::ListSamplingPoints, request);
    for (const v1::SamplingPoint& point : page.points()) points.push_back(FromProto(point));
    if (!points.empty()) request.set_after_point(points.back().id);
    more = missing > page.points_size() && page.points_size() == request.page_size();
  }
  return points;
}

AskReply Client::Ask(const std::string& job, const std::string& worker, int count) const {
  v1::AskRequest request;
  request.set_name(ResourceName("jobs", job));
  request.set_worker(worker);
  request.set_count(count);
  const v1::AskResponse response =
      connection_->Call(connection_->sampling(), &SamplingStub::Ask, request);
  AskReply reply{.points = {},
                 .jacobian = response.jacobian(),
                 .retry_after_seconds = response.retry_after_seconds(),
                 .finished = response.finished(),
                 .heartbeat_seconds = response.heartbeat_seconds()};
  for (const v1::SamplingPoint& point : response.points()) {
    reply.points.push_back(FromProto(point));
  }
  return reply;
}

TellReply Client::Tell(const std::string& job, const std::string& worker,
                       const std::vector<std::int64_t>& points, const Samples& results,
                       const std::vector<SamplingFailure>& failures) const {
  v1::TellRequest request;
  request.set_name(ResourceName("jobs", job));
  request.set_worker(worker);
  request.mutable_points()->Assign(points.begin(), points.end());
  if (!points.empty()) *request.mutable_block() = ToBlock(results);
  for (const SamplingFailure& failure : failures) {
    v1::TellRequest::Failure& added = *request.add_failures();
    added.set_point(failure.point);
    added.set_infeasible(failure.infeasible);
    added.set_reason(failure.reason);
    added.set_attempt(failure.attempt);
  }
  const v1::TellResponse response =
      connection_->Call(connection_->sampling(), &SamplingStub::Tell, request);
  TellReply reply{.outcomes = {}, .finished = response.finished()};
  reply.outcomes.reserve(static_cast<std::size_t>(response.outcomes_size()));
  for (const int outcome : response.outcomes()) {
    reply.outcomes.push_back(FromProto(static_cast<v1::TellResponse::Outcome>(outcome)));
  }
  return reply;
}

HeartbeatReply Client::Heartbeat(const std::string& job, const std::string& worker) const {
  v1::HeartbeatRequest request;
  request.set_name(ResourceName("jobs", job));
  request.set_worker(worker);
  const v1::HeartbeatResponse response =
      connection_->Call(connection_->sampling(), &SamplingStub::Heartbeat, request);
  return {.points = {response.points().begin(), response.points().end()},
          .finished = response.finished()};
}

Sampling Client::PauseSampling(const std::string& job) const {
  v1::PauseSamplingRequest request;
  request.set_name(ResourceName("jobs", job));
  return FromProto(
      connection_->Call(connection_->sampling(), &SamplingStub::PauseSampling, request));
}

Sampling Client::ResumeSampling(const std::string& job) const {
  v1::ResumeSamplingRequest request;
  request.set_name(ResourceName("jobs", job));
  return FromProto(
      connection_->Call(connection_->sampling(), &SamplingStub::ResumeSampling, request));
}

Sampling Client::StopSampling(const std::string& job) const {
  v1::StopSamplingRequest request;
  request.set_name(ResourceName("jobs", job));
  return FromProto(
      connection_->Call(connection_->sampling(), &SamplingStub::StopSampling, request));
}

}  // namespace sobolev::client
