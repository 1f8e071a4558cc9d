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

struct FoldedData {
  FitData all;                 // Every point that is used, nothing held out.
  std::vector<FitData> folds;  // At least one.
};

// Points that are used: at most 20,000, and as many as take `memory_limit` bytes with all their
// labels, in the folds and in the fit that runs. Throws Error(kResourceExhausted) naming "dataset"
// if there is no room for one.
Index MostPoints(const SampleSet& samples, std::size_t memory_limit);

// Of many samples a random part of MostPoints is used. Few points are dealt to folds for a
// cross-validation; of more, one share is held out. A single point, which cannot be held out, is
// judged by itself. The same seed deals alike. Throws as StandardPoints and MostPoints.
FoldedData DealFolds(const SampleSet& samples, const nn::Scaling& scaling, const LossOptions& loss,
                     std::uint64_t seed, std::size_t memory_limit,
                     const std::stop_token& stop = {});

// The data with that share of the training points, at least one; the first ones.
FitData FirstPart(const FitData& data, double share);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_FOLDS_H_
