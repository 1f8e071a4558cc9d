// What a training spec says about inputs, outputs and extrapolation, in the engine's form.

#ifndef SOBOLEV_SERVER_CONVERT_COMPOSITION_H_
#define SOBOLEV_SERVER_CONVERT_COMPOSITION_H_

#include "engine/train/composition.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/training.pb.h"

namespace sobolev::server {

// Throws Error(kInvalidArgument) naming "spec.<field>" for names that the schema does not have or
// that come twice and for enum values that do not exist; ranges are the engine's to check
// (train::CheckComposition).
train::CompositionOptions ToComposition(const v1::TrainingSpec& spec, const v1::Schema& schema);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_COMPOSITION_H_
