#include "server/jobs/sampling_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/sampling/model_error.h"

namespace sobolev::server {
namespace {

using Rules = google::protobuf::RepeatedPtrField<v1::StopRule>;
using Rounds = google::protobuf::RepeatedPtrField<v1::SamplingRound>;
using ErrorOf = double (v1::SamplingRound::*)() const;

// A round is a gain if it lowers the best error by this share.
constexpr double kGain = 0.1;
// A better value is a gain if it is better by this share of all that was gained before.
constexpr double kValueGain = 0.01;
// Errors are those of noise if they are at most so many times as large.
constexpr double kAtNoise = 1.25;
// Rounds without a lower error of gradients, whose noise is not known.
constexpr std::int64_t kStaleGradients = 3;
// More is as good as no limit.
constexpr double kManyEvaluations = 1e15;

// Of round k.
double BelievedError(const Rounds& rounds, int k, ErrorOf error) {
  const double before = k > 0 ? (rounds[k - 1].*error)() : std::numeric_limits<double>::quiet_NaN();
  return sampling::BelievedError((rounds[k].*error)(), before, rounds[k].few_samples());
}

// Rounds since the last gain of a least or greatest value, under the last revision.
std::int64_t RoundsWithoutBetter(const Rounds& rounds) {
  const std::int32_t revision = rounds[rounds.size() - 1].revision();
  std::int64_t stale = 0;
  std::optional<double> first;
  double last_gain = 0;
  for (const v1::SamplingRound& round : rounds) {
    if (round.revision() != revision || !round.has_best()) continue;
    const double value = round.best().value();
    if (!first) {
      first = last_gain = value;
    } else if (std::abs(value - last_gain) > kValueGain * std::abs(last_gain - *first)) {
      last_gain = value;
      stale = 0;
    } else {
      ++stale;
    }
  }
  return stale;
}

// Rounds since the last gain.
std::int64_t StaleRounds(const Rounds& rounds, ErrorOf error) {
  double best = std::numeric_limits<double>::infinity();
  std::int64_t stale = 0;
  for (const v1::SamplingRound& round : rounds) {
    if ((round.*error)() <= best * (1 - kGain)) {
      best = (round.*error)();
      stale = 0;
    } else {
      ++stale;
    }
  }
  return stale;
}

std::int64_t StaleValues(const Rounds& rounds) {
  if (!rounds.empty() && rounds[rounds.size() - 1].has_best()) return RoundsWithoutBetter(rounds);
  return StaleRounds(rounds, &v1::SamplingRound::value_error);
}

double ClosedShare(const v1::SamplingRound& round) {
  const v1::ClosedShare& closed = round.closed();
  return closed.constant() + closed.linear() + closed.quadratic();
}

// The part of the decades between the error of the first round that knows it and the target that
// the best round has behind it.
double ErrorFraction(const Rounds& rounds, ErrorOf error, double target) {
  std::optional<double> first;
  double best = std::numeric_limits<double>::infinity();
  for (int k = 0; k < rounds.size(); ++k) {
    const double value = BelievedError(rounds, k, error);
    if (!std::isfinite(value)) continue;
    if (!first) first = value;
    best = std::min(best, value);
  }
  if (best <= target) return 1;
  return first ? std::log(*first / best) / std::log(*first / target) : 0;
}

double ClosedFraction(const Rounds& rounds, double target) {
  double most = 0;
  for (const v1::SamplingRound& round : rounds) most = std::max(most, ClosedShare(round));
  return most / target;
}

double FractionOf(const v1::StopRule& rule, const SamplingStatus& status, const Rounds& rounds) {
  double least = std::numeric_limits<double>::infinity();
  const auto need = [&least](double fraction) { least = std::min(least, fraction); };
  if (rule.has_evaluations()) {
    need(static_cast<double>(status.evaluations) / static_cast<double>(rule.evaluations()));
  }
  if (rule.has_cost()) need(status.cost / rule.cost());
  if (rule.has_seconds()) need(status.seconds / rule.seconds());
  if (rule.has_closed_share()) need(ClosedFraction(rounds, rule.closed_share()));
  if (rule.has_value_error()) {
    need(ErrorFraction(rounds, &v1::SamplingRound::value_error, rule.value_error()));
  }
  if (rule.has_gradient_error()) {
    need(ErrorFraction(rounds, &v1::SamplingRound::gradient_error, rule.gradient_error()));
  }
  return std::isinf(least) ? 0 : std::clamp(least, 0.0, 1.0);
}

bool Holds(const v1::StopRule& rule, const SamplingStatus& status, const Rounds& rounds) {
  const v1::SamplingRound* last = rounds.empty() ? nullptr : &rounds[rounds.size() - 1];
  if (rule.has_evaluations() && status.evaluations < rule.evaluations()) return false;
  if (rule.has_cost() && status.cost < rule.cost()) return false;
  if (rule.has_seconds() && status.seconds < rule.seconds()) return false;
  if (rule.has_stale_rounds() && StaleValues(rounds) < rule.stale_rounds()) return false;
  if (rule.has_closed_share() && (last == nullptr || ClosedShare(*last) < rule.closed_share())) {
    return false;
  }
  // NaN, an unknown error, is not small.
  const auto shows = [&](ErrorOf error, double target) {
    return !rounds.empty() && BelievedError(rounds, rounds.size() - 1, error) <= target;
  };
  if (rule.has_value_error() && !shows(&v1::SamplingRound::value_error, rule.value_error())) {
    return false;
  }
  return !rule.has_gradient_error() ||
         shows(&v1::SamplingRound::gradient_error, rule.gradient_error());
}

}  // namespace

std::optional<int> HoldingRule(const Rules& rules, const SamplingStatus& status,
                               const Rounds& rounds) {
  for (int i = 0; i < rules.size(); ++i) {
    if (Holds(rules[i], status, rounds)) return i;
  }
  return std::nullopt;
}

std::optional<int> RuleAtNoise(const Rules& rules, const SamplingStatus& status,
                               const Rounds& rounds) {
  if (rounds.empty()) return std::nullopt;
  const v1::SamplingRound& last = rounds[rounds.size() - 1];
  if (!(last.value_noise() > 0 && last.value_error() <= kAtNoise * last.value_noise())) {
    return std::nullopt;
  }
  const bool gradients_are_stale =
      StaleRounds(rounds, &v1::SamplingRound::gradient_error) >= kStaleGradients;
  for (int i = 0; i < rules.size(); ++i) {
    if (!rules[i].has_value_error() && !rules[i].has_gradient_error()) continue;
    v1::StopRule rest = rules[i];
    rest.clear_value_error();
    if (gradients_are_stale) rest.clear_gradient_error();
    if (Holds(rest, status, rounds)) return i;
  }
  return std::nullopt;
}

double StopFraction(const Rules& rules, const SamplingStatus& status, const Rounds& rounds) {
  double most = 0;
  for (const v1::StopRule& rule : rules) most = std::max(most, FractionOf(rule, status, rounds));
  return most;
}

std::optional<std::int64_t> EvaluationsLeft(const Rules& rules, const SamplingStatus& status,
                                            double evaluation_cost) {
  std::optional<std::int64_t> least;
  for (const v1::StopRule& rule : rules) {
    if (rule.has_seconds() || rule.has_value_error() || rule.has_gradient_error() ||
        rule.has_stale_rounds() || rule.has_closed_share()) {
      continue;
    }
    std::int64_t left = 0;
    if (rule.has_evaluations()) left = rule.evaluations() - status.evaluations;
    if (rule.has_cost()) {
      const double affordable = std::max(0.0, rule.cost() - status.cost) / evaluation_cost;
      if (!(affordable < kManyEvaluations)) continue;
      left = std::max(left, static_cast<std::int64_t>(std::ceil(affordable)));
    }
    left = std::max<std::int64_t>(left, 0);
    least = least ? std::min(*least, left) : left;
  }
  return least;
}

}  // namespace sobolev::server
