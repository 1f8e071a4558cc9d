// What the spectral decompositions share: division by gaps that may vanish, and the sign of a
// vector that is determined up to its sign.

#ifndef SOBOLEV_ENGINE_AD_LINALG_GAPS_H_
#define SOBOLEV_ENGINE_AD_LINALG_GAPS_H_

#include <cmath>
#include <limits>

#include "engine/base/matrix.h"

namespace sobolev::ad {

// The size below which a spectral value, or a difference of two, is only rounding:
// 2⁻⁵⁰ n ‖values‖_∞.
inline double SpectralTolerance(const Vector& values, Index n) {
  if (values.size() == 0) return 0;
  return 4 * std::numeric_limits<double>::epsilon() * static_cast<double>(n) *
         values.cwiseAbs().maxCoeff();
}

// 1/x, or zero when x cannot be told from zero.
inline double SafeReciprocal(double x, double tolerance) {
  return std::abs(x) <= tolerance ? 0 : 1 / x;
}

// D_ij = 1/(v_j − v_i), zero at ties and on the diagonal. Antisymmetric.
inline Matrix ReciprocalGaps(const Vector& values, double tolerance) {
  return Matrix::NullaryExpr(values.size(), values.size(), [&](Index i, Index j) {
    return SafeReciprocal(values(j) - values(i), tolerance);
  });
}

// Whether the entry of largest magnitude (the first of several) is negative.
template <class Column>
bool LeadsNegative(const Column& column) {
  Index largest = 0;
  column.cwiseAbs().maxCoeff(&largest);
  return column(largest) < 0;
}

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_LINALG_GAPS_H_
