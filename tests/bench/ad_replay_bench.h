// The workloads of ad_workloads.h by batched replay, as measurements beside the scalar types.

#ifndef SOBOLEV_TESTS_BENCH_AD_REPLAY_BENCH_H_
#define SOBOLEV_TESTS_BENCH_AD_REPLAY_BENCH_H_

#include "tests/bench/ad_runner.h"

namespace sobolev::bench {

// Adds those that `runner` wants. Their variants begin with "replay". Programs are compiled when
// they are first run.
void AddReplays(Runner& runner);

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_AD_REPLAY_BENCH_H_
