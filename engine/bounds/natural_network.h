// A network in plain interval arithmetic: for boxes that are too large for relaxations, and to
// compare with.

#ifndef SOBOLEV_ENGINE_BOUNDS_NATURAL_NETWORK_H_
#define SOBOLEV_ENGINE_BOUNDS_NATURAL_NETWORK_H_

#include "engine/bounds/box.h"
#include "engine/bounds/network_layers.h"

namespace sobolev::bounds {

// Natural interval extension of the values, and adjoint sweeps over intervals. The box may be
// unbounded.
Enclosure EncloseNaturally(const NetworkLayers& network, const Box& box, bool jacobian);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_NATURAL_NETWORK_H_
