#include "client/cli/domain_text.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "client/cli/csv_reader.h"
#include "client/cli/design.h"
#include "client/cli/format.h"
#include "client/cli/json_format.h"
#include "client/cli/usage_error.h"
#include "engine/base/error.h"
#include "engine/program/program.h"

namespace sobolev::cli {
namespace {

using client::Index;
using client::Matrix;
using sampling::Input;
using sampling::InputKind;

std::vector<std::string> Split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.emplace_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

std::optional<double> ToNumber(std::string_view text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc() || rest != end) return std::nullopt;
  return value;
}

// NAME=LOWER:UPPER[:log|:int], NAME=VALUE or NAME=LEVEL|LEVEL....
Input ParseInput(const std::string& text) {
  const auto fail = [&] {
    return UsageError("--inputs: \"" + text +
                      "\": expected NAME=LOWER:UPPER, with :log or :int behind it, NAME=VALUE or "
                      "NAME=LEVEL|LEVEL");
  };
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0) throw fail();
  Input input{.name = text.substr(0, equals)};
  const std::string range = text.substr(equals + 1);
  if (range.find('|') != std::string::npos) {
    input.kind = InputKind::kCategorical;
    input.levels = Split(range, '|');
    return input;
  }
  const std::vector<std::string> parts = Split(range, ':');
  const std::optional<double> first = ToNumber(parts[0]);
  if (!first || parts.size() > 3) throw fail();
  if (parts.size() == 1) {
    input.fixed = first;
    return input;
  }
  const std::optional<double> second = ToNumber(parts[1]);
  if (!second) throw fail();
  input.min = *first;
  input.max = *second;
  if (parts.size() < 3) return input;
  if (parts[2] == "log") {
    input.scale = sampling::Scale::kLogarithmic;
  } else if (parts[2] == "int") {
    input.kind = InputKind::kInteger;
  } else {
    throw fail();
  }
  return input;
}

UsageError Refusal(const std::string& field, const std::string& what) {
  return UsageError(field + ": " + what);
}

void RequireObject(const Json& value, const std::string& field,
                   std::initializer_list<const char*> keys) {
  if (!value.is_object()) throw Refusal(field, "expected an object");
  for (const auto& [key, ignored] : value.items()) {
    if (std::ranges::find(keys, key) != keys.end()) continue;
    std::string problem = "expected the keys";
    for (const char* const known : keys) problem.append(" ").append(known);
    throw Refusal(field, problem.append(", got \"").append(key).append("\""));
  }
}

double NumberOf(const Json& value, const std::string& field) {
  if (value.is_number()) return value.get<double>();
  throw Refusal(field, "expected a number");
}

std::string TextOf(const Json& value, const std::string& field) {
  if (value.is_string()) return value.get<std::string>();
  throw Refusal(field, "expected a text");
}

const Json& ItemsOf(const Json& value, const std::string& field) {
  if (value.is_array()) return value;
  throw Refusal(field, "expected an array");
}

std::vector<double> NumbersOf(const Json& value, const std::string& field) {
  std::vector<double> numbers;
  for (const Json& item : ItemsOf(value, field)) numbers.push_back(NumberOf(item, field));
  return numbers;
}

template <class T>
T WordOf(const Json& value, const std::string& field, const std::map<std::string, T>& words) {
  const std::string word = TextOf(value, field);
  if (const auto found = words.find(word); found != words.end()) return found->second;
  std::vector<std::string> known;
  known.reserve(words.size());
  for (const auto& [name, meaning] : words) known.push_back(name);
  throw Refusal(field, "expected " + Join(known, ", ") + ", got \"" + word + "\"");
}

sampling::MeasureSpec ParseMeasure(const Json& json, const std::string& field) {
  RequireObject(json, field, {"uniform", "normal", "triangular", "beta", "piecewise_linear"});
  if (json.size() != 1) throw Refusal(field, "expected one measure");
  const std::string& kind = json.begin().key();
  const Json& parameters = json.begin().value();
  const auto number = [&](const char* key) {
    const std::string name = field + "." + key;
    if (!parameters.contains(key)) throw Refusal(name, "expected a number");
    return NumberOf(parameters[key], name);
  };
  const auto numbers = [&](const char* key) {
    const std::string name = field + "." + key;
    if (!parameters.contains(key)) throw Refusal(name, "expected an array");
    return NumbersOf(parameters[key], name);
  };
  if (kind == "normal") {
    RequireObject(parameters, field, {"mean", "standard_deviation"});
    return sampling::NormalMeasure{.mean = number("mean"),
                                   .standard_deviation = number("standard_deviation")};
  }
  if (kind == "triangular") {
    RequireObject(parameters, field, {"mode"});
    return sampling::TriangularMeasure{.mode = number("mode")};
  }
  if (kind == "beta") {
    RequireObject(parameters, field, {"alpha", "beta"});
    return sampling::BetaMeasure{.alpha = number("alpha"), .beta = number("beta")};
  }
  if (kind == "piecewise_linear") {
    RequireObject(parameters, field, {"positions", "densities"});
    return sampling::PiecewiseLinearMeasure{.positions = numbers("positions"),
                                            .densities = numbers("densities")};
  }
  RequireObject(parameters, field, {});
  return sampling::UniformMeasure{};
}

