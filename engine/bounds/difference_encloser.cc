#include "engine/bounds/difference_encloser.h"

#include <memory>
#include <optional>
#include <utility>

#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/bounds/natural_network.h"
#include "engine/bounds/network_forms.h"

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

Enclosure NetworkDifferenceEncloser::EncloseBox(const Box& box, bool jacobian) const {
  // The forms of values get to third order by those of derivatives.
  const std::optional<NetworkForms> f = FormsOf(f_.layers(), box, true);
  const std::optional<NetworkForms> g = FormsOf(g_.layers(), box, true);
  if (!f || !g) {
    return Subtract(EncloseNaturally(f_.layers(), box, jacobian),
                    EncloseNaturally(g_.layers(), box, jacobian));
  }
  Enclosure enclosure = EnclosureOf(Difference(*f, *g));
  IntersectWith(Subtract(EnclosureOf(*f), EnclosureOf(*g)), enclosure);
  if (!jacobian) {
    enclosure.J_lo.resize(0, 0);
    enclosure.J_hi.resize(0, 0);
  }
  return enclosure;
}

}  // namespace sobolev::bounds
