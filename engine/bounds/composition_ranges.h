// Ranges of what surrounds the core of a composed surrogate: features, wings and output maps.

#ifndef SOBOLEV_ENGINE_BOUNDS_COMPOSITION_RANGES_H_
#define SOBOLEV_ENGINE_BOUNDS_COMPOSITION_RANGES_H_

#include <vector>

#include "engine/ad/interval.h"
#include "engine/bounds/box.h"
#include "engine/bounds/intervals.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/output_map.h"

namespace sobolev::bounds {

// (x − s(x))⁺ and (x − s(x))⁻ of a clamped input, and their derivatives.
struct OutsideRange {
  Interval below;
  Interval above;
  Interval below_slope;
  Interval above_slope;
};

struct FeatureRanges {
  IntervalVector phi;                 // r; empty where a feature is defined nowhere in the box.
  std::vector<Interval> gradient;     // FeatureMap::gradient_entries
  std::vector<OutsideRange> outside;  // n
};
FeatureRanges EncloseFeatures(const FeatureMap& features, const Box& box);

// g(u) and g′(u).
struct OutputRange {
  Interval value;
  Interval slope;
};
OutputRange EncloseOutput(const OutputMap& map, const Interval& u);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_COMPOSITION_RANGES_H_
