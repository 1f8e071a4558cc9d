#include "server/convert/sampling.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/sampling/sobol.h"
#include "server/convert/sample_rows.h"

namespace sobolev::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kMax = std::numeric_limits<double>::max();

// Two inputs in [0, 1] and [-1, 3], two outputs.
v1::Schema MakeSchema() {
  v1::Schema schema;
  v1::Variable& a = *schema.add_inputs();
  a.set_name("a");
  a.set_lower(0);
  a.set_upper(1);
  v1::Variable& b = *schema.add_inputs();
  b.set_name("b");
  b.set_lower(-1);
  b.set_upper(3);
  for (const char* name : {"u", "v"}) schema.add_outputs()->set_name(name);
  return schema;
}

// Inputs without bounds.
v1::Schema OpenSchema(int inputs) {
  v1::Schema schema;
  for (int j = 0; j < inputs; ++j) schema.add_inputs()->set_name("x" + std::to_string(j));
  schema.add_outputs()->set_name("u");
  return schema;
}

v1::SamplingSpec Complete(const v1::SamplingSpec& spec = {},
                          const v1::Schema& schema = MakeSchema()) {
  return CompleteSpec(spec, schema, "");
}

void AddRange(double min, double max, v1::SamplingSpec& spec) {
  v1::Range& range = *spec.add_domain();
  range.set_min(min);
  range.set_max(max);
}

// ---- Defaults ----------------------------------------------------------------------------------

TEST(SamplingSpecTest, AnEmptySpecGetsEveryDefault) {
  const v1::SamplingSpec spec = Complete();
  ASSERT_EQ(spec.domain_size(), 2);
  EXPECT_EQ(spec.domain(0).min(), 0);
  EXPECT_EQ(spec.domain(0).max(), 1);
  EXPECT_EQ(spec.domain(1).min(), -1);
  EXPECT_EQ(spec.domain(1).max(), 3);
  EXPECT_EQ(spec.strategy(), v1::SamplingSpec::STRATEGY_ADAPTIVE);
  EXPECT_EQ(spec.initial_points(), 12);  // 4 + 4 n
  EXPECT_EQ(spec.round_fraction(), 0.125);
  EXPECT_TRUE(spec.jacobian());
  EXPECT_EQ(spec.value_cost(), 1);
  EXPECT_EQ(spec.jacobian_cost(), 1);
  EXPECT_EQ(spec.lease_seconds(), 600);
  EXPECT_EQ(spec.max_attempts(), 3);
  EXPECT_EQ(spec.seed(), 1U);
  EXPECT_EQ(spec.training().kind(), v1::TrainingSpec::KIND_AUTO);
  EXPECT_GT(spec.training().effort(), 0);
  EXPECT_EQ(spec.stop_rules_size(), 0);
  EXPECT_FALSE(spec.has_um_bridge());
}

TEST(SamplingSpecTest, WhatIsGivenStays) {
  v1::SamplingSpec given;
  given.set_dataset("datasets/d");
  given.set_model_id("m");
  given.set_program("programs/p");
  AddRange(0.25, 0.5, given);
  AddRange(-1, 0, given);
  given.set_strategy(v1::SamplingSpec::STRATEGY_SPACE_FILLING);
  given.set_initial_points(1);
  given.set_round_fraction(1);
  given.set_jacobian(false);
  given.set_value_cost(0);
  given.set_jacobian_cost(0);
  given.set_lease_seconds(1);
  given.set_max_attempts(100);
  given.set_seed(0);
  given.mutable_training()->set_kind(v1::TrainingSpec::KIND_POLYNOMIAL);
  given.add_stop_rules()->set_evaluations(5);
  given.mutable_goal()->set_kind(v1::SamplingGoal::KIND_SURROGATE);
  given.mutable_boxes()->set_tolerance(0.5);
  given.mutable_boxes()->set_max_boxes(7);
  EXPECT_EQ(Complete(given).SerializeAsString(), given.SerializeAsString());
}

