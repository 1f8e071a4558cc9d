#include "engine/program/language/source.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>
#include <vector>

namespace sobolev::program::language {
namespace {

constexpr std::size_t kMaxShown = 40;  // Of a name in a message, in bytes.

constexpr std::array<std::string_view, 16> kReserved = {
    "and",   "const", "else", "evolve", "fn",     "for",    "if",   "in",
    "input", "let",   "not",  "or",     "output", "return", "step", "var"};

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsWord(char c) { return IsLetter(c) || IsDigit(c); }

// Advice for what people bring along from other languages, by how the text begins.
constexpr std::array<std::pair<std::string_view, std::string_view>, 10> kAdvice = {{
    {"**", "; write powers with ^"},
    {"&&", "; write 'and'"},
    {"||", "; write 'or'"},
    {"%", "; write a remainder as mod(a, b)"},
    {"!", "; write 'not', or != between two numbers"},
    {"=", "; equality is written =="},
    {"\"", "; there are no texts"},
    {"'", "; there are no texts, and transpose(A) is a function"},
    {"..", "; ranges stand in loops, sums, comprehensions and slices"},
    {"//", "; comments begin with #"},
}};

// The number of insertions, deletions, replacements and swaps of neighbours that turn `a` into `b`
// (Damerau 1964; no letter is edited twice).
std::size_t Edits(std::string_view a, std::string_view b) {
  // Of the first i letters of a, i − 1 and i − 2, and the first j of b.
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  std::vector<std::size_t> before;
  std::vector<std::size_t> before_that;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    before_that = std::exchange(before, row);
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = before[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      row[j] = std::min({replaced, before[j] + 1, row[j - 1] + 1});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_that[j - 2] + 1);
      }
    }
  }
  return row.back();
}

}  // namespace

SourceError Source::Fault(Position position, const std::string& reason,
                          const std::string& description) const {
  const std::string_view before = text_.substr(0, position);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t newline = before.rfind('\n');
  const std::size_t column =
      newline == std::string_view::npos ? before.size() + 1 : before.size() - newline;
  return {
      ErrorCode::kInvalidArgument, reason, "source",
      "line " + std::to_string(line) + ", column " + std::to_string(column) + ": " + description};
}

SourceError Source::Located(Position position, const Error& error) const {
  std::string description = error.what();
  const std::string prefix = error.field() + ": ";
  if (description.starts_with(prefix)) description.erase(0, prefix.size());
  return Fault(position, error.reason(), description);
}

std::string Source::Describe(Position position) const {
  const std::string_view rest = text_.substr(std::min<std::size_t>(position, text_.size()));
  if (rest.empty()) return "the end of the source";
  const char first = rest[0];
  if (first == '\n' || first == '\r' || first == '#') return "the end of the line";
  if (const std::string_view word = FirstWord(rest); !word.empty()) {
    return (IsReserved(word) ? "the reserved word " : "") + Quoted(word);
  }
  if (IsDigit(first)) {
    const auto* const end = std::find_if_not(rest.begin(), rest.end(), IsWord);
    return Quoted(rest.substr(0, static_cast<std::size_t>(end - rest.begin())));
  }
  if (const auto byte = static_cast<unsigned char>(first); byte >= 0x7f || byte < 0x20) {
    constexpr std::string_view kHex = "0123456789abcdef";
    return std::string("the byte 0x") + kHex[byte >> 4U] + kHex[byte & 15U] +
           "; only comments may hold other characters than printable ASCII";
  }
  const auto* const advice = std::find_if(kAdvice.begin(), kAdvice.end(), [&](const auto& entry) {
    return rest.starts_with(entry.first);
  });
  if (advice == kAdvice.end()) return "'" + std::string(1, first) + "'";
  return "'" + std::string(advice->first) + "'" + std::string(advice->second);
}

bool Source::IsOperatorAt(Position position) const {
  const std::string_view rest = text_.substr(std::min<std::size_t>(position, text_.size()));
  if (rest.starts_with("//") || rest.empty()) return false;
  const std::string_view word = FirstWord(rest);
  return std::string_view("+-*/@^<>").find(rest.front()) != std::string_view::npos ||
         rest.starts_with("==") || rest.starts_with("!=") || word == "and" || word == "or";
}

std::string Quoted(std::string_view name) {
  if (name.size() <= kMaxShown) return "'" + std::string(name) + "'";
  return "'" + std::string(name.substr(0, kMaxShown)) + "...'";
}

std::string Suggestion(std::string_view name, std::span<const std::string_view> known) {
  // Names of one letter are all alike.
  std::size_t fewest = name.size() < 2 ? 0 : name.size() < 5 ? 2 : name.size() < 8 ? 3 : 4;
  std::string_view nearest;
  for (const std::string_view candidate : known) {
    // The difference in length is a lower bound of the edits, and keeps long names cheap.
    const std::size_t difference = candidate.size() > name.size() ? candidate.size() - name.size()
                                                                  : name.size() - candidate.size();
    if (difference >= fewest || name.size() > kMaxShown) continue;
    const std::size_t edits = Edits(name, candidate);
    if (edits >= fewest) continue;
    fewest = edits;
    nearest = candidate;
  }
  return nearest.empty() ? std::string() : "; did you mean " + Quoted(nearest) + "?";
}

std::string_view FirstWord(std::string_view text) {
  if (text.empty() || !IsLetter(text[0])) return {};
  const auto* const end = std::find_if_not(text.begin(), text.end(), IsWord);
  return text.substr(0, static_cast<std::size_t>(end - text.begin()));
}

bool IsReserved(std::string_view word) {
  return std::binary_search(kReserved.begin(), kReserved.end(), word);
}

}  // namespace sobolev::program::language
