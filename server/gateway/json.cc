#include "server/gateway/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

constexpr int kMaxDepth = 32;

Error InvalidJson(const std::string& what) { return InvalidArgument("INVALID_JSON", "body", what); }

// The number of members in all objects of the text, each as often as it is written. Brackets beyond
// the limit are found here, before the parser spends memory on each of them.
std::size_t CountMembers(std::string_view text) {
  std::size_t members = 0;
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
    } else if (c == '"') {
      quoted = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) {
        throw InvalidJson("expected at most " + std::to_string(kMaxDepth) +
                          " levels of brackets, got more at byte " + std::to_string(i + 1));
      }
    } else if (c == ']' || c == '}') {
      --depth;
    } else if (c == ':') {
      ++members;
    }
  }
  return members;
}

// The number of members in all objects within `value`, each once.
std::size_t CountMembers(const Json& value) {
  if (!value.is_structured()) return 0;
  std::size_t members = value.is_object() ? value.size() : 0;
  for (const Json& element : value) members += CountMembers(element);
  return members;
}

Error WrongKind(const std::string& expected, const Json& value, const std::string& field) {
  return InvalidArgument("WRONG_TYPE", field, "expected " + expected + ", got " + Kind(value));
}

// Appends the lists of the dimensions from `shape` on; returns the numbers behind them.
const double* AppendLists(const double* numbers, std::span<const std::int64_t> shape,
                          std::string& text) {
  if (shape.empty()) {
    AppendNumber(*numbers, text);
    return numbers + 1;
  }
  text += '[';
  for (std::int64_t k = 0; k < shape.front(); ++k) {
    if (k > 0) text += ',';
    numbers = AppendLists(numbers, shape.subspan(1), text);
  }
  text += ']';
  return numbers;
}

}  // namespace

Json ParseObject(const std::string& body) {
  const std::size_t written = CountMembers(std::string_view(body));
  Json value;
  try {
    value = Json::parse(body);
  } catch (const Json::parse_error& error) {
    throw InvalidJson(
        "expected JSON in UTF-8, which has no NaN or Infinity, got something else at byte " +
        std::to_string(error.byte));
  } catch (const Json::exception&) {
    throw InvalidJson("expected JSON with numbers in the range of float64");
  }
  if (!value.is_object()) throw WrongKind("a JSON object", value, "body");
  // Readers differ in which of two members they take, so that a proxy may have checked the other.
  if (CountMembers(value) != written) {
    throw InvalidJson("expected each name once in an object, got one twice");
  }
  return value;
}

const Json& RequireMember(const Json& object, const std::string& name, const std::string& field,
                          const std::string& expected) {
  const auto found = object.find(name);
  if (found != object.end()) return *found;
  throw InvalidArgument("MISSING_FIELD", field, "expected " + expected + ", got nothing");
}

void RequireMembersAmong(const Json& value, std::initializer_list<std::string_view> names,
                         const std::string& field) {
  if (!value.is_object()) throw WrongKind("an object", value, field);
  for (const auto& [name, member] : value.items()) {
    if (std::ranges::find(names, name) != names.end()) continue;
    std::string known;
    for (const std::string_view each : names) {
      if (!known.empty()) known += ", ";
      known += each;
    }
    known.insert(0, "expected nothing but ").append(", got '").append(name).append("'");
    throw InvalidArgument("UNKNOWN_FIELD", field, known);
  }
}

const std::string& RequireString(const Json& value, const std::string& field) {
  if (!value.is_string()) throw WrongKind("a string", value, field);
  return value.get_ref<const std::string&>();
}

std::int64_t RequireInteger(const Json& value, const std::string& field) {
  constexpr double kExact = 9007199254740992;  // Up to here every whole number is a float64.
  const double number = RequireNumber(value, field);
  if (number != std::floor(number) || std::abs(number) > kExact) {
    throw WrongKind("a whole number", value, field);
  }
  return static_cast<std::int64_t>(number);
}

double RequireNumber(const Json& value, const std::string& field) {
  if (!value.is_number()) throw WrongKind("a number", value, field);
  return value.get<double>();
}

std::vector<double> RequireNumbers(const Json& value, std::int64_t size, const std::string& meaning,
                                   const std::string& field) {
  if (!value.is_array() || static_cast<std::int64_t>(value.size()) != size) {
    throw InvalidArgument("SHAPE_MISMATCH", field,
                          "expected a list of " + std::to_string(size) + " numbers, " + meaning +
                              ", got " + Kind(value));
  }
  std::vector<double> numbers;
  numbers.reserve(value.size());
  for (const Json& element : value) {
    // The path costs more than the number, so it is made for errors only.
    if (element.is_number()) {
      numbers.push_back(element.get<double>());
    } else {
      throw WrongKind("a number", element, field + "[" + std::to_string(numbers.size()) + "]");
    }
  }
  return numbers;
}

std::string Kind(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null:
      return "null";
    case Json::value_t::object:
      return "an object";
    case Json::value_t::array:
      return "a list of " + std::to_string(value.size());
    case Json::value_t::string:
      return "a string";
    case Json::value_t::boolean:
      return value.get<bool>() ? "true" : "false";
    default:
      return value.dump();
  }
}

std::string ToText(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void AppendNumber(double number, std::string& text) {
  std::array<char, 32> digits{};
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), number);
  text.append(digits.data(), end);
}

void AppendNumbers(std::span<const double> numbers, std::span<const std::int64_t> shape,
                   std::string& text) {
  // Extents beside one of zero may be of any size.
  if (numbers.empty()) {
    text += "[]";
  } else {
    AppendLists(numbers.data(), shape, text);
  }
}

}  // namespace sobolev::server
