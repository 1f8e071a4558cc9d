#include "client/cpp/derivatives.h"

#include <string>

#include <sobolev/rpc_error.h>

namespace sobolev::client {

v1::Tensor DirectionsToTensor(const char* field, const Matrix& directions, bool per_point,
                              Index num_points) {
  if (!per_point) return ToTensor(directions, {directions.cols(), directions.rows()});
  if (num_points == 0 || directions.cols() % num_points != 0) {
    const std::string message = std::string(field) + ": expected a multiple of the " +
                                std::to_string(num_points) + " points as columns, got " +
                                std::to_string(directions.cols());
    throw RpcError(StatusCode::kInvalidArgument, "SHAPE_MISMATCH", message, {{field, message}});
  }
  return ToTensor(directions, {num_points, directions.cols() / num_points, directions.rows()});
}

}  // namespace sobolev::client
