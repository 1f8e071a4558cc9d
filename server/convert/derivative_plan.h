// Plans of derivatives, from the model to the reply.

#ifndef SOBOLEV_SERVER_CONVERT_DERIVATIVE_PLAN_H_
#define SOBOLEV_SERVER_CONVERT_DERIVATIVE_PLAN_H_

#include <stop_token>

#include "engine/surrogate/surrogate.h"
#include "proto/sobolev/v1/models.pb.h"

namespace sobolev::server {

// All but the name of the model and the timings. Throws Error(kInvalidArgument) naming
// "tape_memory" or "workers".
v1::DerivativePlan PlanDerivatives(const v1::PlanDerivativesRequest& request,
                                   const Surrogate& surrogate, const std::stop_token& stop);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_DERIVATIVE_PLAN_H_
