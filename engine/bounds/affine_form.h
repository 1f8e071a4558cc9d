// Quantities that are nearly linear in symbols e_k ∈ [−1, 1], with proven remainders:
//   q = P(0, q) + Σ_{k>0} P(k, q) e_k ± r(q).
//
// The symbols 1 … n are the inputs of a box, x = x_c + x_r∘e; others, where there are any, stand
// for what single units differ from their relaxations, so that it can cancel further on.
//
// Coefficients are computed in ordinary floating point, rounded to nearest in any order of sums.
// Remainders take in all errors of that: a sum of K products is off by at most γ_K = K u/(1 − K u)
// of the sum of its magnitudes (Higham 2002, section 3.1). The code takes more than twice as much,
// which is room for the rounding of the bound itself, and kTiny for underflow.

#ifndef SOBOLEV_ENGINE_BOUNDS_AFFINE_FORM_H_
#define SOBOLEV_ENGINE_BOUNDS_AFFINE_FORM_H_

#include "engine/base/matrix.h"

namespace sobolev::bounds {

inline constexpr double kTiny = 0x1p-1000;

// More than twice γ for sums of that many products, and a few operations more.
inline double RoundingOf(Index terms) { return static_cast<double>(terms + 16) * 0x1p-52; }

// W (k'×k) in all the orders that products read.
struct LinearMap {
  explicit LinearMap(const Matrix& weights);

  Index rows() const { return W.rows(); }
  Index cols() const { return W.cols(); }

  Matrix W;
  Matrix W_transposed;
  Matrix magnitude;  // |W|
  Matrix magnitude_transposed;
};

// Rows of A times the transposed W: every row is a vector that W maps. Fast.
Matrix MapRows(const Matrix& A, const Matrix& W);

struct AffineForm {
  Matrix P;  // (1 + symbols)×quantities
  Vector r;  // quantities

  Index Size() const { return r.size(); }
  // |P(0, q)| + Σ |P(k, q)|, not the remainder, rounded to nearest.
  Vector Magnitudes() const { return P.cwiseAbs().colwise().sum().transpose(); }
};

// Bounds of quantities.
struct Ranges {
  Vector lo;
  Vector hi;
};

Ranges RangesOf(const AffineForm& form);
// Intersection; NaN counts as unbounded in `other`.
void IntersectWith(const Ranges& other, Ranges& ranges);
// centre ± radius contains the ranges.
AffineForm AsConstants(const Ranges& ranges);

// λ∘q + μ ± δ.
AffineForm Scale(AffineForm form, const Vector& lambda, const Vector& mu, const Vector& delta);
// W q. Remainders become remainders, or, if they are named, a symbol for each quantity of `form`,
// after its own.
AffineForm Map(const LinearMap& map, const AffineForm& form, bool name_remainders = false);
// Adds what may have fewer symbols.
void AddTo(const AffineForm& form, AffineForm& sum);
void AddTo(const Vector& constants, AffineForm& sum);
// Makes remainders to symbols, one for each quantity.
void NameRemainders(AffineForm& form);
// Only the first symbols; what depends on others becomes remainder.
AffineForm KeepSymbols(const AffineForm& form, Index symbols);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_AFFINE_FORM_H_
