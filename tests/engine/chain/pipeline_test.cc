// Pipelines against the same function written as one program, and where networks are in the chain
// against differences and the identities of derivatives.

#include "engine/chain/pipeline.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <numeric>
#include <optional>
#include <ostream>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/chain/chain_planner.h"
#include "engine/chain/program_surrogate.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/surrogate_codec.h"
#include "tests/support/matrix_matchers.h"
#include "tests/support/random_matrix.h"
#include "tests/support/random_request.h"

namespace sobolev::chain {
namespace {

using Shared = std::shared_ptr<const Surrogate>;

Shared Program(const std::string& source) { return std::make_shared<ProgramSurrogate>(source); }

Shared Network(const nn::Architecture& architecture, std::uint64_t seed) {
  Vector theta = nn::InitialParameters(architecture, seed);
  theta += 0.1 * RandomMatrix(theta.size(), 1, seed + 10);
  return std::make_shared<nn::NetworkSurrogate>(
      architecture,
      nn::Scaling{.x_mean = Vector::Ones(architecture.n),
                  .x_scale = (0.3 * RandomMatrix(architecture.n, 1, 2).array().abs() + 0.5),
                  .y_mean = RandomMatrix(architecture.m, 1, 3),
                  .y_scale = (RandomMatrix(architecture.m, 1, 4).array().abs() + 0.2)},
      theta);
}

// ---- Requests -----------------------------------------------------------------------------------

struct Answer {
  Matrix Y, J, H, Y_dot, X_bar, X_bar_dot;
};

Answer Predict(const Surrogate& surrogate, const RandomRequest& request,
               const std::stop_token& stop = {}) {
  const Index n = surrogate.n();
  const Index m = surrogate.m();
  const Index N = request.X.cols();
  const Index p = request.tangents.count;
  const Index q = request.adjoints.count;
  Answer answer{.Y = Matrix(m, N),
                .J = Matrix(n, m * N),
                .H = Matrix(n, n * m * N),
                .Y_dot = Matrix(m, p * N),
                .X_bar = Matrix(n, q * N),
                .X_bar_dot = Matrix(n, p * q * N)};
  surrogate.Predict(View(request.X), request.tangents, request.adjoints,
                    {.Y = answer.Y.data(),
                     .J = answer.J.data(),
                     .H = answer.H.data(),
                     .Y_dot = answer.Y_dot.data(),
                     .X_bar = answer.X_bar.data(),
                     .X_bar_dot = answer.X_bar_dot.data()},
                    stop);
  return answer;
}

// ---- Against one program ------------------------------------------------------------------------

struct Case {
  const char* name;
  std::shared_ptr<const Pipeline> pipeline;
  Shared whole;

  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

std::shared_ptr<const Pipeline> Make(Index n, std::vector<Stage> stages,
                                     std::vector<Index> outputs) {
  return std::make_shared<Pipeline>(n, std::move(stages), std::move(outputs));
}

const char* const kSquare = "input t\noutput s = t^2 / 2 + sin(t)\n";

std::vector<Case> Cases() {
  const Shared wing = Program("input a\ninput b\noutput u = sin(a) * b\n");
  const Shared tail = Program("input a\ninput c\noutput v = a + exp(c / 3)\n");
  const Shared sum = Program(
      "input p\ninput q\ninput r\n"
      "output y = p * q + r^2\noutput z = log(1 + p^2) / q\n");
  const Shared square = Program(kSquare);
  const std::string whole =
      "input a\ninput b\ninput c\n"
      "let u = sin(a) * b\nlet v = a + exp(c / 3)\n";
  const Shared spread = Program("input t\noutput y[3] = [t, t^2, exp(t)]\n");
  const Shared wide = Program("input x[4]\noutput y = x[0] * x[1] + x[2]^3 * x[3]\n");
  const std::vector<Stage> diamond = {{wing, {0, 1}}, {tail, {0, 2}}, {sum, {3, 4, 2}}};
  return {
      {"one_stage", Make(2, {{wing, {0, 1}}}, {2}), wing},
      {"diamond", Make(3, diamond, {5, 6}),
       Program(whole + "output y = u * v + c^2\noutput z = log(1 + u^2) / v\n")},
      {"inputs_and_inner_values_as_outputs", Make(3, diamond, {4, 1, 5, 3, 5}),
       Program(whole + "output o1 = v\noutput o2 = b\noutput o3 = u * v + c^2\noutput o4 = u\n"
                       "output o5 = u * v + c^2\n")},
      {"no_stage_needed", Make(3, diamond, {2, 0}),
       Program("input a\ninput b\ninput c\noutput y = c\noutput z = a\n")},
      {"a_stage_twice", Make(1, {{square, {0}}, {square, {1}}, {square, {2}}}, {3}),
       Program("fn f(t) = t^2 / 2 + sin(t)\ninput x\noutput y = f(f(f(x)))\n")},
      {"an_input_twice", Make(2, {{sum, {1, 0, 1}}}, {3, 2}),
       Program("input a\ninput b\noutput z = log(1 + b^2) / a\noutput y = b * a + b^2\n")},
      {"few_inputs", Make(1, {{square, {0}}, {spread, {1}}}, {4, 2, 3}),
       Program("input x\nlet s = x^2 / 2 + sin(x)\n"
               "output a = exp(s)\noutput b = s\noutput c = s^2\n")},
      {"few_outputs", Make(4, {{wide, {3, 2, 1, 0}}, {square, {4}}}, {5}),
       Program("input x[4]\nlet t = x[3] * x[2] + x[1]^3 * x[0]\noutput y = t^2 / 2 + sin(t)\n")},
      {"a_pipeline_in_a_pipeline",
       Make(3, {{Make(3, diamond, {5, 6}), {0, 1, 2}}, {wing, {3, 4}}}, {5, 3}),
       Program(whole +
               "let y = u * v + c^2\noutput w = sin(y) * log(1 + u^2) / v\noutput p = y\n")},
  };
}

class PipelineTest : public testing::TestWithParam<Case> {
 protected:
  const Pipeline& pipeline = *GetParam().pipeline;
  const Surrogate& whole = *GetParam().whole;
};

INSTANTIATE_TEST_SUITE_P(EveryWiring, PipelineTest, testing::ValuesIn(Cases()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_P(PipelineTest, ItIsTheSameFunctionAsOneProgram) {
  for (const Index num_points : {0, 1, 17, 300}) {
    for (const bool tangents_per_point : {false, true}) {
      for (const bool adjoints_per_point : {false, true}) {
        const RandomRequest request(whole, num_points, 3, 2, tangents_per_point,
                                    adjoints_per_point);
        const Answer answer = Predict(pipeline, request);
        const Answer expected = Predict(whole, request);
        EXPECT_THAT(answer.Y, IsNearMatrix(expected.Y, 1e-13));
        EXPECT_THAT(answer.J, IsNearMatrix(expected.J, 1e-13));
        EXPECT_THAT(answer.H, IsNearMatrix(expected.H, 1e-13));
        EXPECT_THAT(answer.Y_dot, IsNearMatrix(expected.Y_dot, 1e-13));
        EXPECT_THAT(answer.X_bar, IsNearMatrix(expected.X_bar, 1e-13));
        EXPECT_THAT(answer.X_bar_dot, IsNearMatrix(expected.X_bar_dot, 1e-13));
      }
    }
  }
}

TEST_P(PipelineTest, EveryQuantityComesAloneToo) {
  const RandomRequest request(whole, 5, 3, 2, true, true);
  const Answer expected = Predict(whole, request);
  const auto expect = [&](double* PredictionBuffers::*buffer, const Matrix& truth) {
    Matrix result(truth.rows(), truth.cols());
    PredictionBuffers out;
    out.*buffer = result.data();
    pipeline.Predict(View(request.X), request.tangents, request.adjoints, out);
    EXPECT_THAT(result, IsNearMatrix(truth, 1e-13));
  };
  expect(&PredictionBuffers::Y, expected.Y);
  expect(&PredictionBuffers::J, expected.J);
  expect(&PredictionBuffers::H, expected.H);
  expect(&PredictionBuffers::Y_dot, expected.Y_dot);
  expect(&PredictionBuffers::X_bar, expected.X_bar);
  expect(&PredictionBuffers::X_bar_dot, expected.X_bar_dot);
}

TEST(PipelineJacobianTest, UnitTangentsOrAdjointsWhicheverAreFewer) {
  for (const Case& c : Cases()) {
    const std::string name = c.name;
    if (name != "few_inputs" && name != "few_outputs") continue;
    EXPECT_EQ(c.pipeline->jacobian_by_tangents(), name == "few_inputs") << name;
  }
}

// More directions than fit into the memory of a sweep at once: pairs, and with a wide pool tangents
// and adjoints, too.
TEST(PipelineMemoryTest, ManyDirectionsAreSweptInSlices) {
  const std::string waves =
      "input a\ninput b\nvar v[2000] = 0\n"
      "for i in 0..2000 { v[i] = sin(a + b * i / 2000) }\n";
  const std::string results = "output y = dot(v, v) / 2000\noutput z = v[1234]^2\n";
  std::vector<Index> inner(2000);
  std::iota(inner.begin(), inner.end(), 2);
  const Case wide = {
      "wide",
      Make(2,
           {{Program(waves + "output v\n"), {0, 1}}, {Program("input v[2000]\n" + results), inner}},
           {2002, 2003}),
      Program(waves + results)};
  struct Size {
    Case c;
    Index tangents, adjoints;
  };
  for (const Size& size : {Size{Cases()[1], 900, 300}, Size{wide, 400, 3}, Size{wide, 3, 400}}) {
    const RandomRequest request(*size.c.whole, 2, size.tangents, size.adjoints, true, true);
    const Answer answer = Predict(*size.c.pipeline, request);
    const Answer expected = Predict(*size.c.whole, request);
    EXPECT_THAT(answer.Y_dot, IsNearMatrix(expected.Y_dot, 1e-12)) << size.c;
    EXPECT_THAT(answer.X_bar, IsNearMatrix(expected.X_bar, 1e-12)) << size.c;
    EXPECT_LT((answer.X_bar_dot - expected.X_bar_dot).cwiseAbs().maxCoeff(),
              1e-12 * expected.X_bar_dot.cwiseAbs().maxCoeff())
        << size.c;
  }
}

// ---- With networks ------------------------------------------------------------------------------

// Outputs t, g(z₁, w₃, z₃, x₄, t) and x₁ with networks f and g, z = f(x₁, x₂, x₃),
// w = f(z₁, x₄, z₂), and t = |w|²/3 by a program.
std::shared_ptr<const Pipeline> WithNetworks() {
  using nn::Activation;
  const Shared first = Network({.n = 3, .m = 3, .hidden = {8, 8}}, 1);
  const Shared second =
      Network({.n = 5, .m = 2, .hidden = {9, 7}, .activation = Activation::kTanh}, 2);
  const Shared norm = Program("input x[3]\noutput t = dot(x, x) / 3\n");
  return Make(
      4, {{first, {0, 1, 2}}, {first, {4, 3, 5}}, {norm, {7, 8, 9}}, {second, {4, 9, 6, 3, 10}}},
      {10, 11, 12, 0});
}

TEST(PipelineOfNetworksTest, JacobiansAreDifferencesOfValues) {
  constexpr double kStep = 1e-5;  // 1e-10 of third derivatives and 1e-11 of rounding.
  const auto pipeline = WithNetworks();
  const RandomRequest request(*pipeline, 17, 2, 2, true, true);
  const Answer answer = Predict(*pipeline, request);
  const auto values_at = [&](const Matrix& X) {
    Matrix Y(4, X.cols());
    pipeline->Predict(View(X), {}, {}, {.Y = Y.data()});
    return Y;
  };
  for (Index j = 0; j < 4; ++j) {
    Matrix step = Matrix::Zero(4, 17);
    step.row(j).setConstant(kStep);
    const Matrix difference =
        (values_at(request.X + step) - values_at(request.X - step)) / (2 * kStep);
    EXPECT_THAT(answer.J.row(j).reshaped(4, 17), IsNearMatrix(difference, 1e-8));
  }
}

// Through a waist of two: rows of what is before it and columns of what is after it, multiplied.
std::shared_ptr<const Pipeline> WithWaist() {
  const Shared down = Network({.n = 9, .m = 2, .hidden = {12}}, 1);
  const Shared turn = Program("input x[2]\noutput y = sin(x[0]) * x[1]\noutput z = exp(x[1])\n");
  const Shared up = Network({.n = 2, .m = 8, .hidden = {12}}, 2);
  std::vector<Index> inputs(9);
  std::iota(inputs.begin(), inputs.end(), 0);
  std::vector<Index> outputs(8);
  std::iota(outputs.begin(), outputs.end(), 13);
  return Make(9, {{down, inputs}, {turn, {9, 10}}, {up, {11, 12}}}, outputs);
}

TEST(PipelineOfNetworksTest, AChainMakesItsJacobianByTheOptimalPlan) {
  const auto pipeline = WithWaist();
  ASSERT_TRUE(pipeline->jacobian_plan().has_value());
  const std::optional<JacobianChain> chain = pipeline->AsChain();
  ASSERT_TRUE(chain.has_value());
  EXPECT_EQ(pipeline->jacobian_plan()->cost, PlanChain(*chain).cost);
  EXPECT_LT(pipeline->jacobian_plan()->cost, AccumulationCosts(*chain).adjoint);
  // Unit tangents through all stages, in batches that need several blocks.
  const Index N = 700;
  const RandomRequest request(*pipeline, N, 1, 1, true, false);
  const Answer answer = Predict(*pipeline, request);
  const Matrix units = Matrix::Identity(9, 9);
  Matrix Y_dot(8, 9 * N);
  pipeline->Predict(View(request.X), Directions{.D = View(units), .count = 9, .per_point = false},
                    {}, {.Y_dot = Y_dot.data()});
  for (Index s = 0; s < N; ++s) {
    EXPECT_THAT(answer.J.middleCols(s * 8, 8),
                IsNearMatrix(Y_dot.middleCols(s * 9, 9).transpose(), 1e-12));
  }
  // A point alone has the same bits, and with Hessians the same values.
  Matrix all(9, 8 * N);
  pipeline->Predict(View(request.X), {}, {}, {.J = all.data()});
  Matrix J(9, 8);
  pipeline->Predict({request.X.data(), 9, 1}, {}, {}, {.J = J.data()});
  EXPECT_EQ(J, all.leftCols(8));
  Matrix H(9, 9 * 8);
  pipeline->Predict({request.X.data(), 9, 1}, {}, {}, {.J = J.data(), .H = H.data()});
  EXPECT_THAT(J, IsNearMatrix(answer.J.leftCols(8), 1e-12));
}

TEST(PipelineOfNetworksTest, ThreadsDivideABatchAndChangeNoBits) {
  const Shared down = Network({.n = 24, .m = 2, .hidden = {64, 64}}, 1);
  const Shared up = Network({.n = 2, .m = 24, .hidden = {64, 64}}, 2);
  std::vector<Index> positions(26 + 24);
  std::iota(positions.begin(), positions.end(), 0);
  const auto pipeline =
      Make(24, {{down, {positions.begin(), positions.begin() + 24}}, {up, {24, 25}}},
           {positions.begin() + 26, positions.end()});
  ASSERT_TRUE(pipeline->jacobian_plan().has_value());
  for (const Index N : {45, 130, 600}) {
    ASSERT_GT(pipeline->Cost({.num_points = N, .jacobian = true}), 2e6) << "worth several threads";
    const Matrix X = RandomPoints(24, N);
    const auto jacobian = [&](int threads) {
      Matrix J(24, 24 * N);
      oneapi::tbb::task_arena(threads).execute(
          [&] { pipeline->Predict(View(X), {}, {}, {.J = J.data()}); });
      return J;
    };
    const Matrix alone = jacobian(1);
    for (const int threads : {2, 3, 7}) EXPECT_EQ(jacobian(threads), alone) << N;
  }
}

TEST(PipelineOfNetworksTest, OnlyChainsHavePlans) {
  EXPECT_FALSE(WithNetworks()->AsChain().has_value());
  EXPECT_FALSE(WithNetworks()->jacobian_plan().has_value());
}

TEST(PipelineOfNetworksTest, ProductsAreThoseOfJacobianAndHessian) {
  const auto pipeline = WithNetworks();
  const RandomRequest request(*pipeline, 300, 3, 2, true, false);
  const Answer answer = Predict(*pipeline, request);
  for (Index s = 0; s < 300; ++s) {
    const Matrix J = answer.J.middleCols(4 * s, 4);
    const Matrix X_dot = request.tangents.At(s);
    EXPECT_THAT(answer.Y_dot.middleCols(3 * s, 3), IsNearMatrix(J.transpose() * X_dot, 1e-12));
    EXPECT_THAT(answer.X_bar.middleCols(2 * s, 2), IsNearMatrix(J * request.Y_bar, 1e-12));
    for (Index i = 0; i < 2; ++i) {
      Matrix sum = Matrix::Zero(4, 4);
      for (Index o = 0; o < 4; ++o) {
        const Matrix H = answer.H.middleCols((s * 4 + o) * 4, 4);
        EXPECT_THAT(H, IsNearMatrix(H.transpose(), 1e-12));
        sum += request.Y_bar(o, i) * H;
      }
      EXPECT_THAT(answer.X_bar_dot.middleCols((s * 2 + i) * 3, 3),
                  IsNearMatrix(sum * X_dot, 1e-12));
    }
  }
}

// ⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩.
TEST(PipelineOfNetworksTest, AdjointsAreTheTransposeOfTangents) {
  const auto pipeline = WithNetworks();
  const RandomRequest request(*pipeline, 17, 1, 1, true, true);
  const Answer answer = Predict(*pipeline, request);
  for (Index s = 0; s < 17; ++s) {
    const double forward = request.Y_bar.col(s).dot(answer.Y_dot.col(s));
    const double reverse = answer.X_bar.col(s).dot(request.X_dot.col(s));
    EXPECT_NEAR(forward, reverse, 1e-12 * std::max(1.0, std::abs(forward)));
  }
}

TEST(PipelineOfNetworksTest, SecondAdjointsAreDifferencesOfAdjoints) {
  constexpr double kStep = 1e-4;  // 1e-8 of third derivatives and 1e-12 of rounding.
  const auto pipeline = WithNetworks();
  const RandomRequest request(*pipeline, 17, 1, 2, true, true);
  const auto adjoints_at = [&](const Matrix& X) {
    Matrix X_bar(4, 2 * 17);
    pipeline->Predict(View(X), {}, request.adjoints, {.X_bar = X_bar.data()});
    return X_bar;
  };
  const Matrix difference = (adjoints_at(request.X + kStep * request.X_dot) -
                             adjoints_at(request.X - kStep * request.X_dot)) /
                            (2 * kStep);
  EXPECT_THAT(Predict(*pipeline, request).X_bar_dot, IsNearMatrix(difference, 1e-5));
}

TEST(PipelineOfNetworksTest, APointHasTheSameBitsAloneAndInABatch) {
  const auto pipeline = WithNetworks();
  const RandomRequest request(*pipeline, 700, 2, 1, false, false);
  const Answer batch = Predict(*pipeline, request);
  for (const Index s : {0, 63, 255, 256, 699}) {
    RandomRequest single(*pipeline, 1, 2, 1, false, false);
    single.X = request.X.col(s);
    const Answer alone = Predict(*pipeline, single);
    EXPECT_EQ(alone.Y, batch.Y.col(s));
    EXPECT_EQ(alone.J, batch.J.middleCols(4 * s, 4));
    EXPECT_EQ(alone.H, batch.H.middleCols(16 * s, 16));
    EXPECT_EQ(alone.Y_dot, batch.Y_dot.middleCols(2 * s, 2));
    EXPECT_EQ(alone.X_bar, batch.X_bar.col(s));
    EXPECT_EQ(alone.X_bar_dot, batch.X_bar_dot.middleCols(2 * s, 2));
  }
}

TEST(PipelineOfNetworksTest, ItComesBackFromItsBytesBitForBit) {
  const auto inner = WithNetworks();
  const Pipeline pipeline(4, {{inner, {3, 2, 1, 0}}, {Program(kSquare), {5}}}, {8, 4});
  const Shared copy = train::DecodeSurrogate(train::EncodeSurrogate(pipeline));
  ASSERT_EQ(copy->kind(), SurrogateKind::kPipeline);
  EXPECT_EQ(copy->NumParameters(), pipeline.NumParameters());
  EXPECT_EQ(copy->SizeBytes(), pipeline.SizeBytes());
  const RandomRequest request(pipeline, 17, 2, 3, true, true);
  const Answer expected = Predict(pipeline, request);
  const Answer answer = Predict(*copy, request);
  EXPECT_EQ(answer.Y, expected.Y);
  EXPECT_EQ(answer.J, expected.J);
  EXPECT_EQ(answer.H, expected.H);
  EXPECT_EQ(answer.X_bar_dot, expected.X_bar_dot);
}

TEST(PipelineOfNetworksTest, AFiredStopTokenCancels) {
  const auto pipeline = WithNetworks();
  const RandomRequest request(*pipeline, 17, 2, 2, false, false);
  std::stop_source source;
  source.request_stop();
  try {
    Predict(*pipeline, request, source.get_token());
    ADD_FAILURE() << "the prediction ran to its end";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST(PipelineOfNetworksTest, CostIsThatOfTheStagesAndGrowsWithWhatIsAsked) {
  const auto pipeline = WithNetworks();
  double stages = 0;
  for (const auto& stage : pipeline->stages()) stages += stage.function->Cost({.num_points = 10});
  EXPECT_EQ(pipeline->Cost({.num_points = 10}), stages);
  const double jacobian = pipeline->Cost({.num_points = 10, .jacobian = true});
  EXPECT_GT(jacobian, stages);
  EXPECT_GT(pipeline->Cost({.num_points = 10, .hessian = true}), jacobian);
}

// ---- Edges --------------------------------------------------------------------------------------

TEST(PipelineEdgeTest, APointOutsideTheDomainOfAProgramIsNotFiniteAndTheOthersAre) {
  const Pipeline pipeline(
      1, {{Program("input x\noutput l = log(x)\n"), {0}}, {Program(kSquare), {1}}}, {2});
  const Matrix X{{2, -1, 3}};
  Matrix Y(1, 3);
  Matrix J(1, 3);
  Matrix H(1, 3);
  pipeline.Predict(View(X), {}, {}, {.Y = Y.data(), .J = J.data(), .H = H.data()});
  for (const Matrix* result : {&Y, &J, &H}) {
    EXPECT_TRUE(std::isfinite((*result)(0)));
    EXPECT_FALSE(std::isfinite((*result)(1)));
    EXPECT_TRUE(std::isfinite((*result)(2)));
  }
  EXPECT_NEAR(J(0), (std::log(2) + std::cos(std::log(2))) / 2, 1e-14);
}

TEST(PipelineEdgeTest, StagesThatNoOutputDependsOnAreNotEvaluated) {
  const Shared never = Program("input x\noutput l = log(x - 1000)\n");
  const Shared square = Program(kSquare);
  const Pipeline pipeline(1, {{never, {0}}, {square, {0}}, {square, {1}}}, {2});
  EXPECT_EQ(pipeline.Cost({.num_points = 1}), square->Cost({.num_points = 1}));
  const Matrix X{{0.5}};
  Matrix H(1, 1);
  pipeline.Predict(View(X), {}, {}, {.H = H.data()});
  EXPECT_NEAR(H(0), 1 - std::sin(0.5), 1e-14);
}

TEST(PipelineEdgeTest, WhatCannotBeIsNamed) {
  const Shared square = Program(kSquare);
  const auto expect = [](Index n, std::vector<Stage> stages, std::vector<Index> outputs,
                         const std::string& message) {
    EXPECT_THAT([&] { Pipeline(n, std::move(stages), std::move(outputs)); },
                testing::ThrowsMessage<Error>(testing::StartsWith(message)));
  };
  expect(1, {}, {0}, "stages: expected 1 to 64 stages, got 0");
  expect(1, std::vector<Stage>(65, {square, {0}}), {1}, "stages: expected 1 to 64 stages, got 65");
  expect(0, {{square, {0}}}, {0}, "inputs: expected 1 to");
  expect(1, {{square, {0}}}, {}, "outputs: expected 1 to");
  expect(1, {{square, {0, 0}}}, {1}, "stages[0].inputs: expected 1, got 2");
  expect(1, {{square, {0}}, {square, {2}}}, {1}, "stages[1].inputs: expected positions");
  expect(1, {{square, {-1}}}, {1}, "stages[0].inputs: expected positions");
  expect(1, {{square, {0}}}, {2}, "outputs: expected positions");
  Shared nested = square;
  for (Index depth = 0; depth < Pipeline::kMaxDepth; ++depth)
    nested = Make(1, {{nested, {0}}}, {1});
  expect(1, {{nested, {0}}}, {1}, "stages[0]: expected 1 to 4 pipelines within each other, got 5");
}

TEST(PipelineEdgeTest, WhatItCannotAnswerIsNamed) {
  const auto pipeline = WithNetworks();
  const Matrix X = Matrix::Ones(4, 1);
  Matrix out(16, 16);
  const auto expect = [&](const PredictionBuffers& buffers, const std::string& message) {
    EXPECT_THAT([&] { pipeline->Predict(View(X), {}, {}, buffers); },
                testing::ThrowsMessage<Error>(testing::StartsWith(message)));
  };
  expect({.Y_dot = out.data()}, "tangents: expected");
  expect({.X_bar = out.data()}, "adjoints: expected");
  expect({.Y_spread = out.data()}, "spread: a pipeline");
  EXPECT_FALSE(pipeline->HasSpread());
}

}  // namespace
}  // namespace sobolev::chain
