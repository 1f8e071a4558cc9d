#include "server/jobs/sampling_rules.h"

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>

#include <gtest/gtest.h>

namespace sobolev::server {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

using Rules = google::protobuf::RepeatedPtrField<v1::StopRule>;
using Rounds = google::protobuf::RepeatedPtrField<v1::SamplingRound>;

Rules MakeRules(std::initializer_list<std::function<void(v1::StopRule&)>> conditions) {
  Rules rules;
  for (const auto& set : conditions) set(*rules.Add());
  return rules;
}

// Rounds with these errors of values, and gradients ten times as wrong.
Rounds MakeRounds(std::initializer_list<double> value_errors) {
  Rounds rounds;
  for (const double error : value_errors) {
    v1::SamplingRound& round = *rounds.Add();
    round.set_value_error(error);
    round.set_gradient_error(10 * error);
  }
  return rounds;
}

TEST(HoldingRuleTest, WithoutRulesNoneHolds) {
  EXPECT_EQ(
      HoldingRule({}, {.evaluations = 1'000'000, .cost = 1e300, .seconds = 1e300}, MakeRounds({0})),
      std::nullopt);
}

TEST(HoldingRuleTest, CountsCostsAndTimesAreReached) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) { rule.set_evaluations(10); },
                                 [](v1::StopRule& rule) { rule.set_cost(2.5); },
                                 [](v1::StopRule& rule) { rule.set_seconds(60); }});
  EXPECT_EQ(HoldingRule(rules, {.evaluations = 9, .cost = 2.4, .seconds = 59}, {}), std::nullopt);
  EXPECT_EQ(HoldingRule(rules, {.evaluations = 10}, {}), 0);
  EXPECT_EQ(HoldingRule(rules, {.cost = 2.5}, {}), 1);
  EXPECT_EQ(HoldingRule(rules, {.seconds = 60}, {}), 2);
  // The first of those that hold.
  EXPECT_EQ(HoldingRule(rules, {.evaluations = 11, .cost = 3, .seconds = 61}, {}), 0);
  EXPECT_EQ(HoldingRule(rules, {.evaluations = 9, .cost = 3, .seconds = 61}, {}), 1);
}

TEST(HoldingRuleTest, ClosedBoxesAreThoseOfTheLastRound) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) { rule.set_closed_share(0.75); }});
  EXPECT_EQ(HoldingRule(rules, {}, {}), std::nullopt);
  Rounds rounds = MakeRounds({0.1, 0.1});
  EXPECT_EQ(HoldingRule(rules, {}, rounds), std::nullopt);
  v1::ClosedShare& closed = *rounds[1].mutable_closed();
  closed.set_constant(0.25);
  closed.set_linear(0.125);
  closed.set_quadratic(0.25);
  EXPECT_EQ(HoldingRule(rules, {}, rounds), std::nullopt);
  closed.set_quadratic(0.375);
  EXPECT_EQ(HoldingRule(rules, {}, rounds), 0);
  EXPECT_EQ(EvaluationsLeft(rules, {}, 1), std::nullopt);
}

TEST(HoldingRuleTest, RoundsWithoutABetterValueAreStale) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) { rule.set_stale_rounds(2); }});
  const auto holds = [&](std::initializer_list<double> values, std::int32_t changed_at) {
    // Errors that would be stale themselves.
    Rounds rounds;
    for (const double value : values) {
      v1::SamplingRound& round = *rounds.Add();
      round.set_value_error(1);
      round.set_revision(rounds.size() > changed_at ? 1 : 0);
      round.mutable_best()->set_value(value);
    }
    return HoldingRule(rules, {}, rounds).has_value();
  };
  constexpr std::int32_t kNever = 100;
  EXPECT_FALSE(holds({5}, kNever));
  EXPECT_FALSE(holds({5, 5}, kNever));
  EXPECT_TRUE(holds({5, 5, 5}, kNever));
  EXPECT_FALSE(holds({5, 4, 3, 2}, kNever));
  EXPECT_FALSE(holds({5, 4, 3.9, 3.8}, kNever));
  EXPECT_TRUE(holds({5, 4, 3.999, 3.998}, kNever));
  EXPECT_FALSE(holds({5, 4, 3.999, 3.998, 3.98}, kNever));  // By little each, but in all.
  EXPECT_TRUE(holds({-5, -4, -4, -4}, kNever));             // A maximum.
  EXPECT_FALSE(holds({5, 5, 5}, 1));
  EXPECT_TRUE(holds({9, 5, 5, 5}, 1));
}

