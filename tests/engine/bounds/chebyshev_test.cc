// Polynomials in Chebyshev products, against their values at points.

#include "engine/bounds/chebyshev.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/bounds/adjoint_form.h"
#include "engine/bounds/affine_form.h"

namespace sobolev::bounds {
namespace {

constexpr Index kInputs = 4;
constexpr Index kSymbols = 3;

long double Chebyshev(int degree, long double e) {
  const std::array<long double, 4> values{1, e, 2 * e * e - 1, 4 * e * e * e - 3 * e};
  return values[static_cast<std::size_t>(degree)];
}

// What stands in the rows up to a degree, by its definition.
std::vector<long double> RowsAt(const Vector& e, int degree) {
  std::vector<long double> rows{1};
  const auto add = [&](const std::vector<Index>& inputs) {
    long double product = 1;
    for (Index j = 0; j < e.size(); ++j) {
      product *= Chebyshev(static_cast<int>(std::ranges::count(inputs, j)), e(j));
    }
    rows.push_back(product);
  };
  for (Index i = 0; i < e.size(); ++i) add({i});
  for (Index i = 0; i < e.size(); ++i) {
    for (Index j = i; j < e.size(); ++j) add({i, j});
  }
  for (Index i = 0; i < e.size() && degree > 2; ++i) {
    for (Index j = i; j < e.size(); ++j) {
      for (Index k = j; k < e.size(); ++k) add({i, j, k});
    }
  }
  return rows;
}

template <class Coefficients>
long double Sum(const Coefficients& coefficients, const std::vector<long double>& rows) {
  long double sum = 0;
  for (Index row = 0; row < coefficients.size(); ++row) {
    sum += coefficients(row) * rows[static_cast<std::size_t>(row)];
  }
  return sum;
}

// In [−1, 1], and as often at an end.
Vector RandomSymbols(Index count, Rng& rng) {
  Vector e(count);
  for (double& x : e) x = std::clamp(4 * rng.Uniform() - 2, -1.0, 1.0);
  return e;
}

// Coefficients that fall with the degree as those of a function on a box of that size do.
AffineForm RandomForm(const ChebyshevBasis& basis, Index rows, Index quantities, double size,
                      Rng& rng) {
  AffineForm form{Matrix(rows, quantities), Vector(quantities)};
  for (Index q = 0; q < quantities; ++q) {
    for (Index row = 0; row < rows; ++row) {
      const int degree = row < 1               ? 0
                         : row < basis.Size(1) ? 1
                         : row < basis.Size(2) ? 2
                         : row < basis.Size(3) ? 3
                                               : 4;
      form.P(row, q) = rng.Normal() * std::pow(size, degree);
    }
    form.r(q) = rng.Uniform() * std::pow(size, 4);
  }
  return form;
}

TEST(ChebyshevBasisTest, APolynomialOfAPolynomialHoldsAtAllPoints) {
  const ChebyshevBasis basis(kInputs);
  Rng rng(1);
  for (const double size : {1e-3, 0.1, 1.0}) {
    for (int trial = 0; trial < 30; ++trial) {
      const bool symbols = trial % 2 == 0;
      const Index rows = trial % 3 == 0 ? basis.Size(1) : basis.Size(3) + (symbols ? kSymbols : 0);
      const AffineForm form = RandomForm(basis, rows, 2, size, rng);
      std::vector<Cubic> cubics(2);
      std::vector<ChebyshevBasis::Sizes> sizes;
      for (Index q = 0; q < 2; ++q) {
        for (double& c : cubics[static_cast<std::size_t>(q)].c) c = rng.Normal();
        cubics[static_cast<std::size_t>(q)].error = 1e-3 * rng.Uniform();
        sizes.push_back(basis.SizesOf(form, q));
      }
      const AffineForm cubic = basis.Apply(cubics, form, sizes, 3);
      const AffineForm square = basis.Apply(cubics, form, sizes, 2);
      ASSERT_EQ(square.P.rows(), basis.Size(2));
      const Ranges ranges = basis.RangesOf(form);
      for (int point = 0; point < 200; ++point) {
        const Vector e = RandomSymbols(kInputs, rng);
        const Vector s = RandomSymbols(kSymbols + 3, rng);
        std::vector<long double> at = RowsAt(e, 3);
        for (Index k = 0; k < kSymbols; ++k) at.push_back(s(k));
        for (Index q = 0; q < 2; ++q) {
          const auto& [c, error] = cubics[static_cast<std::size_t>(q)];
          const long double value = Sum(form.P.col(q), at) + s(kSymbols) * form.r(q);
          ASSERT_LE(ranges.lo(q), value);
          ASSERT_GE(ranges.hi(q), value);
          const long double t = value - form.P(0, q);
          const long double p = c[0] + t * (c[1] + t * (c[2] + t * c[3])) + error * s(kSymbols + 1);
          ASSERT_LE(std::abs(p - Sum(cubic.P.col(q), at)), cubic.r(q)) << size;
          if (c[3] == 0) continue;
          ASSERT_LE(std::abs(p - Sum(square.P.col(q), at)), square.r(q)) << size;
        }
      }
    }
  }
}

// What is left out is of fourth order.
TEST(ChebyshevBasisTest, RemaindersFallWithTheFourthPowerOfTheSize) {
  const ChebyshevBasis basis(kInputs);
  std::vector<double> remainders;
  for (const double size : {0.1, 0.01}) {
    Rng rng(2);
    AffineForm form = RandomForm(basis, basis.Size(3), 1, size, rng);
    form.r.setZero();
    const AffineForm result = basis.Apply({{.c = {1, 1, 1, 1}}}, form, {basis.SizesOf(form, 0)}, 3);
    remainders.push_back(result.r(0));
  }
  EXPECT_LT(remainders[1], 2e-4 * remainders[0]);
}

TEST(ChebyshevBasisTest, AProductOfSlopesAndAdjointsHoldsAtAllPoints) {
  const ChebyshevBasis basis(kInputs);
  Rng rng(3);
  const Index stride = basis.Size(2);
  for (const double size : {1e-3, 0.1, 1.0}) {
    for (int trial = 0; trial < 20; ++trial) {
      SlopeForm slope{.form = RandomForm(basis, stride, 2, size, rng), .range = {}};
      slope.range = basis.RangesOf(slope.form);
      const AffineForm of_outputs = RandomForm(basis, stride, 4, size, rng);
      AdjointForm adjoints = ZeroAdjoints(2, stride - 1, 2);
      const Ranges ranges = basis.RangesOf(of_outputs);
      for (Index k = 0; k < 4; ++k) {
        adjoints.P.col(k / 2).segment(k % 2 * stride, stride) = of_outputs.P.col(k);
        adjoints.R(k % 2, k / 2) = of_outputs.r(k);
        adjoints.lo(k % 2, k / 2) = ranges.lo(k);
        adjoints.hi(k % 2, k / 2) = ranges.hi(k);
      }
      const AdjointForm product = basis.Multiply(slope, adjoints);
      for (int point = 0; point < 200; ++point) {
        const std::vector<long double> at = RowsAt(RandomSymbols(kInputs, rng), 2);
        const Vector s = RandomSymbols(2, rng);
        for (Index k = 0; k < 4; ++k) {
          const Index q = k / 2;
          const long double truth = (Sum(slope.form.P.col(q), at) + s(0) * slope.form.r(q)) *
                                    (Sum(of_outputs.P.col(k), at) + s(1) * of_outputs.r(k));
          const long double found = Sum(product.P.col(q).segment(k % 2 * stride, stride), at);
          ASSERT_LE(std::abs(truth - found), product.R(k % 2, q));
          ASSERT_LE(product.lo(k % 2, q), truth);
          ASSERT_GE(product.hi(k % 2, q), truth);
        }
      }
    }
  }
}

// Of a parabola in each input the range is exact.
TEST(ChebyshevBasisTest, RangesOfSumsOfParabolasAreSharp) {
  const ChebyshevBasis basis(1);
  Rng rng(4);
  for (int trial = 0; trial < 200; ++trial) {
    AffineForm form{Matrix::Zero(3, 1), Vector::Zero(1)};
    for (Index row = 0; row < 3; ++row) form.P(row, 0) = rng.Normal();
    const Ranges range = basis.RangesOf(form);
    double lo = 1e9;
    double hi = -1e9;
    for (int k = 0; k <= 2000; ++k) {
      const double value =
          static_cast<double>(Sum(form.P.col(0), RowsAt(Vector::Constant(1, k / 1000.0 - 1), 2)));
      lo = std::min(lo, value);
      hi = std::max(hi, value);
    }
    EXPECT_NEAR(range.lo(0), lo, 1e-5);
    EXPECT_NEAR(range.hi(0), hi, 1e-5);
  }
}

}  // namespace
}  // namespace sobolev::bounds