double ParseFixed(const Json& json, const std::string& field, const Input& input) {
  if (!json.is_string()) return NumberOf(json, field);
  const auto level = std::ranges::find(input.levels, json.get<std::string>());
  if (level == input.levels.end()) throw Refusal(field, "expected a number or one of the levels");
  return static_cast<double>(level - input.levels.begin());
}

Input ParseInput(const Json& json, const std::string& field) {
  RequireObject(json, field, {"name", "kind", "min", "max", "scale", "measure", "levels", "fixed"});
  Input input;
  if (!json.contains("name")) throw Refusal(field + ".name", "expected a text");
  input.name = TextOf(json["name"], field + ".name");
  if (json.contains("kind")) {
    input.kind = WordOf<InputKind>(json["kind"], field + ".kind",
                                   {{"continuous", InputKind::kContinuous},
                                    {"integer", InputKind::kInteger},
                                    {"categorical", InputKind::kCategorical}});
  }
  if (json.contains("levels")) {
    for (const Json& level : ItemsOf(json["levels"], field + ".levels")) {
      input.levels.push_back(TextOf(level, field + ".levels"));
    }
  }
  if (json.contains("fixed")) input.fixed = ParseFixed(json["fixed"], field + ".fixed", input);
  const bool needs_range = !input.fixed && input.kind != InputKind::kCategorical;
  for (const auto& [key, bound] : {std::pair("min", &input.min), {"max", &input.max}}) {
    const std::string name = field + "." + key;
    if (json.contains(key)) {
      *bound = NumberOf(json[key], name);
    } else if (needs_range) {
      throw Refusal(name, "expected a number");
    }
  }
  if (json.contains("scale")) {
    input.scale = WordOf<sampling::Scale>(
        json["scale"], field + ".scale",
        {{"linear", sampling::Scale::kLinear}, {"log", sampling::Scale::kLogarithmic}});
  }
  if (json.contains("measure")) input.measure = ParseMeasure(json["measure"], field + ".measure");
  return input;
}

sampling::LinearConstraint ParseLinear(const Json& json, const std::string& field,
                                       const std::vector<Input>& inputs) {
  RequireObject(json, field, {"coefficients", "bound"});
  if (!json.contains("coefficients") || !json["coefficients"].is_object()) {
    throw Refusal(field + ".coefficients", "expected an object with numbers of inputs");
  }
  if (!json.contains("bound")) throw Refusal(field + ".bound", "expected a number");
  sampling::LinearConstraint constraint{
      .coefficients = client::Vector::Zero(static_cast<Index>(inputs.size())),
      .bound = NumberOf(json["bound"], field + ".bound")};
  for (const auto& [name, value] : json["coefficients"].items()) {
    std::string key = field;
    key.append(".coefficients.").append(name);
    const auto input = std::ranges::find(inputs, name, &Input::name);
    if (input == inputs.end()) throw Refusal(key, "there is no such input");
    constraint.coefficients(input - inputs.begin()) = NumberOf(value, key);
  }
  return constraint;
}

sampling::Domain MakeDomain(std::vector<Input> inputs,
                            std::vector<sampling::LinearConstraint> linear,
                            std::shared_ptr<const program::Program> program) {
  try {
    return sampling::Domain(std::move(inputs), std::move(linear), std::move(program));
  } catch (const Error& error) {
    throw ToUsageError(error);
  }
}

std::shared_ptr<const program::Program> ParseProgram(const Json& json) {
  const std::string field = "constraints.program";
  try {
    return std::make_shared<program::Program>(TextOf(json, field));
  } catch (const Error& error) {
    throw Refusal(field, error.what());
  }
}

