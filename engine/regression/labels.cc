#include "engine/regression/labels.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::regression {

namespace {

void RequirePointNumbers(const char* field, const std::vector<Index>& numbers, Index num_points) {
  for (const Index number : numbers) {
    if (number >= 0 && number < num_points) continue;
    throw InvalidArgument("OUT_OF_RANGE", field,
                          "expected point numbers below " + std::to_string(num_points) + ", got " +
                              std::to_string(number));
  }
}

void Validate(const LabelledPoints& points, const LossWeights& weights) {
  const Index n = points.n();
  const Index m = points.m();
  const Index num_points = points.NumPoints();
  RequireSize("Y columns", points.Y.cols(), num_points);
  if (points.J.cols() > 0) {
    RequireSize("J rows", points.J.rows(), n);
    RequireSize("J columns", points.J.cols(), m * num_points);
  }
  RequireSize("weight", points.weight.size(), num_points);
  if (points.Y_weight.cols() > 0) {
    RequireSize("Y_weight rows", points.Y_weight.rows(), m);
    RequireSize("Y_weight columns", points.Y_weight.cols(), num_points);
  }
  if (points.J_weight.cols() > 0) {
    RequireSize("J_weight rows", points.J_weight.rows(), n);
    RequireSize("J_weight columns", points.J_weight.cols(), points.J.cols());
  }
  if (weights.lambda.size() > 0) {
    RequireSize("lambda rows", weights.lambda.rows(), n);
    RequireSize("lambda columns", weights.lambda.cols(), m);
  }
  if (!points.X.allFinite()) {
    throw InvalidArgument("NON_FINITE", "X", "expected finite numbers only, got NaN or Inf");
  }
  const auto check = [&](const char* field, const std::vector<Index>& numbers, const Matrix& from,
                         Index from_rows, const Matrix& to, Index to_rows) {
    const auto count = static_cast<Index>(numbers.size());
    RequirePointNumbers(field, numbers, num_points);
    if (count == 0) return;
    RequireSize(field, from.rows(), from_rows);
    RequireSize(field, from.cols(), count);
    RequireSize(field, to.rows(), to_rows);
    RequireSize(field, to.cols(), count);
  };
  check("tangents", points.tangents.point, points.tangents.X_dot, n, points.tangents.Y_dot, m);
  check("adjoints", points.adjoints.point, points.adjoints.Y_bar, m, points.adjoints.X_bar, n);
  check("curvatures", points.curvatures.point, points.curvatures.Y_bar, m, points.curvatures.H_v,
        n);
  check("curvatures", points.curvatures.point, points.curvatures.V, n, points.curvatures.H_v, n);
  if (weights.kappa.size() > 0) RequireSize("kappa", weights.kappa.size(), m);
}

// Visits every label that is there: visit(label, w) with w null for w = e_output.
template <class Visit>
void ForEachLabel(const LabelledPoints& points, const LossWeights& weights, const Visit& visit) {
  const Index n = points.n();
  const Index m = points.m();
  const Matrix lambda = weights.lambda.size() > 0 ? weights.lambda : Matrix::Ones(n, m);
  const double per_input = 1 / static_cast<double>(n);
  const auto add = [&](Label label, const double* outputs) {
    label.precision *= points.weight(label.point);
    label.weight *= label.precision;
    if (std::isfinite(label.target) && label.weight > 0) visit(label, outputs);
  };
  const Vector kappa = weights.kappa.size() > 0 ? weights.kappa : Vector::Ones(m).eval();
  // 1/Σ_i ȳ_i²/scale_i².
  const auto adjoint_weight = [&](const double* y_bar, const auto& scale) {
    double sum = 0;
    for (Index i = 0; i < m; ++i) {
      if (y_bar[i] != 0) sum += y_bar[i] * y_bar[i] / (scale(i) * scale(i));
    }
    return sum > 0 && std::isfinite(sum) ? 1 / sum : 0;
  };

  for (Index s = 0; s < points.NumPoints(); ++s) {
    for (Index i = 0; i < m; ++i) {
      add({.point = s,
           .output = i,
           .target = points.Y(i, s),
           .weight = weights.alpha,
           .precision = points.ValueWeight(i, s)},
          nullptr);
      if (points.J.cols() == 0) continue;
      for (Index j = 0; j < n; ++j) {
        add({.point = s,
             .kind = LabelKind::kPartial,
             .axis = j,
             .output = i,
             .target = points.J(j, s * m + i),
             .weight = weights.beta * per_input * lambda(j, i) * lambda(j, i),
             .precision = points.GradientWeight(j, s * m + i)},
            nullptr);
      }
    }
  }
  const TangentLabels& tangents = points.tangents;
  for (std::size_t k = 0; k < tangents.point.size(); ++k) {
    const auto column = static_cast<Index>(k);
    const double squares = tangents.X_dot.col(column).squaredNorm();
    if (!(squares > 0)) continue;
    for (Index i = 0; i < m; ++i) {
      const double scaled = lambda.col(i).cwiseProduct(tangents.X_dot.col(column)).squaredNorm();
      add({.point = tangents.point[k],
           .kind = LabelKind::kDirectional,
           .direction = tangents.X_dot.col(column).data(),
           .output = i,
           .target = tangents.Y_dot(i, column),
           .weight = weights.beta * per_input * scaled / (squares * squares)},
          nullptr);
    }
  }
  const AdjointLabels& adjoints = points.adjoints;
  for (std::size_t k = 0; k < adjoints.point.size(); ++k) {
    const auto column = static_cast<Index>(k);
    const double* const y_bar = adjoints.Y_bar.col(column).data();
    for (Index j = 0; j < n; ++j) {
      add({.point = adjoints.point[k],
           .kind = LabelKind::kPartial,
           .axis = j,
           .target = adjoints.X_bar(j, column),
           .weight = weights.beta * per_input * adjoint_weight(y_bar, lambda.row(j))},
          y_bar);
    }
  }
  const CurvatureLabels& curvatures = points.curvatures;
  for (std::size_t k = 0; k < curvatures.point.size(); ++k) {
    const auto column = static_cast<Index>(k);
    const double* const y_bar = curvatures.Y_bar.col(column).data();
    const double squares = curvatures.V.col(column).squaredNorm();
    if (!(squares > 0)) continue;
    for (Index j = 0; j < n; ++j) {
      add({.point = curvatures.point[k],
           .kind = LabelKind::kCurvature,
           .axis = j,
           .direction = curvatures.V.col(column).data(),
           .target = curvatures.H_v(j, column),
           .weight = weights.gamma * per_input * adjoint_weight(y_bar, kappa) / squares},
          y_bar);
    }
  }
}

Index CountNonzeros(const double* numbers, Index size) {
  return static_cast<Index>(size - std::count(numbers, numbers + size, 0.0));
}

Index FirstNonzero(const double* numbers, Index size) {
  return static_cast<Index>(std::find_if(numbers, numbers + size, [](double w) { return w != 0; }) -
                            numbers);
}

}  // namespace

