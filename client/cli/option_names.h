// Fields of requests by the options that set them.

#ifndef SOBOLEV_CLIENT_CLI_OPTION_NAMES_H_
#define SOBOLEV_CLIENT_CLI_OPTION_NAMES_H_

#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

namespace sobolev::cli {

// "--max-error" for "target.value_error" where the command that was given has such an option,
// rather one that was given too; empty for fields without options, and for options of the same
// name.
std::string OptionOf(std::string_view field, const CLI::App& app);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_OPTION_NAMES_H_
