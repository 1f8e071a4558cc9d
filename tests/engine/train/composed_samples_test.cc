#include "engine/train/composed_samples.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/output_map.h"
#include "engine/train/composition.h"
#include "engine/train/samples.h"
#include "engine/train/standard_points.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::train {
namespace {

using Kind = FeatureFactor::Kind;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr Index kInputs = 2;
constexpr Index kOutputs = 3;
constexpr Index kPoints = 6;

Composition DiagonalComposition() {
  return {.features = FeatureMap({{{.input = 0}}, {{.input = 1, .kind = Kind::kLogPower}}},
                                 std::vector<SoftClamp>(2)),
          .outputs = {{},
                      {.kind = OutputMap::Kind::kAbove, .lower = -2, .scale = 0.8},
                      {.kind = OutputMap::Kind::kExponential}},
          .wings = {}};
}

Composition PeriodicComposition() {
  Composition composition = DiagonalComposition();
  composition.features = FeatureMap({{{.input = 0, .kind = Kind::kSine, .scale = 3}},
                                     {{.input = 0, .kind = Kind::kCosine, .scale = 3}},
                                     {{.input = 1}}},
                                    std::vector<SoftClamp>(2));
  return composition;
}

std::shared_ptr<const Surrogate> CoreOf(const Composition& composition) {
  const nn::Architecture architecture{.n = composition.features.r(),
                                      .m = kOutputs,
                                      .hidden = {6},
                                      .activation = nn::Activation::kTanh};
  return std::make_shared<nn::NetworkSurrogate>(architecture,
                                                nn::Scaling{.x_mean = Vector::Zero(architecture.n),
                                                            .x_scale = Vector::Ones(architecture.n),
                                                            .y_mean = Vector::Zero(kOutputs),
                                                            .y_scale = Vector::Ones(kOutputs)},
                                                nn::InitialParameters(architecture, 4));
}

// Labels of every kind of a composed surrogate: two tangents, two adjoints (the first of one output
// alone) and two Hessian-vector products of each point.
struct Labels {
  explicit Labels(const Surrogate& surrogate) {
    std::srand(9);
    X = Matrix::Random(kInputs, kPoints);
    X.row(1) = (X.row(1).array() + 2).matrix();
    tangents = Matrix::Random(kInputs, 2 * kPoints);
    adjoints = Matrix::Random(kOutputs, 2 * kPoints);
    hvp_adjoints = Matrix::Random(kOutputs, 2 * kPoints);
    hvp_tangents = Matrix::Random(kInputs, 2 * kPoints);
    for (Index s = 0; s < kPoints; ++s) adjoints.col(2 * s) << 0, 1.5, 0;
    const Directions of_tangents{
        .D = ConstMatrixMap(tangents.data(), kInputs, 2 * kPoints), .count = 2, .per_point = true};
    const Directions of_adjoints{
        .D = ConstMatrixMap(adjoints.data(), kOutputs, 2 * kPoints), .count = 2, .per_point = true};
    Matrix H(kInputs, kInputs * kOutputs * kPoints);
    surrogate.Predict(
        ConstMatrixMap(X.data(), kInputs, kPoints), of_tangents, of_adjoints,
        {.Y = Y.data(), .J = J.data(), .H = H.data(), .Y_dot = jvp.data(), .X_bar = vjp.data()});
    hvp.setZero();
    for (Index k = 0; k < 2 * kPoints; ++k) {
      for (Index i = 0; i < kOutputs; ++i) {
        const auto of_output = H.middleCols((k / 2 * kOutputs + i) * kInputs, kInputs);
        hvp.col(k) += hvp_adjoints(i, k) * (of_output * hvp_tangents.col(k));
      }
    }
  }

  SampleSet View() const {
    return {.n = kInputs,
            .m = kOutputs,
            .blocks = {{.rows = kPoints,
                        .num_tangents = 2,
                        .num_adjoints = 2,
                        .num_hvps = 2,
                        .x = X.data(),
                        .y = Y.data(),
                        .jacobian = J.data(),
                        .tangents = tangents.data(),
                        .jvp = jvp.data(),
                        .adjoints = adjoints.data(),
                        .vjp = vjp.data(),
                        .hvp_adjoints = hvp_adjoints.data(),
                        .hvp_tangents = hvp_tangents.data(),
                        .hvp = hvp.data()}}};
  }

  Matrix X;
  Matrix Y{kOutputs, kPoints};
  Matrix J{kInputs, kOutputs* kPoints};
  Matrix tangents;
  Matrix jvp{kOutputs, 2 * kPoints};
  Matrix adjoints;
  Matrix vjp{kInputs, 2 * kPoints};
  Matrix hvp_adjoints;
  Matrix hvp_tangents;
  Matrix hvp{kInputs, 2 * kPoints};
};

std::vector<std::uint32_t> AllNumbers() {
  std::vector<std::uint32_t> numbers(kPoints);
  std::iota(numbers.begin(), numbers.end(), 0U);
  return numbers;
}

CompositionOptions NamedOutputs() {
  return {
      .outputs = {{.name = "a"}, {.name = "b", .lower = -2}, {.name = "c", .logarithmic = true}}};
}

// The transformed samples as points in coordinates that standardise nothing.
LabelledPoints PointsOf(const SampleSet& samples, const Composition& composition) {
  const std::vector<std::uint32_t> numbers = AllNumbers();
  const ComposedSamples composed(samples, numbers, composition, NamedOutputs());
  const Index r = composition.features.r();
  return StandardPoints(composed.view(), numbers,
                        {.x_mean = Vector::Zero(r),
                         .x_scale = Vector::Ones(r),
                         .y_mean = Vector::Zero(kOutputs),
                         .y_scale = Vector::Ones(kOutputs)});
}

// What the core itself says at the points.
struct CoreTruth {
  CoreTruth(const Surrogate& core, const Matrix& phi)
      : Y(kOutputs, phi.cols()),
        J(core.n(), kOutputs * phi.cols()),
        H(core.n(), core.n() * kOutputs * phi.cols()) {
    core.Predict(ConstMatrixMap(phi.data(), phi.rows(), phi.cols()), {}, {},
                 {.Y = Y.data(), .J = J.data(), .H = H.data()});
  }

