// Points with labels of every kind, in the standardised coordinates in which surrogates are fitted.
//
// A label that is NaN is missing: it has no residual and no weight. Directional labels belong to
// points by number, any number of them to each.

#ifndef SOBOLEV_ENGINE_SURROGATE_LABELLED_POINTS_H_
#define SOBOLEV_ENGINE_SURROGATE_LABELLED_POINTS_H_

#include <vector>

#include "engine/base/matrix.h"

namespace sobolev {

// K labels J(x_s) ẋ = ẏ, s = point[k].
struct TangentLabels {
  std::vector<Index> point;  // K
  Matrix X_dot;              // n×K
  Matrix Y_dot;              // m×K; entries may be NaN.
};

// K labels J(x_s)ᵀ ȳ = x̄.
struct AdjointLabels {
  std::vector<Index> point;  // K
  Matrix Y_bar;              // m×K
  Matrix X_bar;              // n×K; entries may be NaN.
};

// K labels Σ_i ȳ_i ∇²y_i(x_s) v = h.
struct CurvatureLabels {
  std::vector<Index> point;  // K
  Matrix Y_bar;              // m×K
  Matrix V;                  // n×K
  Matrix H_v;                // n×K; entries may be NaN.
};

struct LabelledPoints {
  Matrix X;       // n×N, finite
  Matrix Y;       // m×N; entries may be NaN.
  Matrix J;       // n×(m·N), or without columns if there are none; entries may be NaN.
  Vector weight;  // N, > 0, mean 1
  // Further factors of single labels, > 0 where the label is there: about the inverse of its
  // variance. Without columns: all 1.
  Matrix Y_weight;  // m×N
  Matrix J_weight;  // n×(m·N)
  TangentLabels tangents;
  AdjointLabels adjoints;
  CurvatureLabels curvatures;

  // Makes the factors of single labels matrices of ones where they have no columns.
  void SpellOutWeights() {
    if (Y_weight.cols() == 0) Y_weight.setOnes(m(), NumPoints());
    if (J_weight.cols() == 0) J_weight.setOnes(n(), J.cols());
  }

  Index n() const { return X.rows(); }
  Index m() const { return Y.rows(); }
  Index NumPoints() const { return X.cols(); }
  // Of the value of output i, and of entry j of gradient `column` of J.
  double ValueWeight(Index i, Index s) const { return Y_weight.cols() > 0 ? Y_weight(i, s) : 1; }
  double GradientWeight(Index j, Index column) const {
    return J_weight.cols() > 0 ? J_weight(j, column) : 1;
  }
};

// The loss that fits minimise, over labels that are there:
//   L = Σ_s weight_s [ α/m Σ_i v_is (y_i − y*_i)² + β/(mn) Σ_ij w_jis λ_ij² (J_ij − J*_ij)²
//                      + γ/(mn) Σ_k |κ∘ȳ_k|²/(|ȳ_k|⁴ |v_k|²) |∇²(ȳ_kᵀy) v_k − h_k|² ] / N
// with v and w the weights of single labels, and the terms of directional first derivatives as
// documented where they are used. The lengths of ȳ_k and v_k do not matter.
struct LossWeights {
  double alpha = 1;
  double beta = 0;
  double gamma = 0;
  Matrix lambda;  // n×m, >= 0
  Vector kappa;   // m, >= 0: the scale of curvatures; empty: 1.
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_LABELLED_POINTS_H_
