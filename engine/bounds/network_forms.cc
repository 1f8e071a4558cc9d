#include "engine/bounds/network_forms.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/bounds/activation_jet.h"
#include "engine/bounds/adjoint_form.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/box.h"
#include "engine/bounds/network_layers.h"
#include "engine/bounds/relaxation.h"

namespace sobolev::bounds {

namespace {

// Symbols of units beyond this many are given up: products grow with them.
constexpr Index kMaxUnitSymbols = 384;

// The lines around φ or φ′ of a layer.
struct Lines {
  explicit Lines(Index units) : lambda(units), mu(units), delta(units), range{lambda, lambda} {}

  void Set(Index unit, const Relaxation& relaxation) {
    lambda(unit) = relaxation.lambda;
    mu(unit) = relaxation.mu;
    delta(unit) = relaxation.delta;
    range.lo(unit) = relaxation.lo;
    range.hi(unit) = relaxation.hi;
  }

  Vector lambda;
  Vector mu;
  Vector delta;
  Ranges range;
};

// The sweep over the layers, which keeps what the adjoint sweep needs.
class ValueSweep {
 public:
  ValueSweep(const NetworkLayers& network, const AffineForm& u)
      : network_(network),
        u_(u),
        a_(u),
        a_range_(RangesOf(u)),
        influence_(Vector::Zero(network.n())) {}

  // False if a number is too large.
  bool Run(bool slopes) {
    for (const NetworkLayer& layer : network_.layers) {
      const bool last = &layer == &network_.layers.back();
      AffineForm z = Affine(layer, a_, NamesRemainders(layer));
      Ranges z_range = RangesOf(z);
      IntersectWith(RangesOf(Affine(layer, AsConstants(a_range_), false)), z_range);
      if (!IsModerate(z_range)) return false;
      if (last) {
        y_ = KeepSymbols(z, network_.n());
        y_range_ = z_range;
        return true;
      }
      Activate(layer, std::move(z), z_range, slopes);
    }
    return true;
  }

  const AffineForm& y() const { return y_; }
  const Ranges& y_range() const { return y_range_; }
  // Of each input: the remainders of all units, by its part in their ranges.
  const Vector& influence() const { return influence_; }
  // φ′(z_l) of hidden layers, from the first.
  const std::vector<SlopeForm>& slopes() const { return slopes_; }

 private:
  static bool IsModerate(const Ranges& ranges) {
    return (ranges.lo.array() >= -kLargestActivation).all() &&
           (ranges.hi.array() <= kLargestActivation).all() &&
           (ranges.lo.array() <= ranges.hi.array()).all();
  }

  // Whether the remainders of the units before a layer become symbols in it. The last layer would
  // only add up their magnitudes again. A layer that they pass by sees them as well.
  bool NamesRemainders(const NetworkLayer& layer) {
    const Index named = a_.P.rows() - 1 - network_.n() + a_.Size();
    if (&layer == &network_.layers.front() || &layer == &network_.layers.back() ||
        named > kMaxUnitSymbols) {
      return false;
    }
    if (layer.residual) NameRemainders(a_);
    return !layer.residual;
  }

  AffineForm Affine(const NetworkLayer& layer, const AffineForm& a, bool name_remainders) const {
    AffineForm z = Map(layer.W, a, name_remainders);
    if (layer.V) AddTo(Map(*layer.V, u_), z);
    AddTo(layer.b, z);
    return z;
  }

  void Activate(const NetworkLayer& layer, AffineForm z, const Ranges& z_range, bool slopes) {
    Lines values(z.Size());
    Lines derivatives(z.Size());
    for (Index unit = 0; unit < z.Size(); ++unit) {
      const ActivationRelaxation lines =
          Relax(network_.activation, z_range.lo(unit), z_range.hi(unit), slopes);
      values.Set(unit, lines.value);
      derivatives.Set(unit, lines.slope);
    }
    if (slopes) {
      slopes_.push_back({.form = Scale(KeepSymbols(z, network_.n()), derivatives.lambda,
                                       derivatives.mu, derivatives.delta),
                         .range = std::move(derivatives.range)});
    }
    const Vector blame = values.delta.cwiseQuotient(
        (z_range.hi - z_range.lo).cwiseMax(std::numeric_limits<double>::min()));
    influence_ += z.P.middleRows(1, network_.n()).cwiseAbs() * blame;
    AffineForm activated = Scale(std::move(z), values.lambda, values.mu, values.delta);
    if (layer.residual) {
      AddTo(a_, activated);
      AddRanges(a_range_, values.range);
    }
    a_ = std::move(activated);
    a_range_ = std::move(values.range);
    IntersectWith(RangesOf(a_), a_range_);
  }

  static void AddRanges(const Ranges& terms, Ranges& sums) {
    sums.lo += terms.lo;
    sums.hi += terms.hi;
    sums.lo -= 0x1p-51 * sums.lo.cwiseAbs();
    sums.hi += 0x1p-51 * sums.hi.cwiseAbs();
  }

  const NetworkLayers& network_;
  const AffineForm& u_;
  AffineForm a_;
  Ranges a_range_;
  AffineForm y_;
  Ranges y_range_;
  Vector influence_;
  std::vector<SlopeForm> slopes_;
};

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

AdjointForm SweepBack(const NetworkLayers& network, const std::vector<SlopeForm>& slopes) {
  const Index s = network.n();
  AdjointForm adjoints = UnitAdjoints(network.m(), s);
  AdjointForm of_inputs = ZeroAdjoints(network.m(), s, network.n());
  for (std::size_t l = network.layers.size(); l-- > 0;) {
    const NetworkLayer& layer = network.layers[l];
    const bool last = l + 1 == network.layers.size();
    const AdjointForm z_bar = last ? adjoints : Multiply(slopes[l], adjoints);
    if (layer.V) AddTo(MapBack(*layer.V, z_bar), of_inputs);
    AdjointForm before = MapBack(layer.W, z_bar);
    if (layer.residual) AddTo(adjoints, before);
    adjoints = std::move(before);
  }
  AddTo(of_inputs, adjoints);
  return adjoints;
}

}  // namespace

std::optional<NetworkForms> FormsOf(const NetworkLayers& network, const Box& box, bool jacobian) {
  if (!box.IsFinite()) return std::nullopt;
  const StandardBox standard = Standardise(network.scaling, box);
  ValueSweep sweep(network, standard.u);
  if (!sweep.Run(jacobian)) return std::nullopt;

  const nn::Scaling& scaling = network.scaling;
  const Vector none = Vector::Zero(network.m());
  NetworkForms forms{.x_radius = standard.x_radius,
                     .y = Scale(sweep.y(), scaling.y_scale, scaling.y_mean, none)};
  forms.y_range =
      RangesOf(Scale(AsConstants(sweep.y_range()), scaling.y_scale, scaling.y_mean, none));
  forms.influence = sweep.influence();
  if (!jacobian) return forms;

  const AffineForm at_centre =
      Scale(ValueAtCentre(network, standard.u), scaling.y_scale, scaling.y_mean, none);
  forms.y_centre = at_centre.P.row(0).transpose();
  forms.y_error = at_centre.r;
  forms.J = ScaleAdjoints(SweepBack(network, sweep.slopes()), scaling.y_scale, scaling.x_scale);
  return forms;
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
  AdjointForm negative_J = *g.J;
  negative_J.P = -negative_J.P;
  negative_J.lo = -g.J->hi;
  negative_J.hi = -g.J->lo;
  AddTo(negative_J, *f.J);
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
