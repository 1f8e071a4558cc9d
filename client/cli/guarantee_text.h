// What `model certify` and `model significance` are told: conditions and cuts as text.

#ifndef SOBOLEV_CLIENT_CLI_GUARANTEE_TEXT_H_
#define SOBOLEV_CLIENT_CLI_GUARANTEE_TEXT_H_

#include <string>

#include <sobolev/guarantees.h>

namespace sobolev::cli {

// OUTPUT=[MIN]:[MAX], where OUTPUT is * for all. Throw UsageError naming the option.
client::ValueCondition ParseValueCondition(const std::string& text);
// [OUTPUT/INPUT=]MOST, where either is * for all.
client::DerivativeCondition ParseDerivativeCondition(const std::string& text);
// INPUT=PIECES or INPUT=PIECES:geometric.
client::InputCut ParseCut(const std::string& text);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_GUARANTEE_TEXT_H_
