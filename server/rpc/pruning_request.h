// What a call of ModelService.Prune asks for, checked.

#ifndef SOBOLEV_SERVER_RPC_PRUNING_REQUEST_H_
#define SOBOLEV_SERVER_RPC_PRUNING_REQUEST_H_

#include <cstddef>

#include "proto/sobolev/v1/pruning.pb.h"
#include "server/models/model_registry.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The job, to be submitted. Throws Error(kNotFound) naming "model" or "retraining.dataset",
// Error(kInvalidArgument), Error(kFailedPrecondition) or Error(kResourceExhausted) naming the field
// that is wrong, and Error(kAlreadyExists) naming "model_id".
JobRecord CheckPruningRequest(const v1::PruneRequest& request, Store& store, ModelRegistry& models,
                              std::size_t memory_limit);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_PRUNING_REQUEST_H_
