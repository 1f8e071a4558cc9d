#include "engine/train/standard_points.h"

#include <cstdint>
#include <limits>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/samples.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::train {
namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// One sample of a function of 3 inputs and 2 outputs, with every kind of label, and the scaling
// that its labels go through.
class StandardPointsTest : public testing::Test {
 protected:
  StandardPointsTest() : J(Matrix::Random(2, 3)), H0(Matrix::Random(3, 3)), H1(H0 * H0) {
    H0 = (H0 + H0.transpose()).eval();
    H1 = (H1 + H1.transpose()).eval();
    const Matrix J_rows = J.transpose();  // m×n row-major.
    jacobian.assign(J_rows.data(), J_rows.data() + 6);
    const Vector y_dot = J * ConstMatrixMap(x_dot.data(), 3, 1);
    jvp.assign(y_dot.data(), y_dot.data() + 2);
    const Vector x_bar = J.transpose() * ConstMatrixMap(y_bar.data(), 2, 1);
    vjp.assign(x_bar.data(), x_bar.data() + 3);
    const Vector h = (y_bar[0] * H0 + y_bar[1] * H1) * ConstMatrixMap(x_dot.data(), 3, 1);
    hvp.assign(h.data(), h.data() + 3);
    scaling = {.x_mean = Vector::Random(3),
               .x_scale = Vector{{2, 0.5, 30}},
               .y_mean = Vector::Random(2),
               .y_scale = Vector{{10, 0.1}}};
  }

  SampleSet View() const {
    return {.n = 3,
            .m = 2,
            .blocks = {{.rows = 1,
                        .num_tangents = 1,
                        .num_adjoints = 1,
                        .num_hvps = 1,
                        .x = x.data(),
                        .y = y.data(),
                        .jacobian = jacobian.data(),
                        .tangents = x_dot.data(),
                        .jvp = jvp.data(),
                        .adjoints = y_bar.data(),
                        .vjp = vjp.data(),
                        .hvp_adjoints = y_bar.data(),
                        .hvp_tangents = x_dot.data(),
                        .hvp = hvp.data()}}};
  }

  LabelledPoints Points() const {
    const std::vector<std::uint32_t> numbers = {0};
    return StandardPoints(View(), numbers, scaling);
  }

  Matrix J, H0, H1;
  std::vector<double> x = {1, -2, 3};
  std::vector<double> y = {5, 6};
  std::vector<double> jacobian;
  std::vector<double> x_dot = {0.3, 0.1, -2};
  std::vector<double> y_bar = {2, -1};
  std::vector<double> jvp, vjp, hvp;
  nn::Scaling scaling;
};

// The standardised function ŷ = (f(μ_x + σ_x x̂) − μ_y)/σ_y has the derivatives Ĵ and Ĥ_i, which
// every kind of label must agree with.
TEST_F(StandardPointsTest, EveryLabelIsThatOfTheStandardisedFunction) {
  const LabelledPoints points = Points();
  const Matrix J_hat =
      scaling.y_scale.cwiseInverse().asDiagonal() * J * scaling.x_scale.asDiagonal();
  const auto standard = [&](const Matrix& H, Index i) -> Matrix {
    return scaling.x_scale.asDiagonal() * H * scaling.x_scale.asDiagonal() / scaling.y_scale[i];
  };
  EXPECT_THAT(points.J, IsNearMatrix(J_hat.transpose(), 1e-14));
  EXPECT_THAT(points.tangents.Y_dot, IsNearMatrix(J_hat * points.tangents.X_dot, 1e-13));
  EXPECT_THAT(points.adjoints.X_bar,
              IsNearMatrix(J_hat.transpose() * points.adjoints.Y_bar, 1e-13));
  const Vector seed = points.curvatures.Y_bar.col(0);
  EXPECT_THAT(
      points.curvatures.H_v,
      IsNearMatrix((seed[0] * standard(H0, 0) + seed[1] * standard(H1, 1)) * points.curvatures.V,
                   1e-12));
  EXPECT_NEAR(points.tangents.X_dot.norm(), 1, 1e-14);
  EXPECT_NEAR(points.adjoints.Y_bar.norm(), 1, 1e-14);
  EXPECT_NEAR(points.curvatures.V.norm(), 1, 1e-14);
}

