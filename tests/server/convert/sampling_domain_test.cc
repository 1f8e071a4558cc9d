#include "server/convert/sampling_domain.h"

#include <cmath>
#include <memory>
#include <string>

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/chain/program_surrogate.h"

namespace sobolev::server {
namespace {

v1::Schema MakeSchema() {
  v1::Schema schema;
  schema.add_inputs()->set_name("a");
  schema.add_inputs()->set_name("b");
  schema.add_outputs()->set_name("u");
  return schema;
}

// A spec on [1, 100]×[0, 4] with this in text format.
v1::SamplingSpec MakeSpec(const std::string& rest) {
  v1::SamplingSpec spec;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "domain { min: 1 max: 100 } domain { min: 0 max: 4 } " + rest, &spec));
  return spec;
}

sampling::Domain Domain(const std::string& rest,
                        std::shared_ptr<const program::Program> constraints = nullptr) {
  return ToDomain(MakeSpec(rest), MakeSchema(), std::move(constraints), {});
}

// The field of the error that the spec leads to.
std::string FaultOf(const std::string& rest) {
  try {
    Domain(rest);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
    EXPECT_TRUE(std::string(error.what()).starts_with(error.field() + ": ")) << error.what();
    return error.field();
  }
  return "none";
}

Vector Pair(double first, double second) {
  Vector pair(2);
  pair << first, second;
  return pair;
}

TEST(SamplingDomainTest, PlainRangesGoToTheUnitCubeAndBack) {
  const sampling::Domain domain = Domain("");
  EXPECT_EQ(domain.num_free(), 2);
  EXPECT_TRUE(domain.ToUnit(Pair(50.5, 1), "x").isApprox(Pair(0.5, 0.25)));
  EXPECT_EQ(domain.ToUser(Pair(0, 1)), Matrix(Pair(1, 4)));
}

TEST(SamplingDomainTest, InputsAreNamedInAnyOrder) {
  const sampling::Domain domain = Domain(
      R"(inputs { input: "b" integer: true } inputs { input: "a" scale: SCALE_LOGARITHMIC })");
  EXPECT_NEAR(domain.ToUser(Pair(0.5, 0.5))(0), 10, 1e-12);
  EXPECT_EQ(domain.NumValues(1), 5);
  EXPECT_EQ(domain.ToUser(Pair(0.5, 0.35))(1), 1);
}

TEST(SamplingDomainTest, FixedInputsHaveNoCoordinate) {
  const sampling::Domain domain = Domain(R"(inputs { input: "a" fixed: 7 })");
  ASSERT_EQ(domain.num_free(), 1);
  EXPECT_EQ(domain.ToUser(Matrix::Constant(1, 1, 0.5)), Matrix(Pair(7, 2)));
}

// Half of the coordinates lie where half of the measure does.
TEST(SamplingDomainTest, MeasuresMoveTheMiddle) {
  const auto middle = [](const std::string& measure) {
    return Domain(R"(inputs { input: "b" )" + measure + " }").ToUser(Pair(0.5, 0.5))(1);
  };
  EXPECT_NEAR(middle(""), 2, 1e-12);
  EXPECT_NEAR(middle("normal { mean: 2 standard_deviation: 0.1 }"), 2, 1e-12);
  EXPECT_NEAR(middle("normal { mean: 1 standard_deviation: 0.1 }"), 1, 1e-9);
  EXPECT_NEAR(middle("triangular { mode: 0 }"), 4 * (1 - std::sqrt(0.5)), 1e-12);
  EXPECT_NEAR(middle("triangular { mode: 4 }"), 4 * std::sqrt(0.5), 1e-12);
  EXPECT_NEAR(middle("beta { alpha: 2 }"), 4 * std::sqrt(0.5), 1e-9);
  EXPECT_NEAR(middle("piecewise_linear { positions: 0 positions: 4 densities: 0 densities: 1 }"),
              4 * std::sqrt(0.5), 1e-12);
}

TEST(SamplingDomainTest, ConstraintsTellWhatIsFeasible) {
  // b <= 2 + a / 50, in the order of names that the map has.
  const sampling::Domain domain = Domain(
      R"(constraints { coefficients { key: "b" value: 1 } coefficients { key: "a" value: -0.02 }
                       bound: 2 })");
  EXPECT_TRUE(domain.HasConstraints());
  EXPECT_EQ(domain.Feasible(Pair(50, 2.9), {}).front(), 1);
  EXPECT_EQ(domain.Feasible(Pair(50, 3.1), {}).front(), 0);
}

TEST(SamplingDomainTest, ProgramsTellWhatIsFeasible) {
  const auto circle = std::make_shared<const chain::ProgramSurrogate>(
      "input a\ninput b\noutput g = (a - 1)^2 + b^2 - 9");
  const sampling::Domain domain = Domain("", {circle, &circle->program()});
  EXPECT_EQ(domain.Feasible(Pair(2, 2), {}).front(), 1);
  EXPECT_EQ(domain.Feasible(Pair(3, 3), {}).front(), 0);
}

TEST(SamplingDomainTest, ErrorsNameTheFieldOfTheRequest) {
  EXPECT_EQ(FaultOf(R"(inputs { input: "c" })"), "spec.inputs[0].input");
  EXPECT_EQ(FaultOf(R"(inputs { input: "a" } inputs { input: "a" })"), "spec.inputs[1].input");
  EXPECT_EQ(FaultOf(R"(inputs { input: "a" scale: 9 })"), "spec.inputs[0].scale");
  EXPECT_EQ(FaultOf(R"(inputs { input: "a" } inputs { input: "b" fixed: 5 })"),
            "spec.inputs[1].fixed");
  // The logarithm of 0.
  EXPECT_EQ(FaultOf(R"(inputs { input: "b" scale: SCALE_LOGARITHMIC })"), "spec.domain[1].min");
  EXPECT_EQ(FaultOf(R"(inputs { input: "b" normal { mean: 1 standard_deviation: -1 } })"),
            "spec.inputs[0].normal.standard_deviation");
  EXPECT_EQ(FaultOf(R"(inputs { input: "b" triangular { mode: 9 } })"),
            "spec.inputs[0].triangular.mode");
  EXPECT_EQ(FaultOf(R"(constraints { coefficients { key: "c" value: 1 } })"),
            "spec.constraints[0].coefficients");
  // a <= -1 contradicts the range, and b >= 3 the second one.
  EXPECT_EQ(FaultOf(R"(constraints { coefficients { key: "a" value: 1 } bound: -1 })"),
            "spec.constraints[0]");
  EXPECT_EQ(FaultOf(R"(constraints { coefficients { key: "b" value: -1 } bound: -3 }
                       constraints { coefficients { key: "b" value: 1 } bound: 2 })")
                .substr(0, 17),
            "spec.constraints[");
}

TEST(SamplingDomainTest, AProgramThatIsPositiveEverywhereIsRefused) {
  const auto positive =
      std::make_shared<const chain::ProgramSurrogate>("input a\ninput b\noutput g = 1 + b^2");
  try {
    Domain("", {positive, &positive->program()});
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.field(), "spec.constraint_program");
  }
}

}  // namespace
}  // namespace sobolev::server