// The default effort is that of sampling, whether the kind has its name or not.
TEST(SamplingSpecTest, TheEffortOfAnAutomaticChoiceIsSmall) {
  v1::SamplingSpec given;
  given.mutable_training()->set_huber(1.345);
  EXPECT_EQ(Complete(given).training().effort(), 0.5);
  EXPECT_EQ(Complete(given).training().kind(), v1::TrainingSpec::KIND_AUTO);
  given.mutable_training()->set_effort(2);
  EXPECT_EQ(Complete(given).training().effort(), 2);
  given.mutable_training()->clear_effort();
  given.mutable_training()->set_kind(v1::TrainingSpec::KIND_GAUSSIAN_PROCESS);
  EXPECT_FALSE(Complete(given).training().has_effort());
}

TEST(SamplingSpecTest, NetworksAreTrainedByLevenbergAndMarquardtUnlessSaidOtherwise) {
  v1::SamplingSpec given;
  given.mutable_training()->set_kind(v1::TrainingSpec::KIND_NETWORK);
  EXPECT_EQ(Complete(given).training().optimizer(),
            v1::TrainingSpec::OPTIMIZER_LEVENBERG_MARQUARDT);
  given.mutable_training()->set_optimizer(v1::TrainingSpec::OPTIMIZER_LBFGS);
  EXPECT_EQ(Complete(given).training().optimizer(), v1::TrainingSpec::OPTIMIZER_LBFGS);
}

TEST(SamplingSpecTest, CompletingACompleteSpecChangesNothing) {
  const v1::SamplingSpec spec = Complete();
  EXPECT_EQ(Complete(spec).SerializeAsString(), spec.SerializeAsString());
}

TEST(SamplingSpecTest, BoxesAreForFewInputsUnlessARuleNeedsThem) {
  const auto complete = [](int inputs, bool has_rule, int fixed) {
    v1::SamplingSpec spec;
    for (int j = 0; j < inputs; ++j) AddRange(0, 1, spec);
    for (int j = 0; j < fixed; ++j) {
      v1::SamplingInput& input = *spec.add_inputs();
      input.set_input("x" + std::to_string(j));
      input.set_fixed(0.5);
    }
    if (has_rule) spec.add_stop_rules()->set_closed_share(1);
    return Complete(spec, OpenSchema(inputs));
  };
  EXPECT_EQ(complete(3, false, 0).boxes().tolerance(), 0.01);
  EXPECT_EQ(complete(3, false, 0).boxes().max_boxes(), 1000);
  EXPECT_FALSE(complete(4, false, 0).has_boxes());
  EXPECT_TRUE(complete(4, false, 1).has_boxes());
  EXPECT_EQ(complete(10, true, 0).boxes().max_boxes(), 1000);
}

// ---- Changes -----------------------------------------------------------------------------------

TEST(ChangeSpecTest, WhatTheMaskNamesIsReplacedAndNothingElse) {
  v1::SamplingSpec given;
  given.add_stop_rules()->set_evaluations(5);
  given.set_strategy(v1::SamplingSpec::STRATEGY_SPACE_FILLING);
  given.set_round_fraction(0.5);
  const v1::SamplingSpec spec = Complete(given);
  v1::SamplingChange change;
  change.add_stop_rules()->set_cost(7);
  change.set_round_fraction(0.25);
  google::protobuf::FieldMask mask;
  mask.add_paths("stop_rules");
  mask.add_paths("strategy");
  v1::SamplingSpec wanted = spec;
  *wanted.mutable_stop_rules() = change.stop_rules();
  wanted.set_strategy(v1::SamplingSpec::STRATEGY_ADAPTIVE);  // The default.
  EXPECT_EQ(ChangeSpec(spec, change, mask, MakeSchema()).SerializeAsString(),
            wanted.SerializeAsString());
}

TEST(ChangeSpecTest, WithoutAMaskWhatIsSetIsReplaced) {
  v1::SamplingSpec spec = Complete();
  v1::SamplingChange change;
  change.mutable_goal()->set_kind(v1::SamplingGoal::KIND_MAXIMUM);
  change.mutable_goal()->set_output("v");
  change.mutable_boxes()->set_max_boxes(0);
  const v1::SamplingSpec changed = ChangeSpec(spec, change, {}, MakeSchema());
  *spec.mutable_goal() = change.goal();
  spec.mutable_boxes()->set_max_boxes(0);
  EXPECT_EQ(changed.SerializeAsString(), spec.SerializeAsString());
}

