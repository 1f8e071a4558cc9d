// The layers of a network, prepared for bounds.

#ifndef SOBOLEV_ENGINE_BOUNDS_NETWORK_LAYERS_H_
#define SOBOLEV_ENGINE_BOUNDS_NETWORK_LAYERS_H_

#include <optional>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/box.h"
#include "engine/nn/activation.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::bounds {

// z_l = W a_{l−1} + V u + b, where u are the standardised inputs and V is only there with skips.
struct NetworkLayer {
  LinearMap W;
  std::optional<LinearMap> V;
  Vector b;
  bool residual = false;  // a_l = a_{l−1} + φ(z_l)
};

struct NetworkLayers {
  explicit NetworkLayers(const nn::NetworkSurrogate& network);

  Index n() const { return scaling.x_mean.size(); }
  Index m() const { return scaling.y_mean.size(); }

  nn::Activation activation;
  nn::Scaling scaling;
  std::vector<NetworkLayer> layers;
};

// u = (x − μ_x)/σ_x for x = x_c + x_r∘e.
struct StandardBox {
  AffineForm u;     // One symbol for each input.
  Vector x_radius;  // x_r, such that the box is within x_c ± x_r.
};
StandardBox Standardise(const nn::Scaling& scaling, const Box& box);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_NETWORK_LAYERS_H_
