// How much of a box a function could be replaced in by Taylor polynomials of low order.

#ifndef SOBOLEV_ENGINE_SAMPLING_TAYLOR_SHARES_H_
#define SOBOLEV_ENGINE_SAMPLING_TAYLOR_SHARES_H_

#include <array>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::sampling {

// Shares of the volume by the lowest order, 0 to 2, that suffices; the rest takes more.
using TaylorShares = std::array<double, 3>;

// An order suffices at a point if the Taylor polynomial of f around the nearest of the centres
// (n×K, K >= 1, in units of the inputs; near by the sides of the box) differs from f by at most
// `tolerance` of the standard deviation of every output over the box. Judged at points drawn at
// random, the same ones in every call.
//
// Throws Error(kInvalidArgument) naming "lo", "hi" or "centres" if a size disagrees or there is no
// centre, and Error(kCancelled) soon after `stop` fires.
TaylorShares FindTaylorShares(const Surrogate& f, const Matrix& centres, const Vector& lo,
                              const Vector& hi, double tolerance, const std::stop_token& stop = {});

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_TAYLOR_SHARES_H_
