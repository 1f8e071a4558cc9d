// Which points of the unit cube to evaluate next.
//
// Candidates are ranked by the error that models of the evidence admit by contradicting each other,
// and by how far they are from all that is known. A batch keeps its distance from itself and from
// pending points, and every fifth point is placed by distance alone, so that nothing stays unseen.
// A search for a minimum or maximum goes to that of a model (model_minimum.h) with one point of a
// batch.

#ifndef SOBOLEV_ENGINE_SAMPLING_PLACEMENT_H_
#define SOBOLEV_ENGINE_SAMPLING_PLACEMENT_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/disagreement.h"
#include "engine/sampling/evidence.h"

namespace sobolev::sampling {

enum class Strategy {
  kDisagreement,  // Where models disagree.
  kLolaVoronoi,   // Where tangents at neighbours disagree and cells are large (Crombecq 2011).
  kSpaceFilling,  // A scrambled Sobol sequence, whatever the evidence.
};

// What the points are for, with Strategy::kDisagreement.
enum class Goal {
  kFit,      // A surrogate that is good everywhere.
  kMinimum,  // The least value of an output.
  kMaximum,  // The greatest.
  kLevel,    // Where an output takes a value.
};

struct PlacementOptions {
  Strategy strategy = Strategy::kDisagreement;
  Goal goal = Goal::kFit;
  Index output = 0;  // Of the other goals.
  double level = 0;  // Of kLevel.
  // m numbers >= 0, for kFit: how much errors of the outputs weigh, by their spreads. Empty:
  // equally.
  Vector output_weights;
  // The surrogates whose disagreement counts, two or more, such as members of the ensemble that is
  // served. Without them there are local Taylor models in up to 4 inputs, and space filling beyond.
  std::vector<Model> ensemble;
  // m standard deviations of the noise in the values (noise.h), for kFit: what models contradict
  // each other by because of it counts for nothing. Empty: none.
  Vector noise;
  Feasible feasible;
  std::uint64_t seed = 0;
  // How many points were proposed before, over all calls: the columns of the answer have the
  // numbers that follow. The same evidence, options and number give the same points.
  Index num_proposed = 0;
};

inline constexpr Index kMaxPointsAtOnce = 4096;

// With fewer samples, or none with a value of some output, all points are those of the Sobol
// sequence.
Index LeastSamples(Index n);

// Whether the point of that number is placed for its distance, whatever the models say.
bool FillsSpace(Index number);

// `count` feasible points of the unit cube, none of them known, pending or failed, no two alike,
// the most wanted first (n×count; fewer only if so many feasible points cannot be found). Uses
// oneTBB's current arena; the same bits whatever its size.
//
// Throws as RequireEvidence; Error(kInvalidArgument) naming "count" unless it is 1 …
// kMaxPointsAtOnce, or an option that is wrong; Error(kFailedPrecondition) if no feasible point is
// found; Error(kCancelled) soon after `stop` fires.
Matrix NextPoints(const Evidence& evidence, const PlacementOptions& options, Index count,
                  const std::stop_token& stop = {});

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_PLACEMENT_H_
