#include "engine/bounds/natural_network.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "engine/ad/interval.h"
#include "engine/base/matrix.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/box.h"
#include "engine/bounds/intervals.h"
#include "engine/bounds/network_layers.h"
#include "engine/bounds/relaxation.h"

namespace sobolev::bounds {

namespace {

// W a, where 0 times an unbounded interval is 0.
IntervalVector Times(const Matrix& W, const IntervalVector& a) {
  IntervalVector product = IntervalVector::Constant(W.rows(), Interval(0));
  for (Index i = 0; i < W.rows(); ++i) {
    for (Index j = 0; j < W.cols(); ++j) product(i) += Interval(W(i, j)) * a(j);
  }
  return product;
}

struct Activated {
  Interval value;
  Interval slope;
};

// Relaxations know where φ and φ′ have extrema, but not what is far away.
Activated Activate(nn::Activation activation, const Interval& z) {
  const double lo = std::max(z.lo(), -kLargestActivation);
  const double hi = std::min(z.hi(), kLargestActivation);
  const bool inside = z.lo() >= lo && z.hi() <= hi;
  const Interval slopes(-kLargestSlope, kLargestSlope);
  if (inside) {
    const ActivationRelaxation lines = Relax(activation, lo, hi);
    return {Interval(lines.value.lo, lines.value.hi), Interval(lines.slope.lo, lines.slope.hi)};
  }
  switch (activation) {
    case nn::Activation::kSoftplus:
      return {Softplus(z), Sigmoid(z)};
    case nn::Activation::kTanh:
      return {tanh(z), Interval(0, 1)};
    case nn::Activation::kSin:
      return {Interval(-1, 1), Interval(-1, 1)};
    case nn::Activation::kSilu:
    case nn::Activation::kGelu:
      break;
  }
  // −0.28 < φ(z) <= max(z, 0).
  return {Interval(-0.28, std::max(z.hi(), 0.0)), slopes};
}

}  // namespace

Enclosure EncloseNaturally(const NetworkLayers& network, const Box& box, bool jacobian) {
  const nn::Scaling& scaling = network.scaling;
  IntervalVector u = IntervalsOf(box);
  for (Index j = 0; j < u.size(); ++j) {
    u(j) = (u(j) - Interval(scaling.x_mean(j))) / Interval(scaling.x_scale(j));
  }
  IntervalVector a = u;
  std::vector<IntervalVector> slopes;
  for (std::size_t l = 0; l < network.layers.size(); ++l) {
    const NetworkLayer& layer = network.layers[l];
    IntervalVector z = Times(layer.W.W, a);
    if (layer.V) z += Times(layer.V->W, u);
    for (Index i = 0; i < z.size(); ++i) z(i) += Interval(layer.b(i));
    if (l + 1 == network.layers.size()) {
      a = std::move(z);
      break;
    }
    slopes.emplace_back(z.size());
    for (Index i = 0; i < z.size(); ++i) {
      const Activated unit = Activate(network.activation, z(i));
      slopes.back()(i) = unit.slope;
      z(i) = layer.residual ? a(i) + unit.value : unit.value;
    }
    a = std::move(z);
  }
  for (Index i = 0; i < a.size(); ++i) {
    a(i) = a(i) * Interval(scaling.y_scale(i)) + Interval(scaling.y_mean(i));
  }
  if (!jacobian) return EnclosureOf(a, IntervalMatrix());

  IntervalMatrix J(network.n(), network.m());
  for (Index i = 0; i < network.m(); ++i) {
    IntervalVector adjoints = IntervalVector::Constant(network.m(), Interval(0));
    adjoints(i) = Interval(scaling.y_scale(i));
    IntervalVector of_inputs = IntervalVector::Constant(network.n(), Interval(0));
    for (std::size_t l = network.layers.size(); l-- > 0;) {
      const NetworkLayer& layer = network.layers[l];
      IntervalVector z_bar = adjoints;
      if (l < slopes.size()) z_bar = slopes[l].cwiseProduct(adjoints);
      if (layer.V) of_inputs += Times(layer.V->W_transposed, z_bar);
      IntervalVector before = Times(layer.W.W_transposed, z_bar);
      if (layer.residual) before += adjoints;
      adjoints = std::move(before);
    }
    for (Index j = 0; j < network.n(); ++j) {
      J(j, i) = (adjoints(j) + of_inputs(j)) / Interval(scaling.x_scale(j));
    }
  }
  return EnclosureOf(a, J);
}

}  // namespace sobolev::bounds
