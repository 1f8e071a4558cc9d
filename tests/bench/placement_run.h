// Placements of points, batch by batch, as a sampling job does them.

#ifndef SOBOLEV_TESTS_BENCH_PLACEMENT_RUN_H_
#define SOBOLEV_TESTS_BENCH_PLACEMENT_RUN_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/placement.h"
#include "tests/bench/unit_function.h"

namespace sobolev::bench {

struct Way {
  sampling::Strategy strategy = sampling::Strategy::kDisagreement;
  Index at_a_time = 0;  // 0: an eighth of what is there.
  bool gradients = true;
  std::function<bool(const Vector& u)> fails = {};  // Empty: nowhere.
  Index at_first = 0;  // Samples; 0: as many as a placement by models needs.
};

// Calls visit(evidence) after every batch until it returns true, or there are `most` samples.
template <class Visit>
void Explore(const UnitFunction& function, const Way& way, Index most, std::uint64_t seed,
             const Visit& visit) {
  sampling::Evidence evidence = function.Nothing();
  sampling::PlacementOptions options{.strategy = way.strategy, .seed = seed};
  const Index first = way.at_first > 0 ? way.at_first : sampling::LeastSamples(function.n());
  while (evidence.NumSamples() < most) {
    const Index size = evidence.NumSamples();
    const Index batch = way.at_a_time > 0 ? way.at_a_time : std::max<Index>(1, size / 8);
    const Matrix U = NextPoints(evidence, options, size == 0 ? first : batch);
    options.num_proposed += U.cols();
    std::vector<Index> good;
    std::vector<Index> bad;
    for (Index s = 0; s < U.cols(); ++s) {
      (way.fails && way.fails(U.col(s)) ? bad : good).push_back(s);
    }
    function.Add(U(Eigen::all, good), way.gradients, evidence);
    const Index failed = evidence.failed.cols();
    evidence.failed.conservativeResize(function.n(), failed + std::ssize(bad));
    evidence.failed.rightCols(std::ssize(bad)) = U(Eigen::all, bad);
    if (visit(std::as_const(evidence))) return;
  }
}

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_PLACEMENT_RUN_H_
