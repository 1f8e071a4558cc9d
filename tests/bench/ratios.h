// Shares of measured ratios.

#ifndef SOBOLEV_TESTS_BENCH_RATIOS_H_
#define SOBOLEV_TESTS_BENCH_RATIOS_H_

#include <vector>

namespace sobolev::bench {

// How many per cent of the ratios, of which there are some, lie in [lo, hi].
double PercentWithin(const std::vector<double>& ratios, double lo, double hi);

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_RATIOS_H_