TEST(ChangeSpecTest, ChangesAreCheckedAsSpecsAre) {
  v1::SamplingSpec given;
  given.mutable_goal()->set_kind(v1::SamplingGoal::KIND_MINIMUM);
  given.mutable_goal()->set_output("u");
  const v1::SamplingSpec spec = Complete(given);
  const auto field = [&](const v1::SamplingChange& change, const char* path) -> std::string {
    google::protobuf::FieldMask mask;
    if (path != nullptr) mask.add_paths(path);
    try {
      ChangeSpec(spec, change, mask, MakeSchema());
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return error.field();
    }
    return "none";
  };
  v1::SamplingChange change;
  EXPECT_EQ(field(change, nullptr), "spec");
  EXPECT_EQ(field(change, "seed"), "update_mask");
  change.add_stop_rules();
  EXPECT_EQ(field(change, nullptr), "spec.stop_rules[0]");
  EXPECT_EQ(field(change, "goal"), "none");
  change.set_strategy(v1::SamplingSpec::STRATEGY_LOLA_VORONOI);
  EXPECT_EQ(field(change, "strategy"), "spec.goal.kind");
}

TEST(SamplingSpecTest, AnInputWithOneBoundTakesTheOtherFromTheDomain) {
  v1::Schema schema = OpenSchema(1);
  schema.mutable_inputs(0)->set_lower(2);
  v1::SamplingSpec spec;
  AddRange(2, 1e300, spec);
  EXPECT_EQ(Complete(spec, schema).domain(0).max(), 1e300);
}

TEST(SamplingSpecTest, AThousandInputsAreTaken) {
  constexpr int kInputs = 1000;
  v1::SamplingSpec spec;
  for (int j = 0; j < kInputs; ++j) AddRange(j, j + 0.5, spec);
  const v1::SamplingSpec complete = Complete(spec, OpenSchema(kInputs));
  EXPECT_EQ(complete.initial_points(), 4 + 4 * kInputs);
  EXPECT_EQ(complete.domain_size(), kInputs);
}

// ---- What is refused ---------------------------------------------------------------------------

struct BadSpec {
  std::string field;
  std::string says;
  std::function<void(v1::SamplingSpec&)> change;

  friend void PrintTo(const BadSpec& bad, std::ostream* out) {
    *out << bad.field << ": " << bad.says;
  }
};

class BadSpecTest : public testing::TestWithParam<BadSpec> {};

TEST_P(BadSpecTest, IsRefusedWithItsField) {
  v1::SamplingSpec spec;
  GetParam().change(spec);
  try {
    Complete(spec);
    FAIL() << "accepted " << spec.ShortDebugString();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
    EXPECT_EQ(error.field(), GetParam().field) << error.what();
    EXPECT_THAT(error.what(), testing::StartsWith(GetParam().field + ": expected "));
    EXPECT_THAT(error.what(), HasSubstr(GetParam().says));
  }
}

BadSpec BadDomain(const std::string& field, const std::string& says, double min, double max) {
  return {"spec.domain[1]." + field, says, [=](v1::SamplingSpec& spec) {
            AddRange(0, 1, spec);
            AddRange(min, max, spec);
          }};
}

INSTANTIATE_TEST_SUITE_P(
    Domain, BadSpecTest,
    testing::Values(BadDomain("min", "finite", kNan, 1), BadDomain("max", "finite", 0, kNan),
                    BadDomain("min", "finite", -kInf, 1), BadDomain("max", "finite", 0, kInf),
                    BadDomain("max", "more than min = 1", 1, 0),
                    BadDomain("max", "more than min = 1", 1, 1),
                    BadDomain("max", "finite distance", -kMax, kMax),
                    BadDomain("min", "at least -1, the lower bound of the schema", -1.5, 3),
                    BadDomain("max", "at most 3, the upper bound of the schema", -1, 3.5),
                    BadSpec{"spec.domain", "each of the 2 inputs, got 1",
                            [](v1::SamplingSpec& spec) { AddRange(0, 1, spec); }},
                    BadSpec{"spec.domain", "each of the 2 inputs, got 3",
                            [](v1::SamplingSpec& spec) {
                              for (int j = 0; j < 3; ++j) AddRange(0, 1, spec);
                            }}));

