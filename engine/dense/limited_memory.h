// Limited-memory BFGS: an inverse Hessian from the last steps (Nocedal and Wright 2006, algorithm
// 7.4).

#ifndef SOBOLEV_ENGINE_DENSE_LIMITED_MEMORY_H_
#define SOBOLEV_ENGINE_DENSE_LIMITED_MEMORY_H_

#include <cstddef>
#include <deque>

#include "engine/base/matrix.h"

namespace sobolev::dense {

class LimitedMemory {
 public:
  // A step s and how the gradient changed, y.
  struct Pair {
    Vector s;
    Vector y;
  };

  explicit LimitedMemory(std::size_t most_pairs) : most_pairs_(most_pairs) {}

  // Forgets the oldest pair beyond the most. One of no positive curvature is left out, for the
  // matrix must stay positive definite.
  void Add(const Vector& s, const Vector& y);
  void Clear() { pairs_.clear(); }
  bool empty() const { return pairs_.empty(); }
  const std::deque<Pair>& pairs() const { return pairs_; }

  // H g. With `free`, a vector of ones and zeros, the pairs are restricted to the ones.
  Vector Apply(Vector g, const Vector* free = nullptr) const;

 private:
  std::size_t most_pairs_;
  std::deque<Pair> pairs_;
};

}  // namespace sobolev::dense

#endif  // SOBOLEV_ENGINE_DENSE_LIMITED_MEMORY_H_
