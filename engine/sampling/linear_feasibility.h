// Do linear constraints leave anything of a box?

#ifndef SOBOLEV_ENGINE_SAMPLING_LINEAR_FEASIBILITY_H_
#define SOBOLEV_ENGINE_SAMPLING_LINEAR_FEASIBILITY_H_

#include <optional>
#include <stop_token>

#include "engine/base/matrix.h"

namespace sobolev::sampling {

// A proof that no x with low <= x <= high has A x <= b (A: k×n): k multipliers λ >= 0 with
// λᵀ A x > λᵀ b in all of the box, by more than rounding (Farkas' lemma). Those of constraints that
// have no part in the contradiction are 0. Nothing if there is such an x, or if the difference is
// within rounding. Deterministic. Throws Error(kCancelled).
std::optional<Vector> ProveInfeasible(const Matrix& A, const Vector& b, const Vector& low,
                                      const Vector& high, const std::stop_token& stop);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_LINEAR_FEASIBILITY_H_