TEST(HoldingRuleTest, ErrorsAreThoseOfTheLastRound) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) { rule.set_value_error(0.1); },
                                 [](v1::StopRule& rule) { rule.set_gradient_error(0.1); }});
  EXPECT_EQ(HoldingRule(rules, {}, {}), std::nullopt);
  EXPECT_EQ(HoldingRule(rules, {}, MakeRounds({0.05, 0.2})), std::nullopt);
  EXPECT_EQ(HoldingRule(rules, {}, MakeRounds({0.2, 0.1})), 0);
  EXPECT_EQ(HoldingRule(rules, {}, MakeRounds({0.2, 0.01})), 0);
  Rounds good_gradient = MakeRounds({0.2});
  good_gradient[0].set_gradient_error(0.1);
  EXPECT_EQ(HoldingRule(rules, {}, good_gradient), 1);
}

TEST(HoldingRuleTest, ErrorsFromFewSamplesNeedTwoRoundsOfATenth) {
  const Rules rules = MakeRules({[](auto& rule) { rule.set_value_error(0.1); },
                                 [](auto& rule) { rule.set_gradient_error(0.1); }});
  const auto few = [](std::initializer_list<double> value_errors) {
    Rounds rounds = MakeRounds(value_errors);
    for (v1::SamplingRound& round : rounds) round.set_few_samples(true);
    return rounds;
  };
  EXPECT_EQ(HoldingRule(rules, {}, few({0.001})), std::nullopt);
  EXPECT_EQ(HoldingRule(rules, {}, few({kNan, 0.001})), std::nullopt);
  EXPECT_EQ(HoldingRule(rules, {}, few({0.05, 0.001})), std::nullopt);
  EXPECT_EQ(HoldingRule(rules, {}, few({0.001, 0.05})), std::nullopt);
  EXPECT_EQ(HoldingRule(rules, {}, few({0.01, 0.001})), 0);
  EXPECT_EQ(HoldingRule(rules, {}, few({1e-9})), 0);
  Rounds gradients = few({0.05, 0.05});
  for (v1::SamplingRound& round : gradients) round.set_gradient_error(0.01);
  EXPECT_EQ(HoldingRule(rules, {}, gradients), 1);
  const Rules values = MakeRules({[](auto& rule) { rule.set_value_error(0.1); }});
  EXPECT_EQ(StopFraction(values, {}, MakeRounds({1, 0.05})), 1);
  EXPECT_EQ(StopFraction(values, {}, few({0.001})), 0);
  EXPECT_LT(StopFraction(values, {}, few({1, 0.05, 0.05})), 1);
}

TEST(HoldingRuleTest, AnUnknownErrorIsNotSmall) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) { rule.set_value_error(1e300); },
                                 [](v1::StopRule& rule) { rule.set_gradient_error(1e300); }});
  EXPECT_EQ(HoldingRule(rules, {}, MakeRounds({1, kNan})), std::nullopt);
}

