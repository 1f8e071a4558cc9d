// What a network is on a box, as forms in the inputs (affine_form.h): values and first derivatives
// that are linear in them up to proven remainders, and plain ranges.
//
// Values: the sweep of network_sweep.h.
//
// Derivatives: the adjoint sweep ā_{l−1} = W_lᵀ (φ′(z_l)∘ā_l) with φ′(z_l) enclosed likewise, so
// that J = J_0 + Σ_k L_k e_k ± R, where L is nearly the Hessian and R of second order in the size
// of the box. By the fundamental theorem of calculus that encloses the values to third order:
//   y(x) − y(x_c) ∈ Σ_j x_rj e_j (J_0j + ½ Σ_k L_jk e_k ± R_j).
// A sweep with intervals goes along; on large boxes it is the tighter one.

#ifndef SOBOLEV_ENGINE_BOUNDS_NETWORK_FORMS_H_
#define SOBOLEV_ENGINE_BOUNDS_NETWORK_FORMS_H_

#include <optional>

#include "engine/base/matrix.h"
#include "engine/bounds/adjoint_form.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/box.h"
#include "engine/bounds/network_layers.h"
#include "engine/bounds/network_sweep.h"

namespace sobolev::bounds {

struct NetworkForms {
  Vector x_radius;  // n
  AffineForm y;     // One symbol for each input.
  Ranges y_range;   // m
  Vector y_centre;  // m: y at the centre of the box, ± y_error
  Vector y_error;
  std::optional<AdjointForm> J;  // Of n units: the inputs.
  Vector influence;              // As in Enclosure.
};

// `sweep` keeps slopes, if derivatives are wanted.
NetworkForms FormsOf(const NetworkLayers& network, const NetworkSweep& sweep, bool jacobian);
// None if SweepValues has none.
std::optional<NetworkForms> FormsOf(const NetworkLayers& network, const Box& box, bool jacobian);

// Of the function f − g of two networks that see the same box.
NetworkForms Difference(NetworkForms f, const NetworkForms& g);

Enclosure EnclosureOf(const NetworkForms& forms);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_NETWORK_FORMS_H_
