// Layers on intervals: nothing may lie outside, and little more may lie inside.

#include "engine/prune/interval_matrix.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "engine/ad/interval.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/activation.h"
#include "engine/prune/layers.h"

namespace sobolev::prune {
namespace {

using I = ad::Interval<double>;

constexpr nn::Activation kAll[] = {nn::Activation::kSoftplus, nn::Activation::kTanh,
                                   nn::Activation::kSilu, nn::Activation::kGelu,
                                   nn::Activation::kSin};

Matrix Random(Index rows, Index cols, Rng& rng) {
  Matrix A(rows, cols);
  for (double& entry : A.reshaped())
    entry = std::ldexp(rng.Normal(), static_cast<int>(rng.Below(40)) - 20);
  return A;
}

// In quadruple precision, one sum after the other.
TEST(IntervalMatrixTest, AffineImagesContainWhatQuadruplePrecisionSays) {
  Rng rng(3);
  for (int repeat = 0; repeat < 200; ++repeat) {
    const Index rows = 1 + static_cast<Index>(rng.Below(6));
    const Index cols = 1 + static_cast<Index>(rng.Below(40));
    const Matrix W = Random(rows, cols, rng);
    const Vector b = Random(rows, 1, rng);
    const Matrix center = Random(cols, 5, rng);
    const Matrix spread = Random(cols, 5, rng).cwiseAbs() * (repeat % 2);
    const IntervalMatrix X{.lo = center - spread, .hi = center + spread};
    const IntervalMatrix Z = AffineImage(W, b, X);
    for (Index k = 0; k < 5; ++k) {
      for (Index i = 0; i < rows; ++i) {
        __float128 least = b[i];
        __float128 most = b[i];
        double size = std::abs(b[i]);
        for (Index j = 0; j < cols; ++j) {
          const __float128 from_lo = static_cast<__float128>(W(i, j)) * X.lo(j, k);
          const __float128 from_hi = static_cast<__float128>(W(i, j)) * X.hi(j, k);
          least += std::min(from_lo, from_hi);
          most += std::max(from_lo, from_hi);
          size += std::abs(W(i, j)) * std::max(std::abs(X.lo(j, k)), std::abs(X.hi(j, k)));
        }
        ASSERT_LE(static_cast<__float128>(Z.lo(i, k)), least);
        ASSERT_GE(static_cast<__float128>(Z.hi(i, k)), most);
        ASSERT_LE(static_cast<double>(least - Z.lo(i, k)), 1e-12 * size);
        ASSERT_LE(static_cast<double>(Z.hi(i, k) - most), 1e-12 * size);
      }
    }
  }
}

TEST(IntervalMatrixTest, WhatOverflowsIsUnbounded) {
  const IntervalMatrix X{.lo = Matrix::Constant(1, 1, -1e308), .hi = Matrix::Constant(1, 1, 1e308)};
  const IntervalMatrix Z = AffineImage(Matrix::Constant(1, 1, 10), Vector::Zero(1), X);
  EXPECT_EQ(Z.lo(0, 0), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(Z.hi(0, 0), std::numeric_limits<double>::infinity());
  const IntervalMatrix again = AffineImage(Matrix::Constant(1, 1, 1), Vector::Zero(1), Z);
  EXPECT_EQ(again.hi(0, 0), std::numeric_limits<double>::infinity());
}

// Against a fine grid of each interval: contained, and no wider than what lies between two points
// of the grid. Activations have slopes of at most 1.1 and slopes have slopes of at most 1.
TEST(IntervalMatrixTest, RangesOfActivationsAreTight) {
  Rng rng(5);
  for (const nn::Activation activation : kAll) {
    for (int repeat = 0; repeat < 300; ++repeat) {
      const double lo = 12 * rng.Uniform() - 6;
      const double hi = lo + 6 * rng.Uniform() * rng.Uniform();
      constexpr Index kPoints = 400;
      Matrix z(1, kPoints + 1);
      for (Index k = 0; k <= kPoints; ++k) {
        z(0, k) = std::min(hi, lo + (hi - lo) * static_cast<double>(k) / kPoints);
      }
      const Matrix values = Activate(activation, z);
      const Matrix slopes = Slopes(activation, z);
      const double between = 1.1 * (hi - lo) / kPoints + 1e-9;
      const I range = ActivationRange(activation, I(lo, hi));
      // The reference is rounded.
      EXPECT_LE(range.lo(), values.minCoeff() + 1e-14);
      EXPECT_GE(range.hi(), values.maxCoeff() - 1e-14);
      EXPECT_GE(range.lo(), values.minCoeff() - between);
      EXPECT_LE(range.hi(), values.maxCoeff() + between);
      const I slope = SlopeRange(activation, I(lo, hi));
      EXPECT_LE(slope.lo(), slopes.minCoeff() + 1e-14);
      EXPECT_GE(slope.hi(), slopes.maxCoeff() - 1e-14);
      EXPECT_GE(slope.lo(), slopes.minCoeff() - between);
      EXPECT_LE(slope.hi(), slopes.maxCoeff() + between);
    }
  }
}

// The turns that the enclosures know: tanh′ is largest at 0, SiLU has a minimum at −1.2785, its
// slope extrema at ±2.3994; GELU has a minimum at −0.7518, its slope extrema at ±√2.
TEST(IntervalMatrixTest, InteriorExtremaAreFound) {
  EXPECT_EQ(SlopeRange(nn::Activation::kTanh, I(-1, 2)).hi(), 1);
  EXPECT_NEAR(ActivationRange(nn::Activation::kSilu, I(-2, -1)).lo(), -0.2784645427610738, 1e-10);
  EXPECT_NEAR(SlopeRange(nn::Activation::kSilu, I(2, 3)).hi(), 1.0998393201288968, 1e-10);
  EXPECT_NEAR(SlopeRange(nn::Activation::kSilu, I(-3, -2)).lo(), -0.0998393201288968, 1e-10);
  EXPECT_NEAR(ActivationRange(nn::Activation::kGelu, I(-1, 0)).lo(), -0.16997120747990369, 1e-10);
  EXPECT_NEAR(SlopeRange(nn::Activation::kGelu, I(1, 2)).hi(), 1.1289041451851024, 1e-10);
}

TEST(IntervalMatrixTest, UnboundedArgumentsAreNoTrouble) {
  for (const nn::Activation activation : kAll) {
    for (const double z : {-1e3, -2.0, 0.0, 3.0, 1e3}) {
      const Matrix point = Matrix::Constant(1, 1, z);
      EXPECT_TRUE(
          ActivationRange(activation, I::Entire()).Contains(Activate(activation, point)(0)));
      EXPECT_TRUE(SlopeRange(activation, I::Entire()).Contains(Slopes(activation, point)(0)));
    }
  }
}

// Slopes are those of the values: by central differences, whose error is below 1e-9 here.
TEST(IntervalMatrixTest, SlopesAreDerivativesOfActivations) {
  for (const nn::Activation activation : kAll) {
    for (double z = -5; z <= 5; z += 0.37) {
      constexpr double kStep = 1e-5;
      const Matrix ends{{z - kStep, z + kStep}};
      const Matrix values = Activate(activation, ends);
      EXPECT_NEAR(Slopes(activation, Matrix::Constant(1, 1, z))(0),
                  (values(1) - values(0)) / (2 * kStep), 1e-9);
    }
  }
}

}  // namespace
}  // namespace sobolev::prune
