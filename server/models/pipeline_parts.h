// What the stages of a new pipeline are: found by their names, and pinned.

#ifndef SOBOLEV_SERVER_MODELS_PIPELINE_PARTS_H_
#define SOBOLEV_SERVER_MODELS_PIPELINE_PARTS_H_

#include <vector>

#include "proto/sobolev/v1/models.pb.h"
#include "server/convert/pipeline.h"
#include "server/models/model_registry.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The models and programs of the stages, in their order. Compiles programs. Throws
// Error(kInvalidArgument) naming "stages" or "stages[k].name", ".model" or ".function", and
// Error(kNotFound) naming "stages[k].model" or "stages[k].program".
std::vector<PipelinePart> FindPipelineParts(const v1::CreatePipelineRequest& request,
                                            ModelRegistry& models, Store& store);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_MODELS_PIPELINE_PARTS_H_
