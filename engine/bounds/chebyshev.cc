#include "engine/bounds/chebyshev.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/bounds/adjoint_form.h"
#include "engine/bounds/affine_form.h"

namespace sobolev::bounds {

namespace {

std::size_t At(Index index) { return static_cast<std::size_t>(index); }

double SumOfMagnitudes(const double* numbers, Index count) {
  return Eigen::Map<const Vector>(numbers, count).cwiseAbs().sum();
}

}  // namespace

ChebyshevBasis::ChebyshevBasis(Index n) : n_(n) {
  const Index pairs = n * (n + 1) / 2;
  size_ = {1, 1 + n, 1 + n + pairs, 1 + n + pairs + n * (n + 1) * (n + 2) / 6};
  products_.resize(At(n * pairs));
  factors_.assign(At(n * pairs), 1);
  lower_.assign(At(n * pairs), 0);
  gains_ = Matrix::Zero(n, size_[3]);
  const auto add_input = [&](Index row, Index j) { gains_(j, row) = 0.5 + 0.5 * gains_(j, row); };
  std::vector<Index> pair_of(At(n * n));
  Index row = size_[1];
  for (Index j = 0; j < n; ++j) {
    squares_.push_back(row);
    for (Index k = j; k < n; ++k, ++row) {
      pair_of[At(j * n + k)] = pair_of[At(k * n + j)] = row - size_[1];
      for (const Index input : {j, k}) add_input(row, input);
    }
  }
  for (Index i = 0; i < n; ++i) {
    for (Index j = i; j < n; ++j) {
      for (Index k = j; k < n; ++k, ++row) {
        for (const Index input : {i, j, k}) add_input(row, input);
        const std::array<std::array<Index, 3>, 3> orders{{{i, j, k}, {j, i, k}, {k, i, j}}};
        for (const auto& [one, other, third] : orders) {
          const std::size_t at = At(one * pairs + pair_of[At(other * n + third)]);
          products_[at] = row;
          if (one != other && one != third) continue;
          // e_i T_1(e_i) T_1(e_k) = ½ (T_2(e_i) + 1) T_1(e_k) and e_i T_2(e_i) = ½ T_3 + ½ T_1.
          factors_[at] = 0.5;
          lower_[at] = 1 + (one == other ? third : other);
        }
      }
    }
  }
}

ChebyshevBasis::Sizes ChebyshevBasis::SizesOf(const AffineForm& form, Index q) const {
  const double* const t = form.P.col(q).data();
  const Index rows = form.P.rows();
  const double error = 1 + RoundingOf(rows);
  const auto sum = [&](Index first, Index end) {
    return rows > first ? error * SumOfMagnitudes(t + first, end - first) : 0;
  };
  Sizes sizes{.linear = sum(1, size_[1]),
              .quadratic = sum(size_[1], size_[2]),
              .cubic = sum(size_[2], size_[3]),
              .symbols = sum(size_[3], rows),
              .remainder = form.r(q)};
  const double constant = 0.5 * Eigen::Map<const Vector>(t + 1, n_).squaredNorm();
  sizes.linear_squared = error * std::max(sizes.linear * sizes.linear - constant, 0.0);
  return sizes;
}

// t = L + Q + C + s. Kept are, with a for the constant of L²,
//   of degree 3:  p_0 + p_1 t + p_2 (L² + 2 L Q + ½ max Q²) + p_3 (L³ + 3 a Q),
//   of degree 2:  p_0 + p_1 (L + Q) + p_2 (L² + ½ max Q²).
double ChebyshevBasis::RemainderOf(const Cubic& p, const Sizes& t, int degree) {
  const double low = t.linear + t.quadratic;
  const double high = t.cubic + t.symbols + t.remainder;
  const double all = low + high;
  double line = t.remainder;
  double square = 0.5 * t.quadratic * t.quadratic + (low + all) * high;
  double cube = 3 * t.quadratic * (t.linear_squared + t.quadratic * t.linear) +
                t.quadratic * t.quadratic * t.quadratic +
                high * (all * all + all * low + low * low);
  if (degree == 2) {
    line = high;
    square += 2 * t.linear * t.quadratic;
    cube = all * all * all;
  }
  const double c1 = std::abs(p.c[1]);
  const double c2 = std::abs(p.c[2]);
  const double c3 = std::abs(p.c[3]);
  const double most = std::abs(p.c[0]) + all * (c1 + all * (c2 + all * c3));
  return (1 + RoundingOf(16)) * (c1 * line + c2 * square + c3 * cube + p.error) +
         RoundingOf(64) * most + kTiny;
}

double ChebyshevBasis::AddSquare(const double* linear, double c, double* quadratic) const {
  double constant = 0;
  for (Index j = 0; j < n_; ++j) {
    const double factor = c * linear[j];
    const double half = 0.5 * factor * linear[j];
    constant += half;
    *quadratic++ += half;
    for (Index k = j + 1; k < n_; ++k) *quadratic++ += 2 * factor * linear[k];
  }
  return constant;
}

void ChebyshevBasis::AddProduct(const double* linear, const double* quadratic, double* form) const {
  const Index pairs = size_[2] - size_[1];
  std::size_t at = 0;
  for (Index i = 0; i < n_; ++i) {
    for (Index k = 0; k < pairs; ++k, ++at) {
      const double term = factors_[at] * linear[i] * quadratic[k];
      form[products_[at]] += term;
      if (lower_[at] > 0) form[lower_[at]] += term;
    }
  }
}

AffineForm ChebyshevBasis::Apply(const std::vector<Cubic>& p, const AffineForm& form,
                                 const std::vector<Sizes>& sizes, int degree) const {
  const Index pairs = size_[2] - size_[1];
  const Index given = form.P.rows();
  const Index rows = degree == 3 ? std::max(given, size_[3]) : size_[2];
  AffineForm result{Matrix::Zero(rows, form.Size()), Vector(form.Size())};
  Vector factor(pairs);
  for (Index q = 0; q < form.Size(); ++q) {
    const auto [c0, c1, c2, c3] = p[At(q)].c;
    const Sizes& size = sizes[At(q)];
    const double* const t = form.P.col(q).data();
    double* const out = result.P.col(q).data();
    const Index common = std::min(given, rows);
    for (Index row = 1; row < common; ++row) out[row] = c1 * t[row];
    out[0] = c0 + 0.5 * c2 * size.quadratic * size.quadratic + AddSquare(t + 1, c2, out + size_[1]);
    result.r(q) = RemainderOf(p[At(q)], size, degree);
    if (degree == 2) continue;
    factor.setZero();
    const double constant = AddSquare(t + 1, c3, factor.data());
    for (Index j = 1; j <= n_; ++j) out[j] += constant * t[j];
    if (given > size_[1]) {
      for (Index k = 0; k < pairs; ++k) {
        factor(k) += 2 * c2 * t[size_[1] + k];
        out[size_[1] + k] += 3 * constant * t[size_[1] + k];
      }
    }
    AddProduct(t + 1, factor.data(), out);
  }
  return result;
}

AdjointForm ChebyshevBasis::Multiply(const SlopeForm& slope, const AdjointForm& adjoints) const {
  const Index stride = size_[2];
  const Index pairs = size_[2] - size_[1];
  const double error = RoundingOf(stride);
  AdjointForm result = ZeroAdjoints(adjoints.m(), stride - 1, adjoints.units());
  for (Index q = 0; q < adjoints.units(); ++q) {
    const double* const s = slope.form.P.col(q).data();
    const double s_linear = SumOfMagnitudes(s + 1, n_);
    const double s_quadratic = SumOfMagnitudes(s + size_[1], pairs);
    const double s_size = std::abs(s[0]) + s_linear + s_quadratic;
    const double s_most = std::max(-slope.range.lo(q), slope.range.hi(q));
    for (Index i = 0; i < adjoints.m(); ++i) {
      const double* const g = adjoints.P.col(q).data() + i * stride;
      double* const out = result.P.col(q).data() + i * stride;
      out[0] = s[0] * g[0];
      for (Index row = 1; row < stride; ++row) out[row] = s[0] * g[row] + g[0] * s[row];
      double* quadratic = out + size_[1];
      for (Index j = 1; j <= n_; ++j) {
        const double half = 0.5 * s[j] * g[j];
        out[0] += half;
        *quadratic++ += half;
        for (Index k = j + 1; k <= n_; ++k) *quadratic++ += s[j] * g[k] + s[k] * g[j];
      }
      const double g_linear = SumOfMagnitudes(g + 1, n_);
      const double g_quadratic = SumOfMagnitudes(g + size_[1], pairs);
      const double g_size = std::abs(g[0]) + g_linear + g_quadratic;
      const double cut = s_linear * g_quadratic + s_quadratic * (g_linear + g_quadratic);
      result.R(i, q) = (1 + error) * (cut + s_most * adjoints.R(i, q) + slope.form.r(q) * g_size) +
                       error * s_size * g_size + kTiny;
      const std::array<double, 4> products{
          slope.range.lo(q) * adjoints.lo(i, q), slope.range.lo(q) * adjoints.hi(i, q),
          slope.range.hi(q) * adjoints.lo(i, q), slope.range.hi(q) * adjoints.hi(i, q)};
      const auto [lo, hi] = std::ranges::minmax(products);
      result.lo(i, q) = lo - 0x1p-52 * std::abs(lo) - kTiny;
      result.hi(i, q) = hi + 0x1p-52 * std::abs(hi) + kTiny;
    }
  }
  Tighten(result);
  return result;
}

ChebyshevBasis::Range ChebyshevBasis::RangeOf(const double* coefficients, Index rows,
                                              double r) const {
  double radius = r + SumOfMagnitudes(coefficients + 1 + n_, rows - 1 - n_);
  double lo = 0;
  double hi = 0;
  double size = std::abs(coefficients[0]) + radius;
  for (Index j = 0; j < n_; ++j) {
    // g e + b T_2(e) has its extrema at the ends and, if |g| < 4 |b|, at −g/(4 b).
    const double g = std::abs(coefficients[1 + j]);
    const double b = rows > size_[1] ? coefficients[squares_[At(j)]] : 0;
    const double turn = g < 4 * std::abs(b) ? -b - 0.125 * g * (g / b) : b - g;
    lo += std::min(b - g, turn);
    hi += std::max(b + g, turn);
    radius -= std::abs(b);
    size += g;
  }
  const double slack =
      std::max(radius, 0.0) + RoundingOf(2 * rows) * (size + std::abs(radius)) + kTiny;
  return {coefficients[0] + lo - slack, coefficients[0] + hi + slack};
}

Ranges ChebyshevBasis::RangesOf(const AffineForm& form) const {
  Ranges ranges{Vector(form.Size()), Vector(form.Size())};
  for (Index q = 0; q < form.Size(); ++q) {
    const Range range = RangeOf(form.P.col(q).data(), form.P.rows(), form.r(q));
    ranges.lo(q) = range.lo;
    ranges.hi(q) = range.hi;
  }
  return ranges;
}

void ChebyshevBasis::Tighten(AdjointForm& adjoints) const {
  const Index stride = size_[2];
  for (Index q = 0; q < adjoints.units(); ++q) {
    for (Index i = 0; i < adjoints.m(); ++i) {
      const Range range = RangeOf(adjoints.P.col(q).data() + i * stride, stride, adjoints.R(i, q));
      if (range.lo > adjoints.lo(i, q)) adjoints.lo(i, q) = range.lo;
      if (range.hi < adjoints.hi(i, q)) adjoints.hi(i, q) = range.hi;
    }
  }
}

void ChebyshevBasis::AddGains(const AffineForm& form, Vector& gains) const {
  const Index terms = size_[3] - size_[1];
  for (Index q = 0; q < form.Size(); ++q) {
    gains += gains_.rightCols(terms) * form.P.col(q).segment(size_[1], terms).cwiseAbs();
  }
}

}  // namespace sobolev::bounds
