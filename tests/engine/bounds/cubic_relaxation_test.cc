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

class CubicRelaxationTest : public testing::TestWithParam<Activation> {};

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

// No cubic comes closer than about this: an error that is equal and of alternating sign at five
// points is the least.
TEST_P(CubicRelaxationTest, IsNearlyTheClosestCubic) {
  Rng rng(4);
  for (int k = 0; k < 300; ++k) {
    const double l = 2 * rng.Normal();
    const double u = l + 0.3;
    const double centre = 0.5 * (l + u);
    const Cubic cubic = RelaxToCubics(GetParam(), l, u, centre, false).value;
    // The fourth divided difference of values is that of any cubic's error.
    long double difference = 0;
    constexpr std::array kBinomials = {1, -4, 6, -4, 1};
    for (std::size_t i = 0; i < kBinomials.size(); ++i) {
      const double z = l + 0.075 * static_cast<double>(i);
      difference += kBinomials[i] * TruthOf(GetParam(), z).value;
    }
    const double fourth = static_cast<double>(std::abs(difference)) / std::pow(0.075, 4);
    const double least = fourth * std::pow(0.15, 4) / 192;
    ASSERT_LE(cubic.error, 1.2 * least + 1.5e-5) << l;
  }
}

TEST_P(CubicRelaxationTest, NoFourthDerivativeIsLargerThanTheBound) {
  Rng rng(5);
  for (int k = 0; k < 2'000; ++k) {
    const double l = 3 * rng.Normal();
    const double u = l + std::pow(10.0, 3 * rng.Uniform() - 2);
    const double bound = LargestFourthDerivative(GetParam(), l, u);
    double largest = 0;
    for (int i = 0; i <= 50; ++i) {
      const long double z = l + (u - l) * i / 50;
      constexpr long double kStep = 1e-4L;
      const long double fourth =
          (TruthOf(GetParam(), z + kStep).second - 2 * TruthOf(GetParam(), z).second +
           TruthOf(GetParam(), z - kStep).second) /
          (kStep * kStep);
      largest = std::max(largest, static_cast<double>(std::abs(fourth)));
    }
    ASSERT_GE(bound, largest - 1e-6) << l << " " << u;
    if (u - l > 0.3) continue;
    ASSERT_LE(bound, GetParam() == Activation::kSin ? 1.01 : 2 * largest + 0.5) << l << " " << u;
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
