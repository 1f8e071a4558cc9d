// The bare data of an interval of doubles, for interfaces between files that are compiled for
// different processors: nothing here has a function that a linker could merge.

#ifndef SOBOLEV_ENGINE_AD_INTERVAL_BOUNDS_H_
#define SOBOLEV_ENGINE_AD_INTERVAL_BOUNDS_H_

namespace sobolev::ad {

// All x with lo <= x <= hi. lo may be −∞ and hi may be +∞; the empty set has two NaN.
struct Bounds {
  double lo;
  double hi;
};

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_INTERVAL_BOUNDS_H_
