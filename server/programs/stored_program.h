// Programs of the store, compiled for those who keep them beyond a call.

#ifndef SOBOLEV_SERVER_PROGRAMS_STORED_PROGRAM_H_
#define SOBOLEV_SERVER_PROGRAMS_STORED_PROGRAM_H_

#include <memory>
#include <string>

#include "engine/chain/program_surrogate.h"
#include "server/storage/store.h"

namespace sobolev::server {

// What the current tenant calls "programs/{program}". Throws Error(kInvalidArgument) naming
// `field`, Error(kNotFound) and Error(kDataLoss).
std::shared_ptr<const chain::ProgramSurrogate> LoadProgram(Store& store, const std::string& name,
                                                           const std::string& field);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_PROGRAMS_STORED_PROGRAM_H_
