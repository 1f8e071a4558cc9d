// Errors of fields that the caller knows by another name than who found them.

#ifndef SOBOLEV_SERVER_CONVERT_FIELD_ERROR_H_
#define SOBOLEV_SERVER_CONVERT_FIELD_ERROR_H_

#include <string>
#include <string_view>

#include "engine/base/error.h"

namespace sobolev::server {

// The same error of `field`.
inline Error WithField(const Error& error, const std::string& field) {
  std::string_view description = error.what();
  if (!error.field().empty()) description.remove_prefix(error.field().size() + 2);  // "field: "
  return {error.code(), error.reason(), field, std::string(description)};
}

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_FIELD_ERROR_H_
