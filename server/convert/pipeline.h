// Wires the stages of a pipeline by the names of their inputs and outputs.

#ifndef SOBOLEV_SERVER_CONVERT_PIPELINE_H_
#define SOBOLEV_SERVER_CONVERT_PIPELINE_H_

#include <memory>
#include <vector>

#include "engine/chain/pipeline.h"
#include "engine/surrogate/surrogate.h"
#include "proto/sobolev/v1/models.pb.h"

namespace sobolev::server {

// A stage before it is wired.
struct PipelinePart {
  std::shared_ptr<const Surrogate> function;
  v1::Schema schema;              // Names, units and bounds of its n inputs and m outputs.
  std::vector<v1::Range> domain;  // n
  v1::PipelineStage stage;        // As ModelVersion tells it, but for the inputs.
};

struct WiredPipeline {
  std::shared_ptr<const chain::Pipeline> surrogate;
  v1::ModelVersion description;  // All but name, time and weights_sha256.
};

// `parts` are those of the request's stages. Throws Error(kInvalidArgument) naming "stages",
// "stages[k].inputs" or "outputs[i]" for names that nothing has, and for sizes.
WiredPipeline WirePipeline(const v1::CreatePipelineRequest& request,
                           const std::vector<PipelinePart>& parts);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_PIPELINE_H_
