#include "engine/base/error.h"

#include <cstddef>
#include <utility>

namespace sobolev {

Error::Error(ErrorCode code, std::string reason, std::string field, const std::string& description)
    : std::runtime_error(field.empty() ? description : field + ": " + description),
      code_(code),
      reason_(std::move(reason)),
      field_(std::move(field)) {}

Error InvalidArgument(std::string reason, std::string field, const std::string& description) {
  return Error(ErrorCode::kInvalidArgument, std::move(reason), std::move(field), description);
}

Error NotFound(std::string field, const std::string& name) {
  return Error(ErrorCode::kNotFound, "NOT_FOUND", std::move(field),
               "\"" + name + "\" does not exist");
}

Error FailedPrecondition(std::string reason, std::string field, const std::string& description) {
  return Error(ErrorCode::kFailedPrecondition, std::move(reason), std::move(field), description);
}

void RequireSize(const char* field, std::ptrdiff_t actual, std::ptrdiff_t expected) {
  if (actual == expected) return;
  throw InvalidArgument("SHAPE_MISMATCH", field,
                        "expected " + std::to_string(expected) + ", got " + std::to_string(actual));
}

}  // namespace sobolev
