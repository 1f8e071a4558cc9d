#include "server/convert/sampling.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <absl/strings/str_split.h>

#include "engine/base/error.h"
#include "engine/sampling/boxes.h"
#include "engine/sampling/sobol.h"
#include "engine/train/selection_options.h"
#include "server/convert/field_error.h"
#include "server/convert/names.h"
#include "server/convert/resources.h"
#include "server/convert/sample_rows.h"
#include "server/convert/tensor.h"
#include "server/convert/training.h"
#include "server/http/http_client.h"

namespace sobolev::server {
namespace {

constexpr double kDefaultEffort = 0.5;
constexpr int kMaxStopRules = 16;
constexpr int kMaxUrls = 64;
constexpr int kMaxConstraints = 1024;

// What every sampling job does unless it is told otherwise.
constexpr double kDefaultRoundFraction = 0.125;
constexpr double kDefaultLeaseSeconds = 600;
constexpr int kDefaultAttempts = 3;
constexpr Index kDefaultBoxInputs = 3;
constexpr double kDefaultBoxTolerance = 0.01;
constexpr int kDefaultBoxes = 1000;
constexpr int kMaxBoxes = 10000;

[[noreturn]] void ThrowOutOfRange(const std::string& field, const std::string& expected,
                                  const std::string& got) {
  throw InvalidArgument("OUT_OF_RANGE", field, "expected " + expected + ", got " + got);
}

// Not NaN, either.
void RequireBetween(const std::string& field, double value, double least, double most) {
  if (value >= least && value <= most) return;
  ThrowOutOfRange(field, Text(least) + " to " + Text(most), Text(value));
}

void RequirePositive(const std::string& field, double value) {
  if (value > 0 && std::isfinite(value)) return;
  ThrowOutOfRange(field, "a finite number above 0", Text(value));
}

void RequireNotNegative(const std::string& field, double value) {
  if (value >= 0 && std::isfinite(value)) return;
  ThrowOutOfRange(field, "a finite number of 0 or more", Text(value));
}

void CheckRule(const v1::StopRule& rule, const std::string& field) {
  if (rule.has_evaluations() && rule.evaluations() < 1) {
    ThrowOutOfRange(field + ".evaluations", "1 or more", std::to_string(rule.evaluations()));
  }
  if (rule.has_cost()) RequirePositive(field + ".cost", rule.cost());
  if (rule.has_value_error()) RequirePositive(field + ".value_error", rule.value_error());
  if (rule.has_gradient_error()) RequirePositive(field + ".gradient_error", rule.gradient_error());
  if (rule.has_seconds()) RequirePositive(field + ".seconds", rule.seconds());
  if (rule.has_stale_rounds() && rule.stale_rounds() < 1) {
    ThrowOutOfRange(field + ".stale_rounds", "1 or more", std::to_string(rule.stale_rounds()));
  }
  if (rule.has_closed_share() && !(rule.closed_share() > 0 && rule.closed_share() <= 1)) {
    ThrowOutOfRange(field + ".closed_share", "more than 0 and at most 1",
                    Text(rule.closed_share()));
  }
  const bool has_any = rule.has_evaluations() || rule.has_cost() || rule.has_value_error() ||
                       rule.has_gradient_error() || rule.has_seconds() || rule.has_stale_rounds() ||
                       rule.has_closed_share();
  if (!has_any) {
    throw InvalidArgument("REQUIRED", field, "expected at least one condition, got none; set one");
  }
}

// A range of the schema is the default of the domain and always its bound.
void FillDomain(const v1::Schema& schema, v1::SamplingSpec& spec) {
  const int n = schema.inputs_size();
  if (n > sampling::kMaxSobolDimensions) {
    throw InvalidArgument("OUT_OF_RANGE", "spec.dataset",
                          "expected a dataset with at most " +
                              std::to_string(sampling::kMaxSobolDimensions) + " inputs, got " +
                              std::to_string(n));
  }
  const bool is_given = spec.domain_size() > 0;
  if (is_given && spec.domain_size() != n) {
    throw InvalidArgument("SHAPE_MISMATCH", "spec.domain",
                          "expected a range for each of the " + std::to_string(n) +
                              " inputs, got " + std::to_string(spec.domain_size()));
  }
  for (int j = 0; j < n; ++j) {
    const v1::Variable& input = schema.inputs(j);
    const std::string field = "spec.domain[" + std::to_string(j) + "]";
    if (!is_given) {
      if (!input.has_lower() || !input.has_upper()) {
        throw InvalidArgument("REQUIRED", "spec.domain",
                              "expected a range for each input, because input \"" + input.name() +
                                  "\" of the schema has no bounds; set spec.domain");
      }
      v1::Range* range = spec.add_domain();
      range->set_min(input.lower());
      range->set_max(input.upper());
    }
    const v1::Range& range = spec.domain(j);
    if (!std::isfinite(range.min())) {
      throw InvalidArgument("NON_FINITE", field + ".min", "expected a finite number");
    }
    if (!std::isfinite(range.max())) {
      throw InvalidArgument("NON_FINITE", field + ".max", "expected a finite number");
    }
    if (range.min() >= range.max() || !std::isfinite(range.max() - range.min())) {
      ThrowOutOfRange(field + ".max",
                      "more than min = " + Text(range.min()) + ", with a finite distance",
                      Text(range.max()));
    }
    if (input.has_lower() && range.min() < input.lower()) {
      ThrowOutOfRange(field + ".min",
                      "at least " + Text(input.lower()) + ", the lower bound of the schema",
                      Text(range.min()));
    }
    if (input.has_upper() && range.max() > input.upper()) {
      ThrowOutOfRange(field + ".max",
                      "at most " + Text(input.upper()) + ", the upper bound of the schema",
                      Text(range.max()));
    }
  }
}

std::string RuleField(int rule) { return "spec.stop_rules[" + std::to_string(rule) + "]"; }

void FillStrategy(v1::SamplingSpec& spec) {
  switch (spec.strategy()) {
    case v1::SamplingSpec::STRATEGY_UNSPECIFIED:
      spec.set_strategy(v1::SamplingSpec::STRATEGY_ADAPTIVE);
      return;
    case v1::SamplingSpec::STRATEGY_ADAPTIVE:
    case v1::SamplingSpec::STRATEGY_SPACE_FILLING:
    case v1::SamplingSpec::STRATEGY_LOLA_VORONOI:
      return;
    default:
      throw InvalidArgument("UNKNOWN_ENUM_VALUE", "spec.strategy",
                            "expected adaptive, space-filling or lola-voronoi, got number " +
                                std::to_string(static_cast<int>(spec.strategy())));
  }
}

void FillGoal(const v1::Schema& schema, v1::SamplingSpec& spec) {
  v1::SamplingGoal& goal = *spec.mutable_goal();
  switch (goal.kind()) {
    case v1::SamplingGoal::KIND_UNSPECIFIED:
    case v1::SamplingGoal::KIND_SURROGATE:
      goal.set_kind(v1::SamplingGoal::KIND_SURROGATE);
      if (!goal.output().empty()) {
        throw InvalidArgument("NOT_APPLICABLE", "spec.goal.output",
                              "expected unset, because a surrogate is of all outputs; set "
                              "spec.goal.kind to another goal");
      }
      break;
    case v1::SamplingGoal::KIND_MINIMUM:
    case v1::SamplingGoal::KIND_MAXIMUM:
    case v1::SamplingGoal::KIND_LEVEL: {
      const bool is_known = std::ranges::any_of(
          schema.outputs(), [&](const v1::Variable& v) { return v.name() == goal.output(); });
      if (!is_known) {
        throw InvalidArgument(
            "UNKNOWN_NAME", "spec.goal.output",
            "expected the name of an output of the dataset, got \"" + goal.output() + "\"");
      }
      if (spec.strategy() != v1::SamplingSpec::STRATEGY_ADAPTIVE) {
        throw InvalidArgument("NOT_APPLICABLE", "spec.goal.kind",
                              "expected a surrogate, because other strategies than adaptive have "
                              "no other goal; set spec.strategy to adaptive");
      }
      break;
    }
    default:
      throw InvalidArgument("UNKNOWN_ENUM_VALUE", "spec.goal.kind",
                            "expected surrogate, minimum, maximum or level, got number " +
                                std::to_string(static_cast<int>(goal.kind())));
  }
  const bool is_level = goal.kind() == v1::SamplingGoal::KIND_LEVEL;
  if (is_level && !goal.has_level()) {
    throw InvalidArgument("REQUIRED", "spec.goal.level",
                          "expected the value that the output is to have, got none");
  }
  if (!is_level && goal.has_level()) {
    throw InvalidArgument("NOT_APPLICABLE", "spec.goal.level",
                          "expected unset, because the goal is not a level");
  }
  if (!std::isfinite(goal.level())) {
    throw InvalidArgument("NON_FINITE", "spec.goal.level", "expected a finite number");
  }
}

Index NumVarying(const v1::SamplingSpec& spec) {
  std::set<std::string> fixed;
  for (const v1::SamplingInput& input : spec.inputs()) {
    if (input.has_fixed()) fixed.insert(input.input());
  }
  return spec.domain_size() - std::ssize(fixed);
}

void FillBoxes(v1::SamplingSpec& spec) {
  const Index varying = NumVarying(spec);
  const std::string most = std::to_string(sampling::kMaxBoxInputs);
  int rule = 0;
  while (rule < spec.stop_rules_size() && !spec.stop_rules(rule).has_closed_share()) ++rule;
  const bool is_needed = rule < spec.stop_rules_size();
  if (is_needed && varying > sampling::kMaxBoxInputs) {
    throw InvalidArgument("NOT_APPLICABLE", RuleField(rule) + ".closed_share",
                          "expected unset, because boxes are for at most " + most +
                              " inputs that vary, and " + std::to_string(varying) + " do");
  }
  if (!spec.has_boxes() && !is_needed && varying > kDefaultBoxInputs) return;
  v1::SamplingBoxSpec& boxes = *spec.mutable_boxes();
  if (!boxes.has_tolerance()) boxes.set_tolerance(kDefaultBoxTolerance);
  if (!boxes.has_max_boxes()) {
    boxes.set_max_boxes(varying > sampling::kMaxBoxInputs ? 0 : kDefaultBoxes);
  }
  RequirePositive("spec.boxes.tolerance", boxes.tolerance());
  RequireBetween("spec.boxes.max_boxes", boxes.max_boxes(), 0, kMaxBoxes);
  if (boxes.max_boxes() > 0 && varying > sampling::kMaxBoxInputs) {
    ThrowOutOfRange("spec.boxes.max_boxes", "0, because more than " + most + " inputs vary",
                    std::to_string(boxes.max_boxes()));
  }
  if (is_needed && boxes.max_boxes() == 0) {
    throw InvalidArgument("NOT_APPLICABLE", RuleField(rule) + ".closed_share",
                          "expected unset, because spec.boxes.max_boxes is 0; allow some boxes");
  }
}

// The part of a spec that may change later, too.
void FillChangeable(const v1::Schema& schema, v1::SamplingSpec& spec) {
  FillStrategy(spec);
  FillGoal(schema, spec);
  if (!spec.has_round_fraction()) spec.set_round_fraction(kDefaultRoundFraction);
  if (!(spec.round_fraction() > 0 && spec.round_fraction() <= 1)) {
    ThrowOutOfRange("spec.round_fraction", "more than 0 and at most 1",
                    Text(spec.round_fraction()));
  }
  if (spec.stop_rules_size() > kMaxStopRules) {
    ThrowOutOfRange("spec.stop_rules", "at most " + std::to_string(kMaxStopRules) + " rules",
                    std::to_string(spec.stop_rules_size()));
  }
  for (int i = 0; i < spec.stop_rules_size(); ++i) CheckRule(spec.stop_rules(i), RuleField(i));
  FillBoxes(spec);
}

void FillUmBridge(const std::string& allowed_hosts, v1::SamplingSpec& spec) {
  if (!spec.has_um_bridge()) return;
  if (!spec.program().empty()) {
    throw InvalidArgument("NOT_APPLICABLE", "spec.um_bridge",
                          "expected unset, because spec.program is set; unset one of them");
  }
  v1::UmBridge& um_bridge = *spec.mutable_um_bridge();
  if (um_bridge.model().empty()) um_bridge.set_model("forward");
  RequireToken(um_bridge.model(), "spec.um_bridge.model");
  if (um_bridge.urls_size() < 1 || um_bridge.urls_size() > kMaxUrls) {
    ThrowOutOfRange("spec.um_bridge.urls", "1 to " + std::to_string(kMaxUrls) + " URLs",
                    std::to_string(um_bridge.urls_size()));
  }
  RequireAllowedHosts(um_bridge, allowed_hosts);
}

// With the checks of training, whose fields are one level deeper here.
void FillTraining(const v1::Schema& schema, v1::SamplingSpec& spec) {
  try {
    if (IsAutomatic(spec.training())) {
      spec.mutable_training()->set_kind(v1::TrainingSpec::KIND_AUTO);
      if (!spec.training().has_effort()) spec.mutable_training()->set_effort(kDefaultEffort);
    }
    if (spec.training().kind() == v1::TrainingSpec::KIND_NETWORK &&
        spec.training().optimizer() == v1::TrainingSpec::OPTIMIZER_UNSPECIFIED) {
      spec.mutable_training()->set_optimizer(v1::TrainingSpec::OPTIMIZER_LEVENBERG_MARQUARDT);
    }
    if (!IsSelection(spec.training())) {
      throw InvalidArgument("NOT_APPLICABLE", "spec.optimizer",
                            "expected levenberg-marquardt, lbfgs or hybrid, because Adam alone is "
                            "for many samples; choose one of these, or KIND_AUTO");
    }
    train::CheckSelection(ToSelectionOptions(spec.training(), schema), schema.inputs_size(),
                          schema.outputs_size(), spec.initial_points());
  } catch (const Error& error) {
    constexpr std::string_view kSpec = "spec";
    if (!error.field().starts_with(kSpec)) throw;
    throw WithField(error, "spec.training" + error.field().substr(kSpec.size()));
  }
}

}  // namespace

void RequireAllowedHosts(const v1::UmBridge& um_bridge, const std::string& um_bridge_hosts) {
  const std::vector<std::string> allowed = absl::StrSplit(um_bridge_hosts, ',');
  for (int i = 0; i < um_bridge.urls_size(); ++i) {
    const std::string field = "spec.um_bridge.urls[" + std::to_string(i) + "]";
    const std::string host = ParseHttpUrl(um_bridge.urls(i), field).Authority();
    if (std::ranges::find(allowed, host) != allowed.end()) continue;
    throw FailedPrecondition("HOST_NOT_ALLOWED", field,
                             "expected a host among the server's um-bridge-hosts, got \"" + host +
                                 "\"; ask the operator to add it");
  }
}

v1::SamplingSpec CompleteSpec(const v1::SamplingSpec& given, const v1::Schema& schema,
                              const std::string& um_bridge_hosts) {
  v1::SamplingSpec spec = given;
  FillUmBridge(um_bridge_hosts, spec);
  FillDomain(schema, spec);
  FillChangeable(schema, spec);
  if (!spec.has_initial_points()) spec.set_initial_points(4 + 4 * schema.inputs_size());
  if (!spec.has_jacobian()) spec.set_jacobian(true);
  if (!spec.has_value_cost()) spec.set_value_cost(1);
  if (!spec.has_jacobian_cost()) spec.set_jacobian_cost(1);
  if (!spec.has_lease_seconds()) spec.set_lease_seconds(kDefaultLeaseSeconds);
  if (!spec.has_max_attempts()) spec.set_max_attempts(kDefaultAttempts);
  if (!spec.has_seed()) spec.set_seed(1);
  RequireBetween("spec.initial_points", spec.initial_points(), 1, 1e6);
  RequireNotNegative("spec.value_cost", spec.value_cost());
  RequireNotNegative("spec.jacobian_cost", spec.jacobian_cost());
  RequireBetween("spec.lease_seconds", spec.lease_seconds(), 1, 604800);
  RequireBetween("spec.max_attempts", spec.max_attempts(), 1, 100);
  if (spec.constraints_size() > kMaxConstraints) {
    ThrowOutOfRange("spec.constraints", "at most " + std::to_string(kMaxConstraints) + " of them",
                    std::to_string(spec.constraints_size()));
  }
  FillTraining(schema, spec);
  return spec;
}

v1::SamplingSpec ChangeSpec(const v1::SamplingSpec& spec, const v1::SamplingChange& change,
                            const google::protobuf::FieldMask& mask, const v1::Schema& schema) {
  std::set<std::string> paths(mask.paths().begin(), mask.paths().end());
  if (paths.empty()) {
    if (change.stop_rules_size() > 0) paths.insert("stop_rules");
    if (change.strategy() != v1::SamplingSpec::STRATEGY_UNSPECIFIED) paths.insert("strategy");
    if (change.has_goal()) paths.insert("goal");
    if (change.has_boxes()) paths.insert("boxes");
    if (change.has_round_fraction()) paths.insert("round_fraction");
  }
  if (paths.empty()) {
    throw InvalidArgument("REQUIRED", "spec", "expected something to change, got nothing");
  }
  v1::SamplingSpec changed = spec;
  for (const std::string& path : paths) {
    if (path == "stop_rules") {
      *changed.mutable_stop_rules() = change.stop_rules();
    } else if (path == "strategy") {
      changed.set_strategy(change.strategy());
    } else if (path == "goal") {
      *changed.mutable_goal() = change.goal();
    } else if (path == "boxes") {
      changed.clear_boxes();
      if (change.has_boxes()) *changed.mutable_boxes() = change.boxes();
    } else if (path == "round_fraction") {
      changed.clear_round_fraction();
      if (change.has_round_fraction()) changed.set_round_fraction(change.round_fraction());
    } else {
      throw InvalidArgument("UNKNOWN_FIELD", "update_mask",
                            "expected stop_rules, strategy, goal, boxes or round_fraction, got \"" +
                                path + "\"; start another job to change more");
    }
  }
  FillChangeable(schema, changed);
  return changed;
}

v1::SamplingChange ChangeableOf(const v1::SamplingSpec& spec) {
  v1::SamplingChange change;
  *change.mutable_stop_rules() = spec.stop_rules();
  change.set_strategy(spec.strategy());
  *change.mutable_goal() = spec.goal();
  if (spec.has_boxes()) *change.mutable_boxes() = spec.boxes();
  change.set_round_fraction(spec.round_fraction());
  return change;
}

double EvaluationCost(const v1::SamplingSpec& spec) {
  return spec.value_cost() + (spec.jacobian() ? spec.jacobian_cost() : 0);
}

double SpentCost(const SamplingPointCounts& counts, const v1::SamplingSpec& spec) {
  return static_cast<double>(counts.attempts - counts.leased) * EvaluationCost(spec);
}

v1::SamplingCounts ToProto(const SamplingPointCounts& counts) {
  v1::SamplingCounts proto;
  proto.set_queued(counts.queued);
  proto.set_leased(counts.leased);
  proto.set_done(counts.done);
  proto.set_infeasible(counts.infeasible);
  proto.set_failed(counts.failed);
  return proto;
}

v1::SamplingPoint ToProto(const SamplingPointRecord& point, Index m) {
  v1::SamplingPoint proto;
  proto.set_id(point.id);
  proto.mutable_x()->Add(point.x.begin(), point.x.end());
  proto.set_state(static_cast<v1::SamplingPoint::State>(point.state));
  proto.set_space_filling(point.space_filling);
  proto.set_round(static_cast<std::int32_t>(point.round));
  proto.set_worker(point.worker);
  proto.set_attempt(static_cast<std::int32_t>(point.attempt));
  if (point.state == SamplingPointState::kLeased) {
    *proto.mutable_lease_expire_time() = ToTimestamp(point.expire_micros);
  }
  proto.set_reason(point.reason);
  if (point.state == SamplingPointState::kDone) {
    proto.mutable_y()->Resize(static_cast<int>(m), std::numeric_limits<double>::quiet_NaN());
    const v1::SampleBlock row = ParseRow(point.result);
    if (row.has_y()) {
      std::memcpy(proto.mutable_y()->mutable_data(), row.y().data().data(),
                  std::min(row.y().data().size(), static_cast<std::size_t>(m) * sizeof(double)));
    }
  }
  return proto;
}

}  // namespace sobolev::server
