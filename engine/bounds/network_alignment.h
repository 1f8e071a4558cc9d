// A network in the shape of a larger one that it was made of by removing units, so that the two can
// be followed layer by layer (network_change.h).

#ifndef SOBOLEV_ENGINE_BOUNDS_NETWORK_ALIGNMENT_H_
#define SOBOLEV_ENGINE_BOUNDS_NETWORK_ALIGNMENT_H_

#include "engine/bounds/network_layers.h"

namespace sobolev::bounds {

// The same function as g. Where f has more units in hidden layers, each unit of g takes the place
// of the one of f that has the most similar weights, and the places that are left hold units of f
// on which nothing of g depends. g itself if it is not a smaller network of the same kind, or if
// layers are residual, because what may be added to what depends on their widths.
NetworkLayers AlignTo(const NetworkLayers& f, const NetworkLayers& g);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_NETWORK_ALIGNMENT_H_
