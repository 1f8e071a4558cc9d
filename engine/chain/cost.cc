#include "engine/chain/cost.h"

namespace sobolev::chain {

std::string Cost::ToString() const {
  std::string digits;
  Bits rest = value_;
  do {
    digits += static_cast<char>('0' + static_cast<int>(rest % 10));
    rest /= 10;
  } while (rest > 0);
  std::ranges::reverse(digits);
  return digits;
}

}  // namespace sobolev::chain
