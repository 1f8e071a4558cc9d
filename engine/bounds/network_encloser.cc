#include "engine/bounds/network_encloser.h"

#include <algorithm>
#include <optional>

#include "engine/base/matrix.h"
#include "engine/bounds/box.h"
#include "engine/bounds/natural_network.h"
#include "engine/bounds/network_forms.h"

namespace sobolev::bounds {

double NetworkEncloser::Cost() const {
  // Every layer maps a form with the symbols of all layers before, and back one for each output.
  double cost = 0;
  auto symbols = static_cast<double>(n());
  for (const NetworkLayer& layer : layers_.layers) {
    const auto size = static_cast<double>(layer.W.W.size());
    cost += size * (symbols + static_cast<double>(m() * (n() + 3)));
    symbols = std::min(symbols + static_cast<double>(layer.W.rows()), 384.0);
  }
  return cost;
}

Enclosure NetworkEncloser::EncloseBox(const Box& box, bool jacobian) const {
  const std::optional<NetworkForms> forms = FormsOf(layers_, box, jacobian);
  return forms ? EnclosureOf(*forms) : EncloseNaturally(layers_, box, jacobian);
}

}  // namespace sobolev::bounds