TEST_F(StandardPointsTest, MissingLabelsStayMissing) {
  y[1] = kMissing;
  jacobian[4] = kMissing;
  vjp[0] = kMissing;
  const LabelledPoints points = Points();
  EXPECT_TRUE(std::isnan(points.Y(1, 0)));
  EXPECT_FALSE(std::isnan(points.Y(0, 0)));
  EXPECT_TRUE(std::isnan(points.J(1, 1)));
  EXPECT_EQ(points.J.array().isNaN().count(), 1);
  EXPECT_TRUE(std::isnan(points.adjoints.X_bar(0, 0)));
}

// Weights are inverse variances of the standardised labels, of mean 1 over those that are there.
TEST_F(StandardPointsTest, VariancesBecomeWeights) {
  const std::vector<double> xs(9, 0.5);
  std::vector<double> ys(6, 1);
  std::vector<double> jacobians(18, 1);
  const std::vector<double> y_variance = {1, 1, 2, 4, 4, 1e300};
  std::vector<double> jacobian_variance(18, 1);
  jacobian_variance[1] = 0.1;  // ∂y_0/∂x_1 of the first sample.
  ys[5] = kMissing;
  jacobians[2] = kMissing;
  jacobian_variance[2] = kMissing;
  const SampleSet samples{.n = 3,
                          .m = 2,
                          .blocks = {{.rows = 3,
                                      .x = xs.data(),
                                      .y = ys.data(),
                                      .jacobian = jacobians.data(),
                                      .y_variance = y_variance.data(),
                                      .jacobian_variance = jacobian_variance.data()}}};
  const std::vector<std::uint32_t> all = {0, 1, 2};
  const LabelledPoints points = StandardPoints(samples, all, scaling);
  // 1 : 1/2 : 1/4, and 1 : 1/4 of the two that are known.
  EXPECT_THAT(Matrix(points.Y_weight.row(0)),
              IsNearMatrix(Matrix{{12. / 7, 6. / 7, 3. / 7}}, 1e-14));
  EXPECT_THAT(Matrix(points.Y_weight.row(1).head(2)), IsNearMatrix(Matrix{{1.6, 0.4}}, 1e-14));
  // Standardised entries have variances in proportion to σ_x².
  double sum = 0;
  for (Index s = 0; s < 3; ++s) {
    for (Index j = 0; j < 3; ++j) sum += s == 0 && j == 2 ? 0 : points.J_weight(j, 2 * s);
  }
  EXPECT_NEAR(sum, 8, 1e-13);
  EXPECT_NEAR(points.J_weight(0, 0) / points.J_weight(1, 2), 0.25 / 4, 1e-14);
  EXPECT_NEAR(points.J_weight(1, 0) / points.J_weight(1, 2), 10, 1e-12);
}

// One label that claims to be exact counts as many others, but not for all of them.
TEST_F(StandardPointsTest, OneTinyVarianceDoesNotTakeOver) {
  constexpr Index kCount = 4000;
  const std::vector<double> xs(3 * kCount, 0.5);
  const std::vector<double> ys(2 * kCount, 1);
  std::vector<double> variance(2 * kCount, 1);
  variance[0] = 1e-300;
  const SampleSet samples{
      .n = 3,
      .m = 2,
      .blocks = {{.rows = kCount, .x = xs.data(), .y = ys.data(), .y_variance = variance.data()}}};
  std::vector<std::uint32_t> all(kCount);
  std::iota(all.begin(), all.end(), 0U);
  const LabelledPoints points = StandardPoints(samples, all, scaling);
  EXPECT_GT(points.Y_weight(0, 0), 100);
  EXPECT_LT(points.Y_weight(0, 0), 0.5 * kCount);
  EXPECT_NEAR(points.Y_weight(1, 0), 1, 1e-12);
}

TEST_F(StandardPointsTest, ADirectionOfZeroSaysNothing) {
  x_dot = {0, 0, 0};
  const LabelledPoints points = Points();
  EXPECT_TRUE(points.tangents.point.empty());
  EXPECT_TRUE(points.curvatures.point.empty());
  EXPECT_EQ(points.adjoints.point.size(), 1U);
}

TEST_F(StandardPointsTest, NumbersBeyondTheRangeNameTheirSample) {
  scaling.y_scale[0] = 1e-300;
  y[0] = 1e300;
  try {
    Points();
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_NE(std::string(error.what()).find("sample 0"), std::string::npos);
  }
}

}  // namespace
}  // namespace sobolev::train
