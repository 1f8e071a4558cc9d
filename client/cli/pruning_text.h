// What pruning removed from a model and what that cost, as text and as JSON.

#ifndef SOBOLEV_CLIENT_CLI_PRUNING_TEXT_H_
#define SOBOLEV_CLIENT_CLI_PRUNING_TEXT_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sobolev/types.h>

#include "client/cli/json_format.h"

namespace sobolev::cli {

// "vertices", "sobolev-obs", "mean" and so on.
std::string_view Name(client::PrunedParts parts);
std::string_view Name(client::PruningRule rule);
std::string_view Name(client::PruningCompensation compensation);

Json ToJson(const client::PruningReport& report);

// Fields for PrintFields: of what, how, and what was removed.
std::vector<std::pair<std::string, std::string>> PruningFields(const client::PruningReport& report);

// Tables of sizes, of errors and deviations, of the box, and the certificate. `version` has a
// pruning report.
void PrintPruning(std::ostream& out, const client::ModelVersion& version);
// A row for each version, which were pruned for parts of a range of that input of their source.
void PrintPrunedParts(std::ostream& out, const std::vector<client::ModelVersion>& versions,
                      std::size_t input);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_PRUNING_TEXT_H_
