#include "engine/surrogate/composed_surrogate.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/ad/tangent.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/output_map.h"
#include "engine/train/surrogate_codec.h"
#include "tests/support/matrix_matchers.h"
#include "tests/support/reference_network.h"

namespace sobolev {
namespace {

using Kind = FeatureFactor::Kind;
using Second = ad::Tangent<ad::Tangent<double>>;

constexpr Index kInputs = 3;
constexpr Index kOutputs = 5;

// x₁, log x₂, sin 2x₃, cos 2x₃, z₁² with z₁ = (x₁ − 0.3)/2, z₁·log x₂.
FeatureMap Features() {
  const FeatureFactor first{.input = 0};
  const FeatureFactor log{.input = 1, .kind = Kind::kLogPower};
  const FeatureFactor scaled{.input = 0, .offset = 0.3, .scale = 0.5};
  const FeatureFactor square{.input = 0, .degree = 2, .offset = 0.3, .scale = 0.5};
  return {{{first},
           {log},
           {{.input = 2, .kind = Kind::kSine, .scale = 2}},
           {{.input = 2, .kind = Kind::kCosine, .scale = 2}},
           {square},
           {scaled, log}},
          {{.lower = -1, .upper = 1, .width = 0.2}, {.lower = 1, .upper = 2, .width = 0.1}, {}}};
}

// One of every kind.
std::vector<OutputMap> Outputs() {
  return {{},
          {.kind = OutputMap::Kind::kAbove, .lower = -0.5, .scale = 0.7},
          {.kind = OutputMap::Kind::kBelow, .upper = 2, .scale = 0.4},
          {.kind = OutputMap::Kind::kBetween, .lower = -1, .upper = 3, .scale = 1.1},
          {.kind = OutputMap::Kind::kExponential, .lower = 0.1}};
}

Wings SomeWings() {
  std::srand(3);
  return {.below = Matrix::Random(kOutputs, kInputs), .above = Matrix::Random(kOutputs, kInputs)};
}

nn::Architecture CoreArchitecture() {
  return {.n = 6, .m = kOutputs, .hidden = {7, 5}, .activation = nn::Activation::kTanh};
}

std::shared_ptr<const Surrogate> Core(std::uint64_t seed) {
  const nn::Architecture architecture = CoreArchitecture();
  return std::make_shared<nn::NetworkSurrogate>(architecture,
                                                nn::Scaling{.x_mean = Vector::Zero(6),
                                                            .x_scale = Vector::Ones(6),
                                                            .y_mean = Vector::Zero(kOutputs),
                                                            .y_scale = Vector::Ones(kOutputs)},
                                                nn::InitialParameters(architecture, seed));
}

ComposedSurrogate Composed(std::uint64_t seed = 1) {
  return {{.features = Features(), .outputs = Outputs(), .wings = SomeWings()}, Core(seed)};
}

// Inside, outside below and outside above, in every combination.
Matrix Points() {
  Matrix X(kInputs, 9);
  Index s = 0;
  for (const double first : {-1.7, 0.2, 1.4}) {
    for (const double second : {0.4, 1.6, 5.0}) X.col(s++) << first, second, 0.9 * first;
  }
  return X;
}

// The same function written down plainly, for any scalar.
template <class S>
S Clamped(const S& x, double lower, double upper, double width) {
  using std::tanh;
  if (x > S(upper)) return S(upper) + S(width) * tanh((x - S(upper)) / S(width));
  if (x < S(lower)) return S(lower) + S(width) * tanh((x - S(lower)) / S(width));
  return x;
}

template <class S>
std::vector<S> Reference(const std::vector<S>& x, std::uint64_t seed = 1) {
  using std::cos, std::exp, std::log, std::sin;
  const S s[] = {Clamped(x[0], -1, 1, 0.2), Clamped(x[1], 1, 2, 0.1), x[2]};
  const S z = (s[0] - S(0.3)) / S(2);
  reference::VectorOf<S> phi(6);
  phi << s[0], log(s[1]), sin(S(2) * x[2]), cos(S(2) * x[2]), z * z, z * log(s[1]);
  const reference::VectorOf<S> theta =
      nn::InitialParameters(CoreArchitecture(), seed).template cast<S>();
  const reference::VectorOf<S> core = reference::Value(CoreArchitecture(), theta, phi);
  const Wings wings = SomeWings();
  std::vector<S> y;
  for (Index i = 0; i < kOutputs; ++i) {
    S u = core[i];
    for (Index j = 0; j < 2; ++j) {
      const S outside = x[static_cast<std::size_t>(j)] - s[j];
      u = u + (outside > S(0) ? S(wings.above(i, j)) : S(wings.below(i, j))) * outside;
    }
    y.push_back(u);
  }
  y[1] = S(-0.5) + S(0.7) * log(S(1) + exp(y[1] / S(0.7)));
  y[2] = S(2) - S(0.4) * log(S(1) + exp(-y[2] / S(0.4)));
  y[3] = S(-1) + S(4) / (S(1) + exp(-y[3] / S(1.1)));
  y[4] = S(0.1) + exp(y[4]);
  return y;
}

struct Derivatives {
  Matrix Y;
  Matrix J;
  Matrix H;
};

// Of the reference, by nested tangents.
Derivatives Truth(const Matrix& X) {
  const Index num_points = X.cols();
  Derivatives truth{.Y = Matrix(kOutputs, num_points),
                    .J = Matrix(kInputs, kOutputs * num_points),
                    .H = Matrix(kInputs, kInputs * kOutputs * num_points)};
  for (Index s = 0; s < num_points; ++s) {
    for (Index j = 0; j < kInputs; ++j) {
      for (Index k = 0; k < kInputs; ++k) {
        std::vector<Second> x;
        for (Index l = 0; l < kInputs; ++l) {
          x.emplace_back(ad::Tangent<double>(X(l, s), l == j ? 1.0 : 0.0),
                         ad::Tangent<double>(l == k ? 1.0 : 0.0));
        }
        const std::vector<Second> y = Reference(x);
        for (Index i = 0; i < kOutputs; ++i) {
          const Second& of_output = y[static_cast<std::size_t>(i)];
          truth.Y(i, s) = of_output.value.value;
          truth.J(j, s * kOutputs + i) = of_output.value.dot;
          truth.H(j, (s * kOutputs + i) * kInputs + k) = of_output.dot.dot;
        }
      }
    }
  }
  return truth;
}

Derivatives Predict(const Surrogate& surrogate, const Matrix& X) {
  const Index num_points = X.cols();
  Derivatives result{.Y = Matrix(kOutputs, num_points),
                     .J = Matrix(kInputs, kOutputs * num_points),
                     .H = Matrix(kInputs, kInputs * kOutputs * num_points)};
  surrogate.Predict(ConstMatrixMap(X.data(), kInputs, num_points), {}, {},
                    {.Y = result.Y.data(), .J = result.J.data(), .H = result.H.data()});
  return result;
}

TEST(ComposedSurrogateTest, ValuesAndDerivativesAreThoseOfTheFormula) {
  const Matrix X = Points();
  const Derivatives truth = Truth(X);
  const Derivatives predicted = Predict(Composed(), X);
  EXPECT_THAT(predicted.Y, IsNearMatrix(truth.Y, 1e-13));
  EXPECT_THAT(predicted.J, IsNearMatrix(truth.J, 1e-12));
  EXPECT_THAT(predicted.H, IsNearMatrix(truth.H, 1e-12));
}

TEST(ComposedSurrogateTest, ProductsWithDirectionsAreThoseOfTheJacobian) {
  const Matrix X = Points();
  const Index num_points = X.cols();
  const Matrix J = Truth(X).J;
  std::srand(5);
  const Matrix X_dot = Matrix::Random(kInputs, 2 * num_points);
  const Matrix Y_bar = Matrix::Random(kOutputs, 3);
  Matrix Y_dot(kOutputs, 2 * num_points);
  Matrix X_bar(kInputs, 3 * num_points);
  const Directions tangents{
      .D = ConstMatrixMap(X_dot.data(), kInputs, X_dot.cols()), .count = 2, .per_point = true};
  const Directions adjoints{
      .D = ConstMatrixMap(Y_bar.data(), kOutputs, 3), .count = 3, .per_point = false};
  Composed().Predict(ConstMatrixMap(X.data(), kInputs, num_points), tangents, adjoints,
                     {.Y_dot = Y_dot.data(), .X_bar = X_bar.data()});
  for (Index s = 0; s < num_points; ++s) {
    const auto J_transposed = J.middleCols(s * kOutputs, kOutputs);
    EXPECT_THAT(Y_dot.middleCols(2 * s, 2),
                IsNearMatrix(J_transposed.transpose() * X_dot.middleCols(2 * s, 2), 1e-12));
    EXPECT_THAT(X_bar.middleCols(3 * s, 3), IsNearMatrix(J_transposed * Y_bar, 1e-12));
  }
}

// Any subset of the quantities has the bits of all of them, and a point those of a batch.
TEST(ComposedSurrogateTest, APointHasTheSameBitsAloneAndInABatch) {
  const ComposedSurrogate surrogate = Composed();
  Matrix X(kInputs, 300);
  for (Index s = 0; s < X.cols(); ++s)
    X.col(s) = Points().col(s % 9) * (1 + 1e-3 * static_cast<double>(s));
  const Derivatives batch = Predict(surrogate, X);
  for (const Index s : {0, 63, 64, 171, 299}) {
    const Derivatives alone = Predict(surrogate, X.col(s));
    EXPECT_EQ(alone.Y, batch.Y.col(s));
    EXPECT_EQ(alone.J, batch.J.middleCols(s * kOutputs, kOutputs));
    EXPECT_EQ(alone.H, batch.H.middleCols(s * kOutputs * kInputs, kOutputs * kInputs));
  }
  Matrix J(kInputs, kOutputs * X.cols());
  surrogate.Predict(ConstMatrixMap(X.data(), kInputs, X.cols()), {}, {}, {.J = J.data()});
  EXPECT_EQ(J, batch.J);
}

TEST(ComposedSurrogateTest, BoundsHoldEverywhere) {
  std::srand(7);
  const Matrix X = (10 * Matrix::Random(kInputs, 1000)).eval();
  const Matrix Y = Predict(Composed(), X).Y;
  EXPECT_GE(Y.row(1).minCoeff(), -0.5);
  EXPECT_LE(Y.row(2).maxCoeff(), 2);
  EXPECT_GE(Y.row(3).minCoeff(), -1);
  EXPECT_LE(Y.row(3).maxCoeff(), 3);
  EXPECT_GE(Y.row(4).minCoeff(), 0.1);
}

// Far outside the slope of the identity output is that of its wings, and what is left is bounded.
TEST(ComposedSurrogateTest, FarOutsideItIsLinear) {
  const Wings wings = SomeWings();
  Matrix X(kInputs, 2);
  X << 50, -80, 40, -70, 0.3, 0.3;
  const Derivatives predicted = Predict(Composed(), X);
  EXPECT_NEAR(predicted.J(0, 0), wings.above(0, 0), 1e-12);
  EXPECT_NEAR(predicted.J(1, 0), wings.above(0, 1), 1e-12);
  EXPECT_NEAR(predicted.J(0, kOutputs), wings.below(0, 0), 1e-12);
  EXPECT_NEAR(predicted.J(1, kOutputs), wings.below(0, 1), 1e-12);
}

TEST(OutputMapTest, TheInverseInvertsAndKnowsWhatIsOutside) {
  for (const OutputMap& map : Outputs()) {
    for (const double u : {-6.0, -0.8, 0.0, 0.3, 2.0, 9.0}) {
      const ScalarJet jet = map.Evaluate(u);
      EXPECT_GT(jet.first, 0);
      EXPECT_NEAR(map.Inverse(jet.value), u, 1e-11 / jet.first + 1e-12);
    }
  }
  EXPECT_TRUE(std::isnan(Outputs()[1].Inverse(-0.5)));
  EXPECT_TRUE(std::isnan(Outputs()[2].Inverse(2)));
  EXPECT_TRUE(std::isnan(Outputs()[3].Inverse(3)));
  EXPECT_TRUE(std::isnan(Outputs()[4].Inverse(0.1)));
}

// To first order in the spread: members that differ by little.
TEST(ComposedSurrogateTest, TheSpreadIsThatOfTheCoreThroughTheOutputs) {
  const auto near = [](double factor) {
    const nn::Architecture architecture = CoreArchitecture();
    return std::make_shared<nn::NetworkSurrogate>(
        architecture,
        nn::Scaling{.x_mean = Vector::Zero(6),
                    .x_scale = Vector::Ones(6),
                    .y_mean = Vector::Zero(kOutputs),
                    .y_scale = Vector::Constant(kOutputs, factor)},
        nn::InitialParameters(architecture, 1));
  };
  const Composition composition{.features = Features(), .outputs = Outputs(), .wings = SomeWings()};
  const std::vector<std::shared_ptr<const Surrogate>> cores = {near(1), near(1 + 1e-5)};
  const ComposedSurrogate around(composition, std::make_shared<EnsembleSurrogate>(cores));
  const EnsembleSurrogate among({std::make_shared<ComposedSurrogate>(composition, cores[0]),
                                 std::make_shared<ComposedSurrogate>(composition, cores[1])});
  const Matrix X = Points();
  Matrix spread(kOutputs, X.cols());
  Matrix expected(kOutputs, X.cols());
  const ConstMatrixMap points(X.data(), kInputs, X.cols());
  ASSERT_TRUE(around.HasSpread());
  around.Predict(points, {}, {}, {.Y_spread = spread.data()});
  among.Predict(points, {}, {}, {.Y_spread = expected.data()});
  EXPECT_GT(expected.minCoeff(), 0);
  for (Index s = 0; s < X.cols(); ++s) {
    for (Index i = 0; i < kOutputs; ++i) {
      EXPECT_NEAR(spread(i, s), expected(i, s), 1e-3 * expected(i, s) + 1e-14);
    }
  }
}

// Where every input has one feature, nothing is assumed: |∂y/∂u·∂φ/∂x| times the core's spread.
TEST(ComposedSurrogateTest, TheSpreadOfTheJacobianScalesWithTheInputs) {
  const auto core = [](std::uint64_t seed) {
    const nn::Architecture architecture{.n = 1, .m = 1, .hidden = {4}};
    return std::make_shared<nn::NetworkSurrogate>(architecture,
                                                  nn::Scaling{.x_mean = Vector::Zero(1),
                                                              .x_scale = Vector::Ones(1),
                                                              .y_mean = Vector::Zero(1),
                                                              .y_scale = Vector::Ones(1)},
                                                  nn::InitialParameters(architecture, seed));
  };
  const Composition composition{
      .features = FeatureMap({{{.input = 0, .kind = Kind::kLogPower}}}, {{}}),
      .outputs = {{}},
      .wings = {}};
  const std::vector<std::shared_ptr<const Surrogate>> cores = {core(1), core(2), core(3)};
  std::vector<std::shared_ptr<const Surrogate>> members;
  members.reserve(cores.size());
  for (const auto& one : cores) {
    members.push_back(std::make_shared<ComposedSurrogate>(composition, one));
  }
  const ComposedSurrogate around(composition, std::make_shared<EnsembleSurrogate>(cores));
  const Matrix X{{0.3, 1.5, 7}};
  Matrix spread(1, 3);
  Matrix expected(1, 3);
  around.Predict(ConstMatrixMap(X.data(), 1, 3), {}, {}, {.J_spread = spread.data()});
  EnsembleSurrogate(members).Predict(ConstMatrixMap(X.data(), 1, 3), {}, {},
                                     {.J_spread = expected.data()});
  EXPECT_THAT(spread, IsNearMatrix(expected, 1e-12));
}

TEST(ComposedSurrogateTest, ItComesBackBitForBitAloneAndInEnsembles) {
  const auto member = std::make_shared<ComposedSurrogate>(Composed());
  const EnsembleSurrogate ensemble({member, std::make_shared<ComposedSurrogate>(Composed(2))});
  const ComposedSurrogate around(
      member->composition(),
      std::make_shared<EnsembleSurrogate>(std::vector{Core(1), Core(2), Core(3)}));
  const Matrix X = Points();
  for (const Surrogate* surrogate :
       {static_cast<const Surrogate*>(member.get()), static_cast<const Surrogate*>(&ensemble),
        static_cast<const Surrogate*>(&around)}) {
    const auto decoded = train::DecodeSurrogate(train::EncodeSurrogate(*surrogate));
    EXPECT_EQ(decoded->kind(), surrogate->kind());
    EXPECT_EQ(decoded->NumParameters(), surrogate->NumParameters());
    EXPECT_EQ(Predict(*decoded, X).H, Predict(*surrogate, X).H);
  }
  const ComposedSurrogate nested(
      {.features = FeatureMap(kInputs), .outputs = Outputs(), .wings = {}}, member);
  EXPECT_THROW(train::DecodeSurrogate(train::EncodeSurrogate(nested)), Error);
}

TEST(ComposedSurrogateTest, WhatDoesNotFitIsRefused) {
  EXPECT_THROW(ComposedSurrogate(
                   {.features = FeatureMap(kInputs), .outputs = Outputs(), .wings = {}}, Core(1)),
               Error);
  EXPECT_THROW(ComposedSurrogate({.features = Features(), .outputs = {{}}, .wings = {}}, Core(1)),
               Error);
  EXPECT_THROW(FeatureMap({{{.input = 1}}}, {{}}), Error);
  EXPECT_THROW(FeatureMap({{{.input = 0}, {.input = 0}}}, {{}}), Error);
  EXPECT_THROW(FeatureMap({{{.input = 0, .scale = 0}}}, {{}}), Error);
  Wings wings = SomeWings();
  wings.below(0, 0) = std::numeric_limits<double>::infinity();
  EXPECT_THROW(
      ComposedSurrogate({.features = Features(), .outputs = Outputs(), .wings = wings}, Core(1)),
      Error);
}

}  // namespace
}  // namespace sobolev
