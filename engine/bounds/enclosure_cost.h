// What it takes to enclose a surrogate on one box, to the order of magnitude: to be asked before,
// because a single box is not interrupted.

#ifndef SOBOLEV_ENGINE_BOUNDS_ENCLOSURE_COST_H_
#define SOBOLEV_ENGINE_BOUNDS_ENCLOSURE_COST_H_

#include "engine/surrogate/surrogate.h"

namespace sobolev::bounds {

struct EnclosureCost {
  double multiply_adds = 0;
  double numbers = 0;  // Kept at once.
};

// With derivatives, which are followed in any case to bound values. A double because it may be beyond any
// integer.
EnclosureCost CostOfEnclosure(const Surrogate& surrogate);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_ENCLOSURE_COST_H_
