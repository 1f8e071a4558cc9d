// Jacobian chains in files, as JSON or as the plain text of engine/chain/chain_text.h.

#ifndef SOBOLEV_CLIENT_CLI_CHAIN_FILE_H_
#define SOBOLEV_CLIENT_CLI_CHAIN_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "client/cli/json_format.h"
#include "engine/ad/sparsity.h"
#include "engine/chain/cost.h"
#include "engine/chain/jacobian_chain.h"

namespace sobolev::cli {

struct ChainFile {
  chain::JacobianChain chain;
  // One per factor, or none if no factor has one; factors without one are dense.
  std::vector<ad::SparsityPattern> patterns;
};

// {"factors": [{"n": …, "m": …, "edges": …, "pattern": ["101", …]}, …]} from the input side on, or
// plain text. Numbers may be strings. Without edges, a factor has one for each entry of its
// pattern, or n·m. Throws UsageError naming the factor and the key.
ChainFile ParseChainFile(std::string_view text);

Json ToJson(const chain::JacobianChain& chain);

// A number, or a string of digits beyond 2⁵³, where readers of JSON lose digits.
Json CostToJson(chain::Cost cost);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_CHAIN_FILE_H_
