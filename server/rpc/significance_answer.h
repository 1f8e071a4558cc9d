// The answer of ModelService.AnalyzeSignificance.

#ifndef SOBOLEV_SERVER_RPC_SIGNIFICANCE_ANSWER_H_
#define SOBOLEV_SERVER_RPC_SIGNIFICANCE_ANSWER_H_

#include <stop_token>

#include "proto/sobolev/v1/models.pb.h"
#include "server/models/model_registry.h"
#include "server/storage/store.h"

namespace sobolev::server {

// Throws Error(kInvalidArgument), Error(kNotFound), Error(kFailedPrecondition) and
// Error(kResourceExhausted) as the contract says, and Error(kCancelled) soon after `stop` fires.
void AnswerSignificance(const v1::AnalyzeSignificanceRequest& request, ModelRegistry& models,
                        Store& store, v1::AnalyzeSignificanceResponse& response,
                        const std::stop_token& stop);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_SIGNIFICANCE_ANSWER_H_
