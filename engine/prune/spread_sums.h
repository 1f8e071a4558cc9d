// Sums over samples from which follows how much outputs vary because vertices do.

#ifndef SOBOLEV_ENGINE_PRUNE_SPREAD_SUMS_H_
#define SOBOLEV_ENGINE_PRUNE_SPREAD_SUMS_H_

#include "engine/base/matrix.h"

namespace sobolev::prune {

// Of values a and adjoints ā of vertices (rows) for m outputs (columns): of ā², aā² and a²ā², from
// which the mean square of (a − mean) ā follows for whatever mean, and of |aā|. `a` is counted from
// a value nearby, or the sums would cancel.
class SpreadSums {
 public:
  // A: some of the values, a column per sample.
  SpreadSums(const Matrix& A, Index m)
      : reference_(A.rowwise().mean()),
        a_(Vector::Zero(A.rows())),
        square_(Matrix::Zero(A.rows(), m)),
        first_(square_),
        second_(square_),
        magnitude_(square_) {}

  // Samples with their adjoints for one output. Every output gets the same samples.
  void Add(const Matrix& A, const Matrix& A_bar, Index output) {
    const Matrix centred = A.colwise() - reference_;
    const Matrix weights = A_bar.cwiseAbs2();
    square_.col(output) += weights.rowwise().sum();
    first_.col(output) += centred.cwiseProduct(weights).rowwise().sum();
    second_.col(output) += centred.cwiseAbs2().cwiseProduct(weights).rowwise().sum();
    magnitude_.col(output) += A.cwiseProduct(A_bar).cwiseAbs().rowwise().sum();
    if (output > 0) return;
    a_ += centred.rowwise().sum();
    num_samples_ += static_cast<double>(A.cols());
  }

  // RMS of (a − mean) ā.
  Matrix Spread() const {
    const Vector mean = a_ / num_samples_;
    Matrix sums = second_ - 2 * mean.asDiagonal() * first_;
    sums += mean.cwiseAbs2().asDiagonal() * square_;
    return (sums.cwiseMax(0) / num_samples_).cwiseSqrt();
  }

  // Mean of |aā|.
  Matrix MeanMagnitude() const { return magnitude_ / num_samples_; }

  double num_samples() const { return num_samples_; }

 private:
  Vector reference_;
  Vector a_;
  Matrix square_;
  Matrix first_;
  Matrix second_;
  Matrix magnitude_;
  double num_samples_ = 0;
};

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_SPREAD_SUMS_H_
