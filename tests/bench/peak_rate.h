// What the processor can do at most: the ceiling that kernels are held against.

#ifndef SOBOLEV_TESTS_BENCH_PEAK_RATE_H_
#define SOBOLEV_TESTS_BENCH_PEAK_RATE_H_

namespace sobolev {

// Multiply-adds per CPU second of one thread in float or double: independent chains on registers,
// measured once per process.
template <class T>
double PeakRate();

extern template double PeakRate<float>();
extern template double PeakRate<double>();

}  // namespace sobolev

#endif  // SOBOLEV_TESTS_BENCH_PEAK_RATE_H_
