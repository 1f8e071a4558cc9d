#include "engine/bounds/split.h"

#include <cmath>

#include "engine/base/matrix.h"
#include "engine/bounds/box.h"

namespace sobolev::bounds {

namespace {

Index Largest(const Vector& weights, const Box& box) {
  const Vector centre = box.Centre();
  Index best = -1;
  for (Index j = 0; j < box.n(); ++j) {
    const bool divisible = box.lo(j) < centre(j) && centre(j) < box.hi(j);
    if (!divisible || !std::isfinite(weights(j)) || weights(j) <= 0) continue;
    if (best < 0 || weights(j) > weights(best)) best = j;
  }
  return best;
}

}  // namespace

Index InputToSplit(const Box& box, const Enclosure& enclosure, const Box& root) {
  const Vector width = box.hi - box.lo;
  if (enclosure.influence.size() == box.n()) {
    if (const Index best = Largest(enclosure.influence, box); best >= 0) return best;
  } else if (enclosure.HasJacobian()) {
    // Every output by what it varies.
    Vector weights = Vector::Zero(box.n());
    for (Index i = 0; i < enclosure.J_lo.cols(); ++i) {
      const Vector variation =
          enclosure.J_hi.col(i).cwiseMax(-enclosure.J_lo.col(i)).cwiseProduct(width);
      const double sum = variation.sum();
      if (sum > 0 && std::isfinite(sum)) weights += variation / sum;
    }
    if (const Index best = Largest(weights, box); best >= 0) return best;
  }
  return Largest(width.cwiseQuotient((root.hi - root.lo).cwiseMax(1e-300)), box);
}

}  // namespace sobolev::bounds
