// Designs in the unit cube: how far apart points are, how well their means integrate, and how long
// it takes to make them.
//
//     designs_bench [SEEDS, 10 by default]
//
// For n inputs and N points: the smallest distance between two points; RMS errors of the means of a
// product Π (1 + (u_j − ½)) and of Genz's Gaussian peak exp(−Σ 9 (u_j − ½)²/n), over their
// standard deviations under independent points times √N, so that those have 1; and milliseconds
// of one processor.

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <limits>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/design.h"
#include "engine/sampling/domain.h"

namespace sobolev::sampling {
namespace {

struct Kind {
  const char* name;
  DesignKind kind;
};

constexpr Kind kKinds[] = {{"random", DesignKind::kRandom},
                           {"lhs", DesignKind::kLatinHypercube},
                           {"lhs-ese", DesignKind::kOptimizedLatinHypercube},
                           {"lhs-maximin", DesignKind::kMaximinLatinHypercube},
                           {"halton", DesignKind::kHalton},
                           {"sobol", DesignKind::kSobol}};

double SmallestDistance(const Matrix& U) {
  double smallest = std::numeric_limits<double>::infinity();
  for (Index a = 0; a < U.cols(); ++a) {
    for (Index b = 0; b < a; ++b) smallest = std::min(smallest, (U.col(a) - U.col(b)).norm());
  }
  return smallest;
}

// Mean and variance of exp(−c (u − ½)²), u uniform on [0, 1].
std::pair<double, double> PeakMoments(double c) {
  const auto mean = [](double k) {
    return std::sqrt(std::numbers::pi / k) * std::erf(std::sqrt(k) / 2);
  };
  return {mean(c), mean(2 * c)};  // Of the function and of its square.
}

struct Row {
  double distance = 0;
  double product_error = 0;
  double peak_error = 0;
  double milliseconds = 0;
};

Row Measure(const Domain& domain, DesignKind kind, Index count, int seeds) {
  const auto n = static_cast<double>(domain.n());
  const double c = 9 / n;
  const auto [peak_mean, peak_square] = PeakMoments(c);
  const double peak = std::pow(peak_mean, n);
  const double peak_variance = std::pow(peak_square, n) - peak * peak;
  const double product_variance = std::pow(1 + 1 / 12.0, n) - 1;
  Row row;
  for (int seed = 0; seed < seeds; ++seed) {
    const std::clock_t start = std::clock();
    const Matrix U =
        MakeDesign(domain, {.kind = kind, .seed = static_cast<std::uint64_t>(seed)}, count, {}, {})
            .U;
    const std::clock_t elapsed = std::clock() - start;
    const double product = (U.array() + 0.5).colwise().prod().mean();
    const double gauss = (-c * (U.array() - 0.5).square().colwise().sum()).exp().mean();
    row.distance += SmallestDistance(U) / seeds;
    row.product_error += (product - 1) * (product - 1) / seeds;
    row.peak_error += (gauss - peak) * (gauss - peak) / seeds;
    row.milliseconds += 1e3 * static_cast<double>(elapsed) / CLOCKS_PER_SEC / seeds;
  }
  row.product_error = std::sqrt(row.product_error * static_cast<double>(count) / product_variance);
  row.peak_error = std::sqrt(row.peak_error * static_cast<double>(count) / peak_variance);
  return row;
}

void Run(int seeds) {
  for (const auto& [n, count] : {std::pair<Index, Index>{2, 64}, {5, 128}, {10, 256}, {10, 1024}}) {
    std::vector<Input> inputs(static_cast<std::size_t>(n));
    for (std::size_t j = 0; j < inputs.size(); ++j) inputs[j].name = std::to_string(j);
    const Domain domain(std::move(inputs));
    std::printf("\nn = %d, N = %d, mean of %d seeds\n%-12s %9s %9s %9s %9s\n", static_cast<int>(n),
                static_cast<int>(count), seeds, "", "distance", "product", "peak", "ms");
    for (const Kind& kind : kKinds) {
      const Row row = Measure(domain, kind.kind, count, seeds);
      std::printf("%-12s %9.4f %9.4f %9.4f %9.2f\n", kind.name, row.distance, row.product_error,
                  row.peak_error, row.milliseconds);
    }
  }
}

}  // namespace
}  // namespace sobolev::sampling

int main(int argc, char** argv) {
  const int seeds = argc > 1 ? std::atoi(argv[1]) : 10;
  if (seeds < 1) return 2;
  sobolev::sampling::Run(seeds);
  return 0;
}
