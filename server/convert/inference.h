// The Open Inference Protocol in our own terms, and back.

#ifndef SOBOLEV_SERVER_CONVERT_INFERENCE_H_
#define SOBOLEV_SERVER_CONVERT_INFERENCE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "proto/inference/inference.pb.h"
#include "proto/sobolev/v1/prediction.pb.h"
#include "server/convert/names.h"
#include "server/models/model_registry.h"

namespace sobolev::server {

// The model of that id and version, "" for the newest. Throws Error(kInvalidArgument INVALID_NAME)
// naming one of the two fields.
ModelRef ParseInferenceModel(const std::string& name, const std::string& version,
                             const std::string& name_field, const std::string& version_field);

// Throws Error(kInvalidArgument) naming what is missing, unknown or not taken.
v1::PredictRequest ToPredictRequest(const inference::ModelInferRequest& request);

// What answers the request.
inference::ModelInferResponse ToInferResponse(const inference::ModelInferRequest& request,
                                              v1::PredictResponse predicted);

// Inputs and outputs of the model; `versions` are all there are.
inference::ModelMetadataResponse ToMetadata(const ServedModel& model,
                                            const std::vector<std::int64_t>& versions);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_INFERENCE_H_
