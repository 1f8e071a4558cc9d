#include "server/programs/stored_program.h"

#include "server/convert/names.h"

namespace sobolev::server {

std::shared_ptr<const chain::ProgramSurrogate> LoadProgram(Store& store, const std::string& name,
                                                           const std::string& field) {
  return std::make_shared<chain::ProgramSurrogate>(
      store.GetProgram(ParseProgramName(name, field)).source, chain::AcceptedSourceLimits());
}

}  // namespace sobolev::server
