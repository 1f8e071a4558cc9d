// Designs of experiments: at which points of a domain to run a function.

#ifndef SOBOLEV_ENGINE_SAMPLING_DESIGN_H_
#define SOBOLEV_ENGINE_SAMPLING_DESIGN_H_

#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/domain.h"

namespace sobolev::sampling {

enum class DesignKind {
  // Sequences: as many points as wanted, and any number more.
  kSobol,   // Scrambled; up to 1,111 inputs that are not fixed.
  kHalton,  // Scrambled.
  kRandom,  // Independent, by the measures of the inputs.
  // Latin hypercubes (latin_hypercube.h).
  kLatinHypercube,
  kMaximinLatinHypercube,
  kOptimizedLatinHypercube,  // By the φ₁₆ criterion.
  // All combinations of levels.
  kCentredGrid,          // In the middles of cells of equal probability.
  kFullFactorial,        // At the ends of the ranges and equal steps of probability between them.
  kFractionalFactorial,  // Some of those of two levels, which are the ends of the ranges.
  kUserPoints,           // Given ones, checked.
};

struct DesignOptions {
  DesignKind kind = DesignKind::kSobol;
  std::uint64_t seed = 0;
  // Of grids and full factorials: for each input that is not fixed, or one for all that are
  // continuous. By default discrete inputs take all of their values and the others share `count`.
  std::vector<Index> levels;
  // Of fractional factorials: generators (factorial.h), where A is the first input that is not
  // fixed; or without them a resolution, 3, 4 or 5.
  std::vector<std::string> generators;
  int resolution = 0;
  Matrix points;  // n×N: of user points.
  // Effort: how many candidates in a row may be infeasible, or repeat a point, before it is said
  // that there are no more. Also the number of exchanges that make a Latin hypercube feasible.
  Index max_rejections = 100'000;
};

// What is there already.
struct Continuation {
  Index first = 0;  // Of a sequence: DesignPoints::next of the design that goes on.
  Matrix existing;  // n×E, or empty: points of the domain that are not repeated.
};

struct DesignPoints {
  Matrix X;                // n×N, in the units of the user; feasible.
  Matrix U;                // d×N, in the unit cube.
  Index next = 0;          // Of a sequence: the first candidate that was not looked at.
  Index num_rejected = 0;  // Candidates that were infeasible, or repeated a point.
};

// `count` points, none twice where inputs are discrete, and none of those that exist.
//
// A sequence leaves out infeasible candidates; going on from `next`, or from 0 past all points that
// exist, gives what a longer design has. A Latin hypercube takes the slices that existing points
// leave free; where points are infeasible or repeated it exchanges slices between points, and what
// that leaves over are random points instead. Of grids, factorials and user points `count` is their
// number before infeasible and existing ones are left out, or 0.
//
// Same arguments, same candidates in the cube on every machine. X, and with it what is feasible,
// and the middles of discrete values go through the machine's logarithms where scales or measures
// do. Throws Error(kInvalidArgument) naming what is wrong: "count", "levels[1]", "generators[0]",
// "resolution", "inputs[3]", "points[17][3]", "existing[17][3]"; Error(kFailedPrecondition)
// INFEASIBLE, naming "constraints", or NO_MORE_POINTS, naming "count", when the effort is spent;
// and Error(kCancelled).
DesignPoints MakeDesign(const Domain& domain, const DesignOptions& options, Index count,
                        const Continuation& continuation, const std::stop_token& stop);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_DESIGN_H_
