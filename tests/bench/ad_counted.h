// A scalar that counts what is done to it: the denominator of "per operation".
//
// Every arithmetic operation and every elementary function is one operation, whether a derivative
// would pass through it or not. Assignments and comparisons are free. Not thread-safe.

#ifndef SOBOLEV_TESTS_BENCH_AD_COUNTED_H_
#define SOBOLEV_TESTS_BENCH_AD_COUNTED_H_

#include <cmath>
#include <cstdint>

namespace sobolev::bench {

class Counted {
 public:
  Counted() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): constants mix freely with variables.
  Counted(double value) : value_(value) {}

  // How many were done so far.
  static std::int64_t& Operations() {
    static std::int64_t operations = 0;
    return operations;
  }

  friend Counted operator-(const Counted& x) { return Done(-x.value_); }
  friend Counted operator+(const Counted& x, const Counted& y) { return Done(x.value_ + y.value_); }
  friend Counted operator-(const Counted& x, const Counted& y) { return Done(x.value_ - y.value_); }
  friend Counted operator*(const Counted& x, const Counted& y) { return Done(x.value_ * y.value_); }
  friend Counted operator/(const Counted& x, const Counted& y) { return Done(x.value_ / y.value_); }
  friend Counted exp(const Counted& x) { return Done(std::exp(x.value_)); }
  friend Counted sin(const Counted& x) { return Done(std::sin(x.value_)); }
  friend Counted tanh(const Counted& x) { return Done(std::tanh(x.value_)); }
  Counted& operator+=(const Counted& y) { return *this = *this + y; }

  friend bool operator<(const Counted& x, const Counted& y) { return x.value_ < y.value_; }

 private:
  static Counted Done(double value) {
    ++Operations();
    return value;
  }

  double value_ = 0;
};

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_AD_COUNTED_H_
