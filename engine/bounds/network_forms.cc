#include "engine/bounds/network_forms.h"

#include <cmath>
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/bounds/activation_jet.h"
#include "engine/bounds/adjoint_form.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/box.h"
#include "engine/bounds/network_layers.h"
#include "engine/bounds/network_sweep.h"
#include "engine/bounds/relaxation.h"

namespace sobolev::bounds {

namespace {

// f at the centre of the box: centre ± error.
AffineForm ValueAtCentre(const NetworkLayers& network, const AffineForm& u) {
  // The remainders of u are the roundings of its coefficients, which bound that of the centre.
  const AffineForm u_centre{u.P.topRows(1), u.r};
  AffineForm a = u_centre;
  for (const NetworkLayer& layer : network.layers) {
    AffineForm z = Map(layer.W, a);
    if (layer.V) AddTo(Map(*layer.V, u_centre), z);
    AddTo(layer.b, z);
    if (&layer == &network.layers.back()) return z;
    AffineForm activated = z;
    for (Index unit = 0; unit < z.Size(); ++unit) {
      const double value = ActivationNear(network.activation, z.P(0, unit));
      activated.P(0, unit) = value;
      activated.r(unit) =
          (kLargestSlope + 0x1p-20) * z.r(unit) + 2 * kJetError * (1 + std::abs(z.P(0, unit)));
    }
    if (layer.residual) AddTo(a, activated);
    a = std::move(activated);
  }
  return a;
}

AdjointForm SweepBack(const NetworkLayers& network, const std::vector<HiddenForms>& hidden) {
  AdjointForm adjoints = UnitAdjoints(network.m(), network.n());
  AdjointForm of_inputs = ZeroAdjoints(network.m(), network.n(), network.n());
  for (std::size_t l = network.layers.size(); l-- > 0;) {
    const NetworkLayer& layer = network.layers[l];
    const bool last = l + 1 == network.layers.size();
    const AdjointForm z_bar = last ? adjoints : Multiply(hidden[l].slope, adjoints);
    if (layer.V) AddTo(MapBack(*layer.V, z_bar), of_inputs);
    AdjointForm before = MapBack(layer.W, z_bar);
    if (layer.residual) AddTo(adjoints, before);
    adjoints = std::move(before);
  }
  AddTo(of_inputs, adjoints);
  return adjoints;
}

}  // namespace

NetworkForms FormsOf(const NetworkLayers& network, const NetworkSweep& sweep, bool jacobian) {
  const nn::Scaling& scaling = network.scaling;
  const Vector none = Vector::Zero(network.m());
  NetworkForms forms{
      .x_radius = sweep.standard.x_radius,
      .y = Scale(sweep.y, scaling.y_scale, scaling.y_mean, none),
      .y_range = RangesOf(Scale(AsConstants(sweep.y_range), scaling.y_scale, scaling.y_mean, none)),
      .influence = sweep.influence};
  if (!jacobian) return forms;
  const AffineForm at_centre =
      Scale(ValueAtCentre(network, sweep.standard.u), scaling.y_scale, scaling.y_mean, none);
  forms.y_centre = at_centre.P.row(0).transpose();
  forms.y_error = at_centre.r;
  forms.J = ScaleAdjoints(SweepBack(network, sweep.hidden), scaling.y_scale, scaling.x_scale);
  return forms;
}

std::optional<NetworkForms> FormsOf(const NetworkLayers& network, const Box& box, bool jacobian) {
  const std::optional<NetworkSweep> sweep =
      SweepValues(network, box, jacobian ? SweepKeeps::kSlopes : SweepKeeps::kNothing);
  if (!sweep) return std::nullopt;
  return FormsOf(network, *sweep, jacobian);
}

NetworkForms Difference(NetworkForms f, const NetworkForms& g) {
  const auto negative = [](AffineForm form) {
    form.P = -form.P;
    return form;
  };
  AddTo(negative(g.y), f.y);
  const Ranges range = f.y_range;
  f.y_range = {range.lo - g.y_range.hi, range.hi - g.y_range.lo};
  f.y_range.lo -= 0x1p-51 * f.y_range.lo.cwiseAbs();
  f.y_range.hi += 0x1p-51 * f.y_range.hi.cwiseAbs();
  f.influence += g.influence;
  if (!f.J) return f;
  f.y_centre -= g.y_centre;
  f.y_error = (1 + RoundingOf(1)) * (f.y_error + g.y_error) + 0x1p-51 * f.y_centre.cwiseAbs();
  AdjointForm negative_j = *g.J;
  negative_j.P = -negative_j.P;
  negative_j.lo = -g.J->hi;
  negative_j.hi = -g.J->lo;
  AddTo(negative_j, *f.J);
  return f;
}

Enclosure EnclosureOf(const NetworkForms& forms) {
  Ranges y = RangesOf(forms.y);
  IntersectWith(forms.y_range, y);
  Enclosure enclosure;
  enclosure.influence = forms.influence;
  if (forms.J) {
    const AdjointForm& J = *forms.J;
    const Ranges change = RangesOfIntegrals(J, forms.x_radius);
    const Vector lo = (forms.y_centre - forms.y_error) + change.lo;
    const Vector hi = (forms.y_centre + forms.y_error) + change.hi;
    const Vector rounding = 0x1p-50 * (forms.y_centre.cwiseAbs() + forms.y_error +
                                       change.lo.cwiseAbs().cwiseMax(change.hi.cwiseAbs()));
    IntersectWith({lo - rounding, hi + rounding}, y);
    enclosure.J_lo = J.lo.transpose();
    enclosure.J_hi = J.hi.transpose();
  }
  enclosure.y_lo = std::move(y.lo);
  enclosure.y_hi = std::move(y.hi);
  return enclosure;
}

}  // namespace sobolev::bounds
