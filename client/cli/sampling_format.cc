#include "client/cli/sampling_format.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <utility>

#include "client/cli/format.h"
#include "client/cli/json_format.h"

namespace sobolev::cli {
namespace {

using client::SamplingPointState;
using Rows = std::vector<std::vector<std::string>>;

constexpr std::size_t kMaxReasons = 5;
constexpr std::size_t kMaxReasonLength = 100;

std::string Error(double error) { return std::isnan(error) ? "unknown" : FormatPercent(error); }

Json ToJson(const client::SamplingCounts& counts) {
  return {{"queued", counts.queued},
          {"leased", counts.leased},
          {"done", counts.done},
          {"infeasible", counts.infeasible},
          {"failed", counts.failed}};
}

Json ToJson(const client::Vector& values) {
  Json json = Json::array();
  for (const double value : values) json.push_back(NumberToJson(value));
  return json;
}

Json ToJson(const client::ClosedShare& closed) {
  return {{"constant", closed.constant},
          {"linear", closed.linear},
          {"quadratic", closed.quadratic},
          {"proved", closed.proved}};
}

Json ToJson(const client::SamplingBest& best) {
  return {{"x", ToJson(best.x)}, {"value", NumberToJson(best.value)}};
}

Json ToJson(const client::SamplingRound& round) {
  Json json = {{"number", round.number},
               {"evaluations", round.evaluations},
               {"model_version", round.model_version},
               {"value_error", NumberToJson(round.value_error)},
               {"gradient_error", NumberToJson(round.gradient_error)},
               {"cost", round.cost},
               {"time", FormatTime(round.time)},
               {"revision", round.revision},
               {"value_noise", round.value_noise},
               {"samples", round.samples},
               {"held_out_value_error", NumberToJson(round.held_out_value_error)},
               {"held_out_gradient_error", NumberToJson(round.held_out_gradient_error)},
               {"few_samples", round.few_samples}};
  if (round.closed) json["closed"] = ToJson(*round.closed);
  if (round.best) json["best"] = ToJson(*round.best);
  return json;
}

Json ToJson(const client::StopRule& rule) {
  Json json = Json::object();
  if (rule.evaluations) json["evaluations"] = *rule.evaluations;
  if (rule.cost) json["cost"] = *rule.cost;
  if (rule.value_error) json["value_error"] = *rule.value_error;
  if (rule.gradient_error) json["gradient_error"] = *rule.gradient_error;
  if (rule.seconds) json["seconds"] = *rule.seconds;
  if (rule.stale_rounds) json["stale_rounds"] = *rule.stale_rounds;
  if (rule.closed_share) json["closed_share"] = *rule.closed_share;
  return json;
}

Json ToJson(const std::vector<client::StopRule>& rules) {
  Json json = Json::array();
  for (const client::StopRule& rule : rules) json.push_back(ToJson(rule));
  return json;
}

Json ToJson(const client::SamplingGoal& goal) {
  Json json = {{"kind", Name(goal.kind)}};
  if (!goal.output.empty()) json["output"] = goal.output;
  if (goal.level) json["level"] = *goal.level;
  return json;
}

// What of a spec may change, on top of what is there.
template <class Spec>
void AddChangeable(const Spec& spec, Json& json) {
  json["strategy"] = Name(spec.strategy.value_or(client::SamplingStrategy::kAdaptive));
  json["goal"] = ToJson(spec.goal.value_or(client::SamplingGoal()));
  if (spec.boxes) {
    json["boxes"] = {{"tolerance", spec.boxes->tolerance.value_or(0)},
                     {"max_boxes", spec.boxes->max_boxes.value_or(0)}};
  }
  if (spec.round_fraction) json["round_fraction"] = *spec.round_fraction;
}

Json ToJson(const client::SamplingRevision& revision) {
  Json json = {{"time", FormatTime(revision.time)}};
  AddChangeable(revision.spec, json);
  json["stop_rules"] = ToJson(revision.spec.stop_rules.value_or(std::vector<client::StopRule>()));
  return json;
}

Json ToJson(const client::SamplingSpec& spec) {
  Json domain = Json::array();
  for (const client::Range& range : spec.domain) {
    domain.push_back({{"min", range.min}, {"max", range.max}});
  }
  Json json = {{"dataset", spec.dataset}, {"model_id", spec.model}};
  if (!spec.program.empty()) json["program"] = spec.program;
  json["domain"] = std::move(domain);
  AddChangeable(spec, json);
  const auto add = [&](const char* name, const auto& value) {
    if (value) json[name] = *value;
  };
  add("initial_points", spec.initial_points);
  add("jacobian", spec.jacobian);
  add("value_cost", spec.value_cost);
  add("jacobian_cost", spec.jacobian_cost);
  json["stop_rules"] = ToJson(spec.stop_rules);
  add("lease_seconds", spec.lease_seconds);
  add("max_attempts", spec.max_attempts);
  add("seed", spec.seed);
  return json;
}

// Empty while the job goes on.
std::string DescribeStop(const client::Sampling& sampling) {
  const auto rule = static_cast<std::size_t>(sampling.stop_rule);
  if (sampling.stop == client::SamplingStop::kStopped) return "stopped";
  if (sampling.stop == client::SamplingStop::kExhausted) return "every point is known";
  if (rule >= sampling.spec.stop_rules.size()) return "";
  const client::StopRule& held = sampling.spec.stop_rules[rule];
  if (sampling.stop == client::SamplingStop::kRule) return Describe(held);
  if (sampling.stop == client::SamplingStop::kNoise) {
    return Describe(held) + " is below the noise of the function";
  }
  return "";
}

// What came of the points that were placed for one reason.
struct Spending {
  std::int64_t points = 0;
  std::int64_t attempts = 0;
  std::int64_t done = 0;
  std::int64_t infeasible = 0;
  std::int64_t failed = 0;

