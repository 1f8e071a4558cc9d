#include "engine/bounds/network_layers.h"

#include <optional>

#include "engine/base/matrix.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/box.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::bounds {

NetworkLayers::NetworkLayers(const nn::NetworkSurrogate& network)
    : activation(network.architecture().activation), scaling(network.scaling()) {
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  const nn::Architecture& architecture = network.architecture();
  const double* theta = network.theta().data();
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Index rows = architecture.Rows(l);
    const Index cols = architecture.Cols(l);
    const Index skip_cols = architecture.SkipCols(l);
    const Matrix weights = Eigen::Map<const RowMajor>(theta, rows, cols);
    theta += weights.size();
    layers.push_back(
        {.W = LinearMap(weights.leftCols(cols - skip_cols)),
         .V = skip_cols > 0 ? std::optional(LinearMap(weights.rightCols(skip_cols))) : std::nullopt,
         .b = Eigen::Map<const Vector>(theta, rows),
         .residual = architecture.IsResidual(l)});
    theta += rows;
  }
}

StandardBox Standardise(const nn::Scaling& scaling, const Box& box) {
  const Index n = box.n();
  const Vector centre = box.Centre();
  StandardBox result;
  result.x_radius = (1 + RoundingOf(1)) * (box.hi - centre).cwiseMax(centre - box.lo);
  // A box that is a point has no radius; one whose radius underflows has one.
  result.x_radius = (box.hi.array() > box.lo.array()).select(result.x_radius.array() + kTiny, 0);
  result.u.P = Matrix::Zero(1 + n, n);
  result.u.P.row(0) = (centre - scaling.x_mean).cwiseQuotient(scaling.x_scale).transpose();
  result.u.P.bottomRows(n).diagonal() = result.x_radius.cwiseQuotient(scaling.x_scale);
  result.u.r = RoundingOf(1) * result.u.Magnitudes() + Vector::Constant(n, kTiny);
  return result;
}

}  // namespace sobolev::bounds
