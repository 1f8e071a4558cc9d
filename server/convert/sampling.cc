#include "server/convert/sampling.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/strings/str_split.h>

#include "engine/base/error.h"
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
  const bool has_any = rule.has_evaluations() || rule.has_cost() || rule.has_value_error() ||
                       rule.has_gradient_error() || rule.has_seconds() || rule.has_stale_rounds();
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
  switch (spec.strategy()) {
    case v1::SamplingSpec::STRATEGY_UNSPECIFIED:
      spec.set_strategy(v1::SamplingSpec::STRATEGY_ADAPTIVE);
      break;
    case v1::SamplingSpec::STRATEGY_ADAPTIVE:
    case v1::SamplingSpec::STRATEGY_SPACE_FILLING:
      break;
    default:
      throw InvalidArgument("UNKNOWN_ENUM_VALUE", "spec.strategy",
                            "expected adaptive or space-filling, got number " +
                                std::to_string(static_cast<int>(spec.strategy())));
  }
  if (!spec.has_initial_points()) spec.set_initial_points(4 + 4 * schema.inputs_size());
  if (!spec.has_round_fraction()) spec.set_round_fraction(kDefaultRoundFraction);
  if (!spec.has_jacobian()) spec.set_jacobian(true);
  if (!spec.has_value_cost()) spec.set_value_cost(1);
  if (!spec.has_jacobian_cost()) spec.set_jacobian_cost(1);
  if (!spec.has_lease_seconds()) spec.set_lease_seconds(kDefaultLeaseSeconds);
  if (!spec.has_max_attempts()) spec.set_max_attempts(kDefaultAttempts);
  if (!spec.has_seed()) spec.set_seed(1);
  RequireBetween("spec.initial_points", spec.initial_points(), 1, 1e6);
  if (!(spec.round_fraction() > 0 && spec.round_fraction() <= 1)) {
    ThrowOutOfRange("spec.round_fraction", "more than 0 and at most 1",
                    Text(spec.round_fraction()));
  }
  RequireNotNegative("spec.value_cost", spec.value_cost());
  RequireNotNegative("spec.jacobian_cost", spec.jacobian_cost());
  RequireBetween("spec.lease_seconds", spec.lease_seconds(), 1, 604800);
  RequireBetween("spec.max_attempts", spec.max_attempts(), 1, 100);
  if (spec.stop_rules_size() > kMaxStopRules) {
    ThrowOutOfRange("spec.stop_rules", "at most " + std::to_string(kMaxStopRules) + " rules",
                    std::to_string(spec.stop_rules_size()));
  }
  if (spec.constraints_size() > kMaxConstraints) {
    ThrowOutOfRange("spec.constraints", "at most " + std::to_string(kMaxConstraints) + " of them",
                    std::to_string(spec.constraints_size()));
  }
  for (int i = 0; i < spec.stop_rules_size(); ++i) {
    CheckRule(spec.stop_rules(i), "spec.stop_rules[" + std::to_string(i) + "]");
  }
  FillTraining(schema, spec);
  return spec;
}

double EvaluationCost(const v1::SamplingSpec& spec) {
  return spec.value_cost() + (spec.jacobian() ? spec.jacobian_cost() : 0);
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
