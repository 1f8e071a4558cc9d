// The domain of a sampling job in boxes on which its function is simple.

#ifndef SOBOLEV_SERVER_JOBS_SAMPLING_BOXES_H_
#define SOBOLEV_SERVER_JOBS_SAMPLING_BOXES_H_

#include <optional>
#include <stop_token>

#include "engine/chain/program_surrogate.h"
#include "engine/sampling/domain.h"
#include "engine/sampling/evidence.h"
#include "proto/sobolev/v1/sampling.pb.h"

namespace sobolev::server {

// As the complete `spec` wants them, by what is known, or by `program` if that is the function and
// its inputs are continuous and spread evenly on their scales (null: it is not known as a program).
// None if the spec wants none, and while too little is known. Throws Error(kCancelled).
std::optional<v1::SamplingBoxes> MakeBoxes(const sampling::Evidence& known,
                                           const sampling::Domain& domain,
                                           const v1::SamplingBoxSpec& spec,
                                           const chain::ProgramSurrogate* program,
                                           const std::stop_token& stop);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_SAMPLING_BOXES_H_