Labels MakeLabels(const LabelledPoints& points, const LossWeights& weights) {
  Validate(points, weights);
  const Index m = points.m();
  Labels result;
  result.unit = Matrix::Identity(m, m);

  // Outputs that a label couples get the smallest of their numbers as their common root.
  std::vector<Index> root(static_cast<std::size_t>(m));
  std::iota(root.begin(), root.end(), Index{0});
  bool any = false;
  ForEachLabel(points, weights, [&](const Label&, const double* outputs) {
    any = true;
    if (outputs == nullptr || CountNonzeros(outputs, m) < 2) return;
    Index least = m;
    for (Index i = 0; i < m; ++i) {
      if (outputs[i] != 0) least = std::min(least, root[static_cast<std::size_t>(i)]);
    }
    std::vector<Index> merged;
    merged.reserve(static_cast<std::size_t>(m));
    for (Index i = 0; i < m; ++i) {
      if (outputs[i] != 0) merged.push_back(root[static_cast<std::size_t>(i)]);
    }
    for (Index& other : root) {
      if (std::find(merged.begin(), merged.end(), other) != merged.end()) other = least;
    }
  });
  if (!any) {
    throw InvalidArgument("NO_LABELS", "", "expected at least one label with a weight, got none");
  }

  std::vector<std::size_t> group_of(static_cast<std::size_t>(m));
  for (Index i = 0; i < m; ++i) {
    const auto number = static_cast<std::size_t>(i);
    if (root[number] == i) {
      group_of[number] = result.groups.size();
      result.groups.emplace_back();
    } else {
      group_of[number] = group_of[static_cast<std::size_t>(root[number])];
    }
    result.groups[group_of[number]].outputs.push_back(i);
  }

  ForEachLabel(points, weights, [&](Label label, const double* outputs) {
    if (outputs != nullptr) label.output = FirstNonzero(outputs, m);
    LabelGroup& group = result.groups[group_of[static_cast<std::size_t>(label.output)]];
    if (group.Coupled()) {
      label.outputs = outputs != nullptr ? outputs : result.unit.col(label.output).data();
    } else if (outputs != nullptr) {
      const double w = outputs[label.output];
      label.target /= w;
      label.weight *= w * w;
    }
    group.labels.push_back(label);
  });
  for (LabelGroup& group : result.groups) {
    std::stable_sort(group.labels.begin(), group.labels.end(),
                     [](const Label& a, const Label& b) { return a.point < b.point; });
    group.first.assign(static_cast<std::size_t>(points.NumPoints()) + 1, 0);
    for (const Label& label : group.labels)
      ++group.first[static_cast<std::size_t>(label.point) + 1];
    std::partial_sum(group.first.begin(), group.first.end(), group.first.begin());
  }
  return result;
}

FitSizes FitSizes::Of(const LabelledPoints& points, const LossWeights& weights) {
  Validate(points, weights);
  FitSizes sizes{.n = points.n(), .m = points.m(), .num_points = points.NumPoints()};
  ForEachLabel(points, weights, [&](const Label&, const double*) { ++sizes.num_labels; });
  return sizes;
}

}  // namespace sobolev::regression
