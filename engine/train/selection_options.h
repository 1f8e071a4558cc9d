// What the user says about a selection.

#ifndef SOBOLEV_ENGINE_TRAIN_SELECTION_OPTIONS_H_
#define SOBOLEV_ENGINE_TRAIN_SELECTION_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/train/composition.h"
#include "engine/train/loss_weights.h"
#include "engine/train/recipe.h"

namespace sobolev::train {

struct SelectionOptions {
  LossOptions loss;
  // Put around whatever is fitted.
  CompositionOptions composition;
  // What to try; empty: whatever is promising (portfolio.h).
  std::vector<Recipe> recipes;
  // About the multiply-adds to spend; the first recipe is always tried.
  double budget = 3e11;
  // More than 1: the best network is fitted from so many starts, and the ensemble is the surrogate.
  Index ensemble_size = 1;
  // What the surrogate obeys by construction. Only networks can.
  nn::ShapeConstraints shape;
  std::uint64_t seed = 1;
  // Bytes that the points may take with all their copies; of more a random part is used.
  std::size_t memory_limit = std::numeric_limits<std::size_t>::max();
};

// The checks that need only the sizes: throws Error(kInvalidArgument) naming "spec.network.hidden",
// "spec.network.residual", "spec.monotone", "spec.network.activation", "spec.kind" or a field of
// CheckComposition or CheckMappedShape, or Error(kFailedPrecondition) naming "dataset" if there is
// no sample.
void CheckSelection(const SelectionOptions& options, Index n, Index m, Index num_samples);

// What the result depends on, but for what is seen in the points that are fitted: the weights of
// their labels and, by the memory limit, their number.
void Add(const SelectionOptions& options, Hasher& hasher);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SELECTION_OPTIONS_H_
