// The witnesses of verify.h, tested on derivatives that are known, and on ones that are wrong: a
// witness is only worth something if it speaks up.

#include "engine/ad/verify.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>

#include <Eigen/Core>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "tests/engine/ad/matrix_function.h"

namespace sobolev::ad {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(VerifyTest, RandomDirectionsAreSeededAndOfLengthOne) {
  Rng rng(3);
  const Vector d = RandomDirection(7, rng);
  EXPECT_NEAR(d.norm(), 1, 1e-15);
  Rng again(3);
  EXPECT_EQ(RandomDirection(7, again), d);
  EXPECT_NE(RandomDirection(7, again), d);
}

TEST(VerifyTest, DotProductsOfAMatrixAndItsTransposeAgreeToRounding) {
  const Matrix J = RandomMatrix(40, 60, 1);
  const double defect =
      DotProductTest([&](const Vector& x_dot) { return J * x_dot; },
                     [&](const Vector& y_bar) { return J.transpose() * y_bar; }, 60, 40, 20, 2);
  EXPECT_LT(defect, 1e-15);
}

TEST(VerifyTest, DotProductsRevealOneWrongEntryOfAnAdjoint) {
  const Matrix J = RandomMatrix(40, 60, 1);
  Matrix wrong = J;
  wrong(17, 5) += 1e-6;
  const double defect =
      DotProductTest([&](const Vector& x_dot) { return J * x_dot; },
                     [&](const Vector& y_bar) { return wrong.transpose() * y_bar; }, 60, 40, 20, 2);
  // One entry among 2,400, so its share of the sum of magnitudes is about 1e-6 / 2400.
  EXPECT_GT(defect, 1e-11);
}

TEST(VerifyTest, NaNDoesNotPassAsAgreement) {
  const auto bad = [](const Vector& v) { return Vector::Constant(v.size(), kNaN); };
  const auto good = [](const Vector& v) { return v; };
  EXPECT_TRUE(std::isnan(DotProductTest(bad, good, 3, 3, 4, 1)));
  EXPECT_TRUE(std::isnan(StochasticGradientTest(
      Vector::Ones(3), [](const Vector&) { return kNaN; }, 4, 1)));
  const Vector x = Vector::Ones(2);
  EXPECT_TRUE(std::isnan(TaylorTest([](const Vector&) { return kNaN; }, x, x, 1).slope));
  EXPECT_THROW(DotProductDefect(x, x, x, Vector::Ones(3)), Error);
}

// "If you remember nothing else, remember this technique" (Brümmer 2019): here on 10,000 inputs,
// at the cost of a few evaluations.
TEST(VerifyTest, StochasticTestFindsOneWrongSignAmongTenThousand) {
  const Index n = 10'000;
  const auto f = [](const ComplexVector& x) {
    return Complex((x.array().sin() * x.array()).sum());
  };
  const Vector x = RandomMatrix(n, 1, 5);
  Vector gradient = (x.array().cos() * x.array() + x.array().sin()).matrix();
  const auto along = [&](const Vector& d) { return ComplexStepDirectional(f, x, d); };
  EXPECT_LT(StochasticGradientTest(gradient, along, 3, 6), 1e-14);
  gradient(4321) *= -1;
  EXPECT_GT(StochasticGradientTest(gradient, along, 3, 6), 1e-6);
}

// The example of Squire and Trapp 1998: eˣ/√(sin³x + cos³x) at 1.5.
template <class T>
T SquireTrapp(const T& x) {
  using std::cos, std::exp, std::pow, std::sin, std::sqrt;
  const T s = sin(x);
  const T c = cos(x);
  return exp(x) / sqrt(s * s * s + c * c * c);
}
double SquireTrappSlope(double x) {
  const long double s = std::sin(static_cast<long double>(x));
  const long double c = std::cos(static_cast<long double>(x));
  const long double u = s * s * s + c * c * c;
  const long double u_dot = 3 * s * c * (s - c);
  return static_cast<double>(std::exp(static_cast<long double>(x)) / std::sqrt(u) *
                             (1 - u_dot / (2 * u)));
}

TEST(VerifyTest, ComplexStepIsExactToRounding) {
  const double exact = SquireTrappSlope(1.5);
  const auto f = [](const auto& x) { return SquireTrapp(x); };
  EXPECT_NEAR(ComplexStep(f, 1.5), exact, 4e-16 * exact);
  // Forward differences keep half of the digits at best, whatever their step.
  double best = 1;
  for (double h = 1e-1; h > 1e-16; h /= 2) {
    best = std::min(best, std::abs(ForwardDifference(f, 1.5, h) - exact) / exact);
  }
  EXPECT_GT(best, 1e-11);
}

TEST(VerifyTest, ComplexStepGivesJacobianProductsAndGradients) {
  const Matrix A = RandomMatrix(3, 4, 8);
  const Vector x = RandomMatrix(4, 1, 9);
  const Vector d = RandomMatrix(4, 1, 10);
  const auto layer = [&](const ComplexVector& z) {
    return ComplexVector((A.cast<Complex>() * z).array().tanh());
  };
  const Vector slope = 1 - (A * x).array().tanh().square();
  const Vector expected = slope.asDiagonal() * (A * d);
  EXPECT_LT((ComplexStepJvp(layer, x, d) - expected).norm(), 1e-15 * (1 + expected.norm()));
  const auto sum = [&](const ComplexVector& z) { return Complex(layer(z).sum()); };
  const Vector gradient = A.transpose() * slope;
  EXPECT_LT((ComplexStepGradient(sum, x) - gradient).norm(), 1e-15 * (1 + gradient.norm()));
}

struct Known {
  const char* name;
  double (*f)(double);
  double x;
  double slope;
  double tolerance;  // Relative.
};

TEST(VerifyTest, CentralDifferencesChooseTheirStepAtEveryScale) {
  const Known cases[] = {
      {"smooth", [](double x) { return std::exp(x); }, 1, std::exp(1.0), 1e-10},
      {"steep", [](double x) { return std::exp(30 * x); }, 1, 30 * std::exp(30.0), 1e-10},
      {"fast", [](double x) { return std::sin(1000 * x); }, 0.3, 1000 * std::cos(300.0), 1e-9},
      {"near the edge", [](double x) { return std::log(x); }, 1e-4, 1e4, 1e-9},
      {"large", [](double x) { return std::log(x); }, 1e12, 1e-12, 1e-9},
      {"at zero", [](double x) { return std::atan(x); }, 0, 1, 1e-10},
      {"near a kink", [](double x) { return std::abs(x); }, 1e-3, 1, 1e-10},
      {"far offset", [](double x) { return 1e6 + std::sin(x); }, 1, std::cos(1.0), 1e-7},
      {"flat", [](double) { return 5.0; }, 2, 0, 1e-10},
  };
  for (const Known& known : cases) {
    SCOPED_TRACE(known.name);
    const DifferenceEstimate estimate = CentralDifference(known.f, known.x);
    const double error = std::abs(estimate.derivative - known.slope);
    EXPECT_LE(error, known.tolerance * std::abs(known.slope));
    EXPECT_LE(error, 10 * estimate.error + 1e-15 * std::abs(known.slope));
    EXPECT_LE(estimate.error, 10 * known.tolerance * (1 + std::abs(known.slope)));
  }
}

TEST(VerifyTest, CentralDifferencesWithoutAUsableStepSaySo) {
  const DifferenceEstimate estimate = CentralDifference([](double) { return kNaN; }, 1);
  EXPECT_TRUE(std::isnan(estimate.derivative));
  EXPECT_EQ(estimate.error, std::numeric_limits<double>::infinity());
}

TEST(VerifyTest, CentralGradientsScaleEachEntry) {
  const auto f = [](const auto& x) {
    using std::log, std::sin;
    return log(x(0)) * sin(x(1)) + x(2) * x(2) * 1e-8;
  };
  const Vector x{{1e-3, 5, 1e5}};
  const GradientEstimate estimate = CentralGradient(f, x);
  const Vector exact = ComplexStepGradient(f, x);
  for (Index i = 0; i < 3; ++i) {
    EXPECT_NEAR(estimate.gradient(i), exact(i), 1e-8 * std::abs(exact(i))) << "entry " << i;
  }
}

// f = sin(x₀ x₁) + x₁³ along d, with the derivatives written out.
class TaylorTestTest : public testing::Test {
 protected:
  static double F(const Vector& x) { return std::sin(x(0) * x(1)) + x(1) * x(1) * x(1); }

