// Least squares on values and input tangents of a hidden layer: what Sobolev pruning ranks and
// repairs with.
//
// Of layer l, F has a column for each sample with [a_l; x by a skip; 1], and one for each sample
// and direction with the tangents [ȧ_l; ẋ by a skip; 0]. The next layer is linear in F, so that
// fitting W_{l+1} F fits the next pre-activations and their derivatives at once; the constant row
// makes the best constant for a removed vertex a matter of course.

#ifndef SOBOLEV_ENGINE_PRUNE_SOBOLEV_FIT_H_
#define SOBOLEV_ENGINE_PRUNE_SOBOLEV_FIT_H_

#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"

namespace sobolev::prune {

// [W_l | b_l].
Matrix WithBias(const Layers& layers, Index l);

// H = F Fᵀ/N + ridge·I for what layer l takes, l = 1 … D, with a ridge of 1e-7 times the mean of
// the diagonal; at [l − 1].
std::vector<Matrix> SobolevGrams(const Layers& layers, const FitPoints& points,
                                 const std::stop_token& stop);

// H⁻¹. Throws Error(kFailedPrecondition) naming "network" unless H is positive definite.
Matrix InverseOf(const Matrix& H, const std::stop_token& stop);

// c of layer l = 1 … D, at [l − 1]: the mean over samples of Σ_i (∂y_i/∂z_l)², by which errors of
// pre-activations become squares of outputs; ones for l = D.
std::vector<Vector> OutputWeights(const Layers& layers, const FitPoints& points,
                                  const std::stop_token& stop);

// Refits layer l = 2 … D of `pruned`, of which the layers before are final, to what the rows `rows`
// of that layer give in `original`: least squares of z_l and its tangents over the columns that
// have entries of `allowed`, which is of the shape of [W_l | b_l] and true in its last column. From
// the weights there, which the ridge of 1e-8 keeps where nothing else decides.
using Allowed = Eigen::Matrix<bool, Eigen::Dynamic, Eigen::Dynamic>;
void RefitLayer(const Layers& original, Index l, const std::vector<Index>& rows,
                const Allowed& allowed, const FitPoints& points, Layers& pruned,
                const std::stop_token& stop);

}  // namespace sobolev::prune

#endif  // SOBOLEV_ENGINE_PRUNE_SOBOLEV_FIT_H_
