#include "tests/bench/ratios.h"

#include <algorithm>
#include <vector>

namespace sobolev::bench {

double PercentWithin(const std::vector<double>& ratios, double lo, double hi) {
  const auto inside =
      std::ranges::count_if(ratios, [&](double ratio) { return ratio >= lo && ratio <= hi; });
  return 100 * static_cast<double>(inside) / static_cast<double>(ratios.size());
}

}  // namespace sobolev::bench
