// What a surrogate misses at its samples, as local Taylor models that are served with it
// (surrogate/local_taylor.h).

#ifndef SOBOLEV_ENGINE_SAMPLING_LOCAL_TAYLOR_FIT_H_
#define SOBOLEV_ENGINE_SAMPLING_LOCAL_TAYLOR_FIT_H_

#include <memory>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"
#include "engine/surrogate/local_taylor.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::sampling {

struct LocalTaylorFit {
  // The base itself if order is 0, and a LocalTaylorSurrogate else.
  std::shared_ptr<const Surrogate> surrogate;
  int order = 0;
};

// evidence: of the function that the base stands for. The base has the inputs lo + (hi − lo)∘x for
// the points x of the unit cube. order: 0 to 3, lowered to what the samples determine, and to 2 in
// more than 5 inputs and 1 in more than 13. Samples are compared with each other: the work grows
// with their square.
//
// Throws as TaylorModel; Error(kInvalidArgument) naming "base", "lo", "hi" or "order";
// Error(kCancelled) soon after `stop` fires.
LocalTaylorFit FitLocalTaylor(std::shared_ptr<const Surrogate> base, const Evidence& evidence,
                              const Vector& lo, const Vector& hi, int order,
                              const std::stop_token& stop = {});

// The highest order in so many inputs, whatever the samples.
int MostLocalTaylorOrder(Index n);

// The means of the known values of the outputs, everywhere.
std::shared_ptr<const Surrogate> MeanSurrogate(const Evidence& evidence);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_LOCAL_TAYLOR_FIT_H_
