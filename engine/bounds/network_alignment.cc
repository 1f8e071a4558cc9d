#include "engine/bounds/network_alignment.h"

#include <cstddef>
#include <limits>
#include <numeric>
#include <optional>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/network_layers.h"

namespace sobolev::bounds {

namespace {

bool CanAlign(const NetworkLayers& f, const NetworkLayers& g) {
  if (f.activation != g.activation || f.layers.size() != g.layers.size()) return false;
  bool smaller = false;
  for (std::size_t l = 0; l < f.layers.size(); ++l) {
    const NetworkLayer& one = f.layers[l];
    const NetworkLayer& other = g.layers[l];
    if (one.residual || other.residual || one.V.has_value() != other.V.has_value() ||
        other.W.rows() > one.W.rows()) {
      return false;
    }
    smaller = smaller || other.W.rows() < one.W.rows();
  }
  return smaller;
}

// Incoming weights and bias of every unit, a row each, with the columns of a_{l−1} at their places.
Matrix RowsOf(const NetworkLayer& layer, const std::vector<Index>& places, Index width) {
  const Index inputs = layer.V ? layer.V->cols() : 0;
  Matrix rows = Matrix::Zero(layer.W.rows(), width + inputs + 1);
  for (Index k = 0; k < layer.W.cols(); ++k) {
    rows.col(places[static_cast<std::size_t>(k)]) = layer.W.W.col(k);
  }
  if (layer.V) rows.middleCols(width, inputs) = layer.V->W;
  rows.col(width + inputs) = layer.b;
  return rows;
}

// For every row of g, the row of f that is nearest to it and not taken yet.
std::vector<Index> NearestRows(const Matrix& f, const Matrix& g) {
  std::vector<Index> places;
  places.reserve(static_cast<std::size_t>(g.rows()));
  Vector taken = Vector::Zero(f.rows());
  for (Index unit = 0; unit < g.rows(); ++unit) {
    const Vector distances = (f.rowwise() - g.row(unit)).rowwise().squaredNorm() + taken;
    Index nearest = 0;
    distances.minCoeff(&nearest);
    taken(nearest) = std::numeric_limits<double>::infinity();
    places.push_back(nearest);
  }
  return places;
}

std::vector<Index> InOrder(Index count) {
  std::vector<Index> places(static_cast<std::size_t>(count));
  std::iota(places.begin(), places.end(), Index{0});
  return places;
}

}  // namespace

NetworkLayers AlignTo(const NetworkLayers& f, const NetworkLayers& g) {
  if (!CanAlign(f, g)) return g;
  NetworkLayers aligned = g;
  std::vector<Index> places = InOrder(g.n());
  for (std::size_t l = 0; l < f.layers.size(); ++l) {
    const NetworkLayer& of_f = f.layers[l];
    const bool last = l + 1 == f.layers.size();
    const Index width = of_f.W.cols();
    const Matrix f_rows = RowsOf(of_f, InOrder(width), width);
    const Matrix g_rows = RowsOf(g.layers[l], places, width);
    places = last ? InOrder(g.m()) : NearestRows(f_rows, g_rows);
    Matrix rows = f_rows;
    for (Index unit = 0; unit < g_rows.rows(); ++unit) {
      rows.row(places[static_cast<std::size_t>(unit)]) = g_rows.row(unit);
    }
    const Index inputs = of_f.V ? of_f.V->cols() : 0;
    aligned.layers[l] = {
        .W = LinearMap(rows.leftCols(width)),
        .V = of_f.V ? std::optional(LinearMap(rows.middleCols(width, inputs))) : std::nullopt,
        .b = rows.col(width + inputs)};
  }
  return aligned;
}

}  // namespace sobolev::bounds
