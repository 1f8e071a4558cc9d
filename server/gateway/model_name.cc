#include "server/gateway/model_name.h"

#include <cstddef>

#include "engine/base/error.h"
#include "server/convert/inference.h"

namespace sobolev::server {

ModelRef ParseModelWithVersion(const std::string& name, const std::string& field) {
  const std::size_t colon = name.find(':');
  const bool has_version = colon != std::string::npos;
  try {
    ModelRef ref = ParseInferenceModel(name.substr(0, colon),
                                       has_version ? name.substr(colon + 1) : "", field, field);
    if (!has_version || ref.version > 0) return ref;
  } catch (const Error&) {  // As below.
  }
  throw Error(
      ErrorCode::kNotFound, "NOT_FOUND", field,
      "no model has such a name; expected \"model\" or \"model:version\" as GET /Info lists "
      "them");
}

}  // namespace sobolev::server
