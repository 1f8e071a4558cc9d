#include "engine/surrogate/ball_tree.h"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"

namespace sobolev {
namespace {

Matrix RandomPoints(Index n, Index count, std::uint64_t seed) {
  Rng rng(seed);
  Matrix points(n, count);
  for (double& entry : points.reshaped()) entry = rng.Uniform();
  return points;
}

std::vector<Index> Around(const BallTree& tree, const Vector& u) {
  std::vector<Index> found;
  tree.ForEachAround(u.data(), [&](Index number, double) { found.push_back(number); });
  std::ranges::sort(found);
  return found;
}

TEST(BallTreeTest, FindsTheBallsThatAllComparisonsFind) {
  for (const Index n : {1, 2, 5, 20}) {
    for (const Index count : {1, 7, 9, 300}) {
      const Matrix centres = RandomPoints(n, count, 1);
      const Vector squares = RandomPoints(count, 1, 2) * static_cast<double>(n) / 6;
      const BallTree tree(centres, squares);
      const Matrix U = RandomPoints(n, 100, 3).array() * 1.4 - 0.2;
      for (const auto u : U.colwise()) {
        std::vector<Index> expected;
        for (Index k = 0; k < count; ++k) {
          if ((centres.col(k) - u).squaredNorm() < squares(k)) expected.push_back(k);
        }
        EXPECT_EQ(Around(tree, u), expected) << n << " inputs, " << count << " balls";
      }
    }
  }
}

TEST(BallTreeTest, TellsSquaredDistances) {
  const Matrix centres = RandomPoints(3, 50, 1);
  const BallTree tree(centres, Vector::Ones(50));
  const Vector u = RandomPoints(3, 1, 2);
  tree.ForEachAround(u.data(), [&](Index number, double square) {
    EXPECT_NEAR(square, (centres.col(number) - u).squaredNorm(), 1e-15);
  });
}

TEST(BallTreeTest, CentresMayCoincide) {
  const Matrix centres = Matrix::Constant(2, 100, 0.5);
  const BallTree tree(centres, Vector::Constant(100, 0.01));
  EXPECT_EQ(Around(tree, Vector{{0.55, 0.5}}).size(), 100);
  EXPECT_TRUE(Around(tree, Vector{{0.65, 0.5}}).empty());
}

TEST(BallTreeTest, NoBallsContainNoPoint) {
  EXPECT_TRUE(Around(BallTree(Matrix(2, 0), Vector(0)), Vector::Zero(2)).empty());
}

}  // namespace
}  // namespace sobolev
