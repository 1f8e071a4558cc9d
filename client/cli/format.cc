#include "client/cli/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace sobolev::cli {

std::string FormatExact(double value) {
  if (std::isnan(value)) return "nan";  // Its sign means nothing.
  std::array<char, 32> text{};
  const auto [end, error] = std::to_chars(text.begin(), text.end(), value);
  return {text.begin(), end};
}

std::string FormatShort(double value) {
  if (std::isnan(value)) return "nan";
  std::array<char, 32> text{};
  const auto [end, error] =
      std::to_chars(text.begin(), text.end(), value, std::chars_format::general, 6);
  return {text.begin(), end};
}

std::string FormatPercent(double ratio) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.3g%%", 100 * ratio);
  return text.data();
}

std::string FormatBytes(std::int64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1024 && unit + 1 < kUnits.size(); ++unit) value /= 1024;
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), unit == 0 ? "%.0f %s" : "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string FormatTime(client::Time time) {
  if (time == client::Time{}) return "-";
  const std::time_t seconds = std::chrono::system_clock::to_time_t(time);
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

std::string FormatBounds(const client::Variable& variable) {
  return "[" + (variable.lower ? FormatShort(*variable.lower) : "-inf") + ", " +
         (variable.upper ? FormatShort(*variable.upper) : "inf") + "]";
}

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

std::string WithSpaces(std::string_view name) {
  std::string text(name);
  std::ranges::replace(text, '_', ' ');
  return text;
}

std::string Join(const std::vector<std::string>& parts, const std::string& separator) {
  std::string text;
  for (const std::string& part : parts) {
    if (&part != &parts.front()) text += separator;
    text += part;
  }
  return text;
}

std::vector<std::string> Names(const std::vector<client::Variable>& variables) {
  std::vector<std::string> names;
  names.reserve(variables.size());
  for (const client::Variable& variable : variables) names.push_back(variable.name);
  return names;
}

void PrintTable(std::ostream& out, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const std::vector<std::string>& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const std::vector<std::string>& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out << row[i];
      if (i + 1 < row.size()) out << std::string(widths[i] - row[i].size() + 2, ' ');
    }
    out << '\n';
  }
}

void PrintFields(std::ostream& out,
                 const std::vector<std::pair<std::string, std::string>>& fields) {
  std::vector<std::vector<std::string>> rows;
  rows.reserve(fields.size());
  for (const auto& [name, value] : fields) rows.push_back({name, value});
  PrintTable(out, rows);
}

}  // namespace sobolev::cli
