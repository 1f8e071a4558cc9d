// Adjoints of the units of a layer, or derivatives with respect to inputs, as forms in the inputs
// of a box (affine_form.h): for output i and unit q
//   ∂y_i/∂q = P(i(1 + s), q) + Σ_{k=1…s} P(i(1 + s) + k, q) e_k ± R(i, q),  and in [lo, hi](i, q).

#ifndef SOBOLEV_ENGINE_BOUNDS_ADJOINT_FORM_H_
#define SOBOLEV_ENGINE_BOUNDS_ADJOINT_FORM_H_

#include "engine/base/matrix.h"
#include "engine/bounds/affine_form.h"

namespace sobolev::bounds {

struct AdjointForm {
  Matrix P;   // (1 + s)·m × units
  Matrix R;   // m×units
  Matrix lo;  // m×units
  Matrix hi;

  Index m() const { return R.rows(); }
  Index units() const { return R.cols(); }
  Index stride() const { return P.rows() / R.rows(); }  // 1 + s
};

// φ′ of the units of a layer.
struct SlopeForm {
  AffineForm form;  // s symbols
  Ranges range;
};

// The derivatives of m outputs with respect to themselves, and to units that they do not depend on.
AdjointForm UnitAdjoints(Index m, Index symbols);
AdjointForm ZeroAdjoints(Index m, Index symbols, Index units);
// φ′∘q, where q may have more symbols.
AffineForm Multiply(const SlopeForm& slope, const AffineForm& form);
// φ′∘ā.
AdjointForm Multiply(const SlopeForm& slope, const AdjointForm& adjoints);
// Wᵀ z̄.
AdjointForm MapBack(const LinearMap& map, const AdjointForm& adjoints);
void AddTo(const AdjointForm& adjoints, AdjointForm& sum);
// ∂y_i/∂x_j · y_scale_i / x_scale_j.
AdjointForm ScaleAdjoints(const AdjointForm& adjoints, const Vector& y_scale,
                          const Vector& x_scale);

// Bounds (m) of Σ_j x_rj e_j (P_0j + ½ Σ_k P_kj e_k ± R_j) over all e, where the units are the
// inputs and the symbols too: of y(x) − y(x_c), if the adjoints are those of y on the box x_c ±
// x_r.
Ranges RangesOfIntegrals(const AdjointForm& J, const Vector& x_radius);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_ADJOINT_FORM_H_