BadSpec BadNumber(const std::string& field, void (v1::SamplingSpec::*set)(double), double value) {
  return {"spec." + field, "", [=](v1::SamplingSpec& spec) { (spec.*set)(value); }};
}

BadSpec BadNumber(const std::string& field, void (v1::SamplingSpec::*set)(std::int32_t),
                  std::int32_t value) {
  return {"spec." + field, "got " + std::to_string(value),
          [=](v1::SamplingSpec& spec) { (spec.*set)(value); }};
}

std::vector<BadSpec> BadNumbers() {
  using Spec = v1::SamplingSpec;
  std::vector<BadSpec> bad = {
      BadNumber("initial_points", &Spec::set_initial_points, 0),
      BadNumber("initial_points", &Spec::set_initial_points, -1),
      BadNumber("initial_points", &Spec::set_initial_points, 1'000'001),
      BadNumber("max_attempts", &Spec::set_max_attempts, 0),
      BadNumber("max_attempts", &Spec::set_max_attempts, 101),
      BadNumber("round_fraction", &Spec::set_round_fraction, 0),
      BadNumber("round_fraction", &Spec::set_round_fraction, 1.0001),
      BadNumber("lease_seconds", &Spec::set_lease_seconds, 0.999),
      BadNumber("lease_seconds", &Spec::set_lease_seconds, 604801),
  };
  for (const double number : {-1.0, kNan, kInf, -kInf}) {
    bad.push_back(BadNumber("round_fraction", &Spec::set_round_fraction, number));
    bad.push_back(BadNumber("lease_seconds", &Spec::set_lease_seconds, number));
    bad.push_back(BadNumber("value_cost", &Spec::set_value_cost, number));
    bad.push_back(BadNumber("jacobian_cost", &Spec::set_jacobian_cost, number));
  }
  bad.push_back({"spec.strategy", "got number 9", [](v1::SamplingSpec& spec) {
                   spec.set_strategy(static_cast<v1::SamplingSpec::Strategy>(9));
                 }});
  return bad;
}

INSTANTIATE_TEST_SUITE_P(Numbers, BadSpecTest, testing::ValuesIn(BadNumbers()));

// In the second of two rules.
BadSpec BadRule(const std::string& condition, const std::function<void(v1::StopRule&)>& set) {
  return {"spec.stop_rules[1]" + condition, "", [=](v1::SamplingSpec& spec) {
            spec.add_stop_rules()->set_evaluations(1);
            set(*spec.add_stop_rules());
          }};
}

std::vector<BadSpec> BadRules() {
  using Rule = v1::StopRule;
  std::vector<BadSpec> bad = {
      BadRule("", [](Rule&) {}),
      BadRule(".evaluations", [](Rule& rule) { rule.set_evaluations(0); }),
      BadRule(".evaluations", [](Rule& rule) { rule.set_evaluations(-1); }),
      BadRule(".stale_rounds", [](Rule& rule) { rule.set_stale_rounds(0); }),
      BadRule(".stale_rounds", [](Rule& rule) { rule.set_stale_rounds(-1); }),
      BadRule(".closed_share", [](Rule& rule) { rule.set_closed_share(1.001); }),
  };
  for (const double number : {0.0, -1.0, kNan, kInf, -kInf}) {
    bad.push_back(BadRule(".cost", [=](Rule& rule) { rule.set_cost(number); }));
    bad.push_back(BadRule(".value_error", [=](Rule& rule) { rule.set_value_error(number); }));
    bad.push_back(BadRule(".gradient_error", [=](Rule& rule) { rule.set_gradient_error(number); }));
    bad.push_back(BadRule(".seconds", [=](Rule& rule) { rule.set_seconds(number); }));
    bad.push_back(BadRule(".closed_share", [=](Rule& rule) { rule.set_closed_share(number); }));
  }
  bad.push_back({"spec.stop_rules", "at most 16 rules, got 17", [](v1::SamplingSpec& spec) {
                   for (int i = 0; i < 17; ++i) spec.add_stop_rules()->set_evaluations(1);
                 }});
  return bad;
}

