// The part of a request that models and programs share: mask and directions.

#ifndef SOBOLEV_CLIENT_CPP_DERIVATIVES_H_
#define SOBOLEV_CLIENT_CPP_DERIVATIVES_H_

#include <sobolev/types.h>

#include "client/cpp/convert.h"
#include "proto/sobolev/v1/derivatives.pb.h"

namespace sobolev::client {

// [p, rows] for directions shared by all points, [N, p, rows] for p directions a point. Throws
// RpcError(kInvalidArgument) naming `field` if they cannot be dealt to the points.
v1::Tensor DirectionsToTensor(const char* field, const Matrix& directions, bool per_point,
                              Index num_points);

// Asks for `quantities` at `num_points` points, in a PredictRequest or an EvaluateRequest.
template <typename Request>
void SetQuantities(const Quantities& quantities, Index num_points, Request& request) {
  request.set_data_type(v1::Tensor::DATA_TYPE_FLOAT64);
  if (quantities.value) request.add_quantities(v1::QUANTITY_VALUE);
  if (quantities.jacobian) request.add_quantities(v1::QUANTITY_JACOBIAN);
  if (quantities.hessian) request.add_quantities(v1::QUANTITY_HESSIAN);
  if (quantities.tangents.size() > 0) {
    request.add_quantities(v1::QUANTITY_JVP);
    *request.mutable_tangents() = DirectionsToTensor("tangents", quantities.tangents,
                                                     quantities.tangents_per_point, num_points);
  }
  if (quantities.adjoints.size() > 0) {
    request.add_quantities(v1::QUANTITY_VJP);
    *request.mutable_adjoints() = DirectionsToTensor("adjoints", quantities.adjoints,
                                                     quantities.adjoints_per_point, num_points);
  }
  if (quantities.hvp) request.add_quantities(v1::QUANTITY_HVP);
  if (quantities.spread) request.add_quantities(v1::QUANTITY_SPREAD);
  if (quantities.jacobian_spread) request.add_quantities(v1::QUANTITY_JACOBIAN_SPREAD);
}

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_CPP_DERIVATIVES_H_
