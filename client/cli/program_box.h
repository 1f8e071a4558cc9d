// Programs seen as functions of named scalars: the schema of their elements and the box they are
// sampled or bounded over.

#ifndef SOBOLEV_CLIENT_CLI_PROGRAM_BOX_H_
#define SOBOLEV_CLIENT_CLI_PROGRAM_BOX_H_

#include <string>
#include <vector>

#include <sobolev/programs.h>

#include "client/cli/design.h"

namespace sobolev::cli {

// What --bounds says of itself.
inline constexpr const char* kBoundsHelp =
    "Instead of the declared bounds, NAME=LOWER:UPPER,... of inputs or their elements, as in "
    "'x=0:1,A.0.1=-1:1'; an end that is left out, as in 'x=0:', stays";

// One variable for each element, without bounds: bounds of a dataset refuse samples of other boxes.
client::Schema SchemaOf(const client::Program& program);

// The declared bounds of the inputs, but for those that `overrides` gives (kBoundsHelp). Throws
// UsageError naming --bounds for unknown and repeated names, for what is no range of finite
// numbers, of which one may be left out, and for inputs without any bounds. Ranges of elements go
// before those of a whole input.
Box BoxOf(const client::Program& program, const std::string& overrides);
// Likewise the domain of a model, whose inputs are scalars.
Box BoxOf(const client::ModelVersion& version, const std::string& overrides);
// As requests take it.
std::vector<client::Range> RangesOf(const Box& box);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_PROGRAM_BOX_H_
