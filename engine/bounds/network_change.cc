#include "engine/bounds/network_change.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "engine/ad/interval_bounds.h"
#include "engine/base/matrix.h"
#include "engine/bounds/adjoint_form.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/network_forms.h"
#include "engine/bounds/network_layers.h"
#include "engine/bounds/network_sweep.h"
#include "engine/bounds/relaxation.h"

namespace sobolev::bounds {

namespace {

// [f_lo − g_hi, f_hi − g_lo].
Ranges Subtract(const Ranges& f, const Ranges& g) {
  Ranges difference{f.lo - g.hi, f.hi - g.lo};
  difference.lo -= 0x1p-51 * difference.lo.cwiseAbs();
  difference.hi += 0x1p-51 * difference.hi.cwiseAbs();
  return difference;
}

// φ′(ζ) averaged between z_g and z_f: where φ′ is within λ ζ + μ ± δ, it is within
// λ (z_f + z_g)/2 + μ ± δ.
SlopeForm MeanSlope(nn::Activation activation, const HiddenForms& f, const HiddenForms& g) {
  const Index units = f.z.Size();
  Vector lambda(units);
  Vector mu(units);
  Vector delta(units);
  SlopeForm slope{.range = {Vector(units), Vector(units)}};
  for (Index q = 0; q < units; ++q) {
    const Relaxation lines = Relax(activation, std::min(f.z_range.lo(q), g.z_range.lo(q)),
                                   std::max(f.z_range.hi(q), g.z_range.hi(q)))
                                 .slope;
    lambda(q) = 0.5 * lines.lambda;
    mu(q) = lines.mu;
    delta(q) = lines.delta;
    slope.range.lo(q) = lines.lo;
    slope.range.hi(q) = lines.hi;
  }
  AffineForm sum = f.z;
  AddTo(g.z, sum);
  slope.form = Scale(std::move(sum), lambda, mu, delta);
  return slope;
}

// φ″(ζ)∘Δz for ζ between z_g and z_f, which is φ′(z_f) − φ′(z_g).
SlopeForm SlopeChange(nn::Activation activation, const HiddenForms& f, const HiddenForms& g,
                      const AffineForm& change, const Ranges& range) {
  const Index units = f.z.Size();
  Vector middle(units);
  Vector spread(units);
  SlopeForm result{.range = {Vector(units), Vector(units)}};
  for (Index q = 0; q < units; ++q) {
    const ad::Bounds bend = EncloseBend(activation, std::min(f.z_range.lo(q), g.z_range.lo(q)),
                                        std::max(f.z_range.hi(q), g.z_range.hi(q)));
    const double largest = std::max(-range.lo(q), range.hi(q));
    middle(q) = 0.5 * (bend.lo + bend.hi);
    spread(q) = (1 + RoundingOf(4)) * (0.5 * (bend.hi - bend.lo)) * largest;
    const double most = (1 + RoundingOf(4)) * std::max(-bend.lo, bend.hi) * largest + kTiny;
    result.range.lo(q) = -most;
    result.range.hi(q) = most;
  }
  result.form = Scale(change, middle, Vector::Zero(units), spread);
  return result;
}

AffineForm Zero(Index symbols, Index quantities) {
  return {Matrix::Zero(1 + symbols, quantities), Vector::Zero(quantities)};
}

}  // namespace

struct NetworkChange::Values {
  std::vector<AffineForm> z;  // Of hidden layers, with one symbol for each input.
  std::vector<Ranges> z_range;
  AffineForm y;
  Ranges y_range;
};

bool NetworkChange::Applies(const NetworkLayers& f, const NetworkLayers& g) {
  if (f.activation != g.activation || f.layers.size() != g.layers.size()) return false;
  if (f.scaling.x_mean != g.scaling.x_mean || f.scaling.x_scale != g.scaling.x_scale ||
      f.scaling.y_mean != g.scaling.y_mean || f.scaling.y_scale != g.scaling.y_scale) {
    return false;
  }
  for (std::size_t l = 0; l < f.layers.size(); ++l) {
    const NetworkLayer& one = f.layers[l];
    const NetworkLayer& other = g.layers[l];
    if (one.W.rows() != other.W.rows() || one.V.has_value() != other.V.has_value() ||
        one.residual != other.residual) {
      return false;
    }
  }
  return true;
}

NetworkChange::NetworkChange(const NetworkLayers& f, const NetworkLayers& g) : f_(f), g_(g) {
  change_.reserve(f.layers.size());
  for (std::size_t l = 0; l < f.layers.size(); ++l) {
    const NetworkLayer& one = f.layers[l];
    const NetworkLayer& other = g.layers[l];
    change_.push_back({.W = LinearMap(one.W.W - other.W.W),
                       .V = one.V ? std::optional(LinearMap(one.V->W - other.V->W)) : std::nullopt,
                       .b = one.b - other.b,
                       .residual = one.residual});
  }
}

// Differences of weights are rounded relative to themselves, for which the rounding of products
// leaves room.
NetworkChange::Values NetworkChange::SweepValues(const NetworkSweep& f,
                                                 const NetworkSweep& g) const {
  Values values;
  const Index n = f_.n();
  AffineForm a = Zero(n, n);
  for (std::size_t l = 0; l < change_.size(); ++l) {
    const NetworkLayer& change = change_[l];
    const bool last = l + 1 == change_.size();
    const bool room = a.P.rows() - 1 - n + a.Size() <= kMaxUnitSymbols;
    const bool name = l > 0 && !last && room;
    if (name && change.residual) NameRemainders(a);
    AffineForm z = Map(g_.layers[l].W, a, name && !change.residual);
    AddTo(Map(change.W, l == 0 ? f.standard.u : f.hidden[l - 1].a), z);
    if (change.V) AddTo(Map(*change.V, f.standard.u), z);
    AddTo(change.b, z);
    z.r += 0x1p-51 * change.b.cwiseAbs();
    Ranges range = RangesOf(z);
    if (last) {
      IntersectWith(Subtract(f.y_range, g.y_range), range);
      values.y = KeepSymbols(z, n);
      values.y_range = std::move(range);
      break;
    }
    IntersectWith(Subtract(f.hidden[l].z_range, g.hidden[l].z_range), range);
    values.z.push_back(KeepSymbols(z, n));
    values.z_range.push_back(std::move(range));
    AffineForm activated = Multiply(MeanSlope(f_.activation, f.hidden[l], g.hidden[l]), z);
    if (change.residual) AddTo(a, activated);
    a = std::move(activated);
  }
  return values;
}

AdjointForm NetworkChange::SweepBack(const NetworkSweep& f, const NetworkSweep& g,
                                     const Values& values) const {
  const Index n = f_.n();
  const Index m = f_.m();
  AdjointForm of_g = UnitAdjoints(m, n);
  AdjointForm change = ZeroAdjoints(m, n, m);
  AdjointForm of_inputs = ZeroAdjoints(m, n, n);
  for (std::size_t l = change_.size(); l-- > 0;) {
    const NetworkLayer& layer = change_[l];
    AdjointForm z_change = change;
    AdjointForm z_bar = of_g;
    if (l + 1 < change_.size()) {
      z_change = Multiply(f.hidden[l].slope, change);
      AddTo(Multiply(SlopeChange(f_.activation, f.hidden[l], g.hidden[l], values.z[l],
                                 values.z_range[l]),
                     of_g),
            z_change);
      z_bar = Multiply(g.hidden[l].slope, of_g);
    }
    if (layer.V) {
      AddTo(MapBack(*f_.layers[l].V, z_change), of_inputs);
      AddTo(MapBack(*layer.V, z_bar), of_inputs);
    }
    AdjointForm before = MapBack(f_.layers[l].W, z_change);
    AddTo(MapBack(layer.W, z_bar), before);
    AdjointForm of_g_before = MapBack(g_.layers[l].W, z_bar);
    if (layer.residual) {
      AddTo(change, before);
      AddTo(of_g, of_g_before);
    }
    change = std::move(before);
    of_g = std::move(of_g_before);
  }
  AddTo(of_inputs, change);
  return change;
}

NetworkForms NetworkChange::FormsOf(const NetworkSweep& f, const NetworkSweep& g,
                                    bool jacobian) const {
  const Values values = SweepValues(f, g);
  const nn::Scaling& scaling = f_.scaling;
  const Vector none = Vector::Zero(f_.m());
  NetworkForms forms{
      .x_radius = f.standard.x_radius,
      .y = Scale(values.y, scaling.y_scale, none, none),
      .y_range = RangesOf(Scale(AsConstants(values.y_range), scaling.y_scale, none, none)),
      .influence = f.influence + g.influence};
  if (!jacobian) return forms;
  forms.J = ScaleAdjoints(SweepBack(f, g, values), scaling.y_scale, scaling.x_scale);
  return forms;
}

}  // namespace sobolev::bounds
