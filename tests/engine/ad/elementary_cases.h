// The elementary functions with their truth: each in quadruple precision, and points to try.
//
// Derivatives of the truth are central differences with step h, extrapolated twice, so that their
// error is of the order of (h/d)⁶ where d is the distance to the next singularity, and rounding
// adds 1e-34/hᵏ for order k. With h = 1e-5 both lie below 1e-16 where d > 0.01.

#ifndef SOBOLEV_TESTS_ENGINE_AD_ELEMENTARY_CASES_H_
#define SOBOLEV_TESTS_ENGINE_AD_ELEMENTARY_CASES_H_

#include <cmath>
#include <vector>

#include <quadmath.h>

#include "engine/ad/elementary.h"

namespace sobolev::ad {

using Quad = __float128;
using QuadFunction = Quad (*)(Quad);

// f, f′, f″ and f‴ at x.
struct Truth {
  double value;
  double first;
  double second;
  double third;
};

// The central difference of order k with step h.
template <class F>
Quad Difference(const F& f, int order, Quad x, Quad h) {
  if (order == 1) return (f(x + h) - f(x - h)) / (2 * h);
  if (order == 2) return (f(x + h) - 2 * f(x) + f(x - h)) / (h * h);
  return (f(x + 2 * h) - 2 * f(x + h) + 2 * f(x - h) - f(x - 2 * h)) / (2 * h * h * h);
}

// Eliminates h² and h⁴ from the errors of three differences (Richardson).
template <class F>
double TrueDerivative(const F& f, int order, double x) {
  // Tiny arguments are taken as distances to a singularity at 0.
  const Quad size = fabsq(x);
  const Quad h = (size > 1 || (size > 0 && size < 0.001) ? size : 1) * 1e-5;
  const Quad coarse = Difference(f, order, x, h);
  const Quad middle = Difference(f, order, x, h / 2);
  const Quad fine = Difference(f, order, x, h / 4);
  const Quad better = (4 * middle - coarse) / 3;
  const Quad best = (4 * fine - middle) / 3;
  return static_cast<double>((16 * best - better) / 15);
}

template <class F>
Truth TruthOf(const F& f, double x) {
  return {.value = static_cast<double>(f(x)),
          .first = TrueDerivative(f, 1, x),
          .second = TrueDerivative(f, 2, x),
          .third = TrueDerivative(f, 3, x)};
}

// Calls visit(name, f, truth, points) for every function of one variable. f is generic.
template <class Visitor>
void ForEachUnary(const Visitor& visit) {
  const std::vector<double> all = {-3.7, -1.25, -0.3, 0.125, 0.7, 1.9, 4.4};
  const std::vector<double> positive = {0.05, 0.2, 0.9, 1.0, 1.7, 25.0};
  const std::vector<double> unit = {-0.97, -0.5, -0.1, 0.0, 0.2, 0.6, 0.99};
  visit(
      "exp", [](const auto& x) { return exp(x); }, [](Quad x) { return expq(x); }, all);
  visit(
      "exp2", [](const auto& x) { return exp2(x); }, [](Quad x) { return exp2q(x); }, all);
  visit(
      "expm1", [](const auto& x) { return expm1(x); }, [](Quad x) { return expm1q(x); },
      std::vector<double>{-30, -1, -0.02, 0, 2.5});
  visit(
      "log", [](const auto& x) { return log(x); }, [](Quad x) { return logq(x); }, positive);
  visit(
      "log1p", [](const auto& x) { return log1p(x); }, [](Quad x) { return log1pq(x); },
      std::vector<double>{-0.9, -0.02, 0, 0.4, 7});
  visit(
      "log2", [](const auto& x) { return log2(x); }, [](Quad x) { return log2q(x); }, positive);
  visit(
      "log10", [](const auto& x) { return log10(x); }, [](Quad x) { return log10q(x); }, positive);
  visit(
      "sqrt", [](const auto& x) { return sqrt(x); }, [](Quad x) { return sqrtq(x); }, positive);
  visit(
      "cbrt", [](const auto& x) { return cbrt(x); }, [](Quad x) { return cbrtq(x); },
      std::vector<double>{-8, -0.3, 0.02, 2, 27});
  visit(
      "sin", [](const auto& x) { return sin(x); }, [](Quad x) { return sinq(x); }, all);
  visit(
      "cos", [](const auto& x) { return cos(x); }, [](Quad x) { return cosq(x); }, all);
  visit(
      "tan", [](const auto& x) { return tan(x); }, [](Quad x) { return tanq(x); }, all);
  visit(
      "asin", [](const auto& x) { return asin(x); }, [](Quad x) { return asinq(x); }, unit);
  visit(
      "acos", [](const auto& x) { return acos(x); }, [](Quad x) { return acosq(x); }, unit);
  visit(
      "atan", [](const auto& x) { return atan(x); }, [](Quad x) { return atanq(x); }, all);
  visit(
      "sinh", [](const auto& x) { return sinh(x); }, [](Quad x) { return sinhq(x); }, all);
  visit(
      "cosh", [](const auto& x) { return cosh(x); }, [](Quad x) { return coshq(x); }, all);
  visit(
      "tanh", [](const auto& x) { return tanh(x); }, [](Quad x) { return tanhq(x); }, all);
  visit(
      "asinh", [](const auto& x) { return asinh(x); }, [](Quad x) { return asinhq(x); }, all);
  visit(
      "acosh", [](const auto& x) { return acosh(x); }, [](Quad x) { return acoshq(x); },
      std::vector<double>{1.01, 1.5, 3, 40});
  visit(
      "atanh", [](const auto& x) { return atanh(x); }, [](Quad x) { return atanhq(x); }, unit);
  visit(
      "erf", [](const auto& x) { return erf(x); }, [](Quad x) { return erfq(x); }, all);
  visit(
      "erfc", [](const auto& x) { return erfc(x); }, [](Quad x) { return erfcq(x); },
      std::vector<double>{-2, 0, 0.3, 1.5, 6, 20});
  visit(
      "NormalCdf", [](const auto& x) { return NormalCdf(x); },
      [](Quad x) { return erfcq(-x / sqrtq(2)) / 2; }, std::vector<double>{-30, -8, -1, 0, 0.5, 2});
  visit(
      "Sigmoid", [](const auto& x) { return Sigmoid(x); },
      [](Quad x) { return 1 / (1 + expq(-x)); }, std::vector<double>{-40, -5, -0.5, 0, 1, 4});
  visit(
      "Softplus", [](const auto& x) { return Softplus(x); }, [](Quad x) { return log1pq(expq(x)); },
      std::vector<double>{-40, -5, -0.5, 0, 1, 4, 50});
  visit(
      "abs", [](const auto& x) { return abs(x); }, [](Quad x) { return fabsq(x); }, all);
  visit(
      "Square", [](const auto& x) { return Square(x); }, [](Quad x) { return x * x; }, all);
  visit(
      "Reciprocal", [](const auto& x) { return Reciprocal(x); }, [](Quad x) { return 1 / x; }, all);
  visit(
      "pow 3", [](const auto& x) { return pow(x, 3); }, [](Quad x) { return x * x * x; }, all);
  visit(
      "pow -2", [](const auto& x) { return pow(x, -2); }, [](Quad x) { return 1 / (x * x); }, all);
  visit(
      "pow 1.7", [](const auto& x) { return pow(x, 1.7); },
      [](Quad x) { return powq(x, Quad(1.7)); }, positive);
  visit(
      "2^x", [](const auto& x) { return pow(2.0, x); }, [](Quad x) { return powq(2, x); }, all);
  visit(
      "x^x", [](const auto& x) { return pow(x, x); }, [](Quad x) { return powq(x, x); }, positive);
  visit(
      "atan2", [](const auto& x) { return atan2(x, 1.0 - 2.0 * x); },
      [](Quad x) { return atan2q(x, 1 - 2 * x); }, all);
  visit(
      "hypot", [](const auto& x) { return hypot(x, 1.0 - 2.0 * x); },
      [](Quad x) { return hypotq(x, 1 - 2 * x); }, all);
  visit(
      "max", [](const auto& x) { return Max(x, x * x); }, [](Quad x) { return fmaxq(x, x * x); },
      all);
  visit(
      "min", [](const auto& x) { return Min(x, x * x); }, [](Quad x) { return fminq(x, x * x); },
      all);
  visit(
      "quotient", [](const auto& x) { return (x * x - 3.0 * x + 1.0) / (6.0 - x); },
      [](Quad x) { return (x * x - 3 * x + 1) / (6 - x); }, all);
  visit(
      "mixture",
      [](const auto& x) { return -x / (2.0 + sin(x)) + (1 - x) * 2 - x / 4 + 5 / (x - 9); },
      [](Quad x) { return -x / (2 + sinq(x)) + (1 - x) * 2 - x / 4 + 5 / (x - 9); }, all);
}

}  // namespace sobolev::ad

#endif  // SOBOLEV_TESTS_ENGINE_AD_ELEMENTARY_CASES_H_
