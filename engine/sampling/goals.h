// How much candidates promise for goals other than a good fit everywhere.

#ifndef SOBOLEV_ENGINE_SAMPLING_GOALS_H_
#define SOBOLEV_ENGINE_SAMPLING_GOALS_H_

#include <cstdint>

#include "engine/base/matrix.h"

namespace sobolev::sampling {

// E max(0, least − y) of y normally distributed around `mean` (Jones, Schonlau and Welch 1998);
// without spread, max(0, least − mean).
double ExpectedImprovement(double mean, double spread, double least);

// How much of the spread is near the level: spread · φ((mean − level)/spread), 0 without spread.
double LevelDoubt(double mean, double spread, double level);

// Points around `centre` on spheres of radii radius · 2^−k, k = 0 … 7, for a search of a minimum;
// clamped to the unit cube. slope: n, the gradient at the centre; half of the points lie on its
// lower side.
Matrix PointsAround(const Vector& centre, const Vector& slope, double radius, Index count,
                    std::uint64_t seed);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_GOALS_H_
