// What a model is by construction, in words: its shape, and the maps around it.

#ifndef SOBOLEV_CLIENT_CLI_FORM_TEXT_H_
#define SOBOLEV_CLIENT_CLI_FORM_TEXT_H_

#include <string>
#include <utility>
#include <vector>

#include <sobolev/types.h>

namespace sobolev::cli {

// Fields for PrintFields, such as ("monotone", "increasing in a, b; decreasing in c") and
// ("input maps", "a: period 8, 2 harmonics"). Nothing of what the model does not have.
std::vector<std::pair<std::string, std::string>> FormFields(const client::ModelVersion& version);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_FORM_TEXT_H_
