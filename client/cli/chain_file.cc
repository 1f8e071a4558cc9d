#include "client/cli/chain_file.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include "client/cli/usage_error.h"
#include "engine/base/error.h"
#include "engine/chain/chain_text.h"

namespace sobolev::cli {
namespace {

constexpr std::uint64_t kMaxPatternSize = 1 << 24;

[[noreturn]] void Refuse(const std::string& field, const std::string& what) {
  throw UsageError(field + ": " + what);
}

// What was written instead; not all of it, which may be long and deep.
std::string Shown(const Json& value) {
  constexpr std::size_t kShown = 40;
  if (value.is_structured()) return value.is_array() ? "an array" : "an object";
  const std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  return text.size() > kShown ? text.substr(0, kShown) + "..." : text;
}

std::uint64_t ParseSize(const Json& value, const std::string& field) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
  }
  Refuse(field, "expected a whole number from 0 to 2^64 - 1, got " + Shown(value));
}

void RequirePatternSize(const std::string& field, std::uint64_t n, std::uint64_t m) {
  std::uint64_t entries = 0;
  if (!__builtin_mul_overflow(n, m, &entries) && entries <= kMaxPatternSize) return;
  Refuse(field, "expected at most 2^24 entries, n m, where there are patterns");
}

std::optional<ad::SparsityPattern> ParsePattern(const Json& factor, const std::string& field,
                                                std::uint64_t n, std::uint64_t m) {
  const auto found = factor.find("pattern");
  if (found == factor.end()) return std::nullopt;
  RequirePatternSize(field, n, m);
  if (!found->is_array() || found->size() != m) {
    Refuse(field, "expected an array of m = " + std::to_string(m) + " strings, one for each row" +
                      (found->is_array() ? ", got " + std::to_string(found->size()) : ""));
  }
  std::vector<ad::PatternEntry> entries;
  std::int32_t row = 0;
  for (const Json& line : *found) {
    const bool is_text = line.is_string();
    const std::string text = is_text ? line.get<std::string>() : "";
    if (!is_text || text.size() != n || text.find_first_not_of("01") != std::string::npos) {
      Refuse(
          field + "[" + std::to_string(row) + "]",
          "expected a string of n = " + std::to_string(n) + " digits 0 or 1, got " + Shown(line));
    }
    for (std::size_t column = 0; column < text.size(); ++column) {
      if (text[column] == '1') entries.push_back({row, static_cast<std::int32_t>(column)});
    }
    ++row;
  }
  return ad::SparsityPattern::FromEntries(static_cast<std::int32_t>(m),
                                          static_cast<std::int32_t>(n), std::move(entries));
}

std::uint64_t SizeOf(const Json& factor, const char* key, const std::string& field) {
  const auto found = factor.find(key);
  if (found == factor.end()) Refuse(field, std::string("expected a key \"") + key + "\"");
  return ParseSize(*found, field + "." + key);
}

ChainFile ParseJson(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) Refuse("chain", "expected JSON after the brace");
  const auto found = json.find("factors");
  if (found == json.end() || !found->is_array()) {
    Refuse("chain", "expected a key \"factors\" with an array");
  }
  std::vector<chain::ChainFactor> factors;
  std::vector<std::optional<ad::SparsityPattern>> given;
  for (const Json& factor : *found) {
    const std::string field = "factors[" + std::to_string(factors.size()) + "]";
    if (!factor.is_object()) Refuse(field, "expected an object with n, m and edges");
    for (const auto& [key, value] : factor.items()) {
      if (key != "n" && key != "m" && key != "edges" && key != "pattern") {
        Refuse(field, "unknown key \"" + key + "\"; expected n, m, edges and pattern");
      }
    }
    chain::ChainFactor& added = factors.emplace_back();
    added.n = SizeOf(factor, "n", field);
    added.m = SizeOf(factor, "m", field);
    given.push_back(ParsePattern(factor, field + ".pattern", added.n, added.m));
    if (const auto edges = factor.find("edges"); edges != factor.end()) {
      added.edges = ParseSize(*edges, field + ".edges");
    } else if (given.back()) {
      added.edges = static_cast<std::uint64_t>(given.back()->num_entries());
    } else if (__builtin_mul_overflow(added.n, added.m, &added.edges)) {
      Refuse(field, "expected a key \"edges\", because n m is beyond 64 bits");
    }
  }
  ChainFile file{.chain = chain::JacobianChain(std::move(factors)), .patterns = {}};
  if (std::ranges::none_of(given, [](const auto& pattern) { return pattern.has_value(); })) {
    return file;
  }
  for (std::size_t i = 0; i < given.size(); ++i) {
    const chain::ChainFactor& factor = file.chain.factors()[i];
    if (!given[i]) RequirePatternSize("factors[" + std::to_string(i) + "]", factor.n, factor.m);
    file.patterns.push_back(given[i]
                                ? std::move(*given[i])
                                : ad::SparsityPattern::Dense(static_cast<std::int32_t>(factor.m),
                                                             static_cast<std::int32_t>(factor.n)));
  }
  return file;
}

}  // namespace

ChainFile ParseChainFile(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  try {
    if (begin != std::string_view::npos && text[begin] == '{') return ParseJson(text);
    return {.chain = chain::ParseChain(text), .patterns = {}};
  } catch (const Error& error) {
    throw UsageError(error.what());
  }
}

Json ToJson(const chain::JacobianChain& chain) {
  Json factors = Json::array();
  for (const chain::ChainFactor& factor : chain.factors()) {
    factors.push_back({{"n", CostToJson(chain::Cost(factor.n))},
                       {"m", CostToJson(chain::Cost(factor.m))},
                       {"edges", CostToJson(chain::Cost(factor.edges))}});
  }
  return {{"factors", std::move(factors)}};
}

Json CostToJson(chain::Cost cost) {
  constexpr std::uint64_t kExact = std::uint64_t{1} << 53;
  if (cost <= chain::Cost(kExact)) return cost.To64();
  return cost.ToString();
}

}  // namespace sobolev::cli
