// The sweep over the layers of a network on a box, z_l = W_l a_{l−1} + b_l and a_l = φ(z_l), as
// forms in the inputs (affine_form.h).
//
// Every unit is enclosed by parallel lines (relaxation.h) over the range that is proven for its z.
// What it may differ from its line by is a symbol of its own, so that the parts of it that reach a
// later unit on different paths cancel: bounds by linear relaxation (CROWN: Zhang, Weng, Chen,
// Hsieh and Daniel 2018; zonotopes: Singh, Gehr, Mirman, Püschel and Vechev 2018).

#ifndef SOBOLEV_ENGINE_BOUNDS_NETWORK_SWEEP_H_
#define SOBOLEV_ENGINE_BOUNDS_NETWORK_SWEEP_H_

#include <optional>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/bounds/adjoint_form.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/box.h"
#include "engine/bounds/network_layers.h"

namespace sobolev::bounds {

// Symbols of units beyond this many are given up: products grow with them.
inline constexpr Index kMaxUnitSymbols = 384;

// A hidden layer, with one symbol for each input.
struct HiddenForms {
  AffineForm z;
  Ranges z_range;
  SlopeForm slope;  // φ′(z)
  AffineForm a;     // Only with SweepKeeps::kUnits.
};

struct NetworkSweep {
  StandardBox standard;
  std::vector<HiddenForms> hidden;
  AffineForm y;  // Not scaled to the units of the user; one symbol for each input.
  Ranges y_range;
  Vector influence;  // As in Enclosure: the remainders of all units, by an input's part in them.
};

// What of hidden layers.
enum class SweepKeeps { kNothing, kSlopes, kUnits };

// None if the box or a number on the way is too large for relaxations.
std::optional<NetworkSweep> SweepValues(const NetworkLayers& network, const Box& box,
                                        SweepKeeps keeps);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_NETWORK_SWEEP_H_
