// Labelled points as samples.

#ifndef SOBOLEV_ENGINE_TRAIN_SAMPLE_VIEW_H_
#define SOBOLEV_ENGINE_TRAIN_SAMPLE_VIEW_H_

#include <vector>

#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/samples.h"

namespace sobolev::train {

// A block of samples with the points, values, weights and labels of first derivatives of
// `points`; weights of labels become variances. Directional labels, which belong to points in any
// number, are laid out as many to each point; those that a point lacks are missing. Moving it
// leaves the block's pointers valid.
class SampleView {
 public:
  // References `points`; without derivatives, values are all it shows.
  SampleView(const LabelledPoints& points, bool derivatives);
  SampleView(const SampleView&) = delete;
  SampleView(SampleView&&) = default;
  SampleView& operator=(const SampleView&) = delete;
  SampleView& operator=(SampleView&&) = default;
  ~SampleView() = default;

  const SampleBlock& block() const { return block_; }

 private:
  struct Directions {
    Matrix directions;
    Matrix results;
  };

  // Returns how many each point has room for.
  Index Lay(const std::vector<Index>& point, const Matrix& directions, const Matrix& results,
            Directions& laid) const;

  SampleBlock block_;
  Matrix y_variance_;         // m×N, or empty.
  Matrix jacobian_variance_;  // n×(m·N), or empty.
  Directions tangents_;
  Directions adjoints_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SAMPLE_VIEW_H_
