// Bounds over a box that are tightened by subdivision, next to what sampling finds.
//
// The box is cut into pieces that are enclosed one by one; their hull bounds the whole box. Pieces
// whose bounds lie within what was sampled somewhere, up to the tolerance, are done; of the others
// the worst are halved, along the input that is most to blame, until the budget is spent. Where a
// derivative of an output has one sign on a piece, the output has its extrema on the faces.

#ifndef SOBOLEV_ENGINE_BOUNDS_BOUND_H_
#define SOBOLEV_ENGINE_BOUNDS_BOUND_H_

#include <cstdint>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"

namespace sobolev::bounds {

// What to narrow.
enum class Target {
  kRanges,      // The bounds of every value and derivative.
  kMagnitudes,  // The largest |value| and |derivative|: how different two surrogates are.
};

struct BoundOptions {
  bool jacobian = true;
  Target target = Target::kRanges;
  // Boxes that are enclosed, at least 1.
  Index max_boxes = 1;
  // Good enough: bounds that are wider than what was sampled by less than this part of it.
  double tolerance = 0.01;
  // Points that are sampled in the whole box, before the best are moved uphill.
  Index num_samples = 1000;
  std::uint64_t seed = 1;
};

enum class BoundEnd {
  kTolerance,  // All bounds are good enough.
  kBudget,     // max_boxes are spent; the bounds are the best so far.
  kCancelled,  // The stop token fired; likewise.
};

struct BoundResult {
  Enclosure proven;   // Nothing in the box is outside.
  Enclosure sampled;  // The range of what was found at points.
  Index num_boxes = 0;
  BoundEnd end = BoundEnd::kBudget;
};

// Unbounded boxes are not cut. Polls `stop` before each box and each block of samples. Uses
// oneTBB's current arena; the same bits whatever its size, unless it is cancelled. Throws as
// RequireBox, and Error(kInvalidArgument) naming "budget" unless max_boxes >= 1.
BoundResult Bound(const Encloser& encloser, const Box& box, const BoundOptions& options,
                  const std::stop_token& stop = {});

// The ranges (m and n×m) of what `num_samples` random points and then points uphill of the best of
// them show. Of unbounded boxes, a single point. Throws Error(kCancelled).
Enclosure SampleRanges(const Encloser& encloser, const Box& box, bool jacobian, Index num_samples,
                       std::uint64_t seed, const std::stop_token& stop = {});
// Likewise, but of what was sampled until `stop` fired: one point at least.
Enclosure SampleRangesUntil(const std::stop_token& stop, const Encloser& encloser, const Box& box,
                            bool jacobian, Index num_samples, std::uint64_t seed);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_BOUND_H_
