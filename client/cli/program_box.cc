#include "client/cli/program_box.h"

#include <cmath>
#include <limits>
#include <vector>

#include "client/cli/format.h"
#include "client/cli/schema_text.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Index;

// Sets the rows of the variable or element called `name`; false if there is none.
bool SetRange(const client::Program& program, const std::vector<std::string>& elements,
              const client::Variable& range, Box& box) {
  const auto set = [&](Index row) {
    box.low(row) = *range.lower;
    box.high(row) = *range.upper;
  };
  for (const client::ProgramVariable& input : program.inputs) {
    if (input.name != range.name) continue;
    const auto size = static_cast<Index>(client::ElementNames({input}).size());
    for (Index i = 0; i < size; ++i) set(input.offset + i);
    return true;
  }
  for (std::size_t row = 0; row < elements.size(); ++row) {
    if (elements[row] != range.name) continue;
    set(static_cast<Index>(row));
    return true;
  }
  return false;
}

}  // namespace

client::Schema SchemaOf(const client::Program& program) {
  client::Schema schema;
  for (std::string& name : ElementNames(program.inputs)) {
    schema.inputs.push_back({.name = std::move(name)});
  }
  for (std::string& name : ElementNames(program.outputs)) {
    schema.outputs.push_back({.name = std::move(name)});
  }
  return schema;
}

Box BoxOf(const client::Program& program, const std::string& overrides) {
  constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::string> elements = ElementNames(program.inputs);
  Box box{.low = client::Vector::Constant(program.input_size, kUnknown),
          .high = client::Vector::Constant(program.input_size, kUnknown)};
  for (const client::ProgramVariable& input : program.inputs) {
    if (!input.bounds) continue;
    SetRange(program, elements,
             {.name = input.name, .lower = input.bounds->min, .upper = input.bounds->max}, box);
  }
  if (!overrides.empty()) {
    for (const client::Variable& range : ParseVariables(overrides, "--bounds")) {
      if (!range.lower || !range.upper || *range.lower > *range.upper) {
        throw UsageError("--bounds: expected LOWER:UPPER with LOWER at most UPPER for \"" +
                         range.name + "\", got " + FormatBounds(range));
      }
      if (!SetRange(program, elements, range, box)) {
        throw UsageError("--bounds: \"" + range.name + "\" is no input of " + program.name +
                         "; expected " + Join(elements, ", ").substr(0, 200));
      }
    }
  }
  for (Index j = 0; j < program.input_size; ++j) {
    if (std::isnan(box.low(j))) {
      throw UsageError("--bounds: input \"" + elements[static_cast<std::size_t>(j)] +
                       "\" declares no bounds; add NAME=LOWER:UPPER");
    }
  }
  return box;
}

}  // namespace sobolev::cli
