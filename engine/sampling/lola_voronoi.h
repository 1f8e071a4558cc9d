// LOLA-Voronoi (Crombecq, Gorissen, Deschrijver and Dhaene 2011): evaluate next in the cells of
// samples that are large or around which the function is least linear.

#ifndef SOBOLEV_ENGINE_SAMPLING_LOLA_VORONOI_H_
#define SOBOLEV_ENGINE_SAMPLING_LOLA_VORONOI_H_

#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/evidence.h"

namespace sobolev::sampling {

// For each candidate how much its cell is wanted, the larger the farther it is from the sample of
// the cell: half of it the part of candidates in the cell, half the part of the cell in the sum of
// |value − tangent| at the 2n neighbours of its sample. Tangents are those of the supplied
// derivatives; outputs and neighbours without known values do not count. weights: m.
Vector LolaVoronoiScores(const Evidence& evidence, const Candidates& candidates,
                         const Vector& weights, const std::stop_token& stop);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_LOLA_VORONOI_H_
