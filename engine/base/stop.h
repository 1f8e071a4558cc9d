// Cancellation.

#ifndef SOBOLEV_ENGINE_BASE_STOP_H_
#define SOBOLEV_ENGINE_BASE_STOP_H_

#include <stop_token>

#include "engine/base/error.h"

namespace sobolev {

// Throws Error(kCancelled) if `stop` has fired.
inline void ThrowIfStopped(const std::stop_token& stop) {
  if (!stop.stop_requested()) return;
  throw Error(ErrorCode::kCancelled, "CANCELLED", "", "the caller stopped the computation");
}

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_BASE_STOP_H_
