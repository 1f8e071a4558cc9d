#include "client/cli/guarantee_text.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

[[noreturn]] void Fail(const char* option, const std::string& text, const std::string& expected) {
  throw UsageError(std::string(option) + ": expected " + expected + ", got \"" + text + "\"");
}

template <class Number>
std::optional<Number> Parse(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || rest != end) return std::nullopt;
  return number;
}

std::optional<double> ParseFinite(std::string_view text) {
  const std::optional<double> number = Parse<double>(text);
  return number && std::isfinite(*number) ? number : std::nullopt;
}

// What is before the first `separator`, and what is behind it.
struct Halves {
  std::string_view before;
  std::string_view behind;
};
std::optional<Halves> Cut(std::string_view text, char separator) {
  const std::size_t place = text.find(separator);
  if (place == std::string_view::npos) return std::nullopt;
  return Halves{.before = text.substr(0, place), .behind = text.substr(place + 1)};
}

// Empty for all.
std::string NameOrAll(std::string_view name) { return name == "*" ? "" : std::string(name); }

}  // namespace

client::ValueCondition ParseValueCondition(const std::string& text) {
  constexpr const char* kOption = "--value";
  constexpr const char* kForm = "OUTPUT=[MIN]:[MAX] with a finite number on at least one side";
  const std::optional<Halves> sides = Cut(text, '=');
  if (!sides || sides->before.empty()) Fail(kOption, text, kForm);
  const std::optional<Halves> bounds = Cut(sides->behind, ':');
  if (!bounds || (bounds->before.empty() && bounds->behind.empty())) Fail(kOption, text, kForm);
  client::ValueCondition condition{.output = NameOrAll(sides->before)};
  const auto parse = [&](std::string_view bound) -> std::optional<double> {
    if (bound.empty()) return std::nullopt;
    const std::optional<double> number = ParseFinite(bound);
    if (!number) Fail(kOption, text, kForm);
    return number;
  };
  condition.min = parse(bounds->before);
  condition.max = parse(bounds->behind);
  return condition;
}

client::DerivativeCondition ParseDerivativeCondition(const std::string& text) {
  constexpr const char* kOption = "--derivative";
  constexpr const char* kForm = "[OUTPUT/INPUT=]MOST with a finite number >= 0";
  client::DerivativeCondition condition;
  std::string_view most = text;
  if (const std::optional<Halves> sides = Cut(text, '=')) {
    const std::optional<Halves> names = Cut(sides->before, '/');
    if (!names || names->before.empty() || names->behind.empty()) Fail(kOption, text, kForm);
    condition.output = NameOrAll(names->before);
    condition.input = NameOrAll(names->behind);
    most = sides->behind;
  }
  const std::optional<double> number = ParseFinite(most);
  if (!number || *number < 0) Fail(kOption, text, kForm);
  condition.most = *number;
  return condition;
}

client::InputCut ParseCut(const std::string& text) {
  constexpr const char* kOption = "--cut";
  constexpr const char* kForm = "INPUT=PIECES or INPUT=PIECES:geometric";
  const std::optional<Halves> sides = Cut(text, '=');
  if (!sides || sides->before.empty()) Fail(kOption, text, kForm);
  client::InputCut cut{.input = std::string(sides->before)};
  std::string_view pieces = sides->behind;
  if (const std::optional<Halves> kind = Cut(pieces, ':')) {
    if (kind->behind != "geometric") Fail(kOption, text, kForm);
    cut.geometric = true;
    pieces = kind->before;
  }
  const std::optional<int> number = Parse<int>(pieces);
  if (!number || *number < 1) Fail(kOption, text, kForm);
  cut.pieces = *number;
  return cut;
}

}  // namespace sobolev::cli
