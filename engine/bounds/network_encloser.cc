#include "engine/bounds/network_encloser.h"

#include <optional>
#include <utility>

#include "engine/bounds/box.h"
#include "engine/bounds/cubic_sweep.h"
#include "engine/bounds/encloser.h"
#include "engine/bounds/natural_network.h"
#include "engine/bounds/network_forms.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::bounds {

NetworkEncloser::NetworkEncloser(const nn::NetworkSurrogate& network, Effort effort)
    : SurrogateEncloser(network), layers_(network) {
  if (effort == Effort::kThorough && n() <= kMaxCubicInputs &&
      network.NumParameters() <= kMaxCubicParameters) {
    basis_.emplace(n());
  }
}

Enclosure NetworkEncloser::EncloseBox(const Box& box, bool jacobian) const {
  std::optional<CubicForms> cubics;
  if (basis_) cubics = CubicFormsOf(layers_, *basis_, box, jacobian);
  if (cubics && cubics->converges) return EnclosureOf(*basis_, *std::move(cubics));
  const std::optional<NetworkForms> forms = FormsOf(layers_, box, jacobian);
  if (!forms) return EncloseNaturally(layers_, box, jacobian);
  Enclosure enclosure = EnclosureOf(*forms);
  if (cubics) IntersectWith(EnclosureOf(*basis_, *std::move(cubics)), enclosure);
  return enclosure;
}

}  // namespace sobolev::bounds
