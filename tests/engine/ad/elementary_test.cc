#include "engine/ad/elementary.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "tests/engine/ad/elementary_cases.h"

namespace sobolev::ad {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
const double kNan = std::numeric_limits<double>::quiet_NaN();

// At double precision the rules are the derivatives, to a few units in the last place. The worst
// points are close to a pole (asin at 0.99), where the condition of the derivative is about 100.
#define EXPECT_RULE(Rule, function, truth, ...)                                         \
  for (const double x : {__VA_ARGS__}) {                                                \
    const double expected = TrueDerivative([](Quad z) { return truth(z); }, 1, x);      \
    EXPECT_NEAR(Rule::Derivative(x, function(x)), expected, 4e-15 * std::abs(expected)) \
        << #Rule << " at " << x;                                                        \
  }

TEST(ElementaryTest, RulesAreTheDerivatives){
    EXPECT_RULE(ExpRule, exp, expq, -700.0, -1.0, 0.0, 3.0,
                700.0) EXPECT_RULE(Exp2Rule, exp2, exp2q, -3.0, 0.0, 9.5)
        EXPECT_RULE(Expm1Rule, expm1, expm1q, -20.0, -1e-12, 0.0, 0.3,
                    20.0) EXPECT_RULE(LogRule, log, logq, 1e-5, 0.9, 1.0,
                                      1e10) EXPECT_RULE(Log1pRule, log1p, log1pq, -0.99, 1e-15, 3.0)
            EXPECT_RULE(Log2Rule, log2, log2q, 0.1,
                        8.0) EXPECT_RULE(Log10Rule, log10, log10q, 0.1,
                                         100.0) EXPECT_RULE(SqrtRule, sqrt, sqrtq, 1e-5, 2.0, 1e12)
                EXPECT_RULE(CbrtRule, cbrt, cbrtq, -1e9, -0.1,
                            5.0) EXPECT_RULE(SinRule, sin, sinq, -20.0, 0.0, 1.0)
                    EXPECT_RULE(CosRule, cos, cosq, -20.0, 0.5,
                                1.0) EXPECT_RULE(TanRule, tan, tanq, -1.5, 0.0, 1.5)
                        EXPECT_RULE(AsinRule, asin, asinq, -0.999, 0.0, 0.5, 0.999)
                            EXPECT_RULE(AcosRule, acos, acosq, -0.999, 0.0, 0.5,
                                        0.999) EXPECT_RULE(AtanRule, atan, atanq, -1e6, 0.0, 3.0)
                                EXPECT_RULE(SinhRule, sinh, sinhq, -5.0, 0.0, 300.0)
                                    EXPECT_RULE(CoshRule, cosh, coshq, -5.0, 0.1, 300.0)
                                        EXPECT_RULE(TanhRule, tanh, tanhq, -2.0, 0.0, 1.0)
                                            EXPECT_RULE(AsinhRule, asinh, asinhq, -1e8, 0.0, 2.0)
                                                EXPECT_RULE(AcoshRule, acosh, acoshq, 1.001, 2.0,
                                                            1e9) EXPECT_RULE(AtanhRule, atanh,
                                                                             atanhq, -0.99, 0.0,
                                                                             0.999)
                                                    EXPECT_RULE(ErfRule, erf, erfq, -3.0, 0.0, 0.5)
                                                        EXPECT_RULE(ErfcRule, erfc, erfcq, -3.0,
                                                                    0.0, 10.0)}

// Beyond the range where 1 − tanh² and the like keep digits, the error is absolute.
TEST(ElementaryTest, SaturatedFunctionsHaveSmallDerivativesInTheEnd) {
  EXPECT_NEAR(TanhRule::Derivative(20.0, std::tanh(20.0)), 4 * std::exp(-40.0), 1e-15);
  EXPECT_NEAR(SigmoidRule::Derivative(40.0, Sigmoid(40.0)), std::exp(-40.0), 1e-15);
  EXPECT_EQ(TanhRule::Derivative(1e300, std::tanh(1e300)), 0);
  EXPECT_EQ(SigmoidRule::Derivative(-1e300, Sigmoid(-1e300)), 0);
  EXPECT_EQ(SoftplusRule::Derivative(1e300, Softplus(1e300)), 1);
}

TEST(ElementaryTest, OwnFunctionsAreAccurateInTheirTails) {
  for (const double x : {-700.0, -40.0, -1.0, 0.0, 1.0, 40.0, 700.0}) {
    const auto sigmoid = static_cast<double>(1 / (1 + expq(-Quad(x))));
    const auto softplus = static_cast<double>(log1pq(expq(Quad(x))));
    EXPECT_NEAR(Sigmoid(x), sigmoid, 3e-16 * sigmoid) << x;
    EXPECT_NEAR(Softplus(x), softplus, 3e-16 * softplus) << x;
  }
  for (const double x : {-37.0, -8.0, -1.0, 0.0, 1.0, 8.0}) {
    const auto truth = static_cast<double>(erfcq(-Quad(x) / sqrtq(2)) / 2);
    // The argument x/√2 is rounded, and erfc of a large argument z magnifies that by 2 z².
    EXPECT_NEAR(NormalCdf(x), truth, (4 + x * x) * 3e-16 * truth) << x;
  }
  EXPECT_EQ(Softplus(-kInfinity), 0);
  EXPECT_EQ(Softplus(kInfinity), kInfinity);
  EXPECT_EQ(Sigmoid(-kInfinity), 0);
  EXPECT_EQ(Sigmoid(kInfinity), 1);
}

TEST(ElementaryTest, NanIsNeverSwallowed) {
  EXPECT_TRUE(std::isnan(Sign(kNan)));
  EXPECT_TRUE(std::isnan(Min(kNan, 1)));
  EXPECT_TRUE(std::isnan(Min(1, kNan)));
  EXPECT_TRUE(std::isnan(Max(kNan, 1)));
  EXPECT_TRUE(std::isnan(Max(1, kNan)));
  EXPECT_TRUE(std::isnan(Softplus(kNan)));
  EXPECT_TRUE(std::isnan(Sigmoid(kNan)));
}

// The table of conventions at the head of elementary.h.
TEST(ElementaryTest, EdgesFollowTheConventions) {
  EXPECT_EQ(Sign(0.0), 0);
  EXPECT_EQ(Sign(-3.0), -1);
  EXPECT_EQ(AbsRule::Derivative(0.0, 0.0), 0);
  EXPECT_EQ(StepRule::Derivative(0.0, 0.0), 0);
  EXPECT_EQ(MinRule::D1(2.0, 2.0, 2.0), 0.5);
  EXPECT_EQ(MaxRule::D2(2.0, 2.0, 2.0), 0.5);
  EXPECT_EQ(MaxRule::D1(kInfinity, kInfinity, kInfinity), 0.5);
  EXPECT_EQ(MaxRule::D1(1.0, 2.0, 2.0), 0);
  EXPECT_EQ(MinRule::D1(1.0, 2.0, 1.0), 1);
  EXPECT_EQ(SqrtRule::Derivative(0.0, 0.0), kInfinity);
  EXPECT_EQ(CbrtRule::Derivative(0.0, 0.0), kInfinity);
  EXPECT_EQ(AsinRule::Derivative(1.0, std::asin(1.0)), kInfinity);
  EXPECT_EQ(AcosRule::Derivative(-1.0, std::acos(-1.0)), -kInfinity);
  EXPECT_EQ(AcoshRule::Derivative(1.0, 0.0), kInfinity);
  EXPECT_EQ(Atan2Rule::D1(0.0, 0.0, 0.0), 0);
  EXPECT_EQ(Atan2Rule::D2(0.0, 0.0, 0.0), 0);
  EXPECT_EQ(HypotRule::D1(0.0, 0.0, 0.0), 0);
  EXPECT_EQ(PowConstantRule::Derivative(0.0, 1.0, 0.0), 0);
  EXPECT_EQ(PowConstantRule::Derivative(0.0, 0.0, 1.0), 1);
  EXPECT_EQ(PowConstantRule::Derivative(0.0, 0.0, 2.0), 0);
  EXPECT_EQ(PowConstantRule::Derivative(-2.0, -8.0, 3.0), 12);
  EXPECT_EQ(PowRule::D1(0.0, 0.0, 1.0), 0);
  EXPECT_EQ(PowRule::D1(0.0, 2.0, 0.0), 0);
  EXPECT_EQ(PowRule::D2(0.0, 2.0, 0.0), 0);
  EXPECT_TRUE(std::isnan(PowRule::D2(-2.0, 3.0, -8.0)));
}

TEST(ElementaryTest, AnglesAndRadiiNeitherOverflowNorUnderflow) {
  for (const double scale : {1e-300, 1e-160, 1e160, 1e300}) {
    const double y = 3 * scale;
    const double x = 4 * scale;
    const double r = std::hypot(y, x);
    // ∂atan2/∂y = x/r² = 4/(25 scale), compared after scaling to stay in range.
    EXPECT_NEAR(Atan2Rule::D1(y, x, std::atan2(y, x)) * scale, 4.0 / 25, 1e-15);
    EXPECT_NEAR(Atan2Rule::D2(y, x, std::atan2(y, x)) * scale, -3.0 / 25, 1e-15);
    EXPECT_NEAR(HypotRule::D1(y, x, r), 0.6, 1e-15);
    EXPECT_NEAR(HypotRule::D2(y, x, r), 0.8, 1e-15);
  }
}

TEST(ElementaryTest, ZeroTimesInfinityIsZeroInASafeProduct) {
  EXPECT_EQ(SafeProduct(0.0, kInfinity), 0);
  EXPECT_EQ(SafeProduct(-kInfinity, 0.0), 0);
  EXPECT_EQ(SafeProduct(2.0, -kInfinity), -kInfinity);
  EXPECT_EQ(SafeProduct(2.0, 3.0), 6);
}

}  // namespace
}  // namespace sobolev::ad
