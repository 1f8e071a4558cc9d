#include "engine/train/sample_view.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/samples.h"

namespace sobolev::train {

namespace {

// Of labels with these weights; empty if they count alike. Labels without any weight get a variance
// that leaves them next to none.
Matrix VariancesOf(const Matrix& weights) {
  if ((weights.array() == 1).all()) return {};
  return weights.cwiseMax(std::numeric_limits<double>::min()).cwiseInverse();
}

}  // namespace

SampleView::SampleView(const LabelledPoints& points, bool derivatives)
    : block_{.rows = points.NumPoints(),
             .x = points.X.data(),
             .y = points.Y.data(),
             .jacobian = derivatives && points.J.cols() > 0 ? points.J.data() : nullptr,
             .weight = points.weight.data()},
      y_variance_(VariancesOf(points.Y_weight)) {
  if (y_variance_.size() > 0) block_.y_variance = y_variance_.data();
  if (!derivatives) return;
  jacobian_variance_ = VariancesOf(points.J_weight);
  if (jacobian_variance_.size() > 0) block_.jacobian_variance = jacobian_variance_.data();
  const TangentLabels& tangents = points.tangents;
  if (!tangents.point.empty()) {
    block_.num_tangents = Lay(tangents.point, tangents.X_dot, tangents.Y_dot, tangents_);
    block_.tangents = tangents_.directions.data();
    block_.jvp = tangents_.results.data();
  }
  const AdjointLabels& adjoints = points.adjoints;
  if (!adjoints.point.empty()) {
    block_.num_adjoints = Lay(adjoints.point, adjoints.Y_bar, adjoints.X_bar, adjoints_);
    block_.adjoints = adjoints_.directions.data();
    block_.vjp = adjoints_.results.data();
  }
}

Index SampleView::Lay(const std::vector<Index>& point, const Matrix& directions,
                      const Matrix& results, Directions& laid) const {
  std::vector<Index> count(static_cast<std::size_t>(block_.rows));
  for (const Index s : point) ++count[static_cast<std::size_t>(s)];
  const Index most = *std::ranges::max_element(count);
  laid.directions = Matrix::Zero(directions.rows(), most * block_.rows);
  laid.results = Matrix::Constant(results.rows(), most * block_.rows,
                                  std::numeric_limits<double>::quiet_NaN());
  std::ranges::fill(count, 0);
  for (std::size_t k = 0; k < point.size(); ++k) {
    const Index column = point[k] * most + count[static_cast<std::size_t>(point[k])]++;
    laid.directions.col(column) = directions.col(static_cast<Index>(k));
    laid.results.col(column) = results.col(static_cast<Index>(k));
  }
  return most;
}

}  // namespace sobolev::train
