#include "engine/surrogate/surrogate.h"

#include <optional>
#include <string>

#include "engine/base/error.h"
#include "engine/base/matrix.h"

namespace sobolev {

void RequireDirections(const char* field, const std::optional<Directions>& directions, Index size,
                       Index num_points) {
  if (!directions) {
    throw InvalidArgument("MISSING_DIRECTIONS", field,
                          "expected at least one direction, got none; pass " + std::string(field));
  }
  RequireSize(field, directions->D.rows(), size);
  RequireSize(field, directions->D.cols(),
              directions->per_point ? directions->count * num_points : directions->count);
}

}  // namespace sobolev
