// Witnesses for derivatives: ways to find out that a derivative is wrong.
//
// Forward and reverse mode are written separately, so their agreement is evidence. It costs two
// sweeps, whatever the size of the model:
//
//     ȳᵀ ẏ = x̄ᵀ ẋ    with ẏ = J ẋ and x̄ = Jᵀ ȳ, for every ẋ and ȳ        (dot-product identity)
//
// With random ẋ and ȳ, a wrong entry of J escapes with probability zero. The other witnesses look
// at the function alone: the complex step (exact to rounding, but only for analytic code),
// central differences (any code, some 10 digits) and Taylor remainders (no digits, but the order
// in which the remainder vanishes cannot be right by accident).
//
// Everything here returns numbers; what is small enough is for the caller to say. Callables take
// Eigen vectors and must not keep references to them. Thread-safe: touches only its arguments.

#ifndef SOBOLEV_ENGINE_AD_VERIFY_H_
#define SOBOLEV_ENGINE_AD_VERIFY_H_

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include <Eigen/Core>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"

namespace sobolev::ad {

using Complex = std::complex<double>;
using ComplexVector = Eigen::Matrix<Complex, Eigen::Dynamic, 1>;

// A direction of length one, uniform on the sphere in ℝⁿ.
inline Vector RandomDirection(Index n, Rng& rng) {
  Vector direction(n);
  for (double& entry : direction) entry = rng.Normal();
  return direction.normalized();
}

// ------------------------------------------------------------------ forward against reverse

// |ȳᵀẏ − x̄ᵀẋ| relative to the sum of the magnitudes of all products in it: about 1e-16 when the two
// modes agree, whatever cancels in the sums; about 1 when they do not. The shapes may be those of
// vectors or of matrices. NaN when anything is not finite.
template <class YBar, class YDot, class XBar, class XDot>
double DotProductDefect(const YBar& y_bar, const YDot& y_dot, const XBar& x_bar,
                        const XDot& x_dot) {
  RequireSize("y_bar", y_bar.size(), y_dot.size());
  RequireSize("x_bar", x_bar.size(), x_dot.size());
  const double defect = std::abs(y_bar.cwiseProduct(y_dot).sum() - x_bar.cwiseProduct(x_dot).sum());
  const double scale =
      y_bar.cwiseProduct(y_dot).cwiseAbs().sum() + x_bar.cwiseProduct(x_dot).cwiseAbs().sum();
  return defect == 0 ? 0 : defect / scale;
}

// The largest defect of the identity over `num_trials` random pairs ẋ ∈ ℝⁿ, ȳ ∈ ℝᵐ, for
// jvp(x_dot) = J ẋ and vjp(y_bar) = Jᵀ ȳ at one point. NaN if one of the pairs gives NaN.
template <class Jvp, class Vjp>
double DotProductTest(const Jvp& jvp, const Vjp& vjp, Index n, Index m, int num_trials,
                      std::uint64_t seed) {
  Rng rng(seed);
  double worst = 0;
  for (int trial = 0; trial < num_trials; ++trial) {
    const Vector x_dot = RandomDirection(n, rng);
    const Vector y_bar = RandomDirection(m, rng);
    const Vector y_dot = jvp(x_dot);
    const Vector x_bar = vjp(y_bar);
    const double defect = DotProductDefect(y_bar, y_dot, x_bar, x_dot);
    if (!(defect <= worst)) worst = defect;
    if (std::isnan(worst)) return worst;
  }
  return worst;
}

// The stochastic test of a gradient g (Brümmer 2019): g·d against an independent directional
// derivative along `num_trials` random directions d. The largest |g·d − directional(d)|, relative
// to ‖g‖; NaN if one of the directions gives NaN.
template <class Directional>
double StochasticGradientTest(const Vector& gradient, const Directional& directional,
                              int num_trials, std::uint64_t seed) {
  Rng rng(seed);
  const double scale = std::max(gradient.norm(), std::numeric_limits<double>::min());
  double worst = 0;
  for (int trial = 0; trial < num_trials; ++trial) {
    const Vector d = RandomDirection(gradient.size(), rng);
    const double defect = std::abs(gradient.dot(d) - directional(d)) / scale;
    if (!(defect <= worst)) worst = defect;
    if (std::isnan(worst)) return worst;
  }
  return worst;
}

// ----------------------------------------------------------------------------- complex step

// f(x + iα) = f(x) + iα f′(x) + O(α²): with α² far below rounding, the imaginary part carries f′
// without any subtraction (Squire and Trapp 1998). A power of two near 10⁻²⁰, so that scaling by it
// is exact. It serves analytic code only: abs, comparisons, conjugate transposes and a second
// application all go wrong.
inline constexpr double kComplexStep = 0x1p-66;

// f′(x) for f callable with Complex.
template <class F>
double ComplexStep(const F& f, double x) {
  return f(Complex(x, kComplexStep)).imag() / kComplexStep;
}

// J(x) d for f: ComplexVector → ComplexVector.
template <class F>
Vector ComplexStepJvp(const F& f, const Vector& x, const Vector& d) {
  RequireSize("d", d.size(), x.size());
  const ComplexVector z = x.cast<Complex>() + Complex(0, kComplexStep) * d.cast<Complex>();
  const ComplexVector y = f(z);
  return y.imag() / kComplexStep;
}

// ∇f(x)·d for f: ComplexVector → Complex.
template <class F>
double ComplexStepDirectional(const F& f, const Vector& x, const Vector& d) {
  RequireSize("d", d.size(), x.size());
  const ComplexVector z = x.cast<Complex>() + Complex(0, kComplexStep) * d.cast<Complex>();
  const Complex y = f(z);
  return y.imag() / kComplexStep;
}

// ∇f(x) for f: ComplexVector → Complex, one evaluation per input.
template <class F>
Vector ComplexStepGradient(const F& f, const Vector& x) {
  Vector gradient(x.size());
  for (Index i = 0; i < x.size(); ++i) {
    gradient(i) = ComplexStepDirectional(f, x, Vector::Unit(x.size(), i));
  }
  return gradient;
}

// ----------------------------------------------------------------------- difference quotients

struct DifferenceEstimate {
  double derivative = 0;
  double error = 0;  // An estimate of |derivative − f′(x)|, truncation and rounding.
  double step = 0;   // The smallest step that the estimate used.
};

// (f(x + h) − f(x)) / h, as it stands. Its error is about h|f″|/2 + 2ε|f|/h, so that even the best
// h leaves only half of the digits: shown where differences fail, not a witness.
template <class F>
double ForwardDifference(const F& f, double x, double h) {
  return (f(x + h) - f(x)) / h;
}

// f′(x) by central differences, the step chosen by their own agreement (Ridders 1982).
//
// The quotients at h, h/r, h/r², … have errors in even powers of h, and a Neville tableau removes
// them one by one. An entry's error estimate is its distance from the two entries it was made of
// plus the rounding ε|f|/h of its quotients; the entry with the least wins. r = 1.7 rather than 2,
// because steps that halve meet a fast periodic f in the same phase again and again, and agree on
// nonsense. Steps start at a tenth of max(1, |x|); quotients that are not finite (x − h outside the
// domain) are left out. Some 10 digits for smooth f. The derivative is NaN with infinite error if
// no two steps were usable.
template <class F>
DifferenceEstimate CentralDifference(const F& f, double x) {
  constexpr int kSteps = 32;
  constexpr double kRatio = 1.7;
  constexpr std::size_t kColumns = 7;
  constexpr double kEpsilon = std::numeric_limits<double>::epsilon();
  DifferenceEstimate best{.derivative = std::numeric_limits<double>::quiet_NaN(),
                          .error = std::numeric_limits<double>::infinity()};
  std::array<double, kColumns> previous{};
  std::size_t num_previous = 0;
  double h = 0.1 * std::max(1.0, std::abs(x));
  for (int i = 0; i < kSteps; ++i, h /= kRatio) {
    // The points that are really used; x + h − (x − h) differs from 2h by rounding.
    const double right = x + h;
    const double left = x - h;
    const double f_right = f(right);
    const double f_left = f(left);
    const double quotient = (f_right - f_left) / (right - left);
    if (!std::isfinite(quotient)) {
      num_previous = 0;
      continue;
    }
    const double rounding = kEpsilon * std::max(std::abs(f_right), std::abs(f_left)) / h;
    std::array<double, kColumns> row{quotient};
    double power = 1;
    const std::size_t num_row = std::min(num_previous + 1, kColumns);
    for (std::size_t j = 1; j < num_row; ++j) {
      power *= kRatio * kRatio;
      row[j] = row[j - 1] + (row[j - 1] - previous[j - 1]) / (power - 1);
      const double disagreement =
          std::max(std::abs(row[j] - row[j - 1]), std::abs(row[j] - previous[j - 1]));
      const double error = disagreement + rounding;
      if (error < best.error) best = {.derivative = row[j], .error = error, .step = h};
    }
    previous = row;
    num_previous = num_row;
  }
  return best;
}

struct GradientEstimate {
  Vector gradient;
  Vector error;  // Of each entry, as in DifferenceEstimate.
};

// ∇f(x) for f: Vector → double, each entry with its own scale and step.
template <class F>
GradientEstimate CentralGradient(const F& f, const Vector& x) {
  GradientEstimate estimate{.gradient = Vector(x.size()), .error = Vector(x.size())};
  for (Index i = 0; i < x.size(); ++i) {
    Vector moved = x;
    const DifferenceEstimate entry = CentralDifference(
        [&](double x_i) {
          moved(i) = x_i;
          return static_cast<double>(f(moved));
        },
        x(i));
    estimate.gradient(i) = entry.derivative;
    estimate.error(i) = entry.error;
  }
  return estimate;
}

// ---------------------------------------------------------------------------- Taylor remainders

struct TaylorCheck {
  // log₂ of the factor by which halving h shrinks the remainder, fitted to the smallest four steps
  // that rounding leaves meaningful. Infinite when the remainder is below rounding at all steps, as
  // for polynomials that the expansion represents.
  double slope = std::numeric_limits<double>::infinity();
  std::vector<double> steps;       // From large to small.
  std::vector<double> remainders;  // |f(x + h d) − expansion(h)| at each.
};

// Measures in which order the remainder of a Taylor expansion along d vanishes.
//
// first = ∇f(x)·d, and second = dᵀ∇²f(x) d if given. A right first derivative gives the slope 2,
// right first and second derivatives 3; a wrong one gives 1 or 2. Steps are 2⁻³ … 2⁻²⁰ in units of
// d. At a point where the next term of the expansion happens to vanish the slope is larger.
template <class F>
TaylorCheck TaylorTest(const F& f, const Vector& x, const Vector& d, double first,
                       std::optional<double> second = std::nullopt) {
  RequireSize("d", d.size(), x.size());
  constexpr int kLargest = 3;
  constexpr int kSmallest = 20;
  constexpr std::ptrdiff_t kFitted = 4;
  const double f_x = f(x);
  TaylorCheck check;
  std::vector<double> logs;  // log₂ of the meaningful remainders and of their steps, in pairs.
  for (int k = kLargest; k <= kSmallest; ++k) {
    const double h = std::ldexp(1.0, -k);
    const Vector moved = x + h * d;
    const double f_moved = f(moved);
    const double expansion = f_x + h * first + h * h / 2 * second.value_or(0);
    const double remainder = std::abs(f_moved - expansion);
    check.steps.push_back(h);
    check.remainders.push_back(remainder);
    // A thousand roundings of the values: below that, the remainder may be noise.
    const double noise = 1000 * std::numeric_limits<double>::epsilon() *
                         (std::abs(f_x) + std::abs(f_moved) + h * std::abs(first));
    if (remainder <= noise) continue;
    logs.push_back(-k);
    logs.push_back(std::log2(remainder));
  }
  const auto num_points = static_cast<std::ptrdiff_t>(logs.size() / 2);
  if (num_points < 2) return check;
  const std::ptrdiff_t num_fitted = std::min(num_points, kFitted);
  const Eigen::Map<const Eigen::Matrix2Xd> points(logs.data() + 2 * (num_points - num_fitted), 2,
                                                  num_fitted);
  const Eigen::Matrix2Xd centred = points.colwise() - points.rowwise().mean();
  check.slope = centred.row(0).dot(centred.row(1)) / centred.row(0).squaredNorm();
  return check;
}

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_VERIFY_H_
