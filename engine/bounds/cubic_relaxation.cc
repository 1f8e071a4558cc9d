#include "engine/bounds/cubic_relaxation.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "engine/bounds/activation_jet.h"
#include "engine/nn/activation.h"

namespace sobolev::bounds {

namespace {

using nn::Activation;

// A range of |z|, or of z².
struct Span {
  double lo;
  double hi;
};

Span Magnitudes(double l, double u) {
  const double hi = std::max(-l, u);
  return {l <= 0 && 0 <= u ? 0 : std::min(std::abs(l), std::abs(u)), hi};
}

// max |c + b x + a x²| on a range.
double LargestOfParabola(double a, double b, double c, const Span& x) {
  const auto at = [&](double z) { return std::abs(c + z * (b + z * a)); };
  double largest = std::max(at(x.lo), at(x.hi));
  const double turn = -0.5 * b / a;
  if (x.lo < turn && turn < x.hi) largest = std::max(largest, at(turn));
  return largest;
}

// s(1 − s) of the logistic function s, which falls with |z|.
Span LogisticBends(const Span& z) {
  const auto at = [](double magnitude) {
    const Logistic s(magnitude);
    return s.value * s.rest;
  };
  return {at(z.hi), at(z.lo)};
}

}  // namespace

double LargestFourthDerivative(Activation activation, double l, double u) {
  const Span z = Magnitudes(l, u);
  double largest = 1;
  switch (activation) {
    case Activation::kSoftplus:
      // q − 6 q² for q = s(1 − s).
      largest = LargestOfParabola(-6, 1, 0, LogisticBends(z));
      break;
    case Activation::kTanh: {
      // 8 t (2 − 5 t² + 3 t⁴), odd in t = tanh z.
      const auto tanh_of = [](double magnitude) {
        return EvaluateJet<Activation::kTanh>(magnitude)[0];
      };
      const Span t{tanh_of(z.lo), tanh_of(z.hi)};
      const auto at = [](double x) { return 8 * x * std::abs(2 + x * x * (3 * x * x - 5)); };
      largest = std::max(at(t.lo), at(t.hi));
      for (const double turn : {0.3980219, 0.9173757}) {
        if (t.lo < turn && turn < t.hi) largest = std::max(largest, at(turn));
      }
      break;
    }
    case Activation::kSilu: {
      // 4 s‴ + z s⁗ with s‴ = q − 6 q² and |s⁗| = q |1 − 2 s| |1 − 12 q|.
      const Span q = LogisticBends(z);
      const double third = LargestOfParabola(-6, 1, 0, q);
      const double fourth = LargestOfParabola(-12, 1, 0, q);
      largest = std::min(0.5, 4 * third + z.hi * fourth);
      break;
    }
    case Activation::kGelu: {
      // (−z⁴ + 7 z² − 4) times the density.
      const Span square{z.lo * z.lo, z.hi * z.hi};
      const double density = 0.39894228040143268 * ExpOfNegative(-0.5 * square.lo);
      largest = std::min(1.5957692, density * LargestOfParabola(-1, 7, -4, square));
      break;
    }
    case Activation::kSin:
      break;
  }
  // More than the rounding of the above, and than what the places of the extrema are off by.
  return largest * (1 + 0x1p-20) + 0x1p-40;
}

namespace {

// A polynomial in s = (z − middle)/h as one in z − centre.
std::array<double, 4> Shift(const std::array<double, 4>& p, double middle, double h,
                            double centre) {
  const double s = (centre - middle) / h;
  return {p[0] + s * (p[1] + s * (p[2] + s * p[3])), (p[1] + s * (2 * p[2] + 3 * s * p[3])) / h,
          (p[2] + 3 * s * p[3]) / (h * h), p[3] / (h * h * h)};
}

template <Activation activation>
CubicRelaxation Interpolate(double l, double u, double centre, bool with_slope) {
  constexpr double kOuter = 0.92387953251128674;  // cos(π/8)
  constexpr double kInner = 0.38268343236508977;  // cos(3π/8)
  constexpr double kThird = 0.86602540378443865;  // cos(π/6)
  const double middle = 0.5 * (l + u);
  // Divided by, so that a range that is narrower than this is widened.
  const double h = std::max(std::max(u - middle, middle - l), 0x1p-30 * (1 + std::abs(middle)));
  const double fourth = LargestFourthDerivative(activation, middle - h, middle + h);
  // A few times the errors of jets and nodes and the roundings of coefficients: the largest value
  // at a node is multiplied by less than 2, and coefficients are below 6 times that.
  const double slack = 16 * kJetError * (1 + std::abs(middle) + h);

  const auto value = [&](double node) { return EvaluateJet<activation>(middle + h * node)[0]; };
  const double outer[] = {value(-kOuter), value(kOuter)};
  const double inner[] = {value(-kInner), value(kInner)};
  constexpr double kSpread = kOuter * kOuter - kInner * kInner;
  const double even = 0.5 * (outer[1] + outer[0]);
  const double odd = 0.5 * (outer[1] - outer[0]) / kOuter;
  const double p2 = (even - 0.5 * (inner[1] + inner[0])) / kSpread;
  const double p3 = (odd - 0.5 * (inner[1] - inner[0]) / kInner) / kSpread;
  const double square = kOuter * kOuter;
  CubicRelaxation result;
  result.value = {.c = Shift({even - p2 * square, odd - p3 * square, p2, p3}, middle, h, centre),
                  .error = (1 + 0x1p-40) * fourth * (h * h) * (h * h) / 192 + slack};
  if (!with_slope) return result;

  const auto slope = [&](double node) {
    return EvaluateJet<activation>(middle + h * node, false)[1];
  };
  const double ends[] = {slope(-kThird), slope(kThird)};
  const double d0 = slope(0);
  const double d1 = 0.5 * (ends[1] - ends[0]) / kThird;
  const double d2 = (0.5 * (ends[1] + ends[0]) - d0) / (kThird * kThird);
  result.slope = {.c = Shift({d0, d1, d2, 0}, middle, h, centre),
                  .error = (1 + 0x1p-40) * fourth * (h * h) * h / 24 + slack};
  return result;
}

}  // namespace

CubicRelaxation RelaxToCubics(Activation activation, double l, double u, double centre,
                              bool slope) {
  switch (activation) {
    case Activation::kSoftplus:
      return Interpolate<Activation::kSoftplus>(l, u, centre, slope);
    case Activation::kTanh:
      return Interpolate<Activation::kTanh>(l, u, centre, slope);
    case Activation::kSilu:
      return Interpolate<Activation::kSilu>(l, u, centre, slope);
    case Activation::kGelu:
      return Interpolate<Activation::kGelu>(l, u, centre, slope);
    case Activation::kSin:
      break;
  }
  return Interpolate<Activation::kSin>(l, u, centre, slope);
}

}  // namespace sobolev::bounds
