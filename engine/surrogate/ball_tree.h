// Which of many balls contain a point: a k-d tree of their centres (Bentley 1975), each part of
// which knows the box around its centres and its largest radius.

#ifndef SOBOLEV_ENGINE_SURROGATE_BALL_TREE_H_
#define SOBOLEV_ENGINE_SURROGATE_BALL_TREE_H_

#include <array>
#include <cstddef>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev {

// Immutable, so thread-safe. The same balls make the same tree.
class BallTree {
 public:
  // centres: n×N; squared_radii: N.
  BallTree(const Matrix& centres, const Vector& squared_radii);

  std::size_t SizeBytes() const;

  // Calls visit(number, squared distance) for every open ball that contains the point u (n), in an
  // order that depends on the balls alone.
  template <class Visit>
  void ForEachAround(const double* u, const Visit& visit) const {
    if (nodes_.empty()) return;
    std::array<std::size_t, kMaxDepth> later{};
    std::size_t waiting = 1;
    while (waiting > 0) {
      const std::size_t number = later[--waiting];
      const Node& node = nodes_[number];
      if (SquaredDistance(number, u) >= node.squared_radius) continue;
      if (node.right > 0) {
        later[waiting++] = node.right;
        later[waiting++] = number + 1;
        continue;
      }
      for (Index k = node.first; k < node.last; ++k) {
        const double square = SquaredDistanceToCentre(k, u);
        if (square < squared_radii_(k)) visit(numbers_[static_cast<std::size_t>(k)], square);
      }
    }
  }

 private:
  static constexpr Index kLeafSize = 8;
  static constexpr std::size_t kMaxDepth = 64;

  // A part of the balls; its left half is the next node.
  struct Node {
    Index first = 0;
    Index last = 0;
    std::size_t right = 0;  // 0: a leaf.
    double squared_radius = 0;
  };

  void Build(const Matrix& centres, Index first, Index last);

  // From u to the box of a node.
  double SquaredDistance(std::size_t node, const double* u) const {
    const Index n = centres_.rows();
    const double* const lo = lo_.data() + static_cast<Index>(node) * n;
    const double* const hi = hi_.data() + static_cast<Index>(node) * n;
    double sum = 0;
    for (Index j = 0; j < n; ++j) {
      const double outside = u[j] < lo[j] ? lo[j] - u[j] : (u[j] > hi[j] ? u[j] - hi[j] : 0);
      sum += outside * outside;
    }
    return sum;
  }
  double SquaredDistanceToCentre(Index k, const double* u) const {
    const Index n = centres_.rows();
    const double* const centre = centres_.data() + k * n;
    double sum = 0;
    for (Index j = 0; j < n; ++j) sum += (u[j] - centre[j]) * (u[j] - centre[j]);
    return sum;
  }

  std::vector<Index> numbers_;  // In the order of the tree.
  Matrix centres_;              // n×N, in that order.
  Vector squared_radii_;        // N, in that order.
  std::vector<Node> nodes_;
  std::vector<double> lo_;  // n for each node: the box around the centres.
  std::vector<double> hi_;
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_BALL_TREE_H_
