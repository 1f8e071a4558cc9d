// Numbers, times and tables as text.

#ifndef SOBOLEV_CLIENT_CLI_FORMAT_H_
#define SOBOLEV_CLIENT_CLI_FORMAT_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sobolev/types.h>

namespace sobolev::cli {

// The shortest text that reads back as the same double.
std::string FormatExact(double value);
// Six significant digits.
std::string FormatShort(double value);
// Three significant digits: "1.23%" of 0.012345.
std::string FormatPercent(double ratio);
// "1.5 MiB".
std::string FormatBytes(std::int64_t bytes);
// RFC 3339 in UTC with seconds, or "-" for an unknown time.
std::string FormatTime(client::Time time);
// "[0, 1]"; an unset bound reads -inf or inf.
std::string FormatBounds(const client::Variable& variable);

// "\"text\"", as errors tell what was given.
std::string Quoted(std::string_view text);
// "gaussian process" of "gaussian_process".
std::string WithSpaces(std::string_view name);
std::string Join(const std::vector<std::string>& parts, const std::string& separator);
std::vector<std::string> Names(const std::vector<client::Variable>& variables);

// Columns as wide as their widest cell, two blanks between them, no blanks at the line ends.
void PrintTable(std::ostream& out, const std::vector<std::vector<std::string>>& rows);
// One line per field: its name, then its value in a column of its own.
void PrintFields(std::ostream& out, const std::vector<std::pair<std::string, std::string>>& fields);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_FORMAT_H_