TEST(HoldingRuleTest, AllConditionsOfARuleMustHold) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) {
    rule.set_evaluations(10);
    rule.set_cost(5);
    rule.set_value_error(0.1);
    rule.set_gradient_error(1);
    rule.set_seconds(60);
    rule.set_stale_rounds(1);
  }});
  const SamplingStatus enough{.evaluations = 10, .cost = 5, .seconds = 60};
  const Rounds good = MakeRounds({0.1, 0.1});
  EXPECT_EQ(HoldingRule(rules, enough, good), 0);
  EXPECT_EQ(HoldingRule(rules, {.evaluations = 9, .cost = 5, .seconds = 60}, good), std::nullopt);
  EXPECT_EQ(HoldingRule(rules, {.evaluations = 10, .cost = 4, .seconds = 60}, good), std::nullopt);
  EXPECT_EQ(HoldingRule(rules, {.evaluations = 10, .cost = 5, .seconds = 59}, good), std::nullopt);
  EXPECT_EQ(HoldingRule(rules, enough, MakeRounds({0.1, 0.2})), std::nullopt);
  EXPECT_EQ(HoldingRule(rules, enough, MakeRounds({0.2, 0.1})), std::nullopt);  // Not stale.
  Rounds steep = good;
  steep[1].set_gradient_error(1.1);
  EXPECT_EQ(HoldingRule(rules, enough, steep), std::nullopt);
}

std::optional<int> HoldsWhenStale(int stale_rounds, std::initializer_list<double> errors) {
  const auto set = [=](v1::StopRule& rule) { rule.set_stale_rounds(stale_rounds); };
  return HoldingRule(MakeRules({set}), {}, MakeRounds(errors));
}

TEST(HoldingRuleTest, RoundsAreStaleUntilOneLowersTheBestErrorByATenth) {
  EXPECT_EQ(HoldsWhenStale(1, {}), std::nullopt);
  EXPECT_EQ(HoldsWhenStale(1, {1}), std::nullopt);
  EXPECT_EQ(HoldsWhenStale(1, {1, 0.95}), 0);
  EXPECT_EQ(HoldsWhenStale(1, {1, 0.89}), std::nullopt);
  EXPECT_EQ(HoldsWhenStale(2, {1, 0.95}), std::nullopt);
  EXPECT_EQ(HoldsWhenStale(2, {1, 0.95, 0.92}), 0);
  // Small gains add up against the best.
  EXPECT_EQ(HoldsWhenStale(2, {1, 0.95, 0.89}), std::nullopt);
  EXPECT_EQ(HoldsWhenStale(2, {1, 0.5, 2, 0.46}), 0);
  EXPECT_EQ(HoldsWhenStale(2, {1, 0.5, 2, 0.44, 1}), std::nullopt);
}

TEST(HoldingRuleTest, ARoundWithAnUnknownErrorIsNoGain) {
  EXPECT_EQ(HoldsWhenStale(1, {1, kNan}), 0);
  EXPECT_EQ(HoldsWhenStale(2, {kNan, 1, kNan}), std::nullopt);
  EXPECT_EQ(HoldsWhenStale(2, {kNan, 1, kNan, kNan}), 0);
}

// ---- What is left ------------------------------------------------------------------------------

// Errors below the noise cannot be asked for; those above it, budgets and other rules can.
TEST(RuleAtNoiseTest, ErrorsBelowTheNoiseEndTheJobOnceTheNoiseIsReached) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) { rule.set_evaluations(10); },
                                 [](v1::StopRule& rule) {
                                   rule.set_value_error(0.01);
                                   rule.set_seconds(60);
                                 }});
  Rounds rounds = MakeRounds({0.3, 0.11});
  EXPECT_EQ(RuleAtNoise(rules, {.seconds = 60}, rounds), std::nullopt);
  rounds[1].set_value_noise(0.1);
  EXPECT_EQ(RuleAtNoise(rules, {.seconds = 60}, rounds), 1);
  EXPECT_EQ(RuleAtNoise(rules, {.seconds = 59}, rounds), std::nullopt);
  EXPECT_EQ(RuleAtNoise(rules, {.seconds = 60}, {}), std::nullopt);
  rounds[1].set_value_noise(0.05);
  EXPECT_EQ(RuleAtNoise(rules, {.seconds = 60}, rounds), std::nullopt);
}

