#include "engine/bounds/difference_encloser.h"

#include <memory>
#include <optional>
#include <utility>

#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/chebyshev.h"
#include "engine/bounds/cubic_sweep.h"
#include "engine/bounds/encloser.h"
#include "engine/bounds/natural_network.h"
#include "engine/bounds/network_alignment.h"
#include "engine/bounds/network_change.h"
#include "engine/bounds/network_forms.h"
#include "engine/bounds/network_sweep.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::bounds {

namespace {

void EvaluateDifference(const Encloser& f, const Encloser& g, const Matrix& X, Matrix* Y,
                        Matrix* J) {
  Matrix Y_of_g;
  Matrix J_of_g;
  f.Evaluate(X, Y, J);
  g.Evaluate(X, &Y_of_g, J != nullptr ? &J_of_g : nullptr);
  *Y -= Y_of_g;
  if (J != nullptr) *J -= J_of_g;
}

// lo and hi of [f_lo, f_hi] − [g_lo, g_hi], rounded outwards.
template <class Numbers>
void SubtractRanges(const Numbers& g_lo, const Numbers& g_hi, Numbers& lo, Numbers& hi) {
  lo -= g_hi;
  hi -= g_lo;
  lo.array() -= 0x1p-52 * lo.array().abs();
  hi.array() += 0x1p-52 * hi.array().abs();
}

Enclosure Subtract(Enclosure f, const Enclosure& g) {
  SubtractRanges(g.y_lo, g.y_hi, f.y_lo, f.y_hi);
  SubtractRanges(g.J_lo, g.J_hi, f.J_lo, f.J_hi);
  if (g.influence.size() == f.influence.size()) f.influence += g.influence;
  return f;
}

}  // namespace

DifferenceEncloser::DifferenceEncloser(std::unique_ptr<const Encloser> f,
                                       std::unique_ptr<const Encloser> g)
    : f_(std::move(f)), g_(std::move(g)) {}

void DifferenceEncloser::Evaluate(const Matrix& X, Matrix* Y, Matrix* J) const {
  EvaluateDifference(*f_, *g_, X, Y, J);
}

Enclosure DifferenceEncloser::EncloseBox(const Box& box, bool jacobian) const {
  return Subtract(f_->Enclose(box, jacobian), g_->Enclose(box, jacobian));
}

void NetworkDifferenceEncloser::Evaluate(const Matrix& X, Matrix* Y, Matrix* J) const {
  EvaluateDifference(f_, g_, X, Y, J);
}

NetworkDifferenceEncloser::NetworkDifferenceEncloser(const nn::NetworkSurrogate& f,
                                                     const nn::NetworkSurrogate& g)
    : f_(f, Effort::kThorough),
      g_(g, Effort::kThorough),
      f_layers_(AlignTo(g_.layers(), f_.layers())),
      g_layers_(AlignTo(f_.layers(), g_.layers())) {
  if (!NetworkChange::Applies(f_layers_, g_layers_)) return;
  change_.emplace(f_layers_, g_layers_);
  // How much the networks have in common decides which of the two is tighter, and where.
  const nn::Scaling& scaling = f.scaling();
  const auto width = [](const Enclosure& enclosure) {
    return (enclosure.y_hi - enclosure.y_lo).sum();
  };
  for (const double radius : {1.0, 0.25, 0.0625}) {
    const Box box{scaling.x_mean - radius * scaling.x_scale,
                  scaling.x_mean + radius * scaling.x_scale};
    bool converges = false;
    const std::optional<Enclosure> cubics = EncloseByCubics(box, false, &converges);
    cubics_suffice_ =
        cubics_suffice_ && cubics && width(*cubics) < width(EncloseByLines(box, false));
  }
}

Enclosure NetworkDifferenceEncloser::EncloseBox(const Box& box, bool jacobian) const {
  bool converges = false;
  const std::optional<Enclosure> cubics = EncloseByCubics(box, jacobian, &converges);
  if (cubics && converges && cubics_suffice_) return *cubics;
  Enclosure enclosure = EncloseByLines(box, jacobian);
  if (cubics) {
    IntersectWith(*cubics, enclosure);
    if (cubics_suffice_) enclosure.influence = cubics->influence;
  }
  return enclosure;
}

std::optional<Enclosure> NetworkDifferenceEncloser::EncloseByCubics(const Box& box, bool jacobian,
                                                                    bool* converges) const {
  if (!f_.basis() || !g_.basis()) return std::nullopt;
  const ChebyshevBasis& basis = *f_.basis();
  std::optional<CubicForms> f = CubicFormsOf(f_.layers(), basis, box, jacobian);
  const std::optional<CubicForms> g = CubicFormsOf(g_.layers(), basis, box, jacobian);
  if (!f || !g) return std::nullopt;
  CubicForms difference = Difference(*std::move(f), *g);
  *converges = difference.converges;
  return EnclosureOf(basis, std::move(difference));
}

// Derivatives are always followed, because the forms of values get to third order by them.
Enclosure NetworkDifferenceEncloser::EncloseByLines(const Box& box, bool jacobian) const {
  const SweepKeeps keeps = change_ ? SweepKeeps::kUnits : SweepKeeps::kSlopes;
  const std::optional<NetworkSweep> f_sweep = SweepValues(f_layers_, box, keeps);
  const std::optional<NetworkSweep> g_sweep = SweepValues(g_layers_, box, keeps);
  if (!f_sweep || !g_sweep) {
    return Subtract(EncloseNaturally(f_layers_, box, jacobian),
                    EncloseNaturally(g_layers_, box, jacobian));
  }
  const NetworkForms f = FormsOf(f_layers_, *f_sweep, true);
  const NetworkForms g = FormsOf(g_layers_, *g_sweep, true);
  const NetworkForms difference = Difference(f, g);
  Enclosure enclosure = EnclosureOf(difference);
  IntersectWith(Subtract(EnclosureOf(f), EnclosureOf(g)), enclosure);
  if (change_) {
    NetworkForms change = change_->FormsOf(*f_sweep, *g_sweep, true);
    change.y_centre = difference.y_centre;
    change.y_error = difference.y_error;
    IntersectWith(EnclosureOf(change), enclosure);
  }
  if (!jacobian) {
    enclosure.J_lo.resize(0, 0);
    enclosure.J_hi.resize(0, 0);
  }
  return enclosure;
}

}  // namespace sobolev::bounds
