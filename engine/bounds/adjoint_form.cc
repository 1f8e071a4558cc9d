#include "engine/bounds/adjoint_form.h"

#include <algorithm>
#include <cmath>

#include "engine/base/matrix.h"
#include "engine/bounds/affine_form.h"

namespace sobolev::bounds {

namespace {

// Up to this many symbols, products of two of them are added up before magnitudes are taken.
constexpr Index kMaxPairedSymbols = 32;

// Σ |coefficients| of every form, m×units.
Matrix Magnitudes(const AdjointForm& adjoints) {
  Matrix sums(adjoints.m(), adjoints.units());
  const Index stride = adjoints.stride();
  for (Index q = 0; q < sums.cols(); ++q) {
    for (Index i = 0; i < sums.rows(); ++i) {
      sums(i, q) = adjoints.P.col(q).segment(i * stride, stride).cwiseAbs().sum();
    }
  }
  return sums;
}

// Narrows [lo, hi] by what the forms say.
void Tighten(AdjointForm& adjoints) {
  const Index stride = adjoints.stride();
  const double error = RoundingOf(stride);
  for (Index q = 0; q < adjoints.units(); ++q) {
    for (Index i = 0; i < adjoints.m(); ++i) {
      const auto block = adjoints.P.col(q).segment(i * stride, stride);
      const double centre = block(0);
      const double radius =
          (1 + error) * (block.tail(stride - 1).cwiseAbs().sum() + adjoints.R(i, q)) +
          error * std::abs(centre) + kTiny;
      if (centre - radius > adjoints.lo(i, q)) adjoints.lo(i, q) = centre - radius;
      if (centre + radius < adjoints.hi(i, q)) adjoints.hi(i, q) = centre + radius;
    }
  }
}

// Bounds of Σ_{k,l>=1} d_k g_l e_k e_l: those of e_k² are [0, 1].
struct Square {
  double centre;
  double radius;
};
Square RangeOfSquare(const double* d, const double* g, Index symbols) {
  Square range{0, 0};
  for (Index k = 0; k < symbols; ++k) {
    const double half = 0.5 * d[k] * g[k];
    range.centre += half;
    range.radius += std::abs(half);
  }
  if (symbols <= kMaxPairedSymbols) {
    for (Index k = 0; k < symbols; ++k) {
      for (Index l = 0; l < k; ++l) range.radius += std::abs(d[k] * g[l] + d[l] * g[k]);
    }
    return range;
  }
  double d_sum = 0;
  double g_sum = 0;
  for (Index k = 0; k < symbols; ++k) {
    range.radius += (d_sum * std::abs(g[k])) + (g_sum * std::abs(d[k]));
    d_sum += std::abs(d[k]);
    g_sum += std::abs(g[k]);
  }
  return range;
}

// Bounds of [a, b] [c, d].
struct Product {
  double lo;
  double hi;
};
Product MultiplyRanges(double a, double b, double c, double d) {
  const double ac = a * c;
  const double ad = a * d;
  const double bc = b * c;
  const double bd = b * d;
  const double lo = std::min(std::min(ac, ad), std::min(bc, bd));
  const double hi = std::max(std::max(ac, ad), std::max(bc, bd));
  return {lo - 0x1p-52 * std::abs(lo) - kTiny, hi + 0x1p-52 * std::abs(hi) + kTiny};
}

}  // namespace

AdjointForm UnitAdjoints(Index m, Index symbols) {
  AdjointForm unit = ZeroAdjoints(m, symbols, m);
  unit.lo.diagonal().setOnes();
  unit.hi.diagonal().setOnes();
  for (Index i = 0; i < m; ++i) unit.P(i * (1 + symbols), i) = 1;
  return unit;
}

AdjointForm ZeroAdjoints(Index m, Index symbols, Index units) {
  const Matrix zero = Matrix::Zero(m, units);
  return {.P = Matrix::Zero((1 + symbols) * m, units), .R = zero, .lo = zero, .hi = zero};
}

namespace {

// (d_0 + Σ d_k e_k ± δ)(g_0 + Σ g_k e_k ± ρ) for one unit, where g has `extra` symbols more. Writes
// the coefficients and returns the remainder.
class UnitProduct {
 public:
  UnitProduct(const SlopeForm& slope, Index q, Index extra)
      : d_(slope.form.P.col(q).data()),
        symbols_(slope.form.P.rows() - 1),
        extra_(extra),
        delta_(slope.form.r(q)) {
    const Index paired = std::min(symbols_, kMaxPairedSymbols);
    error_ = RoundingOf(4 * (1 + symbols_ + extra) + paired * paired);
    size_ = slope.form.P.col(q).cwiseAbs().sum();
    most_ =
        std::min(std::max(-slope.range.lo(q), slope.range.hi(q)), (1 + error_) * (size_ + delta_));
  }

