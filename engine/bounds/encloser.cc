#include "engine/bounds/encloser.h"

#include <limits>
#include <memory>
#include <optional>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/closed_form_enclosers.h"
#include "engine/bounds/difference_encloser.h"
#include "engine/bounds/holder_enclosers.h"
#include "engine/bounds/intervals.h"
#include "engine/bounds/local_taylor_encloser.h"
#include "engine/bounds/network_encloser.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::bounds {

namespace {

// Bounds that are no bounds: NaN, or an overflow to the wrong side.
template <class Bounds>
void ReplaceNaN(Bounds& lo, Bounds& hi) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (Index i = 0; i < lo.size(); ++i) {
    double& low = lo.reshaped()(i);
    double& high = hi.reshaped()(i);
    if (!(low < kInfinity)) low = -kInfinity;
    if (!(high > -kInfinity)) high = kInfinity;
  }
}

}  // namespace

Enclosure Encloser::Enclose(const Box& box, bool jacobian) const {
  RequireBox(box, n());
  Enclosure enclosure = EncloseBox(box, jacobian);
  ReplaceNaN(enclosure.y_lo, enclosure.y_hi);
  ReplaceNaN(enclosure.J_lo, enclosure.J_hi);
  return enclosure;
}

void SurrogateEncloser::Evaluate(const Matrix& X, Matrix* Y, Matrix* J) const {
  Y->resize(m(), X.cols());
  if (J != nullptr) J->resize(n(), m() * X.cols());
  surrogate_.Predict({X.data(), X.rows(), X.cols()}, std::nullopt, std::nullopt,
                     {.Y = Y->data(), .J = J != nullptr ? J->data() : nullptr});
}

Enclosure CentredEncloser::EncloseBox(const Box& box, bool jacobian) const {
  if (!IsSmooth() || !box.IsFinite() || box.lo == box.hi) return EncloseNaturally(box, jacobian);
  Enclosure enclosure = EncloseNaturally(box, true);
  const Vector centre = box.Centre();
  const Enclosure at_centre = EncloseNaturally({centre, centre}, false);
  const IntervalVector offset =
      IntervalsOf(box) - centre.unaryExpr([](double x) { return Interval(x); });
  for (Index i = 0; i < m(); ++i) {
    Interval y(ad::Bounds{at_centre.y_lo(i), at_centre.y_hi(i)});
    for (Index j = 0; j < n(); ++j) {
      y += Interval(ad::Bounds{enclosure.J_lo(j, i), enclosure.J_hi(j, i)}) * offset(j);
    }
    // An unknown derivative makes y empty, which says nothing.
    if (y.lo() > enclosure.y_lo(i)) enclosure.y_lo(i) = y.lo();
    if (y.hi() < enclosure.y_hi(i)) enclosure.y_hi(i) = y.hi();
  }
  if (!jacobian) {
    enclosure.J_lo.resize(0, 0);
    enclosure.J_hi.resize(0, 0);
  }
  return enclosure;
}

std::unique_ptr<const Encloser> MakeEncloser(const Surrogate& surrogate, Effort effort) {
  switch (surrogate.kind()) {
    case SurrogateKind::kNetwork:
      return std::make_unique<NetworkEncloser>(dynamic_cast<const nn::NetworkSurrogate&>(surrogate),
                                               effort);
    case SurrogateKind::kPolynomial:
      return std::make_unique<PolynomialEncloser>(
          dynamic_cast<const regression::PolynomialSurrogate&>(surrogate));
    case SurrogateKind::kGaussianProcess:
      return std::make_unique<GaussianProcessEncloser>(
          dynamic_cast<const regression::GaussianProcess&>(surrogate));
    case SurrogateKind::kEnsemble:
      return std::make_unique<EnsembleEncloser>(dynamic_cast<const EnsembleSurrogate&>(surrogate),
                                                effort);
    case SurrogateKind::kComposed:
      return std::make_unique<ComposedEncloser>(dynamic_cast<const ComposedSurrogate&>(surrogate),
                                                effort);
    case SurrogateKind::kProgram:
      return std::make_unique<ProgramEncloser>(
          dynamic_cast<const chain::ProgramSurrogate&>(surrogate));
    case SurrogateKind::kPipeline:
      return std::make_unique<PipelineEncloser>(dynamic_cast<const chain::Pipeline&>(surrogate),
                                                effort);
    case SurrogateKind::kLocalTaylor:
      return std::make_unique<LocalTaylorEncloser>(
          dynamic_cast<const LocalTaylorSurrogate&>(surrogate), effort);
  }
  throw Error(ErrorCode::kInternal, "UNKNOWN_KIND", "model",
              "expected a kind of surrogate that bounds know");
}

std::unique_ptr<const Encloser> MakeDifferenceEncloser(const Surrogate& f, const Surrogate& g) {
  if (f.n() != g.n() || f.m() != g.m()) {
    throw InvalidArgument("SHAPE_MISMATCH", "model",
                          "expected models of as many inputs and outputs as each other");
  }
  if (f.kind() == SurrogateKind::kNetwork && g.kind() == SurrogateKind::kNetwork) {
    return std::make_unique<NetworkDifferenceEncloser>(
        dynamic_cast<const nn::NetworkSurrogate&>(f), dynamic_cast<const nn::NetworkSurrogate&>(g));
  }
  return std::make_unique<DifferenceEncloser>(MakeEncloser(f, Effort::kThorough),
                                              MakeEncloser(g, Effort::kThorough));
}

}  // namespace sobolev::bounds
