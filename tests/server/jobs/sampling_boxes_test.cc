#include "server/jobs/sampling_boxes.h"

#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "engine/chain/program_surrogate.h"
#include "engine/sampling/domain.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/sobol.h"

namespace sobolev::server {
namespace {

using sampling::Domain;
using sampling::Evidence;
using sampling::Input;

v1::SamplingBoxSpec Spec(double tolerance, int max_boxes = 1000) {
  v1::SamplingBoxSpec spec;
  spec.set_tolerance(tolerance);
  spec.set_max_boxes(max_boxes);
  return spec;
}

// What is known of a program at the first points of a Sobol sequence.
Evidence Know(const chain::ProgramSurrogate& program, const Domain& domain, Index count) {
  Evidence known{.X = sampling::SobolPoints(domain.num_free(), 0, count, 1),
                 .Y = Matrix(program.m(), count)};
  const Matrix X = domain.ToUser(known.X);
  program.Predict({X.data(), X.rows(), count}, std::nullopt, std::nullopt, {.Y = known.Y.data()});
  return known;
}

// a in [1, 3], b in [0, 4], c = 2.
Domain TwoOfThree(sampling::MeasureSpec measure = {}) {
  return Domain({Input{.name = "c", .min = 0, .max = 9, .fixed = 2.0},
                 Input{.name = "a", .min = 1, .max = 3, .measure = std::move(measure)},
                 Input{.name = "b", .min = 0, .max = 4}});
}

const chain::ProgramSurrogate& Quadratic() {
  static const chain::ProgramSurrogate program(
      "input c\ninput a\ninput b\noutput u = c * a * b + b^2 - 3 * a\n");
  return program;
}

TEST(SamplingBoxesTest, AQuadraticFunctionIsOneBoxInItsUnits) {
  const Domain domain = TwoOfThree();
  const auto boxes = MakeBoxes(Know(Quadratic(), domain, 32), domain, Spec(1e-6), &Quadratic(), {});
  ASSERT_TRUE(boxes);
  EXPECT_TRUE(boxes->closed().proved());
  EXPECT_EQ(boxes->closed().quadratic(), 1);
  ASSERT_EQ(boxes->boxes_size(), 1);
  const v1::SamplingBox& box = boxes->boxes(0);
  EXPECT_EQ(std::vector<double>(box.min().begin(), box.min().end()),
            (std::vector<double>{2, 1, 0}));
  EXPECT_EQ(std::vector<double>(box.max().begin(), box.max().end()),
            (std::vector<double>{2, 3, 4}));
  EXPECT_EQ(box.order(), v1::SamplingBox::ORDER_QUADRATIC);
  EXPECT_EQ(box.volume(), 1);
}

TEST(SamplingBoxesTest, BoxesOfLogarithmicInputsHoldInTheirLogarithms) {
  const chain::ProgramSurrogate program("input a\noutput u = log(a)^2\n");
  const Domain domain(
      {Input{.name = "a", .min = 1, .max = 1000, .scale = sampling::Scale::kLogarithmic}});
  const Evidence known = Know(program, domain, 32);
  const auto boxes = MakeBoxes(known, domain, Spec(0.05), &program, {});
  ASSERT_TRUE(boxes);
  EXPECT_TRUE(boxes->closed().proved());
  const v1::ClosedShare& closed = boxes->closed();
  EXPECT_NEAR(closed.constant() + closed.linear() + closed.quadratic(), 1, 1e-12);
  const double tolerance = 0.05 * sampling::OutputScales(known)[0];
  for (const v1::SamplingBox& box : boxes->boxes()) {
    const double low = std::log(box.min(0));
    const double high = std::log(box.max(0));
    EXPECT_NEAR(box.volume(), (high - low) / std::log(1000), 1e-12);
    // The tangent of t² is wrong by the square of the half width at the ends.
    if (box.order() == v1::SamplingBox::ORDER_LINEAR) {
      EXPECT_LE((high - low) * (high - low) / 4, tolerance);
      ASSERT_EQ(box.linear_in_size(), 1);
      EXPECT_EQ(box.linear_in(0), "a");
    }
  }
}

TEST(SamplingBoxesTest, WhatIsNotEvenIsNotProved) {
  const Domain domain = TwoOfThree(sampling::TriangularMeasure{.mode = 2});
  const auto boxes = MakeBoxes(Know(Quadratic(), domain, 32), domain, Spec(0.05), &Quadratic(), {});
  ASSERT_TRUE(boxes);
  EXPECT_FALSE(boxes->closed().proved());
}

TEST(SamplingBoxesTest, TooLittleIsKnownAtFirst) {
  const Domain domain = TwoOfThree();
  EXPECT_FALSE(MakeBoxes(Know(Quadratic(), domain, 4), domain, Spec(0.05), &Quadratic(), {}));
  EXPECT_FALSE(MakeBoxes(Know(Quadratic(), domain, 32), domain, Spec(0.05, 0), &Quadratic(), {}));
  Evidence without = Know(Quadratic(), domain, 32);
  without.Y.setConstant(std::nan(""));
  EXPECT_FALSE(MakeBoxes(without, domain, Spec(0.05), nullptr, {}));
}

}  // namespace
}  // namespace sobolev::server
