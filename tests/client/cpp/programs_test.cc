#include <cmath>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sobolev/client.h>

#include "tests/client/cpp/client_testing.h"

namespace sobolev::client {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// f = a² v₁ + v₀, g = exp(a) v₀.
constexpr const char* kSource =
    "input a in [0, 1]  ## First.\ninput v[2]\n"
    "output f = a^2 * v[1] + v[0]\noutput g = exp(a) * v[0]\n";

class ProgramsTest : public WithServer {};

TEST_F(ProgramsTest, AProgramKeepsItsVariables) {
  const Program created = client_.CreateProgram("p", kSource);
  EXPECT_EQ(created.name, "programs/p");
  EXPECT_EQ(client_.CreateProgram("p", kSource).create_time, created.create_time);
  const Program found = client_.GetProgram("p");
  EXPECT_EQ(found.source, kSource);
  EXPECT_EQ(found.input_size, 3);
  EXPECT_THAT(ElementNames(found.inputs), ElementsAre("a", "v.0", "v.1"));
  EXPECT_THAT(ElementNames(found.outputs), ElementsAre("f", "g"));
  EXPECT_EQ(found.inputs.at(0).bounds->max, 1);
  EXPECT_EQ(found.inputs.at(0).description, "First.");
  EXPECT_FALSE(found.inputs.at(1).bounds.has_value());
  EXPECT_EQ(found.statistics.jacobian_nonzeros, 5);
  EXPECT_EQ(client_.ListPrograms().at(0).input_size, 3);
  EXPECT_EQ(CodeOf([&] { client_.CreateProgram("p", "input x\noutput y = x\n"); }),
            StatusCode::kAlreadyExists);
  client_.DeleteProgram("p");
  EXPECT_EQ(CodeOf([&] { client_.GetProgram("p"); }), StatusCode::kNotFound);
}

// y = g² f + w, by f and g of one stage and f of another of the same program.
TEST_F(ProgramsTest, ProgramsComposeToAPipeline) {
  client_.CreateProgram("p", kSource);
  const ModelVersion version = client_.CreatePipeline(
      "twice", {.stages = {{.name = "", .function = "programs/p"},
                           {.name = "again",
                            .function = "programs/p",
                            .inputs = {{"a", "p.g"}, {"v.0", "w"}, {"v.1", "p.f"}}}},
                .outputs = {"again.f"}});
  EXPECT_EQ(version.name, "models/twice/versions/1");
  EXPECT_EQ(version.kind, ModelKind::kPipeline);
  ASSERT_EQ(version.pipeline.stages.size(), 2U);
  EXPECT_EQ(version.pipeline.stages[0].name, "p");
  EXPECT_EQ(version.pipeline.stages[1].function, "programs/p");
  EXPECT_EQ(version.pipeline.stages[1].inputs.at("v.1"), "p.f");
  EXPECT_THAT(version.pipeline.outputs, ElementsAre("again.f"));
  ASSERT_EQ(version.domain.size(), 4U);  // a, v.0, v.1, w.
  EXPECT_EQ(version.domain[0].max, 1);
  EXPECT_TRUE(std::isinf(version.domain[3].max));

  const double a = 0.5;
  const double v0 = -1;
  const double v1 = 2;
  const double w = 3;
  const Prediction prediction =
      client_.Predict("twice", Matrix{{a}, {v0}, {v1}, {w}}, {.jacobian = true});
  const double f = a * a * v1 + v0;
  const double g = std::exp(a) * v0;
  EXPECT_NEAR(prediction.value(0, 0), g * g * f + w, 1e-13);
  const double d_a = 2 * g * g * f + g * g * 2 * a * v1;
  EXPECT_NEAR(prediction.JacobianAt(0)(0, 0), d_a, 1e-13);
  EXPECT_NEAR(prediction.JacobianAt(0)(0, 3), 1, 1e-13);
  EXPECT_EQ(CodeOf([&] {
              client_.CreatePipeline("none", {.stages = {{.name = "", .function = "models/none"}}});
            }),
            StatusCode::kNotFound);
}

TEST_F(ProgramsTest, ACheckedProgramIsNotStored) {
  EXPECT_EQ(client_.CheckProgram(kSource).output_size, 2);
  EXPECT_TRUE(client_.ListPrograms().empty());
  try {
    client_.CheckProgram("input x\noutput y = x * * 2\n");
    ADD_FAILURE() << "expected an RpcError";
  } catch (const RpcError& e) {
    EXPECT_EQ(e.code(), StatusCode::kInvalidArgument);
    EXPECT_EQ(e.reason(), "SYNTAX_ERROR");
    EXPECT_THAT(e.message(), HasSubstr("line 2"));
  }
}

TEST_F(ProgramsTest, DerivativesAreThoseOfTheFormulas) {
  client_.CreateProgram("p", kSource);
  const Matrix X{{0.5, 1}, {2, -1}, {3, 4}};
  const Matrix tangents{{1, 0}, {0, 2}, {0, 1}};  // n×p, p = 2
  const Matrix adjoints{{2}, {-1}};               // m×q, q = 1
  const Evaluation evaluation = client_.Evaluate(
      "p", X,
      {.jacobian = true, .hessian = true, .tangents = tangents, .adjoints = adjoints, .hvp = true});
  EXPECT_EQ(evaluation.valid, std::vector<bool>(2, true));
  EXPECT_FALSE(evaluation.reversal.has_value());
  for (Index s = 0; s < 2; ++s) {
    const double a = X(0, s);
    const double v0 = X(1, s);
    const double v1 = X(2, s);
    const double e = std::exp(a);
    const Matrix J{{2 * a * v1, 1, a * a}, {e * v0, e, 0}};
    const Matrix H_f{{2 * v1, 0, 2 * a}, {0, 0, 0}, {2 * a, 0, 0}};
    const Matrix H_g{{e * v0, e, 0}, {e, 0, 0}, {0, 0, 0}};
    constexpr double kRounding = 1e-14;  // A few operations, each to a few units in the last place.
    EXPECT_TRUE(evaluation.value.col(s).isApprox(Vector{{a * a * v1 + v0, e * v0}}, kRounding));
    EXPECT_TRUE(evaluation.JacobianAt(s).isApprox(J, kRounding));
    EXPECT_TRUE(evaluation.HessianAt(s, 0).isApprox(H_f, kRounding));
    EXPECT_TRUE(evaluation.HessianAt(s, 1).isApprox(H_g, kRounding));
    EXPECT_TRUE(evaluation.jvp.middleCols(2 * s, 2).isApprox(J * tangents, kRounding));
    EXPECT_TRUE(evaluation.vjp.col(s).isApprox(J.transpose() * adjoints, kRounding));
    EXPECT_TRUE(
        evaluation.hvp.middleCols(2 * s, 2).isApprox((2 * H_f - H_g) * tangents, kRounding));
  }
}

TEST_F(ProgramsTest, AStrictEvaluationHasTheBitsOfAScalarProgram) {
  client_.CreateProgram("p", "input x[2]\noutput y = x[0] * x[1] + x[0] / x[1]\n");
  const Matrix X = Matrix::Random(2, 100);
  const Evaluation evaluation = client_.Evaluate("p", X, {}, {.arithmetic = Arithmetic::kStrict});
  for (Index s = 0; s < X.cols(); ++s) {
    // In steps of their own, so that the compiler has nothing to fuse.
    const volatile double product = X(0, s) * X(1, s);
    const volatile double quotient = X(0, s) / X(1, s);
    EXPECT_EQ(evaluation.value(0, s), product + quotient);
  }
}

TEST_F(ProgramsTest, ReversalsOfATimeLoopAreCounted) {
  client_.CreateProgram("p",
                        "input x\nvar z = x\nevolve t in 0..10 { z = sin(z) }\noutput y = z\n");
  const Matrix X{{0.5}};
  const Quantities quantities{.adjoints = Matrix{{1}}};
  const Evaluation vanilla = client_.Evaluate("p", X, quantities, {.reversal = Reversal::kVanilla});
  const Evaluation poor = client_.Evaluate("p", X, quantities, {.reversal = Reversal::kMemoryPoor});
  const Evaluation binomial =
      client_.Evaluate("p", X, quantities, {.reversal = Reversal::kBinomial, .checkpoints = 3});
  EXPECT_EQ(vanilla.reversal->peak_states, 10);
  EXPECT_EQ(poor.reversal->peak_states, 1);
  EXPECT_EQ(poor.reversal->advanced_steps, 45);
  EXPECT_EQ(binomial.reversal->peak_states, 3);
  EXPECT_DOUBLE_EQ(vanilla.vjp(0, 0), poor.vjp(0, 0));
  EXPECT_DOUBLE_EQ(vanilla.vjp(0, 0), binomial.vjp(0, 0));
  EXPECT_EQ(CodeOf([&] { client_.Evaluate("p", X, quantities, {.checkpoints = 3}); }),
            StatusCode::kInvalidArgument);
}

TEST_F(ProgramsTest, AnEnclosureHoldsValueAndDerivatives) {
  client_.CreateProgram("p", kSource);
  const Enclosure bounds = client_.Enclose("p", Matrix{{0}, {1}, {1}}, Matrix{{1}, {2}, {3}}, true);
  EXPECT_EQ(bounds.bounded, std::vector<bool>{true});
  // f is in [1, 5] and ∂f/∂v₁ = a² in [0, 1]; rounding outwards adds next to nothing.
  EXPECT_LE(bounds.value_min(0, 0), 1);
  EXPECT_GE(bounds.value_max(0, 0), 5);
  EXPECT_NEAR(bounds.value_max(0, 0), 5, 1e-13);
  EXPECT_LE(bounds.jacobian_min(2, 0), 0);
  EXPECT_NEAR(bounds.jacobian_max(2, 0), 1, 1e-14);
  EXPECT_EQ(client_.Enclose("p", Matrix{{0}, {1}, {1}}, Matrix{{1}, {2}, {3}}).jacobian_min.size(),
            0);
}

TEST_F(ProgramsTest, AModelAnswersProductsWithHessiansOfABlock) {
  client_.CreateDataset("d",
                        {.inputs = {{.name = "a"}, {.name = "b"}}, .outputs = {{.name = "u"}}});
  client_.Append("d", Matrix::Random(2, 64), Matrix::Random(1, 64));
  client_.Train("d", {.hidden = {4}, .epochs = 2}, {.model = "m"}).Wait();
  const Quantities products{
      .hessian = true, .tangents = Matrix{{2}}, .adjoints = Matrix{{-3}}, .hvp = true};
  const Prediction answer = client_.Predict("m", Matrix{{0.1}, {0.2}}, products, {.inputs = {1}});
  ASSERT_EQ(answer.hvp.size(), 1);
  ASSERT_EQ(answer.hessian.size(), 1);
  EXPECT_NEAR(answer.hvp(0, 0), -6 * answer.hessian(0, 0), 1e-12);
}

}  // namespace
}  // namespace sobolev::client
