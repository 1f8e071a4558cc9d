// Names of models on doors without a field for the version.

#ifndef SOBOLEV_SERVER_GATEWAY_MODEL_NAME_H_
#define SOBOLEV_SERVER_GATEWAY_MODEL_NAME_H_

#include <string>

#include "server/convert/names.h"

namespace sobolev::server {

// "id" or "id:version". Throws Error(kNotFound) naming `field` for what can be no model's name.
ModelRef ParseModelWithVersion(const std::string& name, const std::string& field);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_GATEWAY_MODEL_NAME_H_
