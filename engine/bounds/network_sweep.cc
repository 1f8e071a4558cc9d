#include "engine/bounds/network_sweep.h"

#include <cmath>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/bounds/activation_jet.h"
#include "engine/bounds/affine_form.h"
#include "engine/bounds/box.h"
#include "engine/bounds/network_layers.h"
#include "engine/bounds/relaxation.h"

namespace sobolev::bounds {

namespace {

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

// The sweep over the layers.
class Sweep {
 public:
  Sweep(const NetworkLayers& network, const AffineForm& u)
      : network_(network),
        u_(u),
        a_(u),
        a_range_(RangesOf(u)),
        influence_(Vector::Zero(network.n())) {}

  // False if a number is too large.
  bool Run(SweepKeeps keeps) {
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
      Activate(layer, std::move(z), z_range, keeps);
    }
    return true;
  }

  NetworkSweep Result(StandardBox standard) && {
    return {.standard = std::move(standard),
            .hidden = std::move(hidden_),
            .y = std::move(y_),
            .y_range = std::move(y_range_),
            .influence = std::move(influence_)};
  }

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

  void Activate(const NetworkLayer& layer, AffineForm z, const Ranges& z_range, SweepKeeps keeps) {
    const bool slopes = keeps != SweepKeeps::kNothing;
    Lines values(z.Size());
    Lines derivatives(z.Size());
    for (Index unit = 0; unit < z.Size(); ++unit) {
      const ActivationRelaxation lines =
          Relax(network_.activation, z_range.lo(unit), z_range.hi(unit), slopes);
      values.Set(unit, lines.value);
      derivatives.Set(unit, lines.slope);
    }
    if (slopes) {
      HiddenForms unit{.z = KeepSymbols(z, network_.n())};
      unit.slope.form = Scale(unit.z, derivatives.lambda, derivatives.mu, derivatives.delta);
      unit.slope.range = std::move(derivatives.range);
      unit.z_range = z_range;
      hidden_.push_back(std::move(unit));
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
    if (keeps == SweepKeeps::kUnits) hidden_.back().a = KeepSymbols(a_, network_.n());
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
  std::vector<HiddenForms> hidden_;
};

}  // namespace

std::optional<NetworkSweep> SweepValues(const NetworkLayers& network, const Box& box,
                                        SweepKeeps keeps) {
  if (!box.IsFinite()) return std::nullopt;
  StandardBox standard = Standardise(network.scaling, box);
  Sweep sweep(network, standard.u);
  if (!sweep.Run(keeps)) return std::nullopt;
  return std::move(sweep).Result(std::move(standard));
}

}  // namespace sobolev::bounds