std::vector<BadSpec> BadGoalsAndBoxes() {
  using Goal = v1::SamplingGoal;
  const auto goal = [](const std::string& field, const std::string& says,
                       const std::function<void(v1::SamplingSpec&)>& set) {
    return BadSpec{"spec.goal." + field, says, set};
  };
  const auto least_u = [](v1::SamplingSpec& spec) -> Goal& {
    spec.mutable_goal()->set_kind(Goal::KIND_MINIMUM);
    spec.mutable_goal()->set_output("u");
    return *spec.mutable_goal();
  };
  return {
      goal("kind", "got number 9",
           [](v1::SamplingSpec& spec) {
             spec.mutable_goal()->set_kind(static_cast<Goal::Kind>(9));
           }),
      goal("kind", "set spec.strategy to adaptive",
           [=](v1::SamplingSpec& spec) {
             least_u(spec);
             spec.set_strategy(v1::SamplingSpec::STRATEGY_SPACE_FILLING);
           }),
      goal("output", "a surrogate is of all outputs",
           [](v1::SamplingSpec& spec) { spec.mutable_goal()->set_output("u"); }),
      goal("output", "got \"w\"", [=](v1::SamplingSpec& spec) { least_u(spec).set_output("w"); }),
      goal("level", "not a level", [=](v1::SamplingSpec& spec) { least_u(spec).set_level(1); }),
      goal("level", "got none",
           [=](v1::SamplingSpec& spec) { least_u(spec).set_kind(Goal::KIND_LEVEL); }),
      goal("level", "finite",
           [=](v1::SamplingSpec& spec) {
             least_u(spec).set_kind(Goal::KIND_LEVEL);
             spec.mutable_goal()->set_level(kNan);
           }),
      {"spec.boxes.tolerance", "above 0",
       [](v1::SamplingSpec& spec) { spec.mutable_boxes()->set_tolerance(0); }},
      {"spec.boxes.tolerance", "above 0",
       [](v1::SamplingSpec& spec) { spec.mutable_boxes()->set_tolerance(kNan); }},
      {"spec.boxes.max_boxes", "0 to 10000",
       [](v1::SamplingSpec& spec) { spec.mutable_boxes()->set_max_boxes(10001); }},
      {"spec.boxes.max_boxes", "0 to 10000",
       [](v1::SamplingSpec& spec) { spec.mutable_boxes()->set_max_boxes(-1); }},
      {"spec.stop_rules[0].closed_share", "allow some boxes",
       [](v1::SamplingSpec& spec) {
         spec.mutable_boxes()->set_max_boxes(0);
         spec.add_stop_rules()->set_closed_share(0.5);
       }},
  };
}

INSTANTIATE_TEST_SUITE_P(GoalsAndBoxes, BadSpecTest, testing::ValuesIn(BadGoalsAndBoxes()));

TEST(SamplingSpecTest, BoxesInManyInputsAreRefused) {
  v1::SamplingSpec spec;
  for (int j = 0; j < 11; ++j) AddRange(0, 1, spec);
  const auto field = [&] {
    try {
      Complete(spec, OpenSchema(11));
    } catch (const Error& error) {
      return error.field();
    }
    return std::string("none");
  };
  EXPECT_EQ(field(), "none");
  spec.mutable_boxes()->set_max_boxes(0);
  EXPECT_EQ(field(), "none");
  spec.mutable_boxes()->set_max_boxes(10);
  EXPECT_EQ(field(), "spec.boxes.max_boxes");
  spec.clear_boxes();
  spec.add_stop_rules()->set_closed_share(0.5);
  EXPECT_EQ(field(), "spec.stop_rules[0].closed_share");
}

INSTANTIATE_TEST_SUITE_P(Rules, BadSpecTest, testing::ValuesIn(BadRules()));

BadSpec BadTraining(const std::string& field, const std::string& says,
                    const std::function<void(v1::TrainingSpec&)>& set) {
  return {"spec.training." + field, says,
          [=](v1::SamplingSpec& spec) { set(*spec.mutable_training()); }};
}

