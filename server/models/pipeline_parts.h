// What the stages of a new pipeline are: found by their names, and pinned.

#ifndef SOBOLEV_SERVER_MODELS_PIPELINE_PARTS_H_
#define SOBOLEV_SERVER_MODELS_PIPELINE_PARTS_H_

#include <string>
#include <vector>

#include "proto/sobolev/v1/models.pb.h"
#include "server/convert/pipeline.h"
#include "server/models/model_registry.h"
#include "server/storage/store.h"

namespace sobolev::server {

// A model or a program as a stage, which is named and pinned but has no inputs yet. Compiles
// programs. Throw Error(kInvalidArgument) and Error(kNotFound) naming `field`.
PipelinePart FindModelPart(const std::string& name, const std::string& field, ModelRegistry& models,
                           Store& store);
PipelinePart FindProgramPart(const std::string& name, const std::string& field, Store& store);

// The models and programs of the stages, in their order. Compiles programs. Throws
// Error(kInvalidArgument) naming "stages" or "stages[k].name", ".model" or ".function", and
// Error(kNotFound) naming "stages[k].model" or "stages[k].program".
std::vector<PipelinePart> FindPipelineParts(const v1::CreatePipelineRequest& request,
                                            ModelRegistry& models, Store& store);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_MODELS_PIPELINE_PARTS_H_
