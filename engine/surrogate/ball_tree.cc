#include "engine/surrogate/ball_tree.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "engine/base/matrix.h"

namespace sobolev {

BallTree::BallTree(const Matrix& centres, const Vector& squared_radii)
    : numbers_(static_cast<std::size_t>(centres.cols())) {
  std::iota(numbers_.begin(), numbers_.end(), Index{0});
  squared_radii_ = squared_radii;
  centres_.resize(centres.rows(), centres.cols());
  if (centres.cols() > 0) Build(centres, 0, centres.cols());
  for (Index k = 0; k < centres.cols(); ++k) {
    const Index number = numbers_[static_cast<std::size_t>(k)];
    centres_.col(k) = centres.col(number);
    squared_radii_(k) = squared_radii(number);
  }
}

void BallTree::Build(const Matrix& centres, Index first, Index last) {
  const auto begin = numbers_.begin() + first;
  const auto end = numbers_.begin() + last;
  Vector lo = centres.col(*begin);
  Vector hi = lo;
  double squared_radius = 0;
  for (auto number = begin; number != end; ++number) {
    lo = lo.cwiseMin(centres.col(*number));
    hi = hi.cwiseMax(centres.col(*number));
    squared_radius = std::max(squared_radius, squared_radii_(*number));
  }
  const std::size_t node = nodes_.size();
  nodes_.push_back({.first = first, .last = last, .right = 0, .squared_radius = squared_radius});
  lo_.insert(lo_.end(), lo.begin(), lo.end());
  hi_.insert(hi_.end(), hi.begin(), hi.end());
  if (last - first <= kLeafSize) return;
  Index axis = 0;
  (hi - lo).maxCoeff(&axis);
  const Index middle = first + (last - first) / 2;
  std::nth_element(begin, numbers_.begin() + middle, end, [&](Index a, Index b) {
    return std::pair(centres(axis, a), a) < std::pair(centres(axis, b), b);
  });
  Build(centres, first, middle);
  nodes_[node].right = nodes_.size();
  Build(centres, middle, last);
}

std::size_t BallTree::SizeBytes() const {
  return numbers_.size() * sizeof(Index) + nodes_.size() * sizeof(Node) +
         (lo_.size() + hi_.size()) * sizeof(double) +
         static_cast<std::size_t>(centres_.size() + squared_radii_.size()) * sizeof(double);
}

}  // namespace sobolev
