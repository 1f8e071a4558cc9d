// The part of a network fit that takes some of the labels into every step: Adam on a one-cycle
// schedule, by a Trainer.

#ifndef SOBOLEV_ENGINE_TRAIN_MINI_BATCH_H_
#define SOBOLEV_ENGINE_TRAIN_MINI_BATCH_H_

#include <cstdint>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/options.h"
#include "engine/train/sample_view.h"
#include "engine/train/trainer.h"

namespace sobolev::train {

class MiniBatch {
 public:
  struct Options {
    Index num_steps = 1;  // About.
    nn::ShapeConstraints shape;
    std::optional<DerivativeScale> derivative_scale;  // Unset: that of the Trainer.
    std::uint64_t seed = 1;
  };

  // Samples of a step.
  static Index BatchSize(Index num_points);

  // Keeps the parameters that suit `validation` best, or `training` if that has no points. Refers
  // to both, which outlive it. Throws as the constructor of Trainer.
  MiniBatch(const nn::Architecture& architecture, const LabelledPoints& training,
            const LabelledPoints& validation, const LossWeights& weights, const Options& options,
            const std::stop_token& stop);

  // Some steps. Returns whether there is more to do. Throws Error(kCancelled) soon after `stop`
  // fires, after which it can be called again.
  bool Advance(const std::stop_token& stop);

  Index SamplesSeen() const { return trainer_->SamplesSeen(); }
  // Whether an epoch is finished.
  bool HasWeights() const { return !trainer_->History().empty(); }
  // θ of the network of the points' coordinates at the best epoch, as weights (not the free
  // parameters of nn/constraints.h).
  Vector Weights() const;

  // Everything but the arguments of the constructor. Load throws Error(kDataLoss).
  void Save(ByteWriter& writer) const;
  void Load(ByteReader& reader);

 private:
  const nn::Architecture architecture_;
  std::vector<SampleView> views_;  // What the trainer may read while it runs.
  std::optional<Trainer> trainer_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_MINI_BATCH_H_
