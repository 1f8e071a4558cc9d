#include "engine/nn/kernels.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/network.h"
#include "engine/nn/packing.h"

namespace sobolev::nn {
namespace {

constexpr Activation kActivations[] = {Activation::kSoftplus, Activation::kTanh, Activation::kSilu,
                                       Activation::kGelu, Activation::kSin};

struct Jet {
  long double a, p, h, k;
};

// φ, φ′, φ″, φ‴ in extended precision, from the C library.
Jet ExactJet(Activation activation, long double z) {
  const long double sigma = 1 / (1 + std::exp(-z));
  const long double slope = sigma / (1 + std::exp(z));
  const long double bend = -slope * std::tanh(z / 2);
  switch (activation) {
    case Activation::kSoftplus:
      return {std::max(z, 0.0L) + std::log1p(std::exp(-std::abs(z))), sigma, slope, bend};
    case Activation::kTanh: {
      const long double p = 1 / (std::cosh(z) * std::cosh(z));
      return {std::tanh(z), p, -2 * std::tanh(z) * p, (2 * std::cosh(2 * z) - 4) * p * p};
    }
    case Activation::kSilu:
      return {z * sigma, sigma + z * slope, slope * (2 + z * (1 - 2 * sigma)),
              3 * bend + z * (bend * (1 - 2 * sigma) - 2 * slope * slope)};
    case Activation::kGelu: {
      const long double density =
          std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi_v<long double>);
      const long double distribution = std::erfc(-z / std::numbers::sqrt2_v<long double>) / 2;
      return {z * distribution, distribution + z * density, density * (2 - z * z),
              -z * density * (2 - z * z) - 2 * z * density};
    }
    case Activation::kSin:
      return {std::sin(z), std::cos(z), -std::sin(z), -std::cos(z)};
  }
  return {};
}

std::vector<Isa> SupportedIsas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::kSse2, Isa::kAvx2, Isa::kAvx512}) {
    if (isa <= BestIsa()) isas.push_back(isa);
  }
  return isas;
}

template <class T>
class KernelsTest : public testing::Test {
 protected:
  // φ, φ′, φ″, φ‴ at every z, by the kernels.
  struct Computed {
    AlignedBuffer<T> a, p, h, k;
  };
  static Computed Activate(const Kernels<T>& kernels, Activation activation,
                           const std::vector<T>& z) {
    const Index count = RoundUp(static_cast<Index>(z.size()), kernels.width);
    Computed computed{AlignedBuffer<T>(count), AlignedBuffer<T>(count), AlignedBuffer<T>(count),
                      AlignedBuffer<T>(0)};
    std::ranges::copy(z, computed.a.data());
    kernels.activate[static_cast<std::size_t>(activation)](computed.a.data(), computed.p.data(),
                                                           computed.h.data(), count);
    return computed;
  }
  static Computed ActivateThird(const Kernels<T>& kernels, Activation activation,
                                const std::vector<T>& z) {
    const Index count = RoundUp(static_cast<Index>(z.size()), kernels.width);
    Computed computed{AlignedBuffer<T>(count), AlignedBuffer<T>(count), AlignedBuffer<T>(count),
                      AlignedBuffer<T>(count)};
    std::ranges::copy(z, computed.a.data());
    kernels.activate_third[static_cast<std::size_t>(activation)](
        computed.a.data(), computed.p.data(), computed.h.data(), computed.k.data(), count);
    return computed;
  }
};

using Scalars = testing::Types<float, double>;
class ScalarNames {
 public:
  template <class T>
  static std::string GetName(int /*index*/) {
    return sizeof(T) == 4 ? "float" : "double";
  }
};
TYPED_TEST_SUITE(KernelsTest, Scalars, ScalarNames);

// Errors are measured against max(1, |exact|): a few units in the last place.
TYPED_TEST(KernelsTest, ActivationsAndTheirDerivativesAreAccurate) {
  using T = TypeParam;
  const long double allowed = sizeof(T) == 4 ? 3e-7L : 1e-15L;
  std::vector<T> grid;
  for (int i = -40000; i <= 40000; ++i) grid.push_back(static_cast<T>(i * 1.0007e-3));
  for (int i = -300; i <= 0; ++i) grid.push_back(static_cast<T>(std::pow(10.0, i / 10.0)));
  for (const Isa isa : SupportedIsas()) {
    for (const Activation activation : kActivations) {
      SCOPED_TRACE(std::string(Name(isa)) + " " + std::string(Name(activation)));
      const auto computed = this->Activate(KernelsFor<T>(isa), activation, grid);
      const auto third = this->ActivateThird(KernelsFor<T>(isa), activation, grid);
      Jet worst{};
      Jet where{};
      const auto record = [](long double actual, long double exact, long double z,
                             long double& largest, long double& at) {
        const long double error = std::abs(actual - exact) / std::max(1.0L, std::abs(exact));
        if (!(error <= largest)) at = z;
        if (!(error <= largest)) largest = error;
      };
      for (std::size_t i = 0; i < grid.size(); ++i) {
        const long double z = grid[i];
        const Jet exact = ExactJet(activation, z);
        record(computed.a.data()[i], exact.a, z, worst.a, where.a);
        record(computed.p.data()[i], exact.p, z, worst.p, where.p);
        record(computed.h.data()[i], exact.h, z, worst.h, where.h);
        record(third.a.data()[i], exact.a, z, worst.a, where.a);
        record(third.p.data()[i], exact.p, z, worst.p, where.p);
        record(third.h.data()[i], exact.h, z, worst.h, where.h);
        record(third.k.data()[i], exact.k, z, worst.k, where.k);
      }
      EXPECT_LE(worst.a, allowed) << "in the value at z = " << where.a;
      EXPECT_LE(worst.p, allowed) << "in the first derivative at z = " << where.p;
      EXPECT_LE(worst.h, allowed) << "in the second derivative at z = " << where.h;
      // tanh‴ = p(4 − 6p) magnifies the error of p eight times.
      EXPECT_LE(worst.k, 5 * allowed) << "in the third derivative at z = " << where.k;
    }
  }
}