// The noise of gradients is not known: they are at it when they do not become better.
TEST(RuleAtNoiseTest, GradientsAreAtTheirNoiseWhenTheyStay) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) { rule.set_gradient_error(0.01); }});
  Rounds rounds = MakeRounds({0.1, 0.1, 0.1});
  rounds[2].set_value_noise(0.1);
  EXPECT_EQ(RuleAtNoise(rules, {}, rounds), std::nullopt);
  rounds = MakeRounds({0.1, 0.1, 0.1, 0.1});
  rounds[3].set_value_noise(0.1);
  EXPECT_EQ(RuleAtNoise(rules, {}, rounds), 0);
}

TEST(EvaluationsLeftTest, OnlyRulesOfCountsAndCostsTell) {
  EXPECT_EQ(EvaluationsLeft({}, {}, 1), std::nullopt);
  const Rules others = MakeRules({[](v1::StopRule& rule) { rule.set_value_error(0.1); },
                                  [](v1::StopRule& rule) { rule.set_gradient_error(0.1); },
                                  [](v1::StopRule& rule) { rule.set_seconds(1); },
                                  [](v1::StopRule& rule) { rule.set_stale_rounds(1); },
                                  // Goes on until it is good, however many that takes.
                                  [](v1::StopRule& rule) {
                                    rule.set_evaluations(1);
                                    rule.set_value_error(0.1);
                                  }});
  EXPECT_EQ(EvaluationsLeft(others, {.evaluations = 5}, 1), std::nullopt);
}

TEST(EvaluationsLeftTest, TheFirstRuleToHoldCounts) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) { rule.set_evaluations(10); },
                                 [](v1::StopRule& rule) { rule.set_cost(12); }});
  EXPECT_EQ(EvaluationsLeft(rules, {}, 1), 10);
  EXPECT_EQ(EvaluationsLeft(rules, {}, 2), 6);
  EXPECT_EQ(EvaluationsLeft(rules, {.evaluations = 7, .cost = 7}, 1), 3);
  EXPECT_EQ(EvaluationsLeft(rules, {.evaluations = 3, .cost = 9}, 2), 2);  // 1.5 are no whole ones.
  EXPECT_EQ(EvaluationsLeft(rules, {.evaluations = 10, .cost = 10}, 1), 0);
  EXPECT_EQ(EvaluationsLeft(rules, {.evaluations = 20, .cost = 90}, 1), 0);
}

TEST(EvaluationsLeftTest, BothConditionsOfARuleMustBeReached) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) {
    rule.set_evaluations(10);
    rule.set_cost(12);
  }});
  EXPECT_EQ(EvaluationsLeft(rules, {}, 1), 12);
  EXPECT_EQ(EvaluationsLeft(rules, {}, 2), 10);
  EXPECT_EQ(EvaluationsLeft(rules, {.evaluations = 10, .cost = 4}, 2), 4);
  EXPECT_EQ(EvaluationsLeft(rules, {.evaluations = 4, .cost = 20}, 2), 6);
}

// What costs nothing never uses up a budget.
TEST(EvaluationsLeftTest, FreeEvaluationsAreNotLimitedByCosts) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) { rule.set_cost(5); }});
  EXPECT_EQ(EvaluationsLeft(rules, {}, 0), std::nullopt);
  EXPECT_EQ(EvaluationsLeft(rules, {.cost = 5}, 0), std::nullopt);
  EXPECT_EQ(EvaluationsLeft(rules, {.cost = 6}, 0), std::nullopt);
  EXPECT_EQ(EvaluationsLeft(rules, {}, 1e-300), std::nullopt);
  const Rules both = MakeRules({[](v1::StopRule& rule) { rule.set_cost(5); },
                                [](v1::StopRule& rule) { rule.set_evaluations(3); }});
  EXPECT_EQ(EvaluationsLeft(both, {}, 0), 3);
}

