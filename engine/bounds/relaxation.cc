#include "engine/bounds/relaxation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <span>

#include "engine/ad/interval.h"
#include "engine/ad/interval_bounds.h"
#include "engine/ad/interval_rounding.h"
#include "engine/nn/activation.h"

namespace sobolev::bounds {

namespace {

using Interval = ad::Interval<double>;
using nn::Activation;

// More than any rounding below, and more than what h, of which all derivatives are moderate, can
// do between a stationary point or inflection and its double.
constexpr double kSlack = 0x1p-48;

// Bounds of φ, φ′ and φ″ at a point.
struct Jet {
  std::array<Interval, 3> derivatives;
};

Jet EvaluateJet(Activation activation, double x) {
  const Interval z(x);
  switch (activation) {
    case Activation::kSoftplus: {
      const Interval s = Sigmoid(z);
      return {{Softplus(z), s, s * Sigmoid(-z)}};
    }
    case Activation::kTanh: {
      const Interval t = tanh(z);
      const Interval slope = (1.0 - t) * (1.0 + t);
      return {{t, slope, -2.0 * t * slope}};
    }
    case Activation::kSilu: {
      const Interval s = Sigmoid(z);
      const Interval rest = Sigmoid(-z);
      const Interval bend = s * rest;
      return {{z * s, s + z * bend, bend * (2.0 + z * (rest - s))}};
    }
    case Activation::kGelu: {
      const Interval cdf = NormalCdf(z);
      const Interval norm(0.39894228040143265, 0.39894228040143276);  // 1/√(2π)
      const Interval density = norm * exp(-0.5 * Square(z));
      return {{z * cdf, cdf + z * density, density * (2.0 - Square(z))}};
    }
    case Activation::kSin:
      break;
  }
  const Interval sine = sin(z);
  return {{sine, cos(z), -sine}};
}

// ψ′ nearly, for ψ = φ (order 0) or φ′ (order 1).
double SlopeNear(Activation activation, std::size_t order, double z) {
  switch (activation) {
    case Activation::kSoftplus: {
      const double s = 1 / (1 + std::exp(-z));
      return order == 0 ? s : s * (1 - s);
    }
    case Activation::kTanh: {
      const double t = std::tanh(z);
      return (order == 0 ? 1 : -2 * t) * (1 - t * t);
    }
    case Activation::kSilu: {
      const double s = 1 / (1 + std::exp(-z));
      return order == 0 ? s * (1 + z * (1 - s)) : s * (1 - s) * (2 + z * (1 - 2 * s));
    }
    case Activation::kGelu: {
      const double density = 0.3989422804014327 * std::exp(-0.5 * z * z);
      return order == 0 ? 0.5 * std::erfc(-z / std::numbers::sqrt2) + z * density
                        : density * (2 - z * z);
    }
    case Activation::kSin:
      break;
  }
  return order == 0 ? std::cos(z) : -std::sin(z);
}

// Where φ, φ′ and φ″ are stationary, in ascending order: the roots of φ′, φ″ and φ‴.
struct Roots {
  std::array<std::span<const double>, 3> of;
};

constexpr std::array kZero = {0.0};
constexpr std::array kTanhThird = {-0.6584789484624085, 0.6584789484624085};
constexpr std::array kSiluFirst = {-1.278464542761074};
constexpr std::array kSiluSecond = {-2.3993572805154673, 2.3993572805154673};
constexpr std::array kSiluThird = {-3.4358409935351114, 0.0, 3.4358409935351114};
constexpr std::array kGeluFirst = {-0.7517915246935645};
constexpr std::array kGeluSecond = {-std::numbers::sqrt2, std::numbers::sqrt2};
constexpr std::array kGeluThird = {-2.0, 0.0, 2.0};

Roots RootsOf(Activation activation) {
  switch (activation) {
    case Activation::kSoftplus:
      return {{{{}, {}, kZero}}};
    case Activation::kTanh:
      return {{{{}, kZero, kTanhThird}}};
    case Activation::kSilu:
      return {{{kSiluFirst, kSiluSecond, kSiluThird}}};
    case Activation::kGelu:
      return {{{kGeluFirst, kGeluSecond, kGeluThird}}};
    case Activation::kSin:
      break;
  }
  return {};
}

// The points of a curve within (l, u), at most two periods of a sine.
class Points {
 public:
  Points(Activation activation, std::size_t which, double l, double u) {
    if (activation != Activation::kSin) {
      const Roots roots = RootsOf(activation);
      for (const double root : roots.of[which]) Add(root, l, u);
      return;
    }
    // Roots of cos, sin, cos.
    const double first = which == 1 ? 0 : 0.5;
    for (double k = std::ceil(l / std::numbers::pi - first); count_ < points_.size(); ++k) {
      const double root = (k + first) * std::numbers::pi;
      if (!(root < u)) break;
      Add(root, l, u);
    }
  }
  const double* begin() const { return points_.data(); }
  const double* end() const { return points_.data() + count_; }