  double Multiply(const double* g, double rho, double* product) const {
    double g_size = std::abs(g[0]);
    for (Index k = 1; k <= symbols_; ++k) {
      g_size += std::abs(g[k]);
      product[k] = d_[0] * g[k] + g[0] * d_[k];
    }
    double extra_size = 0;
    for (Index k = symbols_ + 1; k <= symbols_ + extra_; ++k) {
      extra_size += std::abs(g[k]);
      product[k] = d_[0] * g[k];
    }
    const Square square = RangeOfSquare(d_ + 1, g + 1, symbols_);
    product[0] = d_[0] * g[0] + square.centre;
    const double varying = size_ - std::abs(d_[0]);
    return (1 + error_) * (square.radius + most_ * rho + delta_ * (g_size + extra_size) +
                           std::max(varying, 0.0) * extra_size) +
           error_ * (size_ * (g_size + extra_size)) + kTiny;
  }

 private:
  const double* d_;
  Index symbols_;
  Index extra_;
  double delta_;
  double error_ = 0;
  double size_ = 0;  // Σ |d_k|
  double most_ = 0;  // Of |φ′|.
};

}  // namespace

AffineForm Multiply(const SlopeForm& slope, const AffineForm& form) {
  AffineForm result{Matrix(form.P.rows(), form.Size()), Vector(form.Size())};
  for (Index q = 0; q < form.Size(); ++q) {
    const UnitProduct unit(slope, q, form.P.rows() - slope.form.P.rows());
    result.r(q) = unit.Multiply(form.P.col(q).data(), form.r(q), result.P.col(q).data());
  }
  return result;
}

AdjointForm Multiply(const SlopeForm& slope, const AdjointForm& adjoints) {
  const Index stride = adjoints.stride();
  AdjointForm result = ZeroAdjoints(adjoints.m(), stride - 1, adjoints.units());
  for (Index q = 0; q < adjoints.units(); ++q) {
    const UnitProduct unit(slope, q, 0);
    for (Index i = 0; i < adjoints.m(); ++i) {
      result.R(i, q) = unit.Multiply(adjoints.P.col(q).data() + i * stride, adjoints.R(i, q),
                                     result.P.col(q).data() + i * stride);
      const Product range = MultiplyRanges(slope.range.lo(q), slope.range.hi(q), adjoints.lo(i, q),
                                           adjoints.hi(i, q));
      result.lo(i, q) = range.lo;
      result.hi(i, q) = range.hi;
    }
  }
  Tighten(result);
  return result;
}

AdjointForm MapBack(const LinearMap& map, const AdjointForm& adjoints) {
  const Index m = adjoints.m();
  const double error = RoundingOf(map.rows() + adjoints.stride());
  const Matrix centre = 0.5 * adjoints.lo + 0.5 * adjoints.hi;
  Matrix radii(2 * m, adjoints.units());
  radii.topRows(m) = adjoints.R + error * Magnitudes(adjoints);
  radii.bottomRows(m) = (1 + error) * (adjoints.hi - centre).cwiseMax(centre - adjoints.lo) +
                        error * centre.cwiseAbs();
  Matrix coefficients(adjoints.P.rows() + m, adjoints.units());
  coefficients << adjoints.P, centre;

  const Matrix mapped = MapRows(coefficients, map.W_transposed);
  const Matrix mapped_radii =
      ((1 + error) * MapRows(radii, map.magnitude_transposed)).array() + kTiny;
  AdjointForm result{.P = mapped.topRows(adjoints.P.rows()), .R = mapped_radii.topRows(m)};
  const auto of_centre = mapped.bottomRows(m);
  const auto spread = mapped_radii.bottomRows(m);
  const Matrix rounding = 0x1p-51 * (of_centre.cwiseAbs() + spread);
  result.lo = of_centre - spread - rounding;
  result.hi = of_centre + spread + rounding;
  Tighten(result);
  return result;
}

void AddTo(const AdjointForm& adjoints, AdjointForm& sum) {
  sum.P += adjoints.P;
  sum.R += adjoints.R;
  sum.R = (1 + RoundingOf(1)) * sum.R + RoundingOf(sum.stride()) * Magnitudes(sum);
  sum.R.array() += kTiny;
  sum.lo += adjoints.lo;
  sum.hi += adjoints.hi;
  sum.lo -= 0x1p-51 * sum.lo.cwiseAbs();
  sum.hi += 0x1p-51 * sum.hi.cwiseAbs();
  Tighten(sum);
}

AdjointForm ScaleAdjoints(const AdjointForm& adjoints, const Vector& y_scale,
                          const Vector& x_scale) {
  const Index stride = adjoints.stride();
  AdjointForm scaled = adjoints;
  for (Index j = 0; j < adjoints.units(); ++j) {
    for (Index i = 0; i < adjoints.m(); ++i) {
      const double factor = y_scale(i) / x_scale(j);
      scaled.P.col(j).segment(i * stride, stride) *= factor;
      scaled.R(i, j) *= factor;
      scaled.lo(i, j) *= factor;
      scaled.hi(i, j) *= factor;
    }
  }
  scaled.R = (1 + RoundingOf(1)) * scaled.R + RoundingOf(stride) * Magnitudes(scaled);
  scaled.R.array() += kTiny;
  scaled.lo -= (RoundingOf(1) * scaled.lo.cwiseAbs()).array().matrix();
  scaled.hi += (RoundingOf(1) * scaled.hi.cwiseAbs()).array().matrix();
  scaled.lo.array() -= kTiny;
  scaled.hi.array() += kTiny;
  return scaled;
}

Ranges RangesOfIntegrals(const AdjointForm& J, const Vector& x_radius) {
  const Index n = J.units();
  const Index stride = J.stride();
  Ranges ranges{Vector::Zero(J.m()), Vector::Zero(J.m())};
  for (Index i = 0; i < J.m(); ++i) {
    const auto block = J.P.middleRows(i * stride, stride);
    double size = 0;
    double radius = 0;
    for (Index j = 0; j < n; ++j) {
      // g e + ½ b e² over e in [−1, 1].
      const double g = std::abs(block(0, j)) * x_radius(j);
      const double b = block(1 + j, j) * x_radius(j);
      const double turn = g < std::abs(b) ? -0.5 * g * (g / b) : 0;
      ranges.lo(i) += std::min(0.5 * b - g, b > 0 ? turn : 0.5 * b - g);
      ranges.hi(i) += std::max(0.5 * b + g, b < 0 ? turn : 0.5 * b + g);
      size += g + std::abs(b);
      radius += J.R(i, j) * x_radius(j);
      for (Index k = 0; k < j; ++k) {
        const double pair = block(1 + k, j) * x_radius(j) + block(1 + j, k) * x_radius(k);
        radius += 0.5 * std::abs(pair);
        size += std::abs(pair);
      }
    }
    // Pairs that cancel are rounded relative to what they are made of.
    size += (block.bottomRows(n).cwiseAbs() * x_radius).sum();
    const double error = RoundingOf(n * n + 4 * n);
    radius = (1 + error) * radius + error * size + kTiny;
    ranges.lo(i) -= radius;
    ranges.hi(i) += radius;
  }
  return ranges;
}

}  // namespace sobolev::bounds
