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
  return Domain({Input{.name = "a", .min = 1, .max = 3, .measure = std::move(measure)},
                 Input{.name = "b", .min = 0, .max = 4},
                 Input{.name = "c", .min = 0, .max = 9, .fixed = 2.0}});
}

const chain::ProgramSurrogate& Quadratic() {
  static const chain::ProgramSurrogate program(
      "input a\ninput b\ninput c\noutput u = c * a * b + b^2 - 3 * a\n");
  return program;
}

TEST(SamplingBoxesTest, AQuadraticFunctionIsOneBoxInItsUnits) {
  const Domain domain = TwoOfThree();
  SamplingBoxMaker maker(domain, &Quadratic());
  const auto boxes = maker.Make(Know(Quadratic(), domain, 32), Spec(1e-6), {});
  ASSERT_TRUE(boxes);
  EXPECT_TRUE(boxes->closed().proved());
  EXPECT_EQ(boxes->closed().quadratic(), 1);
  ASSERT_EQ(boxes->boxes_size(), 1);
  const v1::SamplingBox& box = boxes->boxes(0);
  EXPECT_EQ(std::vector<double>(box.min().begin(), box.min().end()),
            (std::vector<double>{1, 0, 2}));
  EXPECT_EQ(std::vector<double>(box.max().begin(), box.max().end()),
            (std::vector<double>{3, 4, 2}));
  EXPECT_EQ(box.order(), v1::SamplingBox::ORDER_QUADRATIC);
  EXPECT_EQ(box.volume(), 1);
}

TEST(SamplingBoxesTest, BoxesOfLogarithmicInputsHoldInTheirLogarithms) {
  const chain::ProgramSurrogate program("input a\noutput u = log(a)^2\n");
  const Domain domain(
      {Input{.name = "a", .min = 1, .max = 1000, .scale = sampling::Scale::kLogarithmic}});
  SamplingBoxMaker maker(domain, &program);
  const Evidence known = Know(program, domain, 32);
  const auto boxes = maker.Make(known, Spec(0.05), {});
  ASSERT_TRUE(boxes);
  EXPECT_TRUE(boxes->closed().proved());
  EXPECT_EQ(boxes->closed().constant() + boxes->closed().linear(), 1);
  const double tolerance = 0.05 * sampling::OutputScales(known)[0];
  for (const v1::SamplingBox& box : boxes->boxes()) {
    const double low = std::log(box.min(0));
    const double high = std::log(box.max(0));
    EXPECT_NEAR(box.volume(), (high - low) / std::log(1000), 1e-12);
    // The tangent of t² is wrong by the square of the half width at the ends.
    if (box.order() == v1::SamplingBox::ORDER_LINEAR) {
      EXPECT_LE((high - low) * (high - low) / 4, tolerance);
    }
  }
}

TEST(SamplingBoxesTest, WhatIsNotEvenIsNotProved) {
  const Domain domain = TwoOfThree(sampling::TriangularMeasure{.mode = 2});
  SamplingBoxMaker maker(domain, &Quadratic());
  const auto boxes = maker.Make(Know(Quadratic(), domain, 32), Spec(0.05), {});
  ASSERT_TRUE(boxes);
  EXPECT_FALSE(boxes->closed().proved());
}

TEST(SamplingBoxesTest, TooLittleIsKnownAtFirst) {
  const Domain domain = TwoOfThree();
  SamplingBoxMaker maker(domain, &Quadratic());
  EXPECT_FALSE(maker.Make(Know(Quadratic(), domain, 4), Spec(0.05), {}));
  EXPECT_FALSE(maker.Make(Know(Quadratic(), domain, 32), Spec(0.05, 0), {}));
  SamplingBoxMaker of_samples(domain, nullptr);
  Evidence without = Know(Quadratic(), domain, 32);
  without.Y.setConstant(std::nan(""));
  EXPECT_FALSE(of_samples.Make(without, Spec(0.05), {}));
}

}  // namespace
}  // namespace sobolev::server
