// Functions of two to ten inputs, most of them well known, that benchmarks share by name.

#ifndef SOBOLEV_TESTS_BENCH_TEST_FUNCTIONS_H_
#define SOBOLEV_TESTS_BENCH_TEST_FUNCTIONS_H_

#include <string>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev::bench {

struct TestFunction {
  std::string name;
  Index n = 0;
  std::string source;           // Of a program with the inputs a, b, c, …, but for these lines.
  std::vector<double> lo = {};  // Of the inputs; empty: the unit cube.
  std::vector<double> hi = {};
};

// Throws std::out_of_range if there is none of that name.
TestFunction FindTestFunction(const std::string& name);

// The source of a program of n inputs without bounds: their lines, then the rest.
std::string ProgramText(Index n, const std::string& rest);

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_TEST_FUNCTIONS_H_
