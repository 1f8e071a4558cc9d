#include "engine/sampling/taylor_shares.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/chain/program_surrogate.h"

namespace sobolev::sampling {
namespace {

TaylorShares SharesOf(const std::string& output, const Matrix& centres, double tolerance) {
  const chain::ProgramSurrogate f("input a\ninput b\noutput y = " + output + "\n");
  return FindTaylorShares(f, centres, Vector::Constant(2, -1), Vector::Constant(2, 1), tolerance);
}

TEST(TaylorSharesTest, PolynomialsTakeTheirDegree) {
  const Matrix centre = Matrix::Zero(2, 1);
  EXPECT_EQ(SharesOf("7 + 0 * a + 0 * b", centre, 0.01)[0], 1);
  EXPECT_GT(SharesOf("1 + a - 2 * b", centre, 1e-9)[1], 0.99);
  EXPECT_GT(SharesOf("1 + a - 2 * b + a * b", centre, 1e-9)[2], 0.9);
  const TaylorShares cubic = SharesOf("a^3 + 0 * b", centre, 1e-9);
  EXPECT_LT(cubic[0] + cubic[1] + cubic[2], 0.01);
}

// |a| <= t σ for order 0, where σ² = 1/3.
TEST(TaylorSharesTest, SharesAreThoseOfTheVolume) {
  const TaylorShares shares = SharesOf("a + 0 * b", Matrix::Zero(2, 1), 0.5);
  EXPECT_NEAR(shares[0], 0.5 / std::sqrt(3.0), 0.05);
  EXPECT_NEAR(shares[1], 1 - shares[0], 1e-9);
}

TEST(TaylorSharesTest, TheNearestCentreCounts) {
  Matrix centres(2, 2);
  centres << -0.5, 0.5, 0, 0;
  // The remainder |a³ − c³ − 3c²d − 3cd²| = |d|³ of steps of at most 1/2.
  const double largest = 1.0 / 8 / std::sqrt(1.0 / 7);
  EXPECT_NEAR(SharesOf("a^3 + 0 * b", centres, 1.1 * largest)[0] +
                  SharesOf("a^3 + 0 * b", centres, 1.1 * largest)[1] +
                  SharesOf("a^3 + 0 * b", centres, 1.1 * largest)[2],
              1, 1e-9);
  // |d|³ <= t σ for two thirds of the steps.
  const double tolerance = std::pow(1.0 / 3, 3) / std::sqrt(1.0 / 7);
  const TaylorShares shares = SharesOf("a^3 + 0 * b", centres, tolerance);
  EXPECT_NEAR(shares[0] + shares[1] + shares[2], 2.0 / 3, 0.06);
}

TEST(TaylorSharesTest, ThereMustBeACentre) {
  try {
    SharesOf("a + b", Matrix(2, 0), 0.1);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.field(), "centres");
  }
}

}  // namespace
}  // namespace sobolev::sampling
