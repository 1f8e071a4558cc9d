// Vectors and matrices of intervals (ad/interval.h), for functions of few operations.

#ifndef SOBOLEV_ENGINE_BOUNDS_INTERVALS_H_
#define SOBOLEV_ENGINE_BOUNDS_INTERVALS_H_

#include <Eigen/Core>

#include "engine/ad/interval.h"
#include "engine/base/matrix.h"
#include "engine/bounds/box.h"

namespace sobolev::bounds {

using Interval = ad::Interval<double>;
using IntervalVector = Eigen::Matrix<Interval, Eigen::Dynamic, 1>;
using IntervalMatrix = Eigen::Matrix<Interval, Eigen::Dynamic, Eigen::Dynamic>;

inline IntervalVector IntervalsOf(const Vector& lo, const Vector& hi) {
  return lo.binaryExpr(hi, [](double l, double h) { return Interval(ad::Bounds{l, h}); });
}
inline IntervalVector IntervalsOf(const Box& box) { return IntervalsOf(box.lo, box.hi); }
inline IntervalMatrix IntervalsOf(const Matrix& lo, const Matrix& hi) {
  return lo.binaryExpr(hi, [](double l, double h) { return Interval(ad::Bounds{l, h}); });
}

// y (m) and, unless it has no elements, J (n×m).
inline Enclosure EnclosureOf(const IntervalVector& y, const IntervalMatrix& J) {
  const auto lo = [](const Interval& x) { return x.lo(); };
  const auto hi = [](const Interval& x) { return x.hi(); };
  return {.y_lo = y.unaryExpr(lo),
          .y_hi = y.unaryExpr(hi),
          .J_lo = J.unaryExpr(lo),
          .J_hi = J.unaryExpr(hi)};
}

inline IntervalVector ValuesOf(const Enclosure& enclosure) {
  return IntervalsOf(enclosure.y_lo, enclosure.y_hi);
}
inline IntervalMatrix JacobianOf(const Enclosure& enclosure) {
  return IntervalsOf(enclosure.J_lo, enclosure.J_hi);
}

}  // namespace sobolev::bounds

#endif  // SOBOLEV_ENGINE_BOUNDS_INTERVALS_H_
