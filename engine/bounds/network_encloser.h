// Bounds of networks by linear relaxation (network_forms.h) and by cubics (cubic_sweep.h).

#ifndef SOBOLEV_ENGINE_BOUNDS_NETWORK_ENCLOSER_H_
#define SOBOLEV_ENGINE_BOUNDS_NETWORK_ENCLOSER_H_

#include <optional>

#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/chebyshev.h"
#include "engine/bounds/encloser.h"
#include "engine/bounds/network_layers.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::bounds {

class NetworkEncloser : public SurrogateEncloser {
 public:
  NetworkEncloser(const nn::NetworkSurrogate& network, Effort effort);

  const NetworkLayers& layers() const { return layers_; }
  // If this is thorough, and there are few inputs and not too many parameters.
  const std::optional<ChebyshevBasis>& basis() const { return basis_; }

 protected:
  Enclosure EncloseBox(const Box& box, bool jacobian) const override;

 private:
  NetworkLayers layers_;
  std::optional<ChebyshevBasis> basis_;
};

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_NETWORK_ENCLOSER_H_
