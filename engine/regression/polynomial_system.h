// The least-squares problem of one group of outputs in a given set of terms:
//   min_c Σ_k weight_k (ℓ_k(Σ_p c_p φ_p) − target_k)² + ridge Σ_p G_pp c_p²,
// G being the Gram matrix of the weighted labels, so that the ridge is free of units and restrains
// high degrees, whose derivatives are large, the most.

#ifndef SOBOLEV_ENGINE_REGRESSION_POLYNOMIAL_SYSTEM_H_
#define SOBOLEV_ENGINE_REGRESSION_POLYNOMIAL_SYSTEM_H_

#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/dense/dense.h"
#include "engine/regression/labels.h"
#include "engine/regression/terms.h"

namespace sobolev::regression {

// The box of the points: t = (x̂ − centre) · scale lies in [−1, 1]ⁿ.
struct Box {
  Vector centre;  // n
  Vector scale;   // n

  // A constant input has scale 1.
  static Box Around(const Matrix& X);
};

class PolynomialSystem {
 public:
  // Refers to the arguments, which outlive it. X: n×N.
  PolynomialSystem(const LabelGroup& group, const Matrix& X, const Box& box);

  // Assembles the Gram matrix of these terms. Throws Error(kCancelled), like all that follow.
  void SetTerms(const Terms& terms, const std::stop_token& stop);
  const Terms& terms() const { return terms_; }
  Index NumUnknowns() const { return static_cast<Index>(terms_.size()) * group_.Width(); }

  // Solves, with this many steps of iterative refinement, which undo what forming the Gram matrix
  // lost to rounding. False if the matrix is numerically singular.
  bool Solve(double ridge, int num_refinements, const std::stop_token& stop);
  // P×g.
  Matrix Coefficients() const;

  // The functional of a label on all unknowns, times √weight.
  Vector Column(Index label) const;

  // c² G_pp summed over outputs: how much of the weighted labels each term makes up.
  Vector Contributions() const;

  // What every label would be mispredicted by (prediction − target) if its point had been left out,
  // in closed form for the last solution: (I − H_ss)⁻¹ e_s, H being the hat matrix. False if some
  // point alone determines a coefficient.
  bool LeaveOneOut(Vector& errors, const std::stop_token& stop) const;

  // (aᵀ r)²/(aᵀ a) for the columns a of other terms, r being the errors times √weight: what each
  // could explain of them. The sum over outputs, one per term.
  Vector Explained(const Terms& others, const Vector& errors, const std::stop_token& stop) const;

  // About the multiply-adds, or other work of as much time, of SetTerms and Solve for so many
  // unknowns, of LeaveOneOut, and of Explained for so many others.
  static double SolveCost(double num_unknowns, double num_labels);
  static double LeaveOneOutCost(double num_unknowns, double num_labels, double labels_per_point);
  static double ExplainedCost(double num_others, double num_labels);

 private:
  // The columns of a point's labels, times √weight.
  void FillPoint(const Terms& terms, Index max_degree, Index point, Index first_column,
                 dense::MatrixRef columns) const;
  // Calls visit(first, columns) over all labels, in order.
  template <class Visit>
  void ForEachChunk(const Terms& terms, const std::stop_token& stop, const Visit& visit) const;

  const LabelGroup& group_;
  const Matrix& points_;
  const Box& box_;
  std::vector<Index> chunks_;  // First points of chunks, and N.

  Terms terms_;
  Matrix gram_;     // Lower triangle.
  Matrix factor_;   // Of the Gram matrix with ridge.
  Vector moments_;  // Columns times targets.
  Vector c_;
  Vector errors_;  // Weighted: √weight (prediction − target) of all labels, at c.
};

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_POLYNOMIAL_SYSTEM_H_
