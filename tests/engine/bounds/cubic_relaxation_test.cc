// Cubics and parabolas around activation functions, against the functions in extended precision.

#include "engine/bounds/cubic_relaxation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "engine/base/rng.h"
#include "engine/bounds/chebyshev.h"
#include "engine/nn/network.h"
#include "tests/engine/bounds/activation_truth.h"

namespace sobolev::bounds {
namespace {

using nn::Activation;

class CubicRelaxationTest : public testing::TestWithParam<Activation> {
 protected:
  // Whether the fourth derivative is bounded by about its largest value anywhere.
  static bool IsCrude() {
    return GetParam() == Activation::kSilu || GetParam() == Activation::kSin;
  }
};

long double At(const Cubic& cubic, long double t) {
  const auto [c0, c1, c2, c3] = cubic.c;
  return c0 + t * (c1 + t * (c2 + t * c3));
}

// Of all widths, about inflections and extrema and far from them.
TEST_P(CubicRelaxationTest, HoldsTheFunctionAndItsDerivative) {
  Rng rng(3);
  for (int k = 0; k < 5'000; ++k) {
    const double l = 4 * rng.Normal();
    const double u = k % 100 == 0 ? l : l + std::pow(10.0, 6 * rng.Uniform() - 5);
    const double centre = std::clamp(l + (u - l) * rng.Uniform(), l, u);
    const CubicRelaxation cubics = RelaxToCubics(GetParam(), l, u, centre, true);
    ASSERT_EQ(cubics.slope.c[3], 0);
    for (int i = 0; i <= 24; ++i) {
      const double z = i == 24 ? u : l + (u - l) * i / 24;
      const Truth truth = TruthOf(GetParam(), z);
      const long double t = static_cast<long double>(z) - centre;
      ASSERT_LE(std::abs(truth.value - At(cubics.value, t)), cubics.value.error) << l << " " << u;
      ASSERT_LE(std::abs(truth.first - At(cubics.slope, t)), cubics.slope.error) << l << " " << u;
    }
  }
}

// By second differences of second derivatives at 51 points.
double LargestFourth(Activation activation, double l, double u) {
  constexpr long double kStep = 1e-4L;
  double largest = 0;
  for (int i = 0; i <= 50; ++i) {
    const long double z = l + (u - l) * i / 50;
    const long double fourth =
        (TruthOf(activation, z + kStep).second - 2 * TruthOf(activation, z).second +
         TruthOf(activation, z - kStep).second) /
        (kStep * kStep);
    largest = std::max(largest, static_cast<double>(std::abs(fourth)));
  }
  return largest;
}

// The best cubic is off by max |φ⁗| h⁴ / 192 where the fourth derivative is nearly constant.
TEST_P(CubicRelaxationTest, IsNearlyTheClosestCubic) {
  Rng rng(4);
  const double widest = LargestFourth(GetParam(), -5, 5);
  for (int k = 0; k < 300; ++k) {
    const double l = 2 * rng.Normal();
    const double u = l + 0.3;
    const double centre = 0.5 * (l + u);
    const Cubic cubic = RelaxToCubics(GetParam(), l, u, centre, false).value;
    const double fourth = IsCrude() ? widest : 1.5 * LargestFourth(GetParam(), l, u) + 0.1 * widest;
    ASSERT_LE(cubic.error, 1.01 * fourth * std::pow(0.15, 4) / 192) << l;
  }
}

TEST_P(CubicRelaxationTest, NoFourthDerivativeIsLargerThanTheBound) {
  Rng rng(5);
  const double widest = LargestFourth(GetParam(), -5, 5);
  for (int k = 0; k < 2'000; ++k) {
    const double l = 3 * rng.Normal();
    const double u = l + std::pow(10.0, 3 * rng.Uniform() - 2);
    const double bound = LargestFourthDerivative(GetParam(), l, u);
    const double largest = LargestFourth(GetParam(), l, u);
    ASSERT_GE(bound, largest - 1e-6) << l << " " << u;
    if (u - l > 0.3) continue;
    ASSERT_LE(bound, IsCrude() ? 1.01 * widest : largest + 0.3 * widest) << l << " " << u;
  }
}

INSTANTIATE_TEST_SUITE_P(, CubicRelaxationTest,
                         testing::Values(Activation::kSoftplus, Activation::kTanh,
                                         Activation::kSilu, Activation::kGelu, Activation::kSin),
                         [](const auto& param_info) {
                           return std::string(nn::Name(param_info.param));
                         });

}  // namespace
}  // namespace sobolev::bounds
