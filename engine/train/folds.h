// The parts of the samples that a selection fits to and judges by.

#ifndef SOBOLEV_ENGINE_TRAIN_FOLDS_H_
#define SOBOLEV_ENGINE_TRAIN_FOLDS_H_

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/fit.h"
#include "engine/train/loss_weights.h"
#include "engine/train/samples.h"

namespace sobolev::train {

// Which samples are used, and where they are held out.
struct Deal {
  std::vector<std::uint32_t> numbers;  // Ascending.
  std::vector<Index> fold_of;          // One per number; num_folds or more: never held out.
  Index num_folds = 0;                 // 0: a single point, which cannot be held out.
};

// Of more samples than `most` a random part is used. Few points are dealt to folds for a
// cross-validation; of more, one share is held out. The same seed deals alike.
Deal DealSamples(Index num_samples, Index most, std::uint64_t seed);

struct FoldedData {
  FitData all;                 // Every point that is used, nothing held out.
  std::vector<FitData> folds;  // At least one.
};

// Points that are used: at most 20,000, and as many as take `memory_limit` bytes with all their
// labels, in the folds and in the fit that runs. Throws Error(kResourceExhausted) naming "dataset"
// if there is no room for one.
Index MostPoints(const SampleSet& samples, std::size_t memory_limit);

// The samples as dealt. A single point is judged by itself. Throws as StandardPoints.
FoldedData MakeFolds(const SampleSet& samples, const Deal& deal, const nn::Scaling& scaling,
                     const LossOptions& loss, std::uint64_t seed, const std::stop_token& stop = {});

// The data with that share of the training points, at least one; the first ones.
FitData FirstPart(const FitData& data, double share);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_FOLDS_H_