 private:
  void Add(double root, double l, double u) {
    if (l < root && root < u) points_[count_++] = root;
  }

  std::array<double, 5> points_{};
  std::size_t count_ = 0;
};

// A point at which ψ and ψ′ are enclosed.
struct Sample {
  double z;
  Interval value;
  Interval slope;
};

struct Extrema {
  double low = ad::directed::kInfinity;
  double high = -ad::directed::kInfinity;

  void Add(const Interval& range) {
    low = std::min(low, range.lo());
    high = std::max(high, range.hi());
  }
};

// ψ = φ or φ′ of an activation.
class Curve {
 public:
  Curve(Activation activation, std::size_t order) : activation_(activation), order_(order) {}

  Sample At(double z) const { return From(z, EvaluateJet(activation_, z)); }
  Sample From(double z, const Jet& jet) const {
    return {z, jet.derivatives[order_], jet.derivatives[order_ + 1]};
  }

  Relaxation Relax(const Sample& left, const Sample& right) const {
    Relaxation result;
    const double width = right.z - left.z;
    // A slope that is not that of the chord makes the lines no less valid.
    result.lambda = width > 0x1p-20 ? (right.value.Midpoint() - left.value.Midpoint()) / width
                                    : left.slope.Midpoint();
    Interval values = Hull(left.value, right.value);
    for (const double z : Points(activation_, order_, left.z, right.z)) {
      values = Hull(values, At(z).value);
    }
    result.lo = values.lo() - kSlack;
    result.hi = values.hi() + kSlack;

    Extrema extrema;
    Sample start = left;
    for (const double z : Points(activation_, order_ + 1, left.z, right.z)) {
      const Sample end = At(z);
      AddPiece(start, end, result.lambda, extrema);
      start = end;
    }
    AddPiece(start, right, result.lambda, extrema);
    result.mu = 0.5 * (extrema.low + extrema.high);
    const double size = std::max(std::abs(extrema.low), std::abs(extrema.high)) +
                        std::abs(result.lambda) * std::max(std::abs(left.z), std::abs(right.z));
    result.delta = 0.5 * (extrema.high - extrema.low) + kSlack * (1 + size);
    return result;
  }

 private:
  // h at the point.
  static Interval Height(const Sample& at, double lambda) {
    return at.value - Interval(lambda) * Interval(at.z);
  }

  // Adds the extrema of h on a piece where it is convex or concave.
  void AddPiece(const Sample& start, const Sample& end, double lambda, Extrema& extrema) const {
    extrema.Add(Height(start, lambda));
    extrema.Add(Height(end, lambda));
    const Interval steepness = Hull(start.slope, end.slope) - Interval(lambda);
    const double width = end.z - start.z;
    if (!(width > 0) || steepness.lo() >= 0 || steepness.hi() <= 0) return;  // h is monotone.
    const Sample turn = At(TurnNear(start, end, lambda));
    const Interval height = Height(turn, lambda);
    const Interval slope = turn.slope - Interval(lambda);
    // The tangent at the turn is within this over the piece.
    extrema.Add(height + slope * (Interval(start.z, end.z) - Interval(turn.z)));
  }

  // Nearly the root of ψ′ = λ in a piece on which ψ′ is monotone.
  double TurnNear(const Sample& start, const Sample& end, double lambda) const {
    double a = start.z;
    double b = end.z;
    double below = start.slope.Midpoint() - lambda;
    double above = end.slope.Midpoint() - lambda;
    double z = 0.5 * (a + b);
    for (int step = 0; step < 4 && below * above < 0; ++step) {
      const double secant = a - below * (b - a) / (above - below);
      z = step == 2 ? 0.5 * (a + b) : std::clamp(secant, a, b);
      const double steepness = SlopeNear(activation_, order_, z) - lambda;
      if (std::abs(steepness) * (b - a) < 0x1p-30) break;
      (steepness * below > 0 ? a : b) = z;
      (steepness * below > 0 ? below : above) = steepness;
    }
    return std::clamp(z, start.z, end.z);
  }

  Activation activation_;
  std::size_t order_;
};

}  // namespace

ActivationRelaxation Relax(Activation activation, double l, double u) {
  if (activation == Activation::kSin && u - l > 2 * std::numbers::pi) {
    const Relaxation all{.lambda = 0, .mu = 0, .delta = 1, .lo = -1, .hi = 1};
    return {all, all};
  }
  const Jet left = EvaluateJet(activation, l);
  const Jet right = EvaluateJet(activation, u);
  const Curve value(activation, 0);
  const Curve slope(activation, 1);
  return {value.Relax(value.From(l, left), value.From(u, right)),
          slope.Relax(slope.From(l, left), slope.From(u, right))};
}

ad::Bounds EncloseActivation(Activation activation, double z) {
  return EvaluateJet(activation, z).derivatives[0].bounds();
}

}  // namespace sobolev::bounds
