// Bounds of networks by linear relaxation (network_forms.h).

#ifndef SOBOLEV_ENGINE_BOUNDS_NETWORK_ENCLOSER_H_
#define SOBOLEV_ENGINE_BOUNDS_NETWORK_ENCLOSER_H_

#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/bounds/network_layers.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::bounds {

class NetworkEncloser : public SurrogateEncloser {
 public:
  explicit NetworkEncloser(const nn::NetworkSurrogate& network)
      : SurrogateEncloser(network), layers_(network) {}

  const NetworkLayers& layers() const { return layers_; }

 protected:
  Enclosure EncloseBox(const Box& box, bool jacobian) const override;

 private:
  NetworkLayers layers_;
};

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_NETWORK_ENCLOSER_H_
