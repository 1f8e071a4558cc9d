// Lines around activation functions, against the functions in extended precision.

#include "engine/bounds/relaxation.h"

#include <algorithm>
#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "engine/base/rng.h"
#include "engine/bounds/activation_jet.h"
#include "engine/nn/network.h"
#include "tests/engine/bounds/activation_truth.h"

namespace sobolev::bounds {
namespace {

using nn::Activation;

class RelaxationTest : public testing::TestWithParam<Activation> {};

template <Activation activation>
void ExpectJetsAreAccurate() {
  Rng rng(1);
  for (int k = 0; k < 20'000; ++k) {
    const double z = rng.Normal() * std::pow(10.0, 4 * rng.Uniform() - 2);
    const Jet jet = EvaluateJet<activation>(z);
    const Truth truth = TruthOf(activation, z);
    const double error = kJetError * (1 + std::abs(z));
    ASSERT_LE(std::abs(static_cast<double>(jet[0] - truth.value)), error) << z;
    ASSERT_LE(std::abs(static_cast<double>(jet[1] - truth.first)), error) << z;
    ASSERT_LE(std::abs(static_cast<double>(jet[2] - truth.second)), error) << z;
  }
}

TEST(JetTest, IsWithinItsError) {
  ExpectJetsAreAccurate<Activation::kSoftplus>();
  ExpectJetsAreAccurate<Activation::kTanh>();
  ExpectJetsAreAccurate<Activation::kSilu>();
  ExpectJetsAreAccurate<Activation::kGelu>();
  ExpectJetsAreAccurate<Activation::kSin>();
}

TEST(JetTest, ExponentialAndLogarithmAreWithinTheirErrors) {
  Rng rng(2);
  for (int k = 0; k < 20'000; ++k) {
    const double x = -700 * rng.Uniform() * rng.Uniform() * rng.Uniform();
    const long double truth = std::exp(static_cast<long double>(x));
    ASSERT_LE(std::abs(ExpOfNegative(x) - truth), 0x1p-50L * truth) << x;
    const double e = rng.Uniform();
    ASSERT_LE(std::abs(LogOfOnePlus(e) - std::log1p(static_cast<long double>(e))), 0x1p-49L) << e;
  }
  EXPECT_EQ(ExpOfNegative(0), 1);
  EXPECT_EQ(ExpOfNegative(-1e9), 0);
}

void ExpectHolds(const Relaxation& lines, double z, long double value) {
  const long double middle = static_cast<long double>(lines.lambda) * z + lines.mu;
  ASSERT_LE(std::abs(value - middle), lines.delta) << z;
  ASSERT_LE(lines.lo, value) << z;
  ASSERT_GE(lines.hi, value) << z;
}

// Of all widths, about inflections and extrema and far from them.
TEST_P(RelaxationTest, LinesHoldTheFunctionAndItsDerivative) {
  Rng rng(3);
  for (int k = 0; k < 5'000; ++k) {
    const double l = 4 * rng.Normal();
    const double u = l + std::pow(10.0, 4 * rng.Uniform() - 3);
    const ActivationRelaxation lines = Relax(GetParam(), l, u);
    for (int i = 0; i <= 24; ++i) {
      const double z = i == 24 ? u : l + (u - l) * i / 24;
      const Truth truth = TruthOf(GetParam(), z);
      ExpectHolds(lines.value, z, truth.value);
      ExpectHolds(lines.slope, z, truth.first);
    }
  }
}

// δ is at most what sampling finds, and a quarter more.
TEST_P(RelaxationTest, LinesAreClose) {
  Rng rng(4);
  for (int k = 0; k < 2'000; ++k) {
    const double l = 2 * rng.Normal();
    const double u = l + std::pow(10.0, 2 * rng.Uniform() - 1.5);
    const Relaxation lines = Relax(GetParam(), l, u).value;
    long double low = 1e9L;
    long double high = -1e9L;
    for (int i = 0; i <= 400; ++i) {
      const double z = l + (u - l) * i / 400;
      const long double height = TruthOf(GetParam(), z).value - lines.lambda * z;
      low = std::min(low, height);
      high = std::max(high, height);
    }
    ASSERT_LE(lines.delta, 0.5 * static_cast<double>(high - low) * 1.25 + 1e-5) << l << " " << u;
  }
}

TEST_P(RelaxationTest, APointIsItself) {
  for (const double z : {-30.0, -2.0, -1e-300, 0.0, 0.7, 1e3}) {
    const ActivationRelaxation lines = Relax(GetParam(), z, z);
    const Truth truth = TruthOf(GetParam(), z);
    ExpectHolds(lines.value, z, truth.value);
    ExpectHolds(lines.slope, z, truth.first);
    EXPECT_LT(lines.value.delta, 1e-12 * (1 + std::abs(z)));
    EXPECT_LT(lines.slope.delta, 1e-12 * (1 + std::abs(z)));
  }
}

INSTANTIATE_TEST_SUITE_P(, RelaxationTest,
                         testing::Values(Activation::kSoftplus, Activation::kTanh,
                                         Activation::kSilu, Activation::kGelu, Activation::kSin),
                         [](const auto& param_info) {
                           return std::string(nn::Name(param_info.param));
                         });

}  // namespace
}  // namespace sobolev::bounds