TEST(EvaluationsLeftTest, HugeNumbersAreTaken) {
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  const Rules rules = MakeRules({[](v1::StopRule& rule) { rule.set_evaluations(kMost); },
                                 [](v1::StopRule& rule) { rule.set_cost(1e308); }});
  EXPECT_EQ(EvaluationsLeft(rules, {}, 1e-10), kMost);
  EXPECT_EQ(EvaluationsLeft(rules, {.evaluations = 1, .cost = 1e308}, 1e308), 0);
}

TEST(StopFractionTest, IsThatOfTheFarthestRule) {
  EXPECT_EQ(StopFraction({}, {.evaluations = 100, .cost = 100, .seconds = 100}, {}), 0);
  const Rules rules = MakeRules({[](v1::StopRule& rule) { rule.set_evaluations(10); },
                                 [](v1::StopRule& rule) { rule.set_cost(8); },
                                 [](v1::StopRule& rule) { rule.set_seconds(60); }});
  EXPECT_EQ(StopFraction(rules, {}, {}), 0);
  EXPECT_DOUBLE_EQ(StopFraction(rules, {.evaluations = 5, .cost = 2, .seconds = 6}, {}), 0.5);
  EXPECT_DOUBLE_EQ(StopFraction(rules, {.evaluations = 5, .cost = 6, .seconds = 6}, {}), 0.75);
  EXPECT_EQ(StopFraction(rules, {.evaluations = 5, .cost = 6, .seconds = 66}, {}), 1);
}

TEST(StopFractionTest, ARuleIsAsFarAsTheLeastOfItsConditions) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) {
    rule.set_evaluations(10);
    rule.set_cost(8);
    rule.set_stale_rounds(3);
  }});
  EXPECT_DOUBLE_EQ(StopFraction(rules, {.evaluations = 5, .cost = 2}, {}), 0.25);
  EXPECT_EQ(StopFraction(MakeRules({[](v1::StopRule& rule) { rule.set_stale_rounds(1); }}), {},
                         MakeRounds({1, 1, 1})),
            0);
}

// Two decades of four, then three; an error that is larger again takes nothing back.
TEST(StopFractionTest, ErrorsCountByDecades) {
  const Rules value = MakeRules({[](v1::StopRule& rule) { rule.set_value_error(1e-4); }});
  EXPECT_EQ(StopFraction(value, {}, {}), 0);
  EXPECT_EQ(StopFraction(value, {}, MakeRounds({kNan})), 0);
  EXPECT_EQ(StopFraction(value, {}, MakeRounds({kNan, 1})), 0);
  EXPECT_NEAR(StopFraction(value, {}, MakeRounds({kNan, 1, 1e-2})), 0.5, 1e-12);
  EXPECT_NEAR(StopFraction(value, {}, MakeRounds({1, 1e-2, 1e-3, 0.1, kNan})), 0.75, 1e-12);
  EXPECT_EQ(StopFraction(value, {}, MakeRounds({1, 1e-5})), 1);
  EXPECT_EQ(StopFraction(value, {}, MakeRounds({1e-5})), 1);
  const Rules gradient = MakeRules({[](v1::StopRule& rule) { rule.set_gradient_error(1e-3); }});
  EXPECT_NEAR(StopFraction(gradient, {}, MakeRounds({1, 1e-2})), 0.5, 1e-12);
}

TEST(StopFractionTest, ClosedBoxesCountByTheirVolume) {
  const Rules rules = MakeRules({[](v1::StopRule& rule) { rule.set_closed_share(0.8); }});
  Rounds rounds = MakeRounds({0.1, 0.1});
  rounds[0].mutable_closed()->set_linear(0.4);
  EXPECT_DOUBLE_EQ(StopFraction(rules, {}, rounds), 0.5);
  rounds[1].mutable_closed()->set_constant(0.9);
  EXPECT_EQ(StopFraction(rules, {}, rounds), 1);
}

}  // namespace
}  // namespace sobolev::server
