// Where the numbers of a standardised sample lie in its row.
//
// A row is [x (n) | y (m) | J (m×n row-major) | entry weights of y (m) and J (m·n) | tangent labels
// | adjoint labels | value weight | gradient weight]. A tangent label J ẋ = ẏ is [ẋ (n) | ẏ (m) |
// entry weights (m)], an adjoint label Jᵀ ȳ = x̄ is [ȳ (m) | x̄ (n) | entry weights (n)].
//
// Labels that are NaN are missing and have no residual; directions and weights are finite, and a
// sample with fewer directions than others has zeros for them. A sample without any derivative
// label has gradient weight 0.

#ifndef SOBOLEV_ENGINE_NN_ROW_LAYOUT_H_
#define SOBOLEV_ENGINE_NN_ROW_LAYOUT_H_

#include "engine/base/matrix.h"

namespace sobolev::nn {

struct RowLayout {
  Index n = 0;
  Index m = 0;
  bool jacobian = true;        // Whether there is J.
  bool entry_weights = false;  // Whether entries of y and J have weights of their own.
  Index num_tangents = 0;      // Of each sample.
  Index num_adjoints = 0;      // Of each sample.

  constexpr Index NumDirections() const { return num_tangents + num_adjoints; }
  constexpr Index NumEntries() const { return jacobian ? m * n : 0; }
  // Sweeps for derivatives: one per output if there is J, one per tangent label, one per adjoint
  // label.
  constexpr Index NumSweeps() const { return (jacobian ? m : 0) + NumDirections(); }

  constexpr Index Y() const { return n; }
  constexpr Index Jacobian() const { return n + m; }
  constexpr Index YWeights() const { return Jacobian() + NumEntries(); }
  constexpr Index JacobianWeights() const { return YWeights() + m; }
  constexpr Index Tangent(Index k) const {
    return YWeights() + (entry_weights ? m + NumEntries() : 0) + k * (n + 2 * m);
  }
  constexpr Index Adjoint(Index k) const { return Tangent(num_tangents) + k * (m + 2 * n); }
  constexpr Index ValueWeight() const { return Adjoint(num_adjoints); }
  constexpr Index GradientWeight() const { return ValueWeight() + 1; }
  constexpr Index Size() const { return ValueWeight() + 2; }
};

// The elements of a row of values and Jacobians alone.
constexpr Index RowSize(Index n, Index m) { return RowLayout{.n = n, .m = m}.Size(); }

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_ROW_LAYOUT_H_
