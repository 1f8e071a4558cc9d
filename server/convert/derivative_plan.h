// Plans of derivatives, from the model to the reply.

#ifndef SOBOLEV_SERVER_CONVERT_DERIVATIVE_PLAN_H_
#define SOBOLEV_SERVER_CONVERT_DERIVATIVE_PLAN_H_

#include <stop_token>

#include "engine/surrogate/surrogate.h"
#include "proto/sobolev/v1/models.pb.h"
#include "server/predict/jacobian_timing.h"

namespace sobolev::server {

// All but the name of the model, the timings and what they calibrate. Throws
// Error(kInvalidArgument) naming "tape_memory", "workers" or "memory", and as PlanWithinMemory
// does.
v1::DerivativePlan PlanDerivatives(const v1::PlanDerivativesRequest& request,
                                   const Surrogate& surrogate, const std::stop_token& stop);

// What the plan of the request and the fastest one take at those speeds.
void Calibrate(const v1::PlanDerivativesRequest& request, const Surrogate& surrogate,
               const MultiplyAddSeconds& seconds, const std::stop_token& stop,
               v1::DerivativePlan& proto);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_DERIVATIVE_PLAN_H_
