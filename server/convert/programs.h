// Programs between their stored form, their wire form and the engine's form.

#ifndef SOBOLEV_SERVER_CONVERT_PROGRAMS_H_
#define SOBOLEV_SERVER_CONVERT_PROGRAMS_H_

#include <string>

#include "engine/program/program.h"
#include "proto/sobolev/v1/programs.pb.h"
#include "server/storage/store.h"

namespace sobolev::server {

// What the store keeps of a compiled program; the time is the store's to fill in.
ProgramRecord ToRecord(const std::string& id, const std::string& source,
                       const program::Program& program);

// Without name if the id is empty, and without create_time if that is 0.
v1::Program ToProto(const ProgramRecord& record);

// Arithmetic and reversal of a request. Throws Error(kInvalidArgument) naming "arithmetic",
// "reversal.strategy" or "reversal.checkpoints".
program::Settings ToSettings(const v1::EvaluateRequest& request);

v1::ReversalCounts ToProto(const program::ReversalCounts& counts);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_PROGRAMS_H_
