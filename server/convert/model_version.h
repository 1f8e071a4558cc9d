// What a served surrogate is, in the words of the wire.

#ifndef SOBOLEV_SERVER_CONVERT_MODEL_VERSION_H_
#define SOBOLEV_SERVER_CONVERT_MODEL_VERSION_H_

#include "engine/surrogate/surrogate.h"
#include "proto/sobolev/v1/models.pb.h"

namespace sobolev::server {

// Fills all that follows from the surrogate alone: kind, network, parameter_count, nonzero_weights,
// and what it obeys by construction. The schema of the version, which names the variables, is there
// already.
void Describe(const Surrogate& surrogate, v1::ModelVersion& version);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_MODEL_VERSION_H_
