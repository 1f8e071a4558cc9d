// The two-factor example of the talk: Φ₁ from three inputs to two, of six edges, and Φ₂ from these
// to three outputs, of seven edges, with Φ₁′ and Φ₂′ of four entries each. Every
// multiplication is executed and counted.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/ad/compression.h"
#include "engine/ad/computational_graph.h"
#include "engine/ad/elimination.h"
#include "engine/ad/elimination_search.h"
#include "engine/ad/sparsity.h"
#include "engine/base/matrix.h"
#include "tests/engine/ad/graphs.h"

namespace sobolev::ad {
namespace {

class TwoFactorTest : public ::testing::Test {
 protected:
  // Ż = Φ′ Z, one multiplication per edge and direction.
  Matrix Tangents(const ComputationalGraph& phi, const Matrix& seed) {
    Matrix dots = Matrix::Zero(phi.num_vertices(), seed.cols());
    for (std::size_t j = 0; j < phi.inputs().size(); ++j) {
      dots.row(phi.inputs()[j]) = seed.row(static_cast<Index>(j));
    }
    for (const GraphEdge& edge : phi.edges()) {
      dots.row(edge.to) += edge.partial * dots.row(edge.from);
      multiplications_ += seed.cols();
    }
    return dots.bottomRows(std::ssize(phi.outputs()));
  }

  // Z̄ = Φ′ᵀ W, likewise.
  Matrix Adjoints(const ComputationalGraph& phi, const Matrix& seed) {
    Matrix bars = Matrix::Zero(phi.num_vertices(), seed.cols());
    bars.bottomRows(seed.rows()) = seed;
    for (std::size_t k = phi.edges().size(); k > 0; --k) {
      const GraphEdge& edge = phi.edges()[k - 1];
      bars.row(edge.from) += edge.partial * bars.row(edge.to);
      multiplications_ += seed.cols();
    }
    return bars.topRows(std::ssize(phi.inputs()));
  }

  std::int64_t TakeCount() { return std::exchange(multiplications_, 0); }

  static Matrix Identity(Index n) { return Matrix::Identity(n, n); }

  // Outputs 5 = z₀ and 6 = z₁.
  const ComputationalGraph phi_1_ = Graph({{}, {}, {}, {0, 1}, {1, 2}, {3}, {4}}, 2);
  // Outputs 5, 6, 7: y₀ of z₀, y₁ of both, y₂ of z₁.
  const ComputationalGraph phi_2_ = Graph({{}, {}, {0}, {1}, {2, 3}, {2}, {4}, {3}}, 3);
  const Matrix truth_ = PathSums(phi_2_) * PathSums(phi_1_);

 private:
  std::int64_t multiplications_ = 0;
};

TEST_F(TwoFactorTest, TheGraphsAreThoseOfTheTalk) {
  EXPECT_EQ(phi_1_.edges().size(), 6);
  EXPECT_EQ(phi_2_.edges().size(), 7);
  EXPECT_EQ(PathSums(phi_2_)(0, 1), 0);
  EXPECT_EQ(PathSums(phi_2_)(2, 0), 0);
}

TEST_F(TwoFactorTest, DenseModesCost39) {
  EXPECT_EQ(Tangents(phi_2_, Tangents(phi_1_, Identity(3))), truth_);
  EXPECT_EQ(TakeCount(), 39);
  EXPECT_EQ(Adjoints(phi_1_, Adjoints(phi_2_, Identity(3))).transpose(), truth_);
  EXPECT_EQ(TakeCount(), 39);
}

TEST_F(TwoFactorTest, PreaccumulationCosts34) {
  const Matrix J_2 = Tangents(phi_2_, Identity(2));
  const Matrix J_1 = Adjoints(phi_1_, Identity(2)).transpose();
  EXPECT_EQ(J_2 * J_1, truth_);
  const SparsityPattern pattern_2 = Accumulate(phi_2_, phi_2_.intermediates()).pattern;
  const SparsityPattern pattern_1 = Accumulate(phi_1_, phi_1_.intermediates()).pattern;
  EXPECT_EQ(TakeCount() + ProductMultiplications(pattern_2, pattern_1), 34);
}

TEST_F(TwoFactorTest, TheOptimumCosts32) {
  const Matrix J_2 = Tangents(phi_2_, Identity(2));
  EXPECT_EQ(Adjoints(phi_1_, J_2.transpose()).transpose(), truth_);
  EXPECT_EQ(TakeCount(), 32);
}

// Columns 0 and 2 of Φ₁′ share no row, nor do rows 0 and 2 of Φ₂′. Compressed rows of Φ₂′ reach the
// optimum in pure adjoint mode, compressed columns of Φ₁′ come within one of it in pure tangent
// mode.
TEST_F(TwoFactorTest, CompressionBringsEitherModeToTheOptimumOrNextToIt) {
  const Accumulation J_2 = Accumulate(phi_2_, phi_2_.intermediates());
  const Compression rows = Compression::ByRows(J_2.pattern);
  ASSERT_EQ(rows.num_adjoints(), 2);
  const std::vector<double> values_2 =
      rows.Recover(Matrix(3, 0), Adjoints(phi_2_, rows.AdjointSeed()));
  EXPECT_EQ(values_2, J_2.values);
  EXPECT_EQ(Adjoints(phi_1_, ToDense(J_2.pattern, values_2).transpose()).transpose(), truth_);
  EXPECT_EQ(TakeCount(), 32);

  const Accumulation J_1 = Accumulate(phi_1_, phi_1_.intermediates());
  const Compression columns = Compression::ByColumns(J_1.pattern);
  ASSERT_EQ(columns.num_tangents(), 2);
  const std::vector<double> values_1 =
      columns.Recover(Tangents(phi_1_, columns.TangentSeed()), Matrix(3, 0));
  EXPECT_EQ(values_1, J_1.values);
  EXPECT_EQ(Tangents(phi_2_, ToDense(J_1.pattern, values_1)), truth_);
  EXPECT_EQ(TakeCount(), 33);
}

// Elimination exploits the sparsity of every edge: 16, half of the best plan by factors.
TEST_F(TwoFactorTest, EliminationOnTheWholeGraphCosts16) {
  const ComputationalGraph whole =
      Graph({{}, {}, {}, {0, 1}, {1, 2}, {3}, {4}, {5}, {6}, {7, 8}, {7}, {9}, {8}}, 3);
  const EliminationPlan plan = OptimalElimination(whole);
  EXPECT_EQ(plan.multiplications, 16);
  EXPECT_EQ(Jacobian(Accumulate(whole, plan.order)), PathSums(whole));
}

}  // namespace
}  // namespace sobolev::ad
