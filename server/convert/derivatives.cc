#include "server/convert/derivatives.h"

#include <vector>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

constexpr std::int64_t kMaxDirections = 4096;

}  // namespace

DerivativeMask ToMask(const google::protobuf::RepeatedField<int>& quantities) {
  DerivativeMask mask{.value = quantities.empty()};
  for (int i = 0; i < quantities.size(); ++i) {
    switch (quantities[i]) {
      case v1::QUANTITY_VALUE:
        mask.value = true;
        continue;
      case v1::QUANTITY_JACOBIAN:
        mask.jacobian = true;
        continue;
      case v1::QUANTITY_JVP:
        mask.jvp = true;
        continue;
      case v1::QUANTITY_VJP:
        mask.vjp = true;
        continue;
      case v1::QUANTITY_HESSIAN:
        mask.hessian = true;
        continue;
      case v1::QUANTITY_HVP:
        mask.hvp = true;
        continue;
      case v1::QUANTITY_SPREAD:
        mask.spread = true;
        continue;
      case v1::QUANTITY_JACOBIAN_SPREAD:
        mask.jacobian_spread = true;
        continue;
      case v1::QUANTITY_HELD_OUT_ERRORS:
        mask.held_out_errors = true;
        continue;
      default:
        break;
    }
    throw InvalidArgument(
        "UNKNOWN_ENUM_VALUE", "quantities[" + std::to_string(i) + "]",
        "expected QUANTITY_VALUE, _JACOBIAN, _JVP, _VJP, _HESSIAN, _HVP, _SPREAD, "
        "_JACOBIAN_SPREAD or _HELD_OUT_ERRORS, got number " +
            std::to_string(quantities[i]));
  }
  return mask;
}

void ThrowUnsupported(const std::string& quantity, const std::string& why) {
  throw InvalidArgument("UNSUPPORTED_QUANTITY", "quantities",
                        "expected quantities without " + quantity + ": " + why);
}

RequestedDirections::RequestedDirections(const v1::Tensor& tensor, const std::string& field,
                                         std::int64_t num_points, std::int64_t dimension,
                                         const std::string& dimension_name)
    : per_point_(tensor.shape_size() == 3),
      view_(tensor, field,
            per_point_ ? std::vector<std::int64_t>{num_points, -1, dimension}
                       : std::vector<std::int64_t>{-1, dimension},
            per_point_ ? "points of x, directions, " + dimension_name
                       : "directions shared by all points, " + dimension_name +
                             "; or, with a set for each point, [points, directions, " +
                             dimension_name + "]"),
      dimension_(dimension) {
  count_ = view_.shape()[per_point_ ? 1 : 0];
  if (count_ < 1 || count_ > kMaxDirections) {
    throw InvalidArgument("OUT_OF_RANGE", field,
                          "expected 1 to " + std::to_string(kMaxDirections) + " directions, got " +
                              std::to_string(count_));
  }
  view_.RequireFinite();
}

void RequirePointLimit(Index num_points, std::int64_t max_points, const std::string& field) {
  if (num_points <= max_points) return;
  throw InvalidArgument("TOO_MANY_ROWS", field,
                        "expected at most " + std::to_string(max_points) + " points, got " +
                            std::to_string(num_points) +
                            "; split the batch or raise max_predict_rows");
}

void RequireReplyLimit(double num_elements, std::int64_t max_bytes, const std::string& field) {
  const std::int64_t max_elements = max_bytes / static_cast<std::int64_t>(sizeof(double));
  if (num_elements <= static_cast<double>(max_elements)) return;
  throw Error(
      ErrorCode::kResourceExhausted, "REPLY_TOO_LARGE", field,
      "the reply would hold " + Text(num_elements) + " numbers, the limit is " +
          std::to_string(max_elements) +
          "; send fewer points at a time, ask for products instead of whole matrices, or raise "
          "max_predict_reply_bytes");
}

}  // namespace sobolev::server