  void Add(const client::SamplingPoint& point) {
    ++points;
    attempts += point.attempt;
    done += point.state == SamplingPointState::kDone ? 1 : 0;
    infeasible += point.state == SamplingPointState::kInfeasible ? 1 : 0;
    failed += point.state == SamplingPointState::kFailed ? 1 : 0;
  }
};

}  // namespace

std::string_view Name(client::SamplingStrategy strategy) {
  switch (strategy) {
    case client::SamplingStrategy::kAdaptive:
      return "adaptive";
    case client::SamplingStrategy::kSpaceFilling:
      return "space-filling";
    case client::SamplingStrategy::kLolaVoronoi:
      return "lola-voronoi";
  }
  return "unknown";
}

std::string_view Name(client::SamplingGoalKind goal) {
  switch (goal) {
    case client::SamplingGoalKind::kSurrogate:
      return "surrogate";
    case client::SamplingGoalKind::kMinimum:
      return "minimum";
    case client::SamplingGoalKind::kMaximum:
      return "maximum";
    case client::SamplingGoalKind::kLevel:
      return "level";
  }
  return "unknown";
}

std::string_view Name(client::BoxOrder order) {
  switch (order) {
    case client::BoxOrder::kUnknown:
      return "unknown";
    case client::BoxOrder::kOpen:
      return "open";
    case client::BoxOrder::kConstant:
      return "constant";
    case client::BoxOrder::kLinear:
      return "linear";
    case client::BoxOrder::kQuadratic:
      return "quadratic";
  }
  return "unknown";
}

std::string_view Name(client::SamplingPhase phase) {
  switch (phase) {
    case client::SamplingPhase::kUnknown:
      return "unknown";
    case client::SamplingPhase::kSampling:
      return "sampling";
    case client::SamplingPhase::kPaused:
      return "paused";
    case client::SamplingPhase::kEnded:
      return "ended";
  }
  return "unknown";
}

std::string_view Name(client::SamplingPointState state) {
  switch (state) {
    case SamplingPointState::kUnknown:
      return "unknown";
    case SamplingPointState::kQueued:
      return "queued";
    case SamplingPointState::kLeased:
      return "leased";
    case SamplingPointState::kDone:
      return "done";
    case SamplingPointState::kInfeasible:
      return "infeasible";
    case SamplingPointState::kFailed:
      return "failed";
  }
  return "unknown";
}

std::string_view Name(client::TellOutcome outcome) {
  switch (outcome) {
    case client::TellOutcome::kUnknown:
      return "unknown";
    case client::TellOutcome::kTaken:
      return "taken";
    case client::TellOutcome::kKnown:
      return "known";
    case client::TellOutcome::kLate:
      return "late";
    case client::TellOutcome::kRetry:
      return "retry";
  }
  return "unknown";
}

Json ToJson(const client::SamplingProgress& progress) {
  Json json = {{"counts", ToJson(progress.counts)}, {"cost", progress.cost}};
  if (progress.round) json["round"] = ToJson(*progress.round);
  return json;
}

Json ToJson(const client::Sampling& sampling) {
  Json rounds = Json::array();
  for (const client::SamplingRound& round : sampling.rounds) rounds.push_back(ToJson(round));
  Json json = {{"job", sampling.job},           {"spec", ToJson(sampling.spec)},
               {"phase", Name(sampling.phase)}, {"counts", ToJson(sampling.counts)},
               {"cost", sampling.cost},         {"rounds", std::move(rounds)}};
  if (sampling.best) json["best"] = ToJson(*sampling.best);
  Json revisions = Json::array();
  for (const client::SamplingRevision& revision : sampling.revisions) {
    revisions.push_back(ToJson(revision));
  }
  json["revisions"] = std::move(revisions);
  json["warnings"] = ToJson(sampling.warnings);
  switch (sampling.stop) {
    case client::SamplingStop::kNone:
      break;
    case client::SamplingStop::kStopped:
      json["stop_reason"] = "stopped";
      break;
    case client::SamplingStop::kExhausted:
      json["stop_reason"] = "exhausted";
      break;
    case client::SamplingStop::kRule:
      json["stop_reason"] = "rule";
      json["stop_rule"] = sampling.stop_rule;
      break;
    case client::SamplingStop::kNoise:
      json["stop_reason"] = "noise";
      json["stop_rule"] = sampling.stop_rule;
      break;
  }
  return json;
}

Json ToJson(const client::SamplingPoint& point, const client::Schema& schema) {
  const auto named = [](const client::Vector& values,
                        const std::vector<client::Variable>& variables) {
    Json json = Json::object();
    for (client::Index i = 0; i < values.size(); ++i) {
      json[variables[static_cast<std::size_t>(i)].name] = NumberToJson(values[i]);
    }
    return json;
  };
  Json json = {{"point", point.id},
               {"state", Name(point.state)},
               {"round", point.round},
               {"space_filling", point.space_filling},
               {"worker", point.worker},
               {"attempt", point.attempt},
               {"inputs", named(point.x, schema.inputs)}};
  if (point.y.size() > 0) json["outputs"] = named(point.y, schema.outputs);
  if (!point.reason.empty()) json["reason"] = point.reason;
  return json;
}

Json ToJson(const client::SamplingBoxes& boxes, const client::Schema& schema) {
  Json list = Json::array();
  for (const client::SamplingBox& box : boxes.boxes) {
    Json inputs = Json::object();
    for (std::size_t j = 0; j < schema.inputs.size(); ++j) {
      const auto place = static_cast<client::Index>(j);
      inputs[schema.inputs[j].name] = {box.min[place], box.max[place]};
    }
    list.push_back({{"order", Name(box.order)},
                    {"volume", box.volume},
                    {"inputs", std::move(inputs)},
                    {"linear_in", box.linear_in}});
  }
  return {{"round", boxes.round}, {"closed", ToJson(boxes.closed)}, {"boxes", std::move(list)}};
}

std::string Describe(const client::SamplingGoal& goal) {
  std::string text(Name(goal.kind));
  if (goal.level) text.append(" ").append(FormatShort(*goal.level));
  if (!goal.output.empty()) text.append(" of ").append(goal.output);
  return text;
}

std::string Describe(const client::ClosedShare& closed) {
  return FormatPercent(closed.constant) + " constant, " + FormatPercent(closed.linear) +
         " linear, " + FormatPercent(closed.quadratic) + " quadratic" +
         (closed.proved ? " (proved)" : "");
}

std::string Describe(const client::StopRule& rule) {
  std::vector<std::string> parts;
  if (rule.evaluations) parts.push_back("evaluations >= " + std::to_string(*rule.evaluations));
  if (rule.cost) parts.push_back("cost >= " + FormatShort(*rule.cost));
  if (rule.value_error) parts.push_back("value error <= " + FormatPercent(*rule.value_error));
  if (rule.gradient_error) {
    parts.push_back("gradient error <= " + FormatPercent(*rule.gradient_error));
  }
  if (rule.seconds) parts.push_back("seconds >= " + FormatShort(*rule.seconds));
  if (rule.stale_rounds) {
    parts.push_back("rounds without a gain >= " + std::to_string(*rule.stale_rounds));
  }
  if (rule.closed_share) {
    parts.push_back("closed share >= " + FormatPercent(*rule.closed_share));
  }
  return Join(parts, " and ");
}

std::string DescribeWaiting(const client::SamplingCounts& counts) {
  return std::to_string(counts.queued) + " queued, " + std::to_string(counts.leased) + " leased, " +
         std::to_string(counts.infeasible) + " infeasible, " + std::to_string(counts.failed) +
         " failed";
}

std::string Describe(const client::SamplingProgress& progress) {
  std::string text =
      std::to_string(progress.counts.done) + " evaluated, " + DescribeWaiting(progress.counts);
  if (progress.round) {
    text.append("; round ")
        .append(std::to_string(progress.round->number))
        .append(": value error ")
        .append(Error(progress.round->value_error))
        .append(", gradient error ")
        .append(Error(progress.round->gradient_error));
    if (progress.round->closed) text.append(", closed ").append(Describe(*progress.round->closed));
    if (progress.round->best) {
      text.append(", best value ").append(FormatShort(progress.round->best->value));
    }
  }
  return text;
}

double ErrorOfEvenPoints(const client::Sampling& sampling, const client::SamplingRound& round) {
  double largest = std::numeric_limits<double>::quiet_NaN();
  for (const client::SamplingRound& before : sampling.rounds) {
    if (before.number > round.number || round.evaluations == 0) continue;
    const double share =
        static_cast<double>(before.evaluations) / static_cast<double>(round.evaluations);
    const double rate = 3 / static_cast<double>(sampling.spec.domain.size());
    largest = std::fmax(largest, before.value_error * std::pow(share, rate));
  }
  return largest;
}

void PrintSampling(std::ostream& out, const client::Sampling& sampling) {
  std::vector<std::pair<std::string, std::string>> fields = {
      {"job", sampling.job},
      {"phase", std::string(Name(sampling.phase))},
      {"dataset", sampling.spec.dataset},
      {"model", "models/" + sampling.spec.model}};
  if (!sampling.spec.program.empty()) fields.emplace_back("program", sampling.spec.program);
  const auto goal = sampling.spec.goal.value_or(client::SamplingGoal());
  fields.emplace_back("goal", Describe(goal));
  fields.emplace_back("strategy",
                      Name(sampling.spec.strategy.value_or(client::SamplingStrategy::kAdaptive)));
  fields.emplace_back("evaluated", std::to_string(sampling.counts.done));
  fields.emplace_back("other points", DescribeWaiting(sampling.counts));
  fields.emplace_back("cost", FormatShort(sampling.cost));
  for (const client::StopRule& rule : sampling.spec.stop_rules) {
    fields.emplace_back("stops when", Describe(rule));
  }
  if (!sampling.rounds.empty()) {
    const client::SamplingRound& round = sampling.rounds.back();
    fields.emplace_back("rounds", std::to_string(round.number));
    fields.emplace_back("value error",
                        Error(round.value_error) + (round.few_samples ? ", from few samples" : ""));
    fields.emplace_back("gradient error", Error(round.gradient_error));
    if (round.closed) fields.emplace_back("closed", Describe(*round.closed));
    if (round.value_noise > 0) fields.emplace_back("noise of values", Error(round.value_noise));
    fields.emplace_back("newest version", round.model_version);
  }
  if (sampling.best) {
    std::vector<std::string> x;
    x.reserve(static_cast<std::size_t>(sampling.best->x.size()));
    for (const double each : sampling.best->x) x.push_back(FormatShort(each));
    fields.emplace_back("best value", FormatShort(sampling.best->value) + " at " + Join(x, ", "));
  }
  if (const std::string stop = DescribeStop(sampling); !stop.empty()) {
    fields.emplace_back("ended because", stop);
  }
  PrintFields(out, fields);
  for (const client::LabelWarning& warning : sampling.warnings) {
    out << "warning: " << warning.message << '\n';
  }
}

std::vector<std::vector<std::string>> RoundTable(const client::Sampling& sampling) {
  const bool has_closed = std::ranges::any_of(
      sampling.rounds, [](const client::SamplingRound& round) { return round.closed.has_value(); });
  const bool has_best = std::ranges::any_of(
      sampling.rounds, [](const client::SamplingRound& round) { return round.best.has_value(); });
  Rows rows = {
      {"round", "revision", "evaluations", "cost", "value error", "even points", "gradient error"}};
  if (has_closed) rows[0].insert(rows[0].end(), {"constant", "linear", "quadratic"});
  if (has_best) rows[0].emplace_back("best");
  rows[0].emplace_back("model version");
  rows.reserve(sampling.rounds.size() + 1);
  for (const client::SamplingRound& round : sampling.rounds) {
    std::vector<std::string>& row = rows.emplace_back(std::vector<std::string>{
        std::to_string(round.number), std::to_string(round.revision),
        std::to_string(round.evaluations), FormatShort(round.cost), Error(round.value_error),
        Error(ErrorOfEvenPoints(sampling, round)), Error(round.gradient_error)});
    if (has_closed) {
      const client::ClosedShare closed = round.closed.value_or(client::ClosedShare());
      for (const double share : {closed.constant, closed.linear, closed.quadratic}) {
        row.push_back(round.closed ? FormatPercent(share) : "-");
      }
    }
    if (has_best) row.push_back(round.best ? FormatShort(round.best->value) : "-");
    row.push_back(round.model_version);
  }
  return rows;
}

void PrintPoints(std::ostream& out, const std::vector<client::SamplingPoint>& points,
                 const client::Schema& schema) {
  std::vector<std::string> header = {"point", "state", "round", "placed", "attempt", "worker"};
  const std::vector<std::string> inputs = Names(schema.inputs);
  const std::vector<std::string> outputs = Names(schema.outputs);
  header.insert(header.end(), inputs.begin(), inputs.end());
  header.insert(header.end(), outputs.begin(), outputs.end());
  header.emplace_back("reason");
  Rows rows = {header};
  rows.reserve(points.size() + 1);
  for (const client::SamplingPoint& point : points) {
    std::vector<std::string>& row = rows.emplace_back(std::vector<std::string>{
        std::to_string(point.id), std::string(Name(point.state)), std::to_string(point.round),
        point.space_filling ? "evenly" : "by model", std::to_string(point.attempt),
        point.worker.empty() ? "-" : point.worker});
    for (const double x : point.x) row.push_back(FormatShort(x));
    for (const double y : point.y) row.push_back(FormatShort(y));
    row.resize(header.size() - 1, "-");
    std::string reason = point.reason.empty() ? "-" : point.reason;
    std::ranges::replace(reason, '\n', ' ');
    row.push_back(std::move(reason));
  }
  PrintTable(out, rows);
}

void PrintSpending(std::ostream& out, const std::vector<client::SamplingPoint>& points) {
  // In order of place in the table.
  constexpr std::array kPlaces = {"before the first model", "evenly, later", "where models differ"};
  std::array<Spending, kPlaces.size()> spent{};
  std::map<std::string, int> reasons;
  for (const client::SamplingPoint& point : points) {
    spent[point.round == 0 ? 0 : point.space_filling ? 1 : 2].Add(point);
    if (!point.reason.empty()) ++reasons[point.reason];
  }
  Rows rows = {{"placed", "points", "attempts", "evaluated", "infeasible", "failed"}};
  for (std::size_t place = 0; place < kPlaces.size(); ++place) {
    const Spending& sum = spent[place];
    rows.push_back({kPlaces[place], std::to_string(sum.points), std::to_string(sum.attempts),
                    std::to_string(sum.done), std::to_string(sum.infeasible),
                    std::to_string(sum.failed)});
  }
  PrintTable(out, rows);
  if (reasons.empty()) return;
  std::vector<std::pair<int, std::string>> frequent;
  frequent.reserve(reasons.size());
  for (const auto& [reason, count] : reasons) frequent.emplace_back(-count, reason);
  std::ranges::sort(frequent);
  frequent.resize(std::min(frequent.size(), kMaxReasons));
  Rows table = {{"points", "reason, the most frequent first"}};
  for (const auto& [count, reason] : frequent) {
    std::string shown = reason.substr(0, kMaxReasonLength);
    std::ranges::replace(shown, '\n', ' ');
    table.push_back({std::to_string(-count), std::move(shown)});
  }
  out << '\n';
  PrintTable(out, table);
}

void PrintBoxes(std::ostream& out, const client::SamplingBoxes& boxes,
                const client::Schema& schema) {
  Rows rows = {{"order", "volume"}};
  const std::vector<std::string> inputs = Names(schema.inputs);
  rows[0].insert(rows[0].end(), inputs.begin(), inputs.end());
  rows.reserve(boxes.boxes.size() + 1);
  for (const client::SamplingBox& box : boxes.boxes) {
    std::vector<std::string>& row = rows.emplace_back(
        std::vector<std::string>{std::string(Name(box.order)), FormatPercent(box.volume)});
    for (client::Index j = 0; j < box.min.size(); ++j) {
      row.push_back(FormatShort(box.min[j]) + " to " + FormatShort(box.max[j]));
    }
  }
  PrintTable(out, rows);
}

}  // namespace sobolev::cli
