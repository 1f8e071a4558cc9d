#include "server/convert/shape_constraints.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include <absl/strings/str_join.h>

#include "engine/base/error.h"
#include "engine/nn/constraints.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/training.pb.h"

namespace sobolev::server {
namespace {

using Spec = v1::TrainingSpec;

nn::Slope ToSlope(int slope, const std::string& field) {
  switch (slope) {
    case Spec::SLOPE_UNSPECIFIED:
      return nn::Slope::kFree;
    case Spec::SLOPE_INCREASING:
      return nn::Slope::kIncreasing;
    case Spec::SLOPE_DECREASING:
      return nn::Slope::kDecreasing;
    default:
      break;
  }
  throw InvalidArgument("UNKNOWN_ENUM_VALUE", field,
                        "expected increasing or decreasing, got number " + std::to_string(slope));
}

nn::Convexity ToConvexity(Spec::Convexity convexity) {
  switch (convexity) {
    case Spec::CONVEXITY_UNSPECIFIED:
      return nn::Convexity::kFree;
    case Spec::CONVEXITY_CONVEX:
      return nn::Convexity::kConvex;
    case Spec::CONVEXITY_CONCAVE:
      return nn::Convexity::kConcave;
    default:
      break;
  }
  throw InvalidArgument(
      "UNKNOWN_ENUM_VALUE", "spec.convexity",
      "expected convex or concave, got number " + std::to_string(static_cast<int>(convexity)));
}

}  // namespace

nn::ShapeConstraints ToShape(const Spec& spec, const v1::Schema& schema) {
  nn::ShapeConstraints shape{.slopes = {}, .convexity = ToConvexity(spec.convexity())};
  if (spec.monotone().empty()) return shape;
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(schema.inputs_size()));
  for (const v1::Variable& input : schema.inputs()) names.push_back(input.name());
  shape.slopes.assign(names.size(), nn::Slope::kFree);
  for (const auto& [name, slope] : spec.monotone()) {
    const std::string field = "spec.monotone[" + name + "]";
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      throw InvalidArgument("UNKNOWN_NAME", field,
                            "expected an input of the dataset, got \"" + name +
                                "\"; the inputs are " + absl::StrJoin(names, ", "));
    }
    shape.slopes[static_cast<std::size_t>(found - names.begin())] = ToSlope(slope, field);
  }
  return shape;
}

}  // namespace sobolev::server
