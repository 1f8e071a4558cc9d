// Whether local Taylor models of what a surrogate misses help, and of which order, as samples tell
// that were not shown to them, in turn one fifth.
//
// A held-out sample is farther from the others than most points are from samples: errors of order p
// are scaled down by ρ^(p+1), with ρ the ratio of these distances.

#ifndef SOBOLEV_TESTS_BENCH_TAYLOR_CHOICE_H_
#define SOBOLEV_TESTS_BENCH_TAYLOR_CHOICE_H_

#include <memory>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::bench {

struct TaylorChoice {
  std::shared_ptr<const Surrogate> surrogate;  // The base itself if order is 0.
  int order = 0;
  bool alone = false;  // The local models are around the mean of the values instead.
};

// evidence: of one output, with derivatives, 10 samples or more. The base has the inputs
// lo + side∘x for the points x of the unit cube.
TaylorChoice ChooseLocalTaylor(const std::shared_ptr<const Surrogate>& base,
                               const sampling::Evidence& evidence, const Vector& lo,
                               const Vector& side);

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_TAYLOR_CHOICE_H_
