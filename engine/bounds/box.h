// Boxes of inputs and what is proven of a function on them.

#ifndef SOBOLEV_ENGINE_BOUNDS_BOX_H_
#define SOBOLEV_ENGINE_BOUNDS_BOX_H_

#include <utility>

#include "engine/base/matrix.h"

namespace sobolev::bounds {

// All x with lo <= x <= hi, n each.
struct Box {
  Vector lo;
  Vector hi;

  Index n() const { return lo.size(); }
  bool IsFinite() const { return lo.allFinite() && hi.allFinite(); }
  // The middle of a finite box, within it.
  Vector Centre() const;
};

// Throws Error(kInvalidArgument) naming "box" unless there are n bounds on each side, none is NaN,
// lo <= hi, lo < ∞ and hi > −∞.
void RequireBox(const Box& box, Index n);

// Halves of a finite box.
std::pair<Box, Box> Split(const Box& box, Index input);

// Bounds of the values and derivatives of a function on a box, in exact arithmetic. They may be
// infinite, and are never NaN. Without elements where derivatives were not asked for.
struct Enclosure {
  Vector y_lo;  // m
  Vector y_hi;
  Matrix J_lo;  // n×m: column i bounds ∇y_i, as in a Jacobian of one point (base/matrix.h).
  Matrix J_hi;
  // n, >= 0: how much of what the bounds are too wide by is due to the width of each input; or
  // empty, if that is not known. A guess, for choosing where to split.
  Vector influence;

  // What is true of everything.
  static Enclosure Entire(Index n, Index m, bool jacobian);
  bool HasJacobian() const { return J_lo.size() > 0; }
  // Whether the values, and the derivatives of a Jacobian n×m, are within.
  bool ContainsValues(const Vector& y) const;
  bool ContainsJacobian(const Matrix& J) const;
};

// What is true if both are. Bounds of both must hold, so that they overlap.
void IntersectWith(const Enclosure& other, Enclosure& enclosure);
// What holds on the union of the boxes.
void HullWith(const Enclosure& other, Enclosure& enclosure);

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_BOX_H_
