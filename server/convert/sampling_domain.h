// Where a sampling job samples, from the wire form to the engine's.

#ifndef SOBOLEV_SERVER_CONVERT_SAMPLING_DOMAIN_H_
#define SOBOLEV_SERVER_CONVERT_SAMPLING_DOMAIN_H_

#include <memory>
#include <stop_token>

#include "engine/program/program.h"
#include "engine/sampling/domain.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/sampling.pb.h"

namespace sobolev::server {

// The domain of a complete spec (convert/sampling.h), whose constraint_program is this program, if
// any. Throws Error(kInvalidArgument) naming "spec.domain[2].min", "spec.inputs[0].scale",
// "spec.constraints[1]" and the like, and Error(kCancelled).
sampling::Domain ToDomain(const v1::SamplingSpec& spec, const v1::Schema& schema,
                          std::shared_ptr<const program::Program> constraints,
                          const std::stop_token& stop);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_SAMPLING_DOMAIN_H_
