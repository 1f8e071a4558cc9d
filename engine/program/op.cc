#include "engine/program/op.h"

#include <array>
#include <cmath>
#include <limits>
#include <numbers>

#include "engine/base/error.h"

namespace sobolev::program {
namespace {

constexpr std::array<OpTraits, kOpCount> kTraits = {{
    {Op::kInput, "input", 0, false, 0.5},
    {Op::kConstant, "constant", 0, false, 0},
    {Op::kNegate, "negate", 1, false, 1},
    {Op::kSquare, "square", 1, false, 1},
    {Op::kReciprocal, "reciprocal", 1, false, 5},
    {Op::kAbs, "abs", 1, false, 1},
    {Op::kSign, "sign", 1, false, 2},
    {Op::kFloor, "floor", 1, false, 1},
    {Op::kSqrt, "sqrt", 1, false, 7},
    {Op::kCbrt, "cbrt", 1, false, 16},
    {Op::kExp, "exp", 1, false, 8},
    {Op::kExpm1, "expm1", 1, false, 12},
    {Op::kLog, "log", 1, false, 10},
    {Op::kLog1p, "log1p", 1, false, 14},
    {Op::kSin, "sin", 1, false, 11},
    {Op::kCos, "cos", 1, false, 11},
    {Op::kTan, "tan", 1, false, 18},
    {Op::kAsin, "asin", 1, false, 18},
    {Op::kAcos, "acos", 1, false, 18},
    {Op::kAtan, "atan", 1, false, 16},
    {Op::kSinh, "sinh", 1, false, 16},
    {Op::kCosh, "cosh", 1, false, 16},
    {Op::kTanh, "tanh", 1, false, 16},
    {Op::kAsinh, "asinh", 1, false, 20},
    {Op::kAcosh, "acosh", 1, false, 20},
    {Op::kAtanh, "atanh", 1, false, 20},
    {Op::kErf, "erf", 1, false, 24},
    {Op::kErfc, "erfc", 1, false, 24},
    {Op::kNormalCdf, "normal_cdf", 1, false, 24},
    {Op::kSigmoid, "sigmoid", 1, false, 14},
    {Op::kSoftplus, "softplus", 1, false, 20},
    {Op::kAdd, "add", 2, true, 1},
    {Op::kSubtract, "subtract", 2, false, 1},
    {Op::kMultiply, "multiply", 2, true, 1},
    {Op::kSeedMultiply, "seed_multiply", 2, false, 2},
    {Op::kDivide, "divide", 2, false, 5},
    {Op::kPow, "pow", 2, false, 40},
    {Op::kAtan2, "atan2", 2, false, 22},
    {Op::kHypot, "hypot", 2, true, 12},
    {Op::kMin, "min", 2, false, 1},
    {Op::kMax, "max", 2, false, 1},
    {Op::kLess, "less", 2, false, 1},
    {Op::kLessEqual, "less_equal", 2, false, 1},
    {Op::kEqual, "equal", 2, true, 1},
    {Op::kSelect, "select", 3, false, 1},
    {Op::kMultiplyAdd, "multiply_add", 3, false, 1},
    {Op::kNegativeMultiplyAdd, "negative_multiply_add", 3, false, 1},
    {Op::kMultiplySubtract, "multiply_subtract", 3, false, 1},
    {Op::kSinCos, "sin_cos", 1, false, 16},
    {Op::kSumOfProducts, "sum_of_products", 0, false, 1},
}};

constexpr bool InOrder() {
  for (int i = 0; i < kOpCount; ++i) {
    if (static_cast<int>(kTraits[i].op) != i) return false;
  }
  return true;
}
static_assert(InOrder(), "kTraits lists the operations in the order of Op");

// NaN if either is, unlike std::fmin: NaN is never silent.
double Min(double a, double b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<double>::quiet_NaN();
  return b < a ? b : a;
}

double Sigmoid(double x) {
  const double e = std::exp(-std::abs(x));
  return (x < 0 ? e : 1.0) / (1.0 + e);
}

}  // namespace

const OpTraits& Traits(Op op) { return kTraits[static_cast<int>(op)]; }

double Apply(Op op, double a, double b, double c) {
  switch (op) {
    case Op::kNegate:
      return -a;
    case Op::kSquare:
      return a * a;
    case Op::kReciprocal:
      return 1.0 / a;
    case Op::kAbs:
      return std::abs(a);
    case Op::kSign:
      return a > 0 ? 1.0 : a < 0 ? -1.0 : a;  // A zero keeps its sign, NaN stays.
    case Op::kFloor:
      return std::floor(a);
    case Op::kSqrt:
      return std::sqrt(a);
    case Op::kCbrt:
      return std::cbrt(a);
    case Op::kExp:
      return std::exp(a);
    case Op::kExpm1:
      return std::expm1(a);
    case Op::kLog:
      return std::log(a);
    case Op::kLog1p:
      return std::log1p(a);
    case Op::kSin:
      return std::sin(a);
    case Op::kCos:
      return std::cos(a);
    case Op::kTan:
      return std::tan(a);
    case Op::kAsin:
      return std::asin(a);
    case Op::kAcos:
      return std::acos(a);
    case Op::kAtan:
      return std::atan(a);
    case Op::kSinh:
      return std::sinh(a);
    case Op::kCosh:
      return std::cosh(a);
    case Op::kTanh:
      return std::tanh(a);
    case Op::kAsinh:
      return std::asinh(a);
    case Op::kAcosh:
      return std::acosh(a);
    case Op::kAtanh:
      return std::atanh(a);
    case Op::kErf:
      return std::erf(a);
    case Op::kErfc:
      return std::erfc(a);
    case Op::kNormalCdf:
      return 0.5 * std::erfc(-a * (0.5 * std::numbers::sqrt2));
    case Op::kSigmoid:
      return Sigmoid(a);
    case Op::kSoftplus:
      return (a > 0 ? a : 0.0) + std::log1p(std::exp(-std::abs(a)));
    case Op::kAdd:
      return a + b;
    case Op::kSubtract:
      return a - b;
    case Op::kMultiply:
      return a * b;
    case Op::kSeedMultiply:
      return a == 0 ? 0.0 : a * b;
    case Op::kDivide:
      return a / b;
    case Op::kPow:
      return std::pow(a, b);
    case Op::kAtan2:
      return std::atan2(a, b);
    case Op::kHypot:
      return std::hypot(a, b);
    case Op::kMin:
      return Min(a, b);
    case Op::kMax:
      return -Min(-a, -b);
    case Op::kLess:
      return a < b ? 1.0 : 0.0;
    case Op::kLessEqual:
      return a <= b ? 1.0 : 0.0;
    case Op::kEqual:
      return a == b ? 1.0 : 0.0;
    case Op::kSelect:
      return a != 0 ? b : c;
    case Op::kMultiplyAdd:
      return std::fma(a, b, c);
    case Op::kNegativeMultiplyAdd:
      return std::fma(-a, b, c);
    case Op::kMultiplySubtract:
      return std::fma(a, b, -c);
    case Op::kInput:
    case Op::kConstant:
    case Op::kSinCos:
    case Op::kSumOfProducts:
      break;
  }
  throw Error(ErrorCode::kInternal, "NOT_A_FUNCTION", "",
              "operation " + std::string(Traits(op).name) + " has no scalar value");
}

}  // namespace sobolev::program
