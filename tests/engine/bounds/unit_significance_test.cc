// How much units matter, by relaxations, next to natural intervals and samples.

#include "engine/bounds/unit_significance.h"

#include <cmath>
#include <cstddef>
#include <stop_token>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/prune/sampled_significance.h"
#include "engine/prune/significance.h"
#include "tests/engine/bounds/boxes.h"
#include "tests/support/every_kind.h"

namespace sobolev::bounds {
namespace {

TEST(UnitSignificanceTest, LiesBetweenSamplesAndNaturalIntervalsAndFallsWithBoxes) {
  const Box box = Cube(3, 0.4, 1.6);
  for (const bool skip : {false, true}) {
    for (const bool residual : {false, true}) {
      const auto network = every_kind::Network(
          {.n = 3, .m = 2, .hidden = {9, 9, 9}, .skip = skip, .residual = residual}, 3);
      const std::vector<Matrix> natural =
          prune::AnalyzeSignificance(*network, {.min = box.lo, .max = box.hi}).hidden;
      const std::vector<Matrix> sampled =
          prune::SampleSignificance(*network, {.min = box.lo, .max = box.hi}).hidden;
      const std::vector<Matrix> one = UnitSignificance(*network, box, 1);
      const std::vector<Matrix> many = UnitSignificance(*network, box, 300);
      ASSERT_EQ(one.size(), natural.size());
      double sum_of_one = 0;
      double sum_of_many = 0;
      for (std::size_t l = 0; l < one.size(); ++l) {
        ASSERT_EQ(one[l].rows(), 9);
        ASSERT_EQ(one[l].cols(), 2);
        EXPECT_TRUE((sampled[l].array() <= many[l].array()).all());
        EXPECT_TRUE((many[l].array() <= one[l].array() * (1 + 1e-12)).all());
        EXPECT_TRUE((one[l].array() <= natural[l].array() * (1 + 1e-12)).all());
        sum_of_one += one[l].sum();
        sum_of_many += many[l].sum();
      }
      EXPECT_LT(sum_of_many, 0.8 * sum_of_one);
    }
  }
}

// With one hidden unit, y = w φ(v x + b) + c, σ is the width of the output.
TEST(UnitSignificanceTest, OfOneUnitIsTheWidthOfTheOutput) {
  const auto network = every_kind::Network({.n = 1, .m = 1, .hidden = {1}}, 5);
  const Box box = Cube(1, 0.5, 1.5);
  Matrix X{{0.5, 1.5}};
  Matrix Y(1, 2);
  network->Predict({X.data(), 1, 2}, {}, {}, {.Y = Y.data()});
  const double width = std::abs(Y(0, 1) - Y(0, 0));
  const double sigma = UnitSignificance(*network, box, 1).front()(0, 0);
  EXPECT_GE(sigma, width * (1 - 1e-12));
  EXPECT_LT(sigma, width * (1 + 1e-9));
}

TEST(UnitSignificanceTest, IsCancelled) {
  const auto network = every_kind::Network({.n = 3, .m = 2});
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THROW(UnitSignificance(*network, Cube(3, 0.4, 1.6), 100, stop.get_token()), Error);
}

}  // namespace
}  // namespace sobolev::bounds
