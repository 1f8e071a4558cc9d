#include "engine/surrogate/ensemble.h"

#include <cmath>
#include <memory>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev {
namespace {

constexpr Index kInputs = 3;
constexpr Index kOutputs = 2;
constexpr Index kPoints = 5;

std::shared_ptr<const Surrogate> Member(std::uint64_t seed, Index n = kInputs) {
  const nn::Architecture architecture{.n = n, .m = kOutputs, .hidden = {6, 5}};
  return std::make_shared<nn::NetworkSurrogate>(architecture,
                                                nn::Scaling{.x_mean = Vector::Zero(n),
                                                            .x_scale = Vector::Ones(n),
                                                            .y_mean = Vector::Zero(kOutputs),
                                                            .y_scale = Vector::Ones(kOutputs)},
                                                nn::InitialParameters(architecture, seed));
}

struct Prediction {
  Prediction(const Surrogate& surrogate, const Matrix& X, const Directions& tangents,
             const Directions& adjoints) {
    surrogate.Predict(ConstMatrixMap(X.data(), kInputs, kPoints), tangents, adjoints,
                      {.Y = Y.data(),
                       .J = J.data(),
                       .H = H.data(),
                       .Y_dot = Y_dot.data(),
                       .X_bar = X_bar.data()});
  }

  Matrix Y{kOutputs, kPoints};
  Matrix J{kInputs, kOutputs* kPoints};
  Matrix H{kInputs, kInputs* kOutputs* kPoints};
  Matrix Y_dot{kOutputs, 2 * kPoints};
  Matrix X_bar{kInputs, kPoints};
};

class EnsembleTest : public testing::Test {
 protected:
  const std::vector<std::shared_ptr<const Surrogate>> members = {Member(1), Member(2), Member(3)};
  const EnsembleSurrogate ensemble{members};
  const Matrix X = Matrix::Random(kInputs, kPoints);
  const Matrix tangent_data = Matrix::Random(kInputs, 2);
  const Matrix adjoint_data = Matrix::Random(kOutputs, 1);
  const Directions tangents{
      .D = ConstMatrixMap(tangent_data.data(), kInputs, 2), .count = 2, .per_point = false};
  const Directions adjoints{
      .D = ConstMatrixMap(adjoint_data.data(), kOutputs, 1), .count = 1, .per_point = false};
};

TEST_F(EnsembleTest, EveryQuantityIsTheMeanOfTheMembers) {
  const Prediction mean(ensemble, X, tangents, adjoints);
  const Prediction a(*members[0], X, tangents, adjoints);
  const Prediction b(*members[1], X, tangents, adjoints);
  const Prediction c(*members[2], X, tangents, adjoints);
  EXPECT_THAT(mean.Y, IsNearMatrix((a.Y + b.Y + c.Y) / 3, 1e-14));
  EXPECT_THAT(mean.J, IsNearMatrix((a.J + b.J + c.J) / 3, 1e-14));
  EXPECT_THAT(mean.H, IsNearMatrix((a.H + b.H + c.H) / 3, 1e-14));
  EXPECT_THAT(mean.Y_dot, IsNearMatrix((a.Y_dot + b.Y_dot + c.Y_dot) / 3, 1e-14));
  EXPECT_THAT(mean.X_bar, IsNearMatrix((a.X_bar + b.X_bar + c.X_bar) / 3, 1e-14));
}

TEST_F(EnsembleTest, TheSpreadIsTheStandardDeviationBetweenMembers) {
  Matrix Y_spread(kOutputs, kPoints);
  Matrix J_spread(kInputs, kOutputs * kPoints);
  ensemble.Predict(ConstMatrixMap(X.data(), kInputs, kPoints), {}, {},
                   {.Y_spread = Y_spread.data(), .J_spread = J_spread.data()});
  const Prediction a(*members[0], X, tangents, adjoints);
  const Prediction b(*members[1], X, tangents, adjoints);
  const Prediction c(*members[2], X, tangents, adjoints);
  const auto deviation = [](const Matrix& first, const Matrix& second, const Matrix& third) {
    const Matrix mean = (first + second + third) / 3;
    const Matrix squares =
        (first - mean).cwiseAbs2() + (second - mean).cwiseAbs2() + (third - mean).cwiseAbs2();
    return (squares / 2).cwiseSqrt().eval();
  };
  EXPECT_THAT(Y_spread, IsNearMatrix(deviation(a.Y, b.Y, c.Y), 1e-13));
  EXPECT_THAT(J_spread, IsNearMatrix(deviation(a.J, b.J, c.J), 1e-13));
  EXPECT_TRUE(ensemble.HasSpread());
}

TEST_F(EnsembleTest, MembersOfOtherSizesAreRefused) {
  EXPECT_THROW(EnsembleSurrogate({Member(1), Member(2, kInputs + 1)}), Error);
  EXPECT_THROW(EnsembleSurrogate({}), Error);
}

}  // namespace
}  // namespace sobolev
