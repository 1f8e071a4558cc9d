// Differential principal components: the directions of input space that the function depends on.
//
// With ĝ_i the gradient of output i in standardised coordinates, the eigenvectors of
// E[Σ_i λ_i² ĝ_i ĝ_iᵀ] are the directions, and the eigenvalues the share of the squared gradient
// along them (Huge and Savine 2020, "Differential PCA"; Constantine 2015, active subspaces). Unlike
// principal components of the inputs they keep what matters to y, however little it varies in x.

#ifndef SOBOLEV_ENGINE_TRAIN_DIFFERENTIAL_PCA_H_
#define SOBOLEV_ENGINE_TRAIN_DIFFERENTIAL_PCA_H_

#include <vector>

#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::train {

// A restriction to r directions: u = B x̂, and x̂ ≈ L u with B L = 1. Gradients with respect to u are
// Lᵀ ĝ, and a function of u has the gradient Bᵀ ∇_u f.
struct Projection {
  Matrix B;  // r×n
  Matrix L;  // n×r
};

struct DifferentialPca {
  Matrix directions;  // n×n, orthonormal columns, most important first.
  Vector share;       // n, of the mean squared gradient; descending, sum 1.

  // The share that r directions leave out.
  double Dropped(Index r) const { return share.tail(share.size() - r).sum(); }
};

// Over the complete gradients among the labels. All shares are 0 if there are none or all of them
// vanish. The work grows like n³.
DifferentialPca AnalyseGradients(const LabelledPoints& points);

// Numbers of directions r < n worth trying, ascending: before each large gap of the spectrum, and
// where what is left out passes some small shares. Empty if no restriction is promising.
std::vector<Index> PromisingRanks(const DifferentialPca& pca);

// The first r directions, scaled so that u has unit spread over the points.
Projection MakeProjection(const DifferentialPca& pca, Index r, const Matrix& X);

// The same labels in the coordinates u, with the weights of independent errors. Labels along what
// is dropped become noise.
LabelledPoints Project(const LabelledPoints& points, const Projection& projection);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_DIFFERENTIAL_PCA_H_
