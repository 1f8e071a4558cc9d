// Where to run a function: options that name a design of engine/sampling, and what comes of them.

#ifndef SOBOLEV_CLIENT_CLI_DESIGN_H_
#define SOBOLEV_CLIENT_CLI_DESIGN_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <sobolev/types.h>

#include "client/cli/usage_error.h"
#include "engine/base/error.h"
#include "engine/sampling/design.h"
#include "engine/sampling/domain.h"

namespace sobolev::cli {

// As written on the command line.
const std::map<std::string, sampling::DesignKind>& Designs();
std::string_view Name(sampling::DesignKind kind);

struct DesignArguments {
  sampling::DesignKind kind = sampling::DesignKind::kLatinHypercube;
  std::optional<std::int64_t> count;
  std::vector<client::Index> levels;
  std::vector<std::string> generators;
  int resolution = 0;
};

// --count, --levels, --generators, --resolution, and the kind as `kind_option`. `arguments`
// outlives the parser.
void AddDesignOptions(CLI::App& app, const std::string& kind_option, DesignArguments& arguments);

// `arguments.count` points, or if there is none, what the kind has by itself: all combinations of a
// grid or factorial, all of `points`, and 1000 of others. Those in `continuation` are not repeated.
// Throws UsageError naming the option that is wrong.
sampling::DesignPoints MakeDesign(const sampling::Domain& domain, const DesignArguments& arguments,
                                  std::uint64_t seed, const client::Matrix& points,
                                  const sampling::Continuation& continuation);

// An error of the engine, with the option of that name for the field.
UsageError ToUsageError(const Error& error);

// An n-dimensional box.
struct Box {
  client::Vector low;
  client::Vector high;
};

// The box as a domain; inputs without width are fixed. Throws UsageError.
sampling::Domain DomainOf(const Box& box, const std::vector<std::string>& names);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_DESIGN_H_