  const Vector x_{{0.7, 1.3}};
  const Vector d_{{1.0, -0.5}};
  const double t_ = x_(0) * x_(1);
  const double t_dot_ = d_(0) * x_(1) + x_(0) * d_(1);
  const double first_ = std::cos(t_) * t_dot_ + 3 * x_(1) * x_(1) * d_(1);
  const double second_ = -std::sin(t_) * t_dot_ * t_dot_ + 2 * std::cos(t_) * d_(0) * d_(1) +
                         6 * x_(1) * d_(1) * d_(1);
};

TEST_F(TaylorTestTest, RemaindersVanishInTheOrderThatTheDerivativesEarn) {
  EXPECT_NEAR(TaylorTest(F, x_, d_, first_).slope, 2, 0.05);
  EXPECT_NEAR(TaylorTest(F, x_, d_, first_, second_).slope, 3, 0.05);
}

TEST_F(TaylorTestTest, WrongDerivativesCostAnOrder) {
  EXPECT_NEAR(TaylorTest(F, x_, d_, first_ * 1.001).slope, 1, 0.05);
  EXPECT_NEAR(TaylorTest(F, x_, d_, first_, second_ * 1.01).slope, 2, 0.05);
}

TEST_F(TaylorTestTest, ExactExpansionsHaveNoRemainder) {
  const auto quadratic = [](const Vector& x) { return x(0) * x(0) + 3 * x(1); };
  const TaylorCheck check =
      TaylorTest(quadratic, x_, d_, 2 * x_(0) * d_(0) + 3 * d_(1), 2 * d_(0) * d_(0));
  EXPECT_EQ(check.slope, std::numeric_limits<double>::infinity());
  EXPECT_EQ(check.steps.size(), check.remainders.size());
  EXPECT_LT(check.remainders.front(), 1e-14);
}

}  // namespace
}  // namespace sobolev::ad
