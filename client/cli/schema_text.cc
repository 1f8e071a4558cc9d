#include "client/cli/schema_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "client/cli/format.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

// The parts of `text` between the commas outside brackets.
std::vector<std::string_view> SplitList(std::string_view text) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  bool in_brackets = false;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && text[i] == '[') in_brackets = true;
    if (i < text.size() && text[i] == ']') in_brackets = false;
    if (i == text.size() || (text[i] == ',' && !in_brackets)) {
      parts.push_back(text.substr(begin, i - begin));
      begin = i + 1;
    }
  }
  return parts;
}

std::optional<double> ParseFinite(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && std::isfinite(value) ? std::optional(value) : std::nullopt;
}

client::Variable ParseVariable(std::string_view text, const std::string& option) {
  const auto fail = [&](const std::string& what) {
    return UsageError(option + ": " + Quoted(text) + ": " + what +
                      "; write NAME, NAME=LOWER:UPPER or NAME=LOWER:UPPER[UNIT]");
  };
  const auto parse_bound = [&](std::string_view bound) -> std::optional<double> {
    if (bound.empty()) return std::nullopt;
    if (const std::optional<double> value = ParseFinite(bound)) return value;
    throw fail("expected a number as bound, got " + Quoted(bound));
  };

  client::Variable variable;
  std::string_view rest = text;
  if (const std::size_t bracket = rest.find('['); bracket != std::string_view::npos) {
    if (rest.back() != ']') throw fail("expected the unit to end with ]");
    variable.unit = rest.substr(bracket + 1, rest.size() - bracket - 2);
    rest = rest.substr(0, bracket);
  }
  if (const std::size_t equals = rest.find('='); equals != std::string_view::npos) {
    const std::string_view bounds = rest.substr(equals + 1);
    const std::size_t colon = bounds.find(':');
    if (colon == std::string_view::npos) throw fail("expected two bounds with : between them");
    variable.lower = parse_bound(bounds.substr(0, colon));
    variable.upper = parse_bound(bounds.substr(colon + 1));
    rest = rest.substr(0, equals);
  }
  if (rest.empty()) throw fail("expected a name");
  variable.name = rest;
  return variable;
}

bool Contains(const std::vector<client::Variable>& variables, std::string_view name) {
  return std::ranges::find(variables, name, &client::Variable::name) != variables.end();
}

// The names in the derivative columns of the pairs of plain columns, in the order of the columns.
client::Schema FromDerivativeColumns(const std::vector<std::string>& columns,
                                     const std::vector<std::string>& plain,
                                     const std::string& file) {
  const auto has_column = [&](const std::string& name) {
    return std::ranges::find(columns, name) != columns.end();
  };
  client::Schema schema;
  for (const std::string& name : plain) {
    const bool is_output = std::ranges::any_of(
        plain, [&](const std::string& other) { return has_column(DerivativeName(name, other)); });
    const bool is_input = std::ranges::any_of(
        plain, [&](const std::string& other) { return has_column(DerivativeName(other, name)); });
    if (is_output == is_input) {
      throw UsageError(
          file + ": cannot tell whether column " + Quoted(name) + " is an input or an output" +
          (is_output ? "" : ": no column d<y>/d<x> names it") + "; add --inputs or --outputs");
    }
    (is_output ? schema.outputs : schema.inputs).push_back({.name = name});
  }
  return schema;
}

}  // namespace

std::vector<client::Variable> ParseVariables(std::string_view text, const std::string& option) {
  std::vector<client::Variable> variables;
  for (const std::string_view part : SplitList(text)) {
    variables.push_back(ParseVariable(part, option));
  }
  return variables;
}

std::vector<double> ParseNumbers(std::string_view text, const std::string& option) {
  std::vector<double> numbers;
  for (const std::string_view part : SplitList(text)) {
    const std::optional<double> number = ParseFinite(part);
    if (!number) {
      throw UsageError(option + ": expected numbers separated by commas, got " + Quoted(text));
    }
    numbers.push_back(*number);
  }
  return numbers;
}

std::string DerivativeName(std::string_view output, std::string_view input) {
  return "d" + std::string(output) + "/d" + std::string(input);
}

void AllowMissing(std::string_view names, const std::string& option, client::Schema& schema) {
  for (const std::string_view name : SplitList(names)) {
    bool found = false;
    for (client::Variable& output : schema.outputs) {
      if (output.name != name && names != "all") continue;
      output.allow_missing = true;
      found = true;
    }
    if (!found)
      throw UsageError(option + ": expected names of outputs or all, got " + Quoted(name));
  }
}

client::Schema InferSchema(const std::vector<std::string>& columns, const client::Schema& given,
                           const std::string& file) {
  std::vector<std::string> plain;
  for (const std::string& column : columns) {
    // Names of variables hold no slash and no colon, all others but one do.
    if (column != "weight" && column.find_first_of("/:") == std::string::npos) {
      plain.push_back(column);
    }
  }
  for (const auto* variables : {&given.inputs, &given.outputs}) {
    for (const client::Variable& variable : *variables) {
      if (std::ranges::find(columns, variable.name) == columns.end()) {
        throw UsageError(file + ": has no column " + Quoted(variable.name));
      }
    }
  }
  if (given.inputs.empty() && given.outputs.empty()) {
    return FromDerivativeColumns(columns, plain, file);
  }
  client::Schema schema = given;
  std::vector<client::Variable>& missing = given.inputs.empty() ? schema.inputs : schema.outputs;
  if (!missing.empty()) return schema;
  const std::vector<client::Variable>& known = given.inputs.empty() ? given.outputs : given.inputs;
  for (const std::string& name : plain) {
    if (!Contains(known, name)) missing.push_back({.name = name});
  }
  return schema;
}

}  // namespace sobolev::cli