std::string CsvField(const std::string& text) {
  if (text.find_first_of(",\"\r\n \t") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted.append(c == '"' ? 2 : 1, c);
  return quoted.append("\"");
}

}  // namespace

sampling::Domain ParseInputs(std::string_view text) {
  std::vector<Input> inputs;
  for (const std::string& part : Split(text, ',')) inputs.push_back(ParseInput(part));
  return MakeDomain(std::move(inputs), {}, nullptr);
}

sampling::Domain ParseDomain(std::string_view json) {
  const Json document = Json::parse(json, nullptr, false);
  if (document.is_discarded()) throw Refusal("domain", "expected JSON");
  RequireObject(document, "domain", {"inputs", "constraints"});
  if (!document.contains("inputs")) throw Refusal("inputs", "expected an array");
  std::vector<Input> inputs;
  for (const Json& input : ItemsOf(document["inputs"], "inputs")) {
    inputs.push_back(ParseInput(input, "inputs[" + std::to_string(inputs.size()) + "]"));
  }
  std::vector<sampling::LinearConstraint> linear;
  std::shared_ptr<const program::Program> program;
  if (document.contains("constraints")) {
    const Json& constraints = document["constraints"];
    RequireObject(constraints, "constraints", {"linear", "program"});
    if (constraints.contains("linear")) {
      for (const Json& row : ItemsOf(constraints["linear"], "constraints.linear")) {
        const std::string field = "constraints.linear[" + std::to_string(linear.size()) + "]";
        linear.push_back(ParseLinear(row, field, inputs));
      }
    }
    if (constraints.contains("program")) program = ParseProgram(constraints["program"]);
  }
  return MakeDomain(std::move(inputs), std::move(linear), std::move(program));
}

Matrix ReadPoints(std::istream& in, const std::string& file_name, const sampling::Domain& domain) {
  CsvReader reader(in, file_name);
  if (!reader.Next()) throw UsageError(file_name + ": expected a header with names of inputs");
  const std::vector<Input>& inputs = domain.inputs();
  std::vector<std::optional<std::size_t>> columns(inputs.size());
  const std::size_t num_columns = reader.size();
  for (std::size_t i = 0; i < num_columns; ++i) {
    const auto input = std::ranges::find(inputs, reader.text(i), &Input::name);
    if (input != inputs.end()) columns[static_cast<std::size_t>(input - inputs.begin())] = i;
  }
  for (std::size_t j = 0; j < inputs.size(); ++j) {
    if (columns[j]) continue;
    throw reader.ErrorAt(reader.position(0), "expected a column \"" + inputs[j].name + "\"");
  }
  std::vector<double> values;
  while (reader.Next()) {
    if (reader.size() != num_columns) {
      throw reader.ErrorAt(reader.position(reader.size()),
                           "expected " + std::to_string(num_columns) + " fields, got " +
                               std::to_string(reader.size()));
    }
    for (std::size_t j = 0; j < inputs.size(); ++j) {
      const std::string_view text = reader.text(*columns[j]);
      const auto level = std::ranges::find(inputs[j].levels, text);
      const bool is_level = level != inputs[j].levels.end();
      const std::optional<double> value =
          is_level ? static_cast<double>(level - inputs[j].levels.begin()) : ToNumber(text);
      if (!value || (!is_level && inputs[j].kind == InputKind::kCategorical)) {
        throw reader.ErrorAt(
            reader.position(*columns[j]),
            "expected a value of \"" + inputs[j].name + "\", got \"" + std::string(text) + "\"");
      }
      values.push_back(*value);
    }
  }
  const auto n = static_cast<Index>(inputs.size());
  return Eigen::Map<const Matrix>(values.data(), n, static_cast<Index>(values.size()) / n);
}

void WritePoints(std::ostream& out, const sampling::Domain& domain, const Matrix& X) {
  const std::vector<Input>& inputs = domain.inputs();
  for (std::size_t j = 0; j < inputs.size(); ++j) {
    out << (j > 0 ? "," : "") << CsvField(inputs[j].name);
  }
  out << '\n';
  for (const auto& x : X.colwise()) {
    for (std::size_t j = 0; j < inputs.size(); ++j) {
      const double value = x(static_cast<Index>(j));
      out << (j > 0 ? "," : "")
          << (inputs[j].kind == InputKind::kCategorical
                  ? CsvField(inputs[j].levels[static_cast<std::size_t>(value)])
                  : FormatExact(value));
    }
    out << '\n';
  }
}

}  // namespace sobolev::cli
