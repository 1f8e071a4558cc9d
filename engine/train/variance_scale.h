// Weights of labels from their variances.

#ifndef SOBOLEV_ENGINE_TRAIN_VARIANCE_SCALE_H_
#define SOBOLEV_ENGINE_TRAIN_VARIANCE_SCALE_H_

#include <algorithm>
#include <cmath>

#include "engine/base/matrix.h"

namespace sobolev::train {

// The variances of an output's labels, gathered one by one, and the weights that suit them: about
// the inverse, in units of the geometric mean g of all variances, which a few wild ones hardly
// move. Below kLeast·g variances count as that: a label that claims to be exact may outweigh some
// others but not all of them. Above kMost·g they do too, so that no weight vanishes.
class VarianceScale {
 public:
  static constexpr double kLeast = 1e-3;
  static constexpr double kMost = 1e24;

  // NaN is unknown, and no variance.
  void Add(double variance) {
    if (std::isnan(variance)) return;
    log_sum_ += std::log(variance);
    ++count_;
  }

  // 1 for a variance of g, and for an unknown one.
  double Weight(double variance) const {
    if (std::isnan(variance) || count_ == 0) return 1;
    const double log_ratio = std::log(variance) - log_sum_ / static_cast<double>(count_);
    return 1 / std::clamp(std::exp(log_ratio), kLeast, kMost);
  }

 private:
  double log_sum_ = 0;
  Index count_ = 0;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_VARIANCE_SCALE_H_
