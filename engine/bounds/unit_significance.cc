#include "engine/bounds/unit_significance.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include <oneapi/tbb/parallel_invoke.h>

#include "engine/ad/interval.h"
#include "engine/ad/interval_rounding.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/bounds/adjoint_form.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/box.h"
#include "engine/bounds/intervals.h"
#include "engine/bounds/network_layers.h"
#include "engine/bounds/network_sweep.h"
#include "engine/bounds/relaxation.h"
#include "engine/bounds/split.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::bounds {

namespace {

struct Layer {
  Ranges values;    // Of the units.
  Matrix adjoints;  // width×m: the largest |∂y/∂v|, y in standard units.
};
using Units = std::vector<Layer>;

Units Everything(const NetworkLayers& network) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Units units;
  for (std::size_t l = 0; l + 1 < network.layers.size(); ++l) {
    const Index width = network.layers[l].W.rows();
    units.push_back(
        {.values = {Vector::Constant(width, -kInfinity), Vector::Constant(width, kInfinity)},
         .adjoints = Matrix::Constant(width, network.m(), kInfinity)});
  }
  return units;
}

// What φ alone says of the values, too.
Ranges ValuesOf(const NetworkLayers& network, const NetworkLayer& layer,
                const HiddenForms& hidden) {
  Ranges values = RangesOf(hidden.a);
  if (layer.residual) return values;
  for (Index unit = 0; unit < hidden.a.Size(); ++unit) {
    const Relaxation lines =
        Relax(network.activation, hidden.z_range.lo(unit), hidden.z_range.hi(unit), false).value;
    values.lo(unit) = std::max(values.lo(unit), lines.lo);
    values.hi(unit) = std::min(values.hi(unit), lines.hi);
  }
  return values;
}

Units UnitsOf(const NetworkLayers& network, const NetworkSweep& sweep) {
  Units units(network.layers.size() - 1);
  AdjointForm z_bar = UnitAdjoints(network.m(), network.n());
  AdjointForm passed;
  for (std::size_t l = units.size(); l > 0; --l) {
    const NetworkLayer& layer = network.layers[l];
    AdjointForm a_bar = MapBack(layer.W, z_bar);
    if (layer.residual) AddTo(passed, a_bar);
    units[l - 1] = {.values = ValuesOf(network, network.layers[l - 1], sweep.hidden[l - 1]),
                    .adjoints = a_bar.hi.cwiseMax(-a_bar.lo).transpose()};
    z_bar = Multiply(sweep.hidden[l - 1].slope, a_bar);
    passed = std::move(a_bar);
  }
  return units;
}

void HullWith(const Units& other, Units& units) {
  for (std::size_t l = 0; l < units.size(); ++l) {
    Layer& layer = units[l];
    layer.values.lo = layer.values.lo.cwiseMin(other[l].values.lo);
    layer.values.hi = layer.values.hi.cwiseMax(other[l].values.hi);
    layer.adjoints = layer.adjoints.cwiseMax(other[l].adjoints);
  }
}

// The hull of the pieces of a box that is halved `depth` times.
Units Enclose(const NetworkLayers& network, const Box& box, const Box& root, int depth,
              const std::stop_token& stop) {
  ThrowIfStopped(stop);
  const std::optional<NetworkSweep> sweep =
      SweepValues(network, box, depth == 0 ? SweepKeeps::kUnits : SweepKeeps::kNothing);
  if (!sweep && !box.IsFinite()) return Everything(network);
  if (depth == 0) return sweep ? UnitsOf(network, *sweep) : Everything(network);
  Enclosure enclosure;
  if (sweep) enclosure.influence = sweep->influence;
  const Index input = InputToSplit(box, enclosure, root);
  if (input < 0) return Enclose(network, box, root, 0, stop);
  const auto [low, high] = Split(box, input);
  Units units;
  Units others;
  oneapi::tbb::parallel_invoke([&] { units = Enclose(network, low, root, depth - 1, stop); },
                               [&] { others = Enclose(network, high, root, depth - 1, stop); });
  HullWith(others, units);
  return units;
}

}  // namespace

std::vector<Matrix> UnitSignificance(const nn::NetworkSurrogate& network, const Box& box,
                                     Index max_boxes, const std::stop_token& stop) {
  RequireBox(box, network.n());
  const NetworkLayers layers(network);
  int depth = 0;
  while (depth < 62 && (Index{4} << depth) - 1 <= max_boxes) ++depth;
  const Units units = Enclose(layers, box, box, depth, stop);
  std::vector<Matrix> significance;
  significance.reserve(units.size());
  for (const Layer& layer : units) {
    Matrix sigma = layer.adjoints;
    for (Index q = 0; q < sigma.rows(); ++q) {
      const double width = Interval(ad::Bounds{layer.values.lo(q), layer.values.hi(q)}).Width();
      for (Index i = 0; i < sigma.cols(); ++i) {
        sigma(q, i) = ad::directed::MultiplyUp(ad::directed::MultiplyUp(width, sigma(q, i)),
                                               layers.scaling.y_scale(i));
      }
    }
    significance.push_back(std::move(sigma));
  }
  return significance;
}

}  // namespace sobolev::bounds
