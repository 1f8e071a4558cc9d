#include "engine/bounds/encloser.h"

#include <limits>
#include <memory>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
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

std::unique_ptr<const Encloser> MakeEncloser(const Surrogate& surrogate) {
  switch (surrogate.kind()) {
    case SurrogateKind::kNetwork:
      return std::make_unique<NetworkEncloser>(
          dynamic_cast<const nn::NetworkSurrogate&>(surrogate));
    case SurrogateKind::kPolynomial:
    case SurrogateKind::kGaussianProcess:
    case SurrogateKind::kEnsemble:
    case SurrogateKind::kComposed:
    case SurrogateKind::kProgram:
    case SurrogateKind::kPipeline:
      break;
  }
  throw FailedPrecondition("NO_BOUNDS", "model",
                           "there are no proven bounds for this kind of model yet");
}

}  // namespace sobolev::bounds
