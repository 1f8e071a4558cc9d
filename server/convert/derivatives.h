// What models and programs share in a request for derivatives: the mask and the directions.

#ifndef SOBOLEV_SERVER_CONVERT_DERIVATIVES_H_
#define SOBOLEV_SERVER_CONVERT_DERIVATIVES_H_

#include <cstdint>
#include <string>

#include <google/protobuf/repeated_field.h>

#include "engine/base/matrix.h"
#include "proto/sobolev/v1/derivatives.pb.h"
#include "server/convert/tensor.h"
#include "server/predict/query.h"

namespace sobolev::server {

// None means the value alone. Throws Error(kInvalidArgument UNKNOWN_ENUM_VALUE) naming
// "quantities[i]".
DerivativeMask ToMask(const google::protobuf::RepeatedField<int>& quantities);

// Throws Error(kInvalidArgument UNSUPPORTED_QUANTITY) naming "quantities" that `quantity`
// ("QUANTITY_HVP") is not answered, and `why`.
[[noreturn]] void ThrowUnsupported(const std::string& quantity, const std::string& why);

// Tangents or adjoints as they came, checked. The tensor outlives the object.
class RequestedDirections {
 public:
  // [k, dimension] shared by all points, or [N, k, dimension]. Throws Error(kInvalidArgument)
  // naming `field` for other shapes, more than 4096 directions, and numbers that are not finite.
  RequestedDirections(const v1::Tensor& tensor, const std::string& field, std::int64_t num_points,
                      std::int64_t dimension, const std::string& dimension_name);

  // k.
  Index count() const { return count_; }
  bool per_point() const { return per_point_; }
  // dimension×k, or dimension×(k·N).
  ConstMatrixMap D() const {
    return {view_.data(), dimension_, dimension_ == 0 ? 0 : view_.size() / dimension_};
  }

 private:
  bool per_point_;
  TensorView view_;
  Index dimension_;
  Index count_ = 0;
};

// Throws Error(kInvalidArgument TOO_MANY_ROWS) naming `field` if there are more points than that.
void RequirePointLimit(Index num_points, std::int64_t max_points, const std::string& field);

// Throws Error(kResourceExhausted REPLY_TOO_LARGE) naming `field` if a reply with so many numbers
// would be larger than that. `num_elements` is a double because it may be beyond any integer.
void RequireReplyLimit(double num_elements, std::int64_t max_bytes, const std::string& field);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_DERIVATIVES_H_
