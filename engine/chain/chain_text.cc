#include "engine/chain/chain_text.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"

namespace sobolev::chain {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// Numbers between spaces, one after the other.
class NumberReader {
 public:
  explicit NumberReader(std::string_view text) : rest_(text) { SkipSpace(); }

  bool AtEnd() const { return rest_.empty(); }

  std::uint64_t Next(const std::string& what) {
    ++position_;
    const std::string_view word = rest_.substr(0, rest_.find_first_of(kSpace));
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    if (word.empty() || error != std::errc() || end != word.data() + word.size()) {
      constexpr std::size_t kShown = 20;
      throw InvalidArgument("BAD_CHAIN", "text",
                            "expected " + what + " as number " + std::to_string(position_) +
                                " of the text, got " +
                                (word.empty() ? std::string("its end")
                                              : "\"" + std::string(word.substr(0, kShown)) + "\""));
    }
    rest_.remove_prefix(word.size());
    SkipSpace();
    return number;
  }

 private:
  void SkipSpace() { rest_.remove_prefix(std::min(rest_.find_first_not_of(kSpace), rest_.size())); }

  std::string_view rest_;
  int position_ = 0;
};

}  // namespace

JacobianChain ParseChain(std::string_view text) {
  NumberReader reader(text);
  const std::uint64_t length = reader.Next("the number of factors");
  std::vector<ChainFactor> factors;
  while (factors.size() < length && factors.size() <= JacobianChain::kMaxFactors) {
    const std::string of = " of factor " + std::to_string(factors.size() + 1);
    ChainFactor factor;
    factor.m = reader.Next("the outputs" + of);
    factor.n = reader.Next("the inputs" + of);
    factor.edges = reader.Next("the edges" + of);
    factors.push_back(factor);
  }
  if (factors.size() == length && !reader.AtEnd()) {
    throw InvalidArgument("BAD_CHAIN", "text",
                          "expected nothing after " + std::to_string(length) + " factors");
  }
  return JacobianChain(std::move(factors));
}

std::string ToText(const JacobianChain& chain) {
  std::string text = std::to_string(chain.size()) + "\n";
  for (const ChainFactor& factor : chain.factors()) {
    text.append(std::to_string(factor.m)).append(" ");
    text.append(std::to_string(factor.n)).append(" ");
    text.append(std::to_string(factor.edges)).append("\n");
  }
  return text;
}

}  // namespace sobolev::chain
