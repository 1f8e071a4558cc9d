// The labels of a fit as residuals, sorted into groups that are swept alike.
//
// A group is a point with seeds ȳ and directions ẋ: it has a residual ȳᵀJ ẋ for every pair of them.
// Groups of one kind lie in lanes, a chunk of them side by side, with a root weight for every
// residual; missing labels have root weight 0.
//
// The residual of a pair of unit seed i and unit direction j has weight c_i·w_j: with weights of
// that form the Gauss-Newton matrices of all outputs share their products. A point whose weights
// are not of that form (labels missing here and there) becomes one group per output.

#ifndef SOBOLEV_ENGINE_NN_GRAM_POINTS_H_
#define SOBOLEV_ENGINE_NN_GRAM_POINTS_H_

#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/aligned_buffer.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"

namespace sobolev::nn {

enum class GramKind {
  kFull,     // Unit seeds, unit directions, and values: m + m·n residuals.
  kValues,   // Unit seeds, values only: m residuals.
  kTangent,  // Unit seeds, one direction of its own: m residuals.
  kAdjoint,  // One seed of its own, unit directions: n residuals.
  // One seed and one direction v of its own, unit directions besides: n residuals, the tangents
  // along v of those of kAdjoint.
  kCurvature,
};

inline constexpr GramKind kGramKinds[] = {GramKind::kFull, GramKind::kValues, GramKind::kTangent,
                                          GramKind::kAdjoint, GramKind::kCurvature};

constexpr bool HasValues(GramKind kind) {
  return kind == GramKind::kFull || kind == GramKind::kValues;
}
constexpr bool HasUnitSeeds(GramKind kind) {
  return kind != GramKind::kAdjoint && kind != GramKind::kCurvature;
}
// Whether a group has a direction of its own.
constexpr bool HasDirection(GramKind kind) {
  return kind == GramKind::kTangent || kind == GramKind::kCurvature;
}
constexpr bool HasUnitDirections(GramKind kind) {
  return kind == GramKind::kFull || kind == GramKind::kAdjoint;
}

// Rows of the data of a chunk, each of them as many elements as there are lanes.
struct GramRows {
  GramRows(GramKind kind, Index n, Index m);

  Index x = 0;            // n, then a row of ones.
  Index seed = 0;         // m, kAdjoint and kCurvature
  Index direction = 0;    // n, then a row of zeros, kTangent and kCurvature
  Index seed_root = 0;    // m: √c. kFull and kTangent
  Index input_root = 0;   // n: √w. kFull and kAdjoint
  Index target = 0;       // num_residuals
  Index root_weight = 0;  // num_residuals; for values first.
  Index num_residuals = 0;
  Index size = 0;
};

// All groups of a kind, in chunks.
struct GramGroups {
  GramGroups(GramKind group_kind, Index n, Index m) : kind(group_kind), rows(kind, n, m) {}

  const double* Chunk(Index chunk, Index lanes) const {
    return data.data() + chunk * rows.size * lanes;
  }

  GramKind kind;
  GramRows rows;
  Index num_groups = 0;
  Index num_chunks = 0;
  Index first_residual = 0;  // Of the first chunk in the vector of all residuals.
  AlignedBuffer<double> data;
};

// The kinds that have groups, with at least one group in each. Weights are documented in
// gram_sweep.h. Throws Error(kInvalidArgument) if a shape disagrees or a point number is not one.
std::vector<GramGroups> MakeGramGroups(const Architecture& architecture,
                                       const LabelledPoints& points, const LossWeights& weights,
                                       Index lanes);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_GRAM_POINTS_H_
