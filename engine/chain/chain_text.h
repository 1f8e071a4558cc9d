// Chains as plain text, in the form in which instances are published: the number of factors, and
// for each, from the input side on, its outputs, inputs and edges,
//
//     2
//     3 2 6
//     2 3 7

#ifndef SOBOLEV_ENGINE_CHAIN_CHAIN_TEXT_H_
#define SOBOLEV_ENGINE_CHAIN_CHAIN_TEXT_H_

#include <string>
#include <string_view>

#include "engine/chain/jacobian_chain.h"

namespace sobolev::chain {

// Throws Error(kInvalidArgument) naming "text" with the place of what is not a number or missing,
// or as JacobianChain does.
JacobianChain ParseChain(std::string_view text);

std::string ToText(const JacobianChain& chain);

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_CHAIN_TEXT_H_
