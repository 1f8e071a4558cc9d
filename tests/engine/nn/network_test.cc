#include "engine/nn/network.h"

#include <cmath>
#include <optional>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::nn {
namespace {

TEST(NetworkTest, ShapesFollowTheLayers) {
  const Architecture architecture{.n = 5, .m = 2, .hidden = {7, 3}};
  EXPECT_EQ(architecture.Depth(), 3);
  EXPECT_EQ(architecture.Rows(1), 7);
  EXPECT_EQ(architecture.Cols(1), 5);
  EXPECT_EQ(architecture.Rows(2), 3);
  EXPECT_EQ(architecture.Cols(3), 3);
  EXPECT_EQ(architecture.Rows(3), 2);
  EXPECT_EQ(architecture.NumParameters(), (7 * 5 + 7) + (3 * 7 + 3) + (2 * 3 + 2));
  EXPECT_EQ((Architecture{.n = 5, .m = 2}.NumParameters()), 12);
}

TEST(NetworkTest, SkipsWidenTheLayersAfterTheFirst) {
  const Architecture architecture{.n = 5, .m = 2, .hidden = {7, 7, 3}, .skip = true};
  EXPECT_EQ(architecture.Cols(1), 5);
  EXPECT_EQ(architecture.SkipCols(1), 0);
  EXPECT_EQ(architecture.Cols(2), 7 + 5);
  EXPECT_EQ(architecture.SkipCols(2), 5);
  EXPECT_EQ(architecture.Cols(4), 3 + 5);
  EXPECT_EQ(architecture.NumParameters(), 7 * 6 + 7 * 13 + 3 * 13 + 2 * 9);
}

TEST(NetworkTest, HiddenLayersAsWideAsTheHiddenLayerBeforeAreResidual) {
  const Architecture architecture{.n = 7, .m = 3, .hidden = {7, 7, 3}, .residual = true};
  EXPECT_FALSE(architecture.IsResidual(1));
  EXPECT_TRUE(architecture.IsResidual(2));
  EXPECT_FALSE(architecture.IsResidual(3));
  EXPECT_FALSE(architecture.IsResidual(4));
  EXPECT_FALSE((Architecture{.n = 7, .m = 3, .hidden = {7, 7, 3}}.IsResidual(2)));
}

// The tolerance is five standard errors of the variance of 200·300 draws.
TEST(NetworkTest, InitialWeightsAreTruncatedNormalWithVarianceOneOverFanIn) {
  const Architecture architecture{.n = 300, .m = 1, .hidden = {200}};
  constexpr Index kWeights = 60'000;
  const Vector theta = InitialParameters(architecture, 5);
  const Vector weights = theta.head(kWeights) * std::sqrt(300.0);
  EXPECT_NEAR(weights.mean(), 0, 0.02);
  EXPECT_NEAR(weights.squaredNorm() / static_cast<double>(weights.size()), 1, 0.025);
  EXPECT_LE(weights.cwiseAbs().maxCoeff(), 2 / 0.8796);
  EXPECT_GT(weights.cwiseAbs().maxCoeff(), 2);
  EXPECT_TRUE((theta.segment(kWeights, 200).array() == 0).all());
}

TEST(NetworkTest, AffineMapsOfInputsAndOutputsFoldIntoTheParameters) {
  const auto predict = [](const Architecture& architecture, const Vector& theta, const Matrix& X) {
    const Scaling none{.x_mean = Vector::Zero(X.rows()),
                       .x_scale = Vector::Ones(X.rows()),
                       .y_mean = Vector::Zero(architecture.m),
                       .y_scale = Vector::Ones(architecture.m)};
    const NetworkSurrogate surrogate(architecture, none, theta);
    Matrix Y(architecture.m, X.cols());
    surrogate.Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), std::nullopt, std::nullopt,
                      {.Y = Y.data()});
    return Y;
  };
  Matrix A(2, 3);
  A << 0.5, -1, 2, 1, 0.25, -0.5;
  const Vector c{{0.3, -0.7}};
  const Vector d{{5, -2}};
  const Vector e{{3, 0.1}};
  Matrix X(3, 4);
  X << 0.1, -0.4, 1.2, 0, 0.6, 0.2, -1, 2, -0.3, 0.9, 0.4, -0.8;
  for (const bool skip : {false, true}) {
    SCOPED_TRACE(skip);
    const Architecture architecture{
        .n = 2, .m = 2, .hidden = {4, 4}, .skip = skip, .residual = true};
    Vector theta = InitialParameters(architecture, 3);
    theta.array() += 0.1;  // Biases too.
    Architecture folded = architecture;
    folded.n = 3;
    const Matrix inner = predict(architecture, theta, (A * X).colwise() + c);
    const Matrix expected = (e.asDiagonal() * inner).colwise() + d;
    const Matrix Y = predict(folded, FoldAffine(architecture, theta, A, c, d, e), X);
    EXPECT_LT((Y - expected).norm(), 1e-14 * expected.norm()) << Y << "\n\n" << expected;
  }
}

TEST(NetworkTest, SameSeedGivesTheSameBits) {
  const Architecture architecture{.n = 5, .m = 2, .hidden = {7, 3}};
  EXPECT_TRUE(InitialParameters(architecture, 5) == InitialParameters(architecture, 5));
  EXPECT_FALSE(InitialParameters(architecture, 5) == InitialParameters(architecture, 6));
}

TEST(NetworkTest, NetworksBeyondTheLimitsAreRefusedByField) {
  const auto validate = [](const Architecture& architecture) {
    return [=] { Validate(architecture); };
  };
  EXPECT_NO_THROW(Validate({.n = 1, .m = 1}));
  EXPECT_NO_THROW(Validate({.n = kMaxInputs, .m = 1, .hidden = {kMaxWidth}}));
  EXPECT_THAT(validate({.n = 0, .m = 1}),
              testing::ThrowsMessage<Error>(
                  "inputs: expected 1 to 4096, got 0; choose a number in that range"));
  EXPECT_THAT(validate({.n = 1, .m = kMaxOutputs + 1}),
              testing::ThrowsMessage<Error>(testing::StartsWith("outputs: expected 1 to 4096")));
  EXPECT_THAT(validate({.n = 1, .m = 1, .hidden = {8, -1}}),
              testing::ThrowsMessage<Error>(
                  testing::StartsWith("spec.network.hidden[1]: expected 1 to 8192, got -1")));
  EXPECT_THAT(validate({.n = 1, .m = 1, .hidden = std::vector<Index>(65, 1)}),
              testing::ThrowsMessage<Error>(
                  testing::StartsWith("spec.network.hidden: expected at most 64 hidden layers")));
  EXPECT_THAT(validate({.n = 1, .m = 1, .hidden = {8192, 8192}}),
              testing::ThrowsMessage<Error>(testing::StartsWith(
                  "spec.network.hidden: expected at most 50000000 parameters")));
}

}  // namespace
}  // namespace sobolev::nn
