#include "engine/train/mini_batch.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/trainer.h"

namespace sobolev::train {

namespace {

// Samples of one slice.
constexpr Index kSliceSamples = 65536;
// Samples of a step; at most all of them.
constexpr Index kLeastBatch = 256;
constexpr Index kBatches = 16;

// The first samples to train on, the others held out; all for both if there are no others.
Split SplitAfter(Index num_training, Index num_held_out) {
  Split split;
  split.held_out.assign(static_cast<std::size_t>(num_training + num_held_out), false);
  split.training.resize(static_cast<std::size_t>(num_training));
  std::iota(split.training.begin(), split.training.end(), 0U);
  if (num_held_out == 0) {
    split.validation = split.training;
    return split;
  }
  split.validation.resize(static_cast<std::size_t>(num_held_out));
  std::iota(split.validation.begin(), split.validation.end(),
            static_cast<std::uint32_t>(num_training));
  std::fill(split.held_out.begin() + num_training, split.held_out.end(), true);
  return split;
}

}  // namespace

Index MiniBatch::BatchSize(Index num_points) {
  return std::min(std::max(kLeastBatch, num_points / kBatches), num_points);
}

MiniBatch::MiniBatch(const nn::Architecture& architecture, const LabelledPoints& training,
                     const LabelledPoints& validation, const LossWeights& weights,
                     const Options& options, const std::stop_token& stop)
    : architecture_(architecture) {
  const Index num_training = training.NumPoints();
  const Index num_held_out = validation.NumPoints();
  const bool derivatives = weights.beta > 0;
  views_.reserve(2);
  views_.emplace_back(training, derivatives);
  if (num_held_out > 0) views_.emplace_back(validation, derivatives);
  SampleSet samples{.n = training.n(), .m = training.m(), .blocks = {}};
  for (const SampleView& view : views_) samples.blocks.push_back(view.block());

  const Index batch = BatchSize(num_training);
  const Index steps = (num_training + batch - 1) / batch;
  train::Options of_trainer{.hidden = architecture.hidden,
                            .activation = architecture.activation,
                            .skip = architecture.skip,
                            .residual = architecture.residual,
                            .shape = options.shape};
  of_trainer.epochs = std::max<Index>(1, (options.num_steps + steps - 1) / steps);
  of_trainer.batch_size = batch;
  of_trainer.alpha = weights.alpha;
  of_trainer.beta = weights.beta;
  if (options.derivative_scale) of_trainer.derivative_scale = *options.derivative_scale;
  of_trainer.patience = 0;
  of_trainer.validation_fraction = std::max(
      1e-6, static_cast<double>(num_held_out) / static_cast<double>(num_training + num_held_out));
  of_trainer.seed = options.seed;
  trainer_.emplace(samples, of_trainer, SplitAfter(num_training, num_held_out), stop);
}

bool MiniBatch::Advance(const std::stop_token& stop) {
  const Status status = trainer_->Advance(stop, kSliceSamples);
  ThrowIfStopped(stop);
  return status == Status::kRunning || status == Status::kEpochDone;
}

Vector MiniBatch::Weights() const {
  const nn::NetworkSurrogate trained = trainer_->MakeSurrogate();
  const nn::Scaling& scaling = trained.scaling();
  return nn::FoldAffine(
      architecture_, trained.theta(), Matrix(scaling.x_scale.cwiseInverse().asDiagonal()),
      -scaling.x_mean.cwiseQuotient(scaling.x_scale), scaling.y_mean, scaling.y_scale);
}

void MiniBatch::Save(ByteWriter& writer) const {
  const std::string state = trainer_->SaveState();
  writer.Write(state.size());
  writer.WriteAll(std::span(state));
}

void MiniBatch::Load(ByteReader& reader) {
  const std::vector<char> state = reader.ReadAll<char>(reader.Read<std::size_t>());
  trainer_->LoadState({state.data(), state.size()});
}

}  // namespace sobolev::train
