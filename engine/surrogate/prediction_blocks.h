// What kinds of surrogates do alike to predict a batch: they count its work and deal its blocks.

#ifndef SOBOLEV_ENGINE_SURROGATE_PREDICTION_BLOCKS_H_
#define SOBOLEV_ENGINE_SURROGATE_PREDICTION_BLOCKS_H_

#include <optional>

#include <oneapi/tbb/parallel_for.h>

#include "engine/base/matrix.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev {

// Multiply-adds below which waking another thread costs more than it saves.
inline constexpr double kParallelCost = 2e6;

// What the buffers ask for. There are directions where the buffers need them.
inline PredictionSize SizeOf(Index num_points, const std::optional<Directions>& tangents,
                             const std::optional<Directions>& adjoints,
                             const PredictionBuffers& out) {
  return {.num_points = num_points,
          .jacobian = out.J != nullptr || out.J_spread != nullptr,
          .hessian = out.H != nullptr,
          .spread = out.Y_spread != nullptr || out.J_spread != nullptr,
          .num_tangents = out.NeedsTangents() ? tangents->count : 0,
          .num_adjoints = out.NeedsAdjoints() ? adjoints->count : 0,
          .second_adjoint = out.X_bar_dot != nullptr};
}

// Calls predict(block) for block = 0 … num_blocks − 1, in any order on the threads of the current
// oneTBB arena if so many multiply-adds are worth it.
template <class Predict>
void ForEachBlock(double cost, Index num_blocks, const Predict& predict) {
  if (cost < kParallelCost) {
    for (Index block = 0; block < num_blocks; ++block) predict(block);
  } else {
    oneapi::tbb::parallel_for(Index{0}, num_blocks, predict);
  }
}

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_PREDICTION_BLOCKS_H_
