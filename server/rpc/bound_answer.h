// The answers of PredictionService.Bound and Certify.

#ifndef SOBOLEV_SERVER_RPC_BOUND_ANSWER_H_
#define SOBOLEV_SERVER_RPC_BOUND_ANSWER_H_

#include <stop_token>

#include "proto/sobolev/v1/prediction.pb.h"
#include "server/models/model_registry.h"
#include "server/storage/store.h"

namespace sobolev::server {

// Both throw Error(kInvalidArgument), Error(kNotFound) and Error(kFailedPrecondition) as the
// contract says, and Error(kCancelled) soon after `stop` fires.
void AnswerBound(const v1::BoundRequest& request, ModelRegistry& models, Store& store,
                 v1::BoundResponse& response, const std::stop_token& stop);
void AnswerCertify(const v1::CertifyRequest& request, ModelRegistry& models, Store& store,
                   v1::CertifyResponse& response, const std::stop_token& stop);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_BOUND_ANSWER_H_