INSTANTIATE_TEST_SUITE_P(
    Training, BadSpecTest,
    testing::Values(
        BadTraining("kind", "got number 77",
                    [](v1::TrainingSpec& training) {
                      training.set_kind(static_cast<v1::TrainingSpec::Kind>(77));
                    }),
        BadTraining("effort", "got -1",
                    [](v1::TrainingSpec& training) { training.set_effort(-1); }),
        BadTraining("effort", "applies to KIND_AUTO alone",
                    [](v1::TrainingSpec& training) {
                      training.set_kind(v1::TrainingSpec::KIND_POLYNOMIAL);
                      training.set_effort(1);
                    }),
        BadTraining("optimizer", "Adam alone is for many samples",
                    [](v1::TrainingSpec& training) {
                      training.set_optimizer(v1::TrainingSpec::OPTIMIZER_ADAM);
                    }),
        BadTraining("optimizer", "got number 77",
                    [](v1::TrainingSpec& training) {
                      training.set_kind(v1::TrainingSpec::KIND_NETWORK);
                      training.set_optimizer(static_cast<v1::TrainingSpec::Optimizer>(77));
                    }),
        BadTraining("alpha", "", [](v1::TrainingSpec& training) { training.set_alpha(kNan); }),
        BadTraining("output_weights", "",
                    [](v1::TrainingSpec& training) { training.add_output_weights(1); }),
        BadTraining("input_maps[0].input", "got 'c'",
                    [](v1::TrainingSpec& training) { training.add_input_maps()->set_input("c"); }),
        BadTraining("monotone[c]", "", [](v1::TrainingSpec& training) {
          (*training.mutable_monotone())["c"] = v1::TrainingSpec::SLOPE_INCREASING;
        })));

BadSpec BadUmBridge(const std::string& field, const std::string& says,
                    const std::function<void(v1::SamplingSpec&)>& change) {
  return {"spec.um_bridge" + field, says, change};
}

INSTANTIATE_TEST_SUITE_P(
    UmBridge, BadSpecTest,
    testing::Values(BadUmBridge("", "spec.program is set",
                                [](v1::SamplingSpec& spec) {
                                  spec.set_program("programs/p");
                                  spec.mutable_um_bridge()->add_urls("http://h:1");
                                }),
                    BadUmBridge(".urls", "1 to 64 URLs, got 0",
                                [](v1::SamplingSpec& spec) { spec.mutable_um_bridge(); }),
                    BadUmBridge(".urls", "1 to 64 URLs, got 65",
                                [](v1::SamplingSpec& spec) {
                                  for (int i = 0; i < 65; ++i) {
                                    spec.mutable_um_bridge()->add_urls("http://h:1");
                                  }
                                }),
                    BadUmBridge(".model", "", [](v1::SamplingSpec& spec) {
                      spec.mutable_um_bridge()->add_urls("http://h:1");
                      spec.mutable_um_bridge()->set_model("../x");
                    })));

TEST(SamplingSpecTest, UmBridgeServersMustBeAllowed) {
  v1::SamplingSpec spec;
  spec.mutable_um_bridge()->add_urls("http://one:4242");
  spec.mutable_um_bridge()->add_urls("http://two:4242");
  const v1::SamplingSpec complete = CompleteSpec(spec, MakeSchema(), "two:4242,one:4242");
  EXPECT_EQ(complete.um_bridge().model(), "forward");
  for (const char* allowed : {"", "one:4242", "one:4242,two:4243", "one:4242,twotwo:4242"}) {
    try {
      CompleteSpec(spec, MakeSchema(), allowed);
      FAIL() << allowed;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
      EXPECT_EQ(error.reason(), "HOST_NOT_ALLOWED");
      EXPECT_THAT(error.field(), testing::StartsWith("spec.um_bridge.urls["));
    }
  }
}

TEST(SamplingSpecTest, AnInputWithoutBoundsNeedsADomain) {
  v1::Schema schema = MakeSchema();
  schema.mutable_inputs(1)->clear_upper();
  try {
    Complete({}, schema);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.field(), "spec.domain");
    EXPECT_THAT(error.what(), HasSubstr("input \"b\" of the schema has no bounds"));
  }
}

