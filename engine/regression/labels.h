// The labels of a fit as what they are to a model that is linear in its unknowns: values of linear
// functionals of the outputs,
//   Σ_i w_i · { y_i | ∂_j y_i | ẋ·∇y_i | e_jᵀ ∇²y_i v } (x_s) = target.
//
// Outputs that no label couples form groups of their own, and each is fitted by itself.

#ifndef SOBOLEV_ENGINE_REGRESSION_LABELS_H_
#define SOBOLEV_ENGINE_REGRESSION_LABELS_H_

#include <vector>

#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::regression {

enum class LabelKind { kValue, kPartial, kDirectional, kCurvature };

struct Label {
  Index point = 0;
  LabelKind kind = LabelKind::kValue;
  Index axis = 0;                     // j
  const double* direction = nullptr;  // ẋ or v, n numbers, owned by the LabelledPoints.
  const double* outputs = nullptr;    // w, m numbers; only in groups of several outputs.
  Index output = 0;                   // i, in groups of one output and for attribution if w = e_i.
  double target = 0;
  // Of the squared residual in the loss, > 0:
  //   α v_is for values, β λ_ij² w_jis/n for ∂_j y_i, β/n Σ_j λ_ij² ẋ_j²/|ẋ|⁴ for ẋ·∇y_i,
  //   β/n / Σ_i ȳ_i²/λ_ij² for entry j of Jᵀ ȳ and γ/n / (|v|² Σ_i ȳ_i²/κ_i²) for curvatures,
  // times the weight of the point. Scaling a direction and its label by a number changes nothing.
  double weight = 0;
  // Of the point, times v_is or w_jis: its noise has a variance proportional to the inverse.
  double precision = 1;
};

struct LabelGroup {
  std::vector<Index> outputs;  // Ascending.
  std::vector<Label> labels;   // Ascending by point.
  std::vector<Index> first;    // N+1: the labels of point s are first[s] … first[s+1] − 1.

  bool Coupled() const { return outputs.size() > 1; }
  Index Width() const { return static_cast<Index>(outputs.size()); }
  Index NumLabels() const { return static_cast<Index>(labels.size()); }
  Index NumPoints() const { return static_cast<Index>(first.size()) - 1; }
  const Label& operator[](Index k) const { return labels[static_cast<std::size_t>(k)]; }
  Index First(Index point) const { return first[static_cast<std::size_t>(point)]; }
  // w of the k-th output of the group.
  double OutputWeight(const Label& label, Index k) const {
    return Coupled() ? label.outputs[outputs[static_cast<std::size_t>(k)]] : 1;
  }
};

// The groups refer to the points and to `unit`, which outlive them.
struct Labels {
  Matrix unit;  // m×m
  std::vector<LabelGroup> groups;
};

// Throws Error(kInvalidArgument) if sizes disagree, a point number is out of range or no label has
// a weight. Missing labels and those of weight 0 are left out.
Labels MakeLabels(const LabelledPoints& points, const LossWeights& weights);

// How much there is to fit, to estimate what a fit costs.
struct FitSizes {
  Index n = 0;
  Index m = 0;
  Index num_points = 0;
  Index num_labels = 0;  // Scalar labels of all outputs.

  static FitSizes Of(const LabelledPoints& points, const LossWeights& weights);
};

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_LABELS_H_
