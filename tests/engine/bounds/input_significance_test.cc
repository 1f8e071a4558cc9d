// How much outputs vary along inputs, and what it takes to know.

#include "engine/bounds/input_significance.h"

#include <cmath>
#include <limits>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/bounds/bound.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/bounds/enclosure_cost.h"
#include "engine/surrogate/ensemble.h"
#include "tests/engine/bounds/boxes.h"
#include "tests/support/every_kind.h"

namespace sobolev::bounds {
namespace {

TEST(InputSignificanceTest, OfALinearFunctionIsWhatTheOutputVariesBy) {
  const Shared program = Program("input a\ninput b\noutput y = 3 * a - b / 4\noutput z = b");
  const Box box{.lo = Vector{{-1, 2}}, .hi = Vector{{1, 10}}};
  const Matrix sigma = InputSignificance(box, MakeEncloser(*program)->Enclose(box, true));
  ASSERT_EQ(sigma.rows(), 2);
  ASSERT_EQ(sigma.cols(), 2);
  EXPECT_NEAR(sigma(0, 0), 6, 1e-14);
  EXPECT_NEAR(sigma(1, 0), 2, 1e-14);
  EXPECT_EQ(sigma(0, 1), 0);
  EXPECT_NEAR(sigma(1, 1), 8, 1e-14);
  EXPECT_GE(sigma(0, 0), 6);
  EXPECT_GE(sigma(1, 1), 8);
}

TEST(InputSignificanceTest, IsNeverBelowWhatSamplesVaryBy) {
  const auto network = every_kind::Network({.n = 3, .m = 2, .hidden = {10, 10}}, 3);
  const auto encloser = MakeEncloser(*network);
  const Box box = Cube(3, 0.4, 1.6);
  const Matrix whole = InputSignificance(box, encloser->Enclose(box, true));
  const Matrix cut = InputSignificance(box, Bound(*encloser, box, {.max_boxes = 500}).proven);
  const Enclosure sampled = SampleRanges(*encloser, box, true, 5000, 1);
  const Matrix largest = 1.2 * sampled.J_hi.cwiseMax(-sampled.J_lo);
  EXPECT_TRUE((largest.array() <= cut.array() * (1 + 1e-12)).all()) << largest << "\n" << cut;
  EXPECT_TRUE((cut.array() <= whole.array()).all());
}

TEST(InputSignificanceTest, IsInfiniteWithoutABoundButNotWithoutWidth) {
  const Box box{.lo = Vector{{0, 1}}, .hi = Vector{{1, 1}}};
  const Matrix sigma = InputSignificance(box, Enclosure::Entire(2, 1, true));
  EXPECT_EQ(sigma(0, 0), std::numeric_limits<double>::infinity());
  EXPECT_EQ(sigma(1, 0), 0);
}

TEST(EnclosureCostTest, GrowsWithSizeAndWithParts) {
  const auto small = every_kind::Network({.n = 3, .m = 1, .hidden = {8, 8}}, 1);
  const auto wide = every_kind::Network({.n = 3, .m = 1, .hidden = {80, 80}}, 1);
  const EnclosureCost of_small = CostOfEnclosure(*small);
  const EnclosureCost of_wide = CostOfEnclosure(*wide);
  // A hundred times the weights, and ten times the units.
  EXPECT_GT(of_wide.multiply_adds, 30 * of_small.multiply_adds);
  EXPECT_GT(of_wide.numbers, 8 * of_small.numbers);
  // 1 + 3 numbers for each of 16 units, and for the adjoints of 8.
  EXPECT_GE(of_small.numbers, 4 * (16 + 8));
  const EnsembleSurrogate ensemble({small, wide});
  const EnclosureCost of_both = CostOfEnclosure(ensemble);
  EXPECT_GE(of_both.multiply_adds, of_small.multiply_adds + of_wide.multiply_adds);
  EXPECT_GE(of_both.numbers, of_small.numbers + of_wide.numbers);
}

TEST(EnclosureCostTest, IsKnownOfEveryKind) {
  for (const every_kind::Kind& kind : every_kind::Kinds()) {
    const EnclosureCost cost = CostOfEnclosure(*kind.surrogate);
    EXPECT_TRUE(std::isfinite(cost.multiply_adds));
    EXPECT_GT(cost.multiply_adds, 0);
    EXPECT_GE(cost.numbers, static_cast<double>(kind.surrogate->n() * kind.surrogate->m()));
  }
}

}  // namespace
}  // namespace sobolev::bounds
