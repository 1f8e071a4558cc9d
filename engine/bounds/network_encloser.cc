#include "engine/bounds/network_encloser.h"

#include <optional>

#include "engine/bounds/box.h"
#include "engine/bounds/natural_network.h"
#include "engine/bounds/network_forms.h"

namespace sobolev::bounds {

Enclosure NetworkEncloser::EncloseBox(const Box& box, bool jacobian) const {
  const std::optional<NetworkForms> forms = FormsOf(layers_, box, jacobian);
  return forms ? EnclosureOf(*forms) : EncloseNaturally(layers_, box, jacobian);
}

}  // namespace sobolev::bounds
