// Interval arithmetic on whole matrices: what a network's layers do to boxes, rounded outwards.
//
// A product of a matrix of numbers with one of intervals is two products of numbers, of middles and
// of radii. The rounding of a sum of k products, in whatever order, is at most
// k u/(1 − k u) Σ|terms| (Higham 2002, eq. 3.5); the radii grow by more than that, so that the
// fastest product is as safe as the slowest.

#ifndef SOBOLEV_ENGINE_PRUNE_INTERVAL_MATRIX_H_
#define SOBOLEV_ENGINE_PRUNE_INTERVAL_MATRIX_H_

#include "engine/ad/interval.h"
#include "engine/base/matrix.h"
#include "engine/nn/activation.h"

namespace sobolev::prune {

// lo <= hi, entry by entry, of the same shape. Entries may be infinite, which means unbounded.
struct IntervalMatrix {
  Matrix lo;
  Matrix hi;

  Index rows() const { return lo.rows(); }
  Index cols() const { return lo.cols(); }
  ad::Interval<double> At(Index i, Index j) const { return {lo(i, j), hi(i, j)}; }
  void Set(Index i, Index j, const ad::Interval<double>& x) {
    lo(i, j) = x.lo();
    hi(i, j) = x.hi();
  }
};

// Contains W x + b for every x in X, column by column.
IntervalMatrix AffineImage(const Matrix& W, const Vector& b, const IntervalMatrix& X);

// X above Y.
IntervalMatrix Stack(const IntervalMatrix& X, const IntervalMatrix& Y);
// Contain x + y and x·y, entry by entry.
IntervalMatrix Sum(const IntervalMatrix& X, const IntervalMatrix& Y);
IntervalMatrix EntrywiseProduct(const IntervalMatrix& X, const IntervalMatrix& Y);

// The ranges of an activation function φ and of its derivative over z, tight but for rounding.
ad::Interval<double> ActivationRange(nn::Activation activation, const ad::Interval<double>& z);
ad::Interval<double> SlopeRange(nn::Activation activation, const ad::Interval<double>& z);

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_INTERVAL_MATRIX_H_