// Differences of second derivatives, in extended precision: with a step of 1e-4 and one step of
// Richardson's extrapolation, cutting off and rounding leave less than 1e-13.
TEST(ActivationTest, ExactThirdDerivativesAreThoseOfTheSecond) {
  const auto difference = [](Activation activation, long double z, long double step) {
    return (ExactJet(activation, z + step).h - ExactJet(activation, z - step).h) / (2 * step);
  };
  for (const Activation activation : kActivations) {
    for (int i = -80; i <= 80; ++i) {
      const long double z = 0.1L * i;
      const long double expected =
          (4 * difference(activation, z, 1e-4L) - difference(activation, z, 2e-4L)) / 3;
      EXPECT_NEAR(static_cast<double>(ExactJet(activation, z).k - expected), 0, 1e-13)
          << Name(activation) << " at " << i;
    }
  }
}

TYPED_TEST(KernelsTest, ActivationsOfLargeArgumentsAreTheirLimits) {
  using T = TypeParam;
  const std::vector<T> large = {-1e30F, -1e6F, -800, 800, 1e6F, 1e30F};
  for (const Isa isa : SupportedIsas()) {
    for (const Activation activation : kActivations) {
      SCOPED_TRACE(std::string(Name(isa)) + " " + std::string(Name(activation)));
      const auto computed = this->Activate(KernelsFor<T>(isa), activation, large);
      const auto third = this->ActivateThird(KernelsFor<T>(isa), activation, large);
      for (std::size_t i = 0; i < large.size(); ++i) {
        const T a = computed.a.data()[i];
        const T p = computed.p.data()[i];
        const T h = computed.h.data()[i];
        const T k = third.k.data()[i];
        ASSERT_TRUE(std::isfinite(a) && std::isfinite(p) && std::isfinite(h) && std::isfinite(k))
            << large[i];
        if (activation == Activation::kSin) {
          EXPECT_LE(std::max(std::abs(a), std::abs(p)), 1) << large[i];
          continue;
        }
        const bool positive = large[i] > 0;
        const bool bounded = activation == Activation::kTanh;
        EXPECT_EQ(p, bounded || !positive ? T(0) : T(1)) << large[i];
        EXPECT_NEAR(h, 0, 1e-30) << large[i];
        EXPECT_NEAR(k, 0, 1e-30) << large[i];
        EXPECT_NEAR(a, bounded ? (positive ? 1 : -1) : std::max(large[i], T(0)), 1e-30);
      }
    }
  }
}

TYPED_TEST(KernelsTest, NotANumberStaysNotANumber) {
  using T = TypeParam;
  const std::vector<T> nan = {std::numeric_limits<T>::quiet_NaN()};
  for (const Isa isa : SupportedIsas()) {
    for (const Activation activation : kActivations) {
      SCOPED_TRACE(std::string(Name(isa)) + " " + std::string(Name(activation)));
      EXPECT_TRUE(std::isnan(this->Activate(KernelsFor<T>(isa), activation, nan).a.data()[0]));
    }
  }
}

// For numbers of vectors below, at and above the size of a tile. What is above the diagonal is not
// touched, and what is in the sums stays there.
TYPED_TEST(KernelsTest, WeightedSquaresAreSumsOverFeatures) {
  using T = TypeParam;
  constexpr Index kFeatures = 7;
  const double allowed = sizeof(T) == 4 ? 1e-5 : 1e-14;
  for (const Isa isa : SupportedIsas()) {
    const Kernels<T>& kernels = KernelsFor<T>(isa);
    for (const Index num : {1, 2, 4, 5, 9}) {
      SCOPED_TRACE(std::string(Name(isa)) + ", " + std::to_string(num) + " vectors");
      const Index lanes = kernels.lanes;
      const Index stride = (kFeatures + 1) * lanes;
      Rng rng(1);
      const auto random = [&](Index size) {
        AlignedBuffer<T> buffer(size);
        for (Index i = 0; i < size; ++i) buffer.data()[i] = static_cast<T>(rng.Normal());
        return buffer;
      };
      const AlignedBuffer<T> z = random(num * stride);
      const AlignedBuffer<T> c = random(kFeatures * lanes);
      AlignedBuffer<T> sums = random(num * num * lanes);
      const AlignedBuffer<T> before = sums;
      kernels.weighted_squares(z.data(), stride, num, c.data(), kFeatures, sums.data());
      for (Index entry = 0; entry < num * num * lanes; ++entry) {
        const Index i = entry / lanes / num;
        const Index j = entry / lanes % num;
        double expected = before.data()[entry];
        for (Index f = 0; f < kFeatures && j <= i; ++f) {
          const Index at = f * lanes + entry % lanes;
          expected += static_cast<double>(c.data()[at]) * z.data()[i * stride + at] *
                      z.data()[j * stride + at];
        }
        EXPECT_NEAR(sums.data()[entry], expected, allowed * 10) << "entry " << i << ", " << j;
      }
    }
  }
}

}  // namespace
}  // namespace sobolev::nn
