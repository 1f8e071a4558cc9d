// The difference f − g of two networks of the same shape on a box, followed layer by layer, so that
// what is proven of it shrinks with the difference of their weights:
//   Δz_l = W_g Δa_{l−1} + (W_f − W_g) a_f + Δb,      Δa_l = φ′(ζ)∘Δz_l for a ζ between z_f and z_g,
//   Δz̄_l = φ′(z_f)∘Δā_l + (φ″(ζ)∘Δz_l)∘ā_g,         Δā_{l−1} = W_fᵀ Δz̄_l + (W_f − W_g)ᵀ z̄_g.
// (For piecewise linear networks and values: Paulsen, Wang and Wang 2020, ReluDiff.)

#ifndef SOBOLEV_ENGINE_BOUNDS_NETWORK_CHANGE_H_
#define SOBOLEV_ENGINE_BOUNDS_NETWORK_CHANGE_H_

#include <vector>

#include "engine/bounds/network_forms.h"
#include "engine/bounds/network_layers.h"
#include "engine/bounds/network_sweep.h"

namespace sobolev::bounds {

class NetworkChange {
 public:
  // Whether the networks are alike: of the same layers, activation and scaling.
  static bool Applies(const NetworkLayers& f, const NetworkLayers& g);

  // The networks are alike, and outlive this.
  NetworkChange(const NetworkLayers& f, const NetworkLayers& g);

  // The sweeps are those of the same box and keep units. All but y_centre and y_error.
  NetworkForms FormsOf(const NetworkSweep& f, const NetworkSweep& g, bool jacobian) const;

 private:
  struct Values;
  Values SweepValues(const NetworkSweep& f, const NetworkSweep& g) const;
  AdjointForm SweepBack(const NetworkSweep& f, const NetworkSweep& g, const Values& values) const;

  const NetworkLayers& f_;
  const NetworkLayers& g_;
  std::vector<NetworkLayer> change_;  // W_f − W_g …
};

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_NETWORK_CHANGE_H_
