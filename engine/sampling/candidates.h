// Points among which the next ones to evaluate are chosen.

#ifndef SOBOLEV_ENGINE_SAMPLING_CANDIDATES_H_
#define SOBOLEV_ENGINE_SAMPLING_CANDIDATES_H_

#include <cstdint>
#include <functional>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"

namespace sobolev::sampling {

// Whether a point of the unit cube may be evaluated; none: everywhere.
using Feasible = std::function<bool(const Vector& x)>;

struct Candidates {
  Matrix X;         // n×C
  Vector distance;  // C: to the nearest sample or failed point; infinite if there is none.
};

// Points are looked for so long for each that is wanted, and at least so long.
inline constexpr Index kEffort = 64;
inline constexpr Index kLeastEffort = 1 << 16;

// `count` feasible points of a scrambled Sobol sequence from its point `first` on, without those
// that were evaluated, are pending or failed; fewer if the effort does not suffice. The same
// arguments give the same points.
//
// Throws Error(kFailedPrecondition) if there is none at all, and Error(kCancelled) soon after
// `stop` fires.
Matrix FreshPoints(const Evidence& evidence, const Feasible& feasible, Index first, Index count,
                   std::uint64_t seed, const std::stop_token& stop);

// The columns of X that are feasible and neither known nor pending nor failed.
Matrix FreshColumns(const Evidence& evidence, const Feasible& feasible, const Matrix& X);

// X with the distances.
Candidates MakeCandidates(const Evidence& evidence, Matrix X, const std::stop_token& stop);

// For each column of X the distance to the nearest column of `others`; infinite if there is none.
Vector NearestDistances(const Matrix& X, const Matrix& others, const std::stop_token& stop);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_CANDIDATES_H_
