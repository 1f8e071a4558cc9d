// What a surrogate misses at its samples, as local Taylor models that are served with it
// (surrogate/local_taylor.h).
//
// Whether they help, and of which order, is judged by samples that they were not shown, in turn
// one fifth of them. A held-out sample is farther from the others than most points are from
// samples: errors of order p are scaled down by ρ^(p+1), with ρ the ratio of these distances.

#ifndef SOBOLEV_ENGINE_SAMPLING_LOCAL_TAYLOR_FIT_H_
#define SOBOLEV_ENGINE_SAMPLING_LOCAL_TAYLOR_FIT_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"
#include "engine/surrogate/local_taylor.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::sampling {

struct LocalTaylorOptions {
  // 0: none; 1 to 3, as far as the samples determine it and in up to 5 inputs (3) or 13 (2). Unset:
  // what held-out samples prefer.
  std::optional<int> order;
  // Whether local models without the base may be preferred to it.
  bool alone = true;
  std::uint64_t seed = 1;  // Which samples are held out together.
};

struct LocalTaylorFit {
  // The base itself if order is 0, and a LocalTaylorSurrogate else.
  std::shared_ptr<const Surrogate> surrogate;
  int order = 0;
  bool alone = false;  // The local models are around the means of the outputs.
  // RMS errors to be expected, by the spread of outputs and over them; NaN unless there was a
  // choice.
  double base_error = 0;
  double error = 0;
};

// evidence: of the function that the base stands for. The base has the inputs lo + (hi − lo)∘x for
// the points x of the unit cube. Samples are compared with each other: the work grows with their
// square.
//
// Throws as TaylorModel; Error(kInvalidArgument) naming "base", "lo", "hi" or "order";
// Error(kCancelled) soon after `stop` fires.
LocalTaylorFit FitLocalTaylor(std::shared_ptr<const Surrogate> base, const Evidence& evidence,
                              const Vector& lo, const Vector& hi,
                              const LocalTaylorOptions& options = {},
                              const std::stop_token& stop = {});

// The highest order in so many inputs, whatever the samples.
int MostLocalTaylorOrder(Index n);

// The means of the known values of the outputs, everywhere.
std::shared_ptr<const Surrogate> MeanSurrogate(const Evidence& evidence);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_LOCAL_TAYLOR_FIT_H_
