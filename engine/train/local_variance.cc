#include "engine/train/local_variance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/robust_errors.h"

namespace sobolev::train {

namespace {

// Neighbours to each side are this share of all labels.
constexpr Index kNeighbourShare = 40;
// Of the mean square: what is added to the local ones.
constexpr double kFloor = 1e-3;

struct LabelError {
  double predicted;  // Value.
  double square;     // Of the error, times the label's weight.
  double* weight;    // Of the label.
};

void Weigh(std::vector<LabelError>& labels) {
  if (labels.empty()) return;
  std::ranges::stable_sort(labels, {}, &LabelError::predicted);
  const auto count = static_cast<Index>(labels.size());
  std::vector<double> sums(1, 0);
  sums.reserve(labels.size() + 1);
  for (const LabelError& label : labels) sums.push_back(sums.back() + label.square);
  const double mean = sums.back() / static_cast<double>(count);
  if (!(mean > 0)) return;
  const Index reach = count / kNeighbourShare;
  double total = 0;
  std::vector<double> factors;
  factors.reserve(labels.size());
  for (Index k = 0; k < count; ++k) {
    const Index begin = std::max<Index>(0, k - reach);
    const Index end = std::min(count, k + reach + 1);
    const double square =
        (sums[static_cast<std::size_t>(end)] - sums[static_cast<std::size_t>(begin)]) /
        static_cast<double>(end - begin);
    factors.push_back(1 / (std::max(square, 0.0) / mean + kFloor));
    total += factors.back();
  }
  for (std::size_t k = 0; k < labels.size(); ++k) {
    *labels[k].weight *= factors[k] * static_cast<double>(count) / total;
  }
}

}  // namespace

LabelledPoints WeighByLocalVariance(const LabelledPoints& points, const LabelErrors& errors) {
  const Index n = points.n();
  const Index m = points.m();
  LabelledPoints weighted = points;
  weighted.SpellOutWeights();
  std::vector<LabelError> labels;
  labels.reserve(static_cast<std::size_t>(points.NumPoints()));
  const auto add = [&](double predicted, double error, double& weight) {
    if (!std::isnan(error)) labels.push_back({predicted, weight * error * error, &weight});
  };
  for (Index i = 0; i < m; ++i) {
    labels.clear();
    for (Index s = 0; s < points.NumPoints(); ++s) {
      add(points.Y(i, s) + errors.Y(i, s), errors.Y(i, s), weighted.Y_weight(i, s));
    }
    Weigh(labels);
    for (Index j = 0; j < n && errors.J.cols() > 0; ++j) {
      labels.clear();
      for (Index s = 0; s < points.NumPoints(); ++s) {
        const Index column = s * m + i;
        // Without a value there is no place among the others.
        if (std::isnan(points.Y(i, s))) continue;
        add(points.Y(i, s) + errors.Y(i, s), errors.J(j, column), weighted.J_weight(j, column));
      }
      Weigh(labels);
    }
  }
  return weighted;
}

}  // namespace sobolev::train
