// The OpenAPI document of a model as a Tesseract.

#ifndef SOBOLEV_SERVER_GATEWAY_TESSERACT_SCHEMA_H_
#define SOBOLEV_SERVER_GATEWAY_TESSERACT_SCHEMA_H_

#include <string>

#include "server/models/model_registry.h"

namespace sobolev::server {

// JSON. Clients read from it which endpoints there are, what inputs and outputs are called, and
// that these are differentiable float64 arrays of any shape. The description names the variables.
std::string TesseractSchema(const ServedModel& model);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_GATEWAY_TESSERACT_SCHEMA_H_
