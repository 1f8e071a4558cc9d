#include "engine/base/number_text.h"

#include <array>
#include <charconv>

namespace sobolev {

std::string NumberText(double number) {
  std::array<char, 32> text{};
  const std::to_chars_result end = std::to_chars(text.data(), text.data() + text.size(), number);
  return {text.data(), end.ptr};
}

}  // namespace sobolev
