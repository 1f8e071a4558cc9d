// Measures of inputs against closed forms and quantiles by SciPy 1.17.

#include "engine/sampling/measure.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/engine/sampling/errors.h"

namespace sobolev::sampling {
namespace {

using testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// On an axis from low to high.
struct Case {
  MeasureSpec spec;
  double low = 0;
  double high = 1;
};

std::vector<Case> Cases() {
  return {{UniformMeasure{}},
          {NormalMeasure{.mean = 1, .standard_deviation = 2}, -1, 7},
          {NormalMeasure{.mean = 0, .standard_deviation = 1}, 5, 9},
          {NormalMeasure{.mean = 0, .standard_deviation = 1}, -30, -20},
          {NormalMeasure{.mean = 0.3, .standard_deviation = 1e-6}},
          {TriangularMeasure{.mode = 2.5}, 2, 4},
          {TriangularMeasure{.mode = 2}, 2, 4},
          {TriangularMeasure{.mode = 4}, 2, 4},
          {BetaMeasure{.alpha = 2, .beta = 5}},
          {BetaMeasure{.alpha = 0.5, .beta = 0.5}},
          {BetaMeasure{.alpha = 1, .beta = 3}},
          {BetaMeasure{.alpha = 300, .beta = 2}},
          {BetaMeasure{.alpha = 1e5, .beta = 1e5}},
          {PiecewiseLinearMeasure{.positions = {-1, 0, 0.5, 3}, .densities = {1, 0, 0, 4}}, -1, 3}};
}

TEST(MeasureTest, QuantilesInvertProbabilities) {
  for (const auto& [spec, low, high] : Cases()) {
    const Measure measure(spec, low, high, "measure");
    EXPECT_EQ(measure.Quantile(0), 0);
    EXPECT_EQ(measure.Quantile(1), 1);
    EXPECT_EQ(measure.Probability(0), 0);
    EXPECT_EQ(measure.Probability(1), 1);
    double previous = 0;
    for (double u = 1.0 / 64; u < 1; u += 1.0 / 64) {
      const double t = measure.Quantile(u);
      EXPECT_GE(t, previous);
      // A rounded t moves the probability by its density.
      EXPECT_NEAR(measure.Probability(t), u, 1e-13 + 1e-15 * measure.Density(t))
          << spec.index() << " at " << u;
      previous = t;
    }
  }
}

// Central differences of steps h have errors h² |F‴|/6 and 1e-16/h.
TEST(MeasureTest, DensitiesAreSlopesOfProbabilities) {
  for (const auto& [spec, low, high] : Cases()) {
    const Measure measure(spec, low, high, "measure");
    for (const double u : {0.1, 0.35, 0.7, 0.95}) {
      const double t = measure.Quantile(u);
      const double h = 1e-5 / std::max(1.0, measure.Density(t));
      const double slope = (measure.Probability(t + h) - measure.Probability(t - h)) / (2 * h);
      EXPECT_NEAR(slope / measure.Density(t), 1, 1e-5) << spec.index() << " at " << u;
    }
  }
}

TEST(MeasureTest, NormalQuantilesAreThoseOfSciPy) {
  // truncnorm.ppf([.1, .5, .9], a, b)
  const Measure wide(NormalMeasure{.mean = 0, .standard_deviation = 1}, -1, 3, "measure");
  EXPECT_NEAR(4 * wide.Quantile(0.1) - 1, -0.6977884912916659, 1e-13);
  EXPECT_NEAR(4 * wide.Quantile(0.5) - 1, 0.1984478996034473, 1e-13);
  EXPECT_NEAR(4 * wide.Quantile(0.9) - 1, 1.3699619946790393, 1e-13);
  const Measure tail(NormalMeasure{.mean = 0, .standard_deviation = 1}, 5, 9, "measure");
  EXPECT_NEAR(4 * tail.Quantile(0.1) + 5, 5.020276020964647, 1e-13);
  EXPECT_NEAR(4 * tail.Quantile(0.5) + 5, 5.1320183320442245, 1e-13);
  EXPECT_NEAR(4 * tail.Quantile(0.9) + 5, 5.426934003049393, 1e-13);
}

TEST(MeasureTest, BetaQuantilesAreThoseOfSciPyAndOfTheArcsine) {
  // beta.ppf(u, 2, 5), beta.pdf(0.05, 2, 5) and beta.ppf(u, 300, 2)
  const Measure skewed(BetaMeasure{.alpha = 2, .beta = 5}, 0, 1, "measure");
  EXPECT_NEAR(skewed.Quantile(0.05), 0.06284989170835438, 1e-13);
  EXPECT_NEAR(skewed.Quantile(0.5), 0.26444998329566005, 1e-13);
  EXPECT_NEAR(skewed.Quantile(0.99), 0.7056863283197075, 1e-13);
  EXPECT_NEAR(skewed.Density(0.05), 1.2217593750000009, 1e-13);
  const Measure steep(BetaMeasure{.alpha = 300, .beta = 2}, 0, 1, "measure");
  EXPECT_NEAR(steep.Quantile(0.1), 0.9871392144207057, 1e-13);
  EXPECT_NEAR(steep.Quantile(0.9), 0.9982318064469645, 1e-13);
  const Measure arcsine(BetaMeasure{.alpha = 0.5, .beta = 0.5}, 0, 1, "measure");
  for (const double u : {0.001, 0.2, 0.5, 0.77, 0.999}) {
    EXPECT_NEAR(arcsine.Quantile(u), std::pow(std::sin(std::numbers::pi / 2 * u), 2), 1e-13);
  }
}

TEST(MeasureTest, TrianglesAndPiecesHaveTheirClosedForms) {
  const Measure triangle(TriangularMeasure{.mode = 2.5}, 2, 4, "measure");  // At t = 1/4.
  EXPECT_NEAR(triangle.Quantile(0.1), std::sqrt(0.1 * 0.25), 1e-15);
  EXPECT_NEAR(triangle.Quantile(0.9), 1 - std::sqrt(0.1 * 0.75), 1e-15);
  EXPECT_NEAR(triangle.Density(0.25), 2, 1e-15);
  // Areas 1/2, 0 and 5 of 5.5.
  const Measure pieces(
      PiecewiseLinearMeasure{.positions = {-1, 0, 0.5, 3}, .densities = {1, 0, 0, 4}}, -1, 3,
      "measure");
  EXPECT_NEAR(pieces.Probability(0.25), 1 / 11.0, 1e-15);
  EXPECT_NEAR(pieces.Probability(0.375), 1 / 11.0, 1e-15);
  EXPECT_NEAR(pieces.Probability(0.6875), (0.5 + 1.25) / 5.5, 1e-15);
}

TEST(MeasureTest, NamesBadParameters) {
  const auto error = [](const MeasureSpec& spec) {
    return ErrorOf([&] { Measure(spec, 0, 1, "inputs[3].measure"); });
  };
  EXPECT_EQ(error(NormalMeasure{.mean = kInfinity}),
            "NOT_FINITE inputs[3].measure.mean: expected a finite number, got inf");
  EXPECT_THAT(error(NormalMeasure{.standard_deviation = 0}),
              HasSubstr("inputs[3].measure.standard_deviation: expected a positive number"));
  EXPECT_THAT(error(NormalMeasure{.mean = 100, .standard_deviation = 1}),
              HasSubstr("inputs[3].measure.mean: nothing of the normal distribution is left"));
  EXPECT_THAT(error(NormalMeasure{.mean = 1e300, .standard_deviation = 1e-300}),
              HasSubstr("inputs[3].measure.standard_deviation: is too small"));
  EXPECT_THAT(error(TriangularMeasure{.mode = 1.5}),
              HasSubstr("inputs[3].measure.mode: expected a mode within the range"));
  EXPECT_THAT(error(TriangularMeasure{.mode = std::nan("")}), HasSubstr("measure.mode"));
  EXPECT_THAT(error(BetaMeasure{.alpha = -1}), HasSubstr("inputs[3].measure.alpha: expected"));
  EXPECT_THAT(error(BetaMeasure{.beta = 1e9}),
              HasSubstr("inputs[3].measure.beta: expected 0.01 to 100000"));
  EXPECT_THAT(error(PiecewiseLinearMeasure{.positions = {0, 0.5}, .densities = {1, 1}}),
              HasSubstr("inputs[3].measure.positions: expected ascending positions"));
  EXPECT_THAT(
      error(PiecewiseLinearMeasure{.positions = {0, 0.5, 0.5, 1}, .densities = {1, 1, 1, 1}}),
      HasSubstr("measure.positions"));
  EXPECT_THAT(error(PiecewiseLinearMeasure{}), HasSubstr("measure.positions"));
  EXPECT_THAT(error(PiecewiseLinearMeasure{.positions = {0, 1}, .densities = {0, 0}}),
              HasSubstr("inputs[3].measure.densities: expected a finite number >= 0"));
  EXPECT_THAT(error(PiecewiseLinearMeasure{.positions = {0, 1}, .densities = {1}}),
              HasSubstr("measure.densities"));
}

}  // namespace
}  // namespace sobolev::sampling
