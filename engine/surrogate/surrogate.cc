#include "engine/surrogate/surrogate.h"

#include <optional>
#include <string>

#include "engine/base/error.h"
#include "engine/base/matrix.h"

namespace sobolev {

namespace {

void Require(const char* field, const std::optional<Directions>& directions, Index size,
             Index num_points) {
  if (!directions) {
    throw InvalidArgument("MISSING_DIRECTIONS", field,
                          "expected at least one direction, got none; pass " + std::string(field));
  }
  RequireSize(field, directions->D.rows(), size);
  RequireSize(field, directions->D.cols(),
              directions->per_point ? directions->count * num_points : directions->count);
}

}  // namespace

void RequireDirections(const PredictionBuffers& out, const std::optional<Directions>& tangents,
                       const std::optional<Directions>& adjoints, Index n, Index m,
                       Index num_points) {
  if (out.NeedsTangents()) Require("tangents", tangents, n, num_points);
  if (out.NeedsAdjoints()) Require("adjoints", adjoints, m, num_points);
}

}  // namespace sobolev
