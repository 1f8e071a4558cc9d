// Which inputs, vertices and edges of a network matter over a box: interval significance
// σ(v) = w([v]) · max |∂y/∂v([x])| (Vassiliadis et al. 2016), by one interval sweep forward and one
// adjoint sweep per output, rounded outwards.
//
// What intervals say is proven but pessimistic: σ never is too small, and may be larger than what
// sampling finds (sampled_significance.h) by orders of magnitude. With one box, replacing v by any
// constant in [v] changes y by at most σ(v) anywhere in the box, and replacing several vertices by
// at most the sum of theirs: values that were replaced stay within [v], so that the bounds of all
// others stay true. With splitting, only the bounds themselves are proven.

#ifndef SOBOLEV_ENGINE_PRUNE_SIGNIFICANCE_H_
#define SOBOLEV_ENGINE_PRUNE_SIGNIFICANCE_H_

#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/interval_matrix.h"

namespace sobolev::prune {

// Everything is in the units of the outputs, a column per output. A significance may be infinite.
struct NetworkSignificance {
  Matrix inputs;               // n×m
  std::vector<Matrix> hidden;  // [l − 1]: width×m of hidden layer l = 1 … D − 1
  // [l − 1][i]: rows×cols of W_l for output i; of the product w·a as a vertex of its own. Empty
  // unless asked for.
  std::vector<std::vector<Matrix>> edges;
  // n×m: Σ over the pieces of input j of their width times the largest |∂y/∂x_j| there. It bounds
  // how much y varies along x_j, and falls as pieces become smaller; the same as `inputs` if input
  // j is not cut.
  Matrix sliced_inputs;

  IntervalMatrix y;                    // m×1, user units
  std::vector<IntervalMatrix> values;  // [l − 1]: width×1, of hidden layer l; hulls over all pieces
  IntervalMatrix jacobian;             // n×m, user units: hull of ∂y_i/∂x_j
};

struct SignificanceOptions {
  Splitting splitting;  // w is of the hull, max over all pieces.
  bool edges = false;
};

// Throws Error(kInvalidArgument) as RequireBox and Split, and Error(kCancelled) soon after `stop`
// fires.
NetworkSignificance AnalyzeSignificance(const nn::NetworkSurrogate& network, const Box& box,
                                        const SignificanceOptions& options = {},
                                        const std::stop_token& stop = {});

// σ of every row summed over the outputs, rounded upwards.
Vector OverOutputs(const Matrix& significance);

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_SIGNIFICANCE_H_
