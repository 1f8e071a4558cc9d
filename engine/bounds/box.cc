#include "engine/bounds/box.h"

#include <cmath>
#include <limits>
#include <string>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/number_text.h"

namespace sobolev::bounds {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

}  // namespace

Vector Box::Centre() const { return (0.5 * lo + 0.5 * hi).cwiseMax(lo).cwiseMin(hi); }

void RequireBox(const Box& box, Index n) {
  RequireSize("box", box.lo.size(), n);
  RequireSize("box", box.hi.size(), n);
  for (Index j = 0; j < n; ++j) {
    if (box.lo(j) <= box.hi(j) && box.lo(j) < kInfinity && box.hi(j) > -kInfinity) continue;
    throw InvalidArgument("INVALID_BOX", "box",
                          "expected lower bounds that are not above the upper ones, got [" +
                              NumberText(box.lo(j)) + ", " + NumberText(box.hi(j)) +
                              "] for input " + std::to_string(j));
  }
}

std::pair<Box, Box> Split(const Box& box, Index input) {
  const double middle = box.Centre()(input);
  std::pair<Box, Box> halves(box, box);
  halves.first.hi(input) = middle;
  halves.second.lo(input) = middle;
  return halves;
}

Enclosure Enclosure::Entire(Index n, Index m, bool jacobian) {
  const Index rows = jacobian ? n : 0;
  const Index columns = jacobian ? m : 0;
  return {.y_lo = Vector::Constant(m, -kInfinity),
          .y_hi = Vector::Constant(m, kInfinity),
          .J_lo = Matrix::Constant(rows, columns, -kInfinity),
          .J_hi = Matrix::Constant(rows, columns, kInfinity)};
}

bool Enclosure::ContainsValues(const Vector& y) const {
  return (y_lo.array() <= y.array()).all() && (y.array() <= y_hi.array()).all();
}

bool Enclosure::ContainsJacobian(const Matrix& J) const {
  return (J_lo.array() <= J.array()).all() && (J.array() <= J_hi.array()).all();
}

void IntersectWith(const Enclosure& other, Enclosure& enclosure) {
  enclosure.y_lo = enclosure.y_lo.cwiseMax(other.y_lo);
  enclosure.y_hi = enclosure.y_hi.cwiseMin(other.y_hi);
  enclosure.J_lo = enclosure.J_lo.cwiseMax(other.J_lo);
  enclosure.J_hi = enclosure.J_hi.cwiseMin(other.J_hi);
}

void HullWith(const Enclosure& other, Enclosure& enclosure) {
  enclosure.y_lo = enclosure.y_lo.cwiseMin(other.y_lo);
  enclosure.y_hi = enclosure.y_hi.cwiseMax(other.y_hi);
  enclosure.J_lo = enclosure.J_lo.cwiseMin(other.J_lo);
  enclosure.J_hi = enclosure.J_hi.cwiseMax(other.J_hi);
}

}  // namespace sobolev::bounds
