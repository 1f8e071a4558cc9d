#include "server/predict/block_prediction.h"

#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::server {
namespace {

constexpr Index kTangents = 2;
constexpr Index kAdjoints = 3;

nn::NetworkSurrogate NetworkOf(Index n, Index m) {
  const nn::Architecture architecture{.n = n, .m = m, .hidden = {9, 7}};
  return {architecture,
          nn::Scaling{.x_mean = Vector::Constant(n, .3),
                      .x_scale = Vector::Constant(n, 2),
                      .y_mean = Vector::Ones(m),
                      .y_scale = Vector::Constant(m, 5)},
          nn::InitialParameters(architecture, 1)};
}

// All quantities of a function of so many inputs and outputs.
struct Everything {
  Everything(Index n, Index m, Index N)
      : Y(m, N),
        J(n, m * N),
        H(n, n * m * N),
        Y_dot(m, kTangents * N),
        X_bar(n, kAdjoints * N),
        X_bar_dot(n, kAdjoints * kTangents * N) {}

  PredictionBuffers Buffers() {
    return {.Y = Y.data(),
            .J = J.data(),
            .H = H.data(),
            .Y_dot = Y_dot.data(),
            .X_bar = X_bar.data(),
            .X_bar_dot = X_bar_dot.data()};
  }

  Matrix Y;
  Matrix J;
  Matrix H;
  Matrix Y_dot;
  Matrix X_bar;
  Matrix X_bar_dot;
};

Directions ToDirections(const Matrix& D, Index count, bool per_point) {
  return {
      .D = ConstMatrixMap(D.data(), D.rows(), D.cols()), .count = count, .per_point = per_point};
}

struct Case {
  Index n;
  Index m;
  Index N;
  Block block;
  bool per_point;
};

class BlockPredictionTest : public testing::TestWithParam<Case> {};

// Brute force: the derivatives of the whole function, with directions that are zero elsewhere.
TEST_P(BlockPredictionTest, IsThePartOfTheWholePrediction) {
  const auto& [n, m, N, block, per_point] = GetParam();
  const nn::NetworkSurrogate network = NetworkOf(n, m);
  const Matrix X_data = Matrix::Random(n, N);
  const ConstMatrixMap X(X_data.data(), n, N);
  const auto bn = static_cast<Index>(block.inputs.size());
  const auto bm = static_cast<Index>(block.outputs.size());
  const Index sets = per_point ? N : 1;
  const Matrix X_dot = Matrix::Random(bn, kTangents * sets);
  const Matrix Y_bar = Matrix::Random(bm, kAdjoints * sets);
  Matrix whole_tangents = Matrix::Zero(n, X_dot.cols());
  Matrix whole_adjoints = Matrix::Zero(m, Y_bar.cols());
  for (Index j = 0; j < bn; ++j) whole_tangents.row(block.inputs[j]) = X_dot.row(j);
  for (Index i = 0; i < bm; ++i) whole_adjoints.row(block.outputs[i]) = Y_bar.row(i);

  Everything part(bn, bm, N);
  PredictBlock(network, X, ToDirections(X_dot, kTangents, per_point),
               ToDirections(Y_bar, kAdjoints, per_point), block, part.Buffers(), {});
  Everything whole(n, m, N);
  network.Predict(X, ToDirections(whole_tangents, kTangents, per_point),
                  ToDirections(whole_adjoints, kAdjoints, per_point), whole.Buffers());

  for (Index s = 0; s < N; ++s) {
    for (Index i = 0; i < bm; ++i) {
      const Index o = block.outputs[i];
      EXPECT_EQ(part.Y(i, s), whole.Y(o, s));
      for (Index k = 0; k < kTangents; ++k) {
        EXPECT_EQ(part.Y_dot(i, s * kTangents + k), whole.Y_dot(o, s * kTangents + k));
      }
      for (Index j = 0; j < bn; ++j) {
        const Index a = block.inputs[j];
        EXPECT_NEAR(part.J(j, s * bm + i), whole.J(a, s * m + o), 1e-13);
        for (Index k = 0; k < bn; ++k) {
          EXPECT_NEAR(part.H(k, (s * bm + i) * bn + j),
                      whole.H(block.inputs[k], (s * m + o) * n + a), 1e-12);
        }
      }
    }
    for (Index j = 0; j < bn; ++j) {
      const Index a = block.inputs[j];
      for (Index l = 0; l < kAdjoints; ++l) {
        EXPECT_EQ(part.X_bar(j, s * kAdjoints + l), whole.X_bar(a, s * kAdjoints + l));
        for (Index k = 0; k < kTangents; ++k) {
          const Index column = (s * kAdjoints + l) * kTangents + k;
          EXPECT_EQ(part.X_bar_dot(j, column), whole.X_bar_dot(a, column));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(
    Blocks, BlockPredictionTest,
    testing::Values(
        // One entry of many, by products; in another order; everything but one.
        Case{12, 8, 3, {.outputs = {5}, .inputs = {11}}, false},
        Case{12, 8, 40, {.outputs = {7, 0}, .inputs = {3, 1, 2}}, true},
        Case{3, 2, 5, {.outputs = {1, 0}, .inputs = {0, 2}}, true},
        Case{4, 3, 1, {.outputs = {0, 1, 2}, .inputs = {2}}, false},
        // Whose Hessians do not fit into the memory at once.
        Case{40, 30, 300, {.outputs = {4}, .inputs = {39, 0}}, false}));

TEST(BlockPredictionTest, AnEmptyListSelectsAll) {
  const nn::NetworkSurrogate network = NetworkOf(3, 2);
  const Matrix X = Matrix::Random(3, 4);
  Matrix J(3, 4);
  Matrix whole(3, 8);
  const ConstMatrixMap points(X.data(), 3, 4);
  PredictBlock(network, points, std::nullopt, std::nullopt, {.outputs = {1}, .inputs = {}},
               {.J = J.data()}, {});
  network.Predict(points, std::nullopt, std::nullopt, {.J = whole.data()});
  for (Index s = 0; s < 4; ++s) EXPECT_TRUE(J.col(s).isApprox(whole.col(2 * s + 1), 1e-14));
}

}  // namespace
}  // namespace sobolev::server