  auto JacobianAt(Index s) const { return J.middleCols(s * kOutputs, kOutputs).transpose(); }

  Matrix Y;
  Matrix J;
  Matrix H;
};

TEST(ComposedSamplesTest, LabelsOfEveryKindAreThoseOfTheCore) {
  const Composition composition = DiagonalComposition();
  const auto core = CoreOf(composition);
  const Labels labels(ComposedSurrogate(composition, core));
  const LabelledPoints points = PointsOf(labels.View(), composition);
  const CoreTruth truth(*core, points.X);
  EXPECT_THAT(points.Y, IsNearMatrix(truth.Y, 1e-12));
  EXPECT_THAT(points.J, IsNearMatrix(truth.J, 1e-11));
  ASSERT_EQ(points.tangents.point.size(), 12U);
  ASSERT_EQ(points.adjoints.point.size(), 12U);
  ASSERT_EQ(points.curvatures.point.size(), 12U);
  for (Index k = 0; k < 12; ++k) {
    const Index s = points.tangents.point[static_cast<std::size_t>(k)];
    EXPECT_THAT(points.tangents.Y_dot.col(k),
                IsNearMatrix(truth.JacobianAt(s) * points.tangents.X_dot.col(k), 1e-11));
    EXPECT_THAT(
        points.adjoints.X_bar.col(k),
        IsNearMatrix(truth.JacobianAt(s).transpose() * points.adjoints.Y_bar.col(k), 1e-11));
    Vector product = Vector::Zero(2);
    for (Index i = 0; i < kOutputs; ++i) {
      product += points.curvatures.Y_bar(i, k) * truth.H.middleCols((s * kOutputs + i) * 2, 2) *
                 points.curvatures.V.col(k);
    }
    EXPECT_THAT(points.curvatures.H_v.col(k), IsNearMatrix(product, 1e-10));
  }
}

// Three features of two inputs: Jacobians, tangents and adjoints of one output become tangents.
TEST(ComposedSamplesTest, WithOtherFeaturesLabelsBecomeTangentsOfTheCore) {
  const Composition composition = PeriodicComposition();
  const auto core = CoreOf(composition);
  const Labels labels(ComposedSurrogate(composition, core));
  const LabelledPoints points = PointsOf(labels.View(), composition);
  const CoreTruth truth(*core, points.X);
  EXPECT_THAT(points.Y, IsNearMatrix(truth.Y, 1e-12));
  EXPECT_EQ(points.J.cols(), 0);
  EXPECT_TRUE(points.adjoints.point.empty());
  EXPECT_TRUE(points.curvatures.point.empty());
  // 2 of the Jacobian, 2 tangents, 2 of each adjoint.
  ASSERT_EQ(points.tangents.point.size(), 8U * kPoints);
  Index known = 0;
  for (Index k = 0; k < points.tangents.Y_dot.cols(); ++k) {
    const Index s = points.tangents.point[static_cast<std::size_t>(k)];
    const Vector expected = truth.JacobianAt(s) * points.tangents.X_dot.col(k);
    for (Index i = 0; i < kOutputs; ++i) {
      if (std::isnan(points.tangents.Y_dot(i, k))) continue;
      ++known;
      EXPECT_NEAR(points.tangents.Y_dot(i, k), expected[i], 1e-11);
    }
  }
  // 4 of all outputs, and the adjoint of the second output along 2 inputs.
  EXPECT_EQ(known, (4 * kOutputs + 2) * kPoints);
}

// Of a curved output without value nothing else is known; of a linear one it is.
TEST(ComposedSamplesTest, MissingValuesTakeDerivativesOfCurvedOutputsAlong) {
  const Composition composition = DiagonalComposition();
  const auto core = CoreOf(composition);
  Labels labels(ComposedSurrogate(composition, core));
  labels.Y.col(2).setConstant(kMissing);
  labels.J(1, 0) = kMissing;
  const LabelledPoints points = PointsOf(labels.View(), composition);
  const CoreTruth truth(*core, points.X);
  EXPECT_TRUE(points.Y.col(2).hasNaN());
  EXPECT_TRUE(std::isnan(points.J(1, 0)));
  EXPECT_THAT(points.J.col(2 * kOutputs), IsNearMatrix(truth.J.col(2 * kOutputs), 1e-11));
  EXPECT_TRUE(points.J.col(2 * kOutputs + 1).array().isNaN().all());
  EXPECT_TRUE(points.J.col(2 * kOutputs + 2).array().isNaN().all());
  for (const Index s : points.adjoints.point) EXPECT_NE(s, 2);
}

TEST(ComposedSamplesTest, AValueOutOfBoundsIsNamed) {
  const Composition composition = DiagonalComposition();
  Labels labels(ComposedSurrogate(composition, CoreOf(composition)));
  labels.Y(1, 3) = -2.5;
  try {
    PointsOf(labels.View(), composition);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(error.field(), "spec.output_maps");
    EXPECT_THAT(error.what(), testing::HasSubstr("output 'b' above -2, got -2.5 in sample 3"));
  }
}

}  // namespace
}  // namespace sobolev::train