TEST(SamplingSpecTest, MoreInputsThanASobolSequenceHasAreRefused) {
  const auto inputs = static_cast<int>(sampling::kMaxSobolDimensions) + 1;
  v1::SamplingSpec spec;
  for (int j = 0; j < inputs; ++j) AddRange(0, 1, spec);
  try {
    Complete(spec, OpenSchema(inputs));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "spec.dataset");
    EXPECT_THAT(error.what(), HasSubstr("at most 1111 inputs, got 1112"));
  }
}

// ---- Costs and points
// ----------------------------------------------------------------------------

TEST(EvaluationCostTest, AJacobianCostsWhereItIsWanted) {
  v1::SamplingSpec spec;
  spec.set_value_cost(2);
  spec.set_jacobian_cost(5);
  EXPECT_EQ(EvaluationCost(Complete(spec)), 7);
  spec.set_jacobian(false);
  EXPECT_EQ(EvaluationCost(Complete(spec)), 2);
}

TEST(SamplingPointTest, APointTellsWhatIsKnownOfIt) {
  SamplingPointRecord record{.id = 7,
                             .x = {0.5, 2},
                             .state = SamplingPointState::kLeased,
                             .space_filling = true,
                             .round = 3,
                             .worker = "w",
                             .attempt = 2,
                             .expire_micros = 1'500'000,
                             .reason = "no licence"};
  const v1::SamplingPoint leased = ToProto(record, 2);
  EXPECT_EQ(leased.id(), 7);
  EXPECT_THAT(leased.x(), ElementsAre(0.5, 2));
  EXPECT_EQ(leased.state(), v1::SamplingPoint::STATE_LEASED);
  EXPECT_TRUE(leased.space_filling());
  EXPECT_EQ(leased.round(), 3);
  EXPECT_EQ(leased.worker(), "w");
  EXPECT_EQ(leased.attempt(), 2);
  EXPECT_EQ(leased.lease_expire_time().seconds(), 1);
  EXPECT_EQ(leased.lease_expire_time().nanos(), 500'000'000);
  EXPECT_EQ(leased.reason(), "no licence");
  EXPECT_THAT(leased.y(), IsEmpty());

  record.state = SamplingPointState::kDone;
  Vector x(2);
  x << 0.5, 2;
  const std::vector<double> y = {1.5, kNan};
  record.result = MakeRow(x, y.data(), 2, nullptr);
  const v1::SamplingPoint done = ToProto(record, 2);
  EXPECT_FALSE(done.has_lease_expire_time());
  EXPECT_THAT(done.y(), ElementsAre(1.5, testing::NanSensitiveDoubleEq(kNan)));

  // A result of derivatives alone.
  const std::vector<double> jacobian = {1, 2, 3, 4};
  record.result = MakeRow(x, nullptr, 2, jacobian.data());
  EXPECT_THAT(ToProto(record, 2).y(), ElementsAre(testing::NanSensitiveDoubleEq(kNan),
                                                  testing::NanSensitiveDoubleEq(kNan)));
}

TEST(SamplingPointTest, EveryStateHasItsOwnNumber) {
  for (const auto& [state, number] : {
           std::pair(SamplingPointState::kQueued, v1::SamplingPoint::STATE_QUEUED),
           std::pair(SamplingPointState::kLeased, v1::SamplingPoint::STATE_LEASED),
           std::pair(SamplingPointState::kInfeasible, v1::SamplingPoint::STATE_INFEASIBLE),
           std::pair(SamplingPointState::kFailed, v1::SamplingPoint::STATE_FAILED),
       }) {
    EXPECT_EQ(ToProto(SamplingPointRecord{.state = state}, 1).state(), number);
  }
}

TEST(SamplingCountsTest, CountsKeepTheirPlaces) {
  const v1::SamplingCounts counts = ToProto(
      SamplingPointCounts{.queued = 1, .leased = 2, .done = 3, .infeasible = 4, .failed = 5});
  EXPECT_EQ(counts.queued(), 1);
  EXPECT_EQ(counts.leased(), 2);
  EXPECT_EQ(counts.done(), 3);
  EXPECT_EQ(counts.infeasible(), 4);
  EXPECT_EQ(counts.failed(), 5);
}

}  // namespace
}  // namespace sobolev::server
