// Schemas as people write them: on the command line and in the header of a CSV file.

#ifndef SOBOLEV_CLIENT_CLI_SCHEMA_TEXT_H_
#define SOBOLEV_CLIENT_CLI_SCHEMA_TEXT_H_

#include <string>
#include <string_view>
#include <vector>

#include <sobolev/types.h>

namespace sobolev::cli {

// Splits "a,b=0:1[m/s],c" at the commas outside brackets. Each part is name[=lower:upper][[unit]],
// where a bound may be left out: "t=0:[s]". Throws UsageError naming `option`.
std::vector<client::Variable> ParseVariables(std::string_view text, const std::string& option);

// Numbers separated by commas. Throws UsageError naming `option`.
std::vector<double> ParseNumbers(std::string_view text, const std::string& option);

// The name of a column: "d<y>/d<x>".
std::string DerivativeName(std::string_view output, std::string_view input);

// Sets allow_missing of the outputs in this list, "all" for all of them. Throws UsageError naming
// `option`.
void AllowMissing(std::string_view names, const std::string& option, client::Schema& schema);

// Completes a schema from the column names of a CSV file. What is not given follows from the plain
// columns, those that are neither "weight" nor a derivative of any kind: with outputs given, the
// others are the inputs, and the reverse; with neither, the derivative columns tell. Throws
// UsageError naming `file` if that leaves a column in doubt.
client::Schema InferSchema(const std::vector<std::string>& columns, const client::Schema& given,
                           const std::string& file);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_SCHEMA_TEXT_H_
