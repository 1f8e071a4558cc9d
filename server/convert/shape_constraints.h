// What a model shall obey by construction, from its wire form.

#ifndef SOBOLEV_SERVER_CONVERT_SHAPE_CONSTRAINTS_H_
#define SOBOLEV_SERVER_CONVERT_SHAPE_CONSTRAINTS_H_

#include "engine/nn/constraints.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/training.pb.h"

namespace sobolev::server {

// `schema` is that of the dataset. Throws Error(kInvalidArgument) naming "spec.monotone[<input>]"
// for inputs that it does not name, and UNKNOWN_ENUM_VALUE naming that or "spec.convexity".
nn::ShapeConstraints ToShape(const v1::TrainingSpec& spec, const v1::Schema& schema);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_SHAPE_CONSTRAINTS_H_
