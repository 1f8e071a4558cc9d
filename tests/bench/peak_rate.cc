// Compiled for the own processor (CMakeLists.txt), so it includes nothing that shares inline code
// with the library.

#include "tests/bench/peak_rate.h"

#include <time.h>

namespace sobolev {

namespace {

double CpuSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

template <class T>
double Measure() {
  constexpr int kBytes = 64;
  constexpr int kLanes = kBytes / static_cast<int>(sizeof(T));
  constexpr int kChains = 12;
  constexpr int kRounds = 1 << 22;
  constexpr int kRepetitions = 5;
  using Vec [[gnu::vector_size(kBytes)]] = T;
  double best = 0;
  for (int repetition = 0; repetition < kRepetitions; ++repetition) {
    Vec sums[kChains] = {};
    Vec factor = Vec{} + static_cast<T>(0.999);
    Vec term = Vec{} + static_cast<T>(1e-3);
    asm volatile("" : "+x"(factor), "+x"(term));  // Unknown to the compiler.
    const double start = CpuSeconds();
    for (int round = 0; round < kRounds; ++round) {
#pragma GCC unroll 12
      for (int chain = 0; chain < kChains; ++chain) sums[chain] = sums[chain] * factor + term;
    }
    const double seconds = CpuSeconds() - start;
    asm volatile("" : : "m"(sums));  // Used.
    const double rate = static_cast<double>(kRounds) * kChains * kLanes / seconds;
    if (rate > best) best = rate;
  }
  return best;
}

}  // namespace

template <class T>
double PeakRate() {
  static const double rate = Measure<T>();
  return rate;
}

template double PeakRate<float>();
template double PeakRate<double>();

}  // namespace sobolev
