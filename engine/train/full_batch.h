// The part of a network fit that takes all labels into every step, with rounds of reweighing by
// errors where there are outliers.

#ifndef SOBOLEV_ENGINE_TRAIN_FULL_BATCH_H_
#define SOBOLEV_ENGINE_TRAIN_FULL_BATCH_H_

#include <memory>
#include <optional>
#include <stop_token>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/levenberg_marquardt.h"
#include "engine/train/minimiser.h"

namespace sobolev::train {

class FullBatch {
 public:
  enum class Method { kLevenbergMarquardt, kLbfgs };
  struct Options {
    Method method = Method::kLevenbergMarquardt;
    nn::ShapeConstraints shape;   // θ are the free parameters of nn/constraints.h.
    std::optional<double> huber;  // robust_errors.h
    bool local_variance = false;  // local_variance.h; then huber is not used.
    double initial_damping = LevenbergMarquardtOptions().initial_damping;
  };

  // With a threshold `huber` every few steps the labels get new weights from their errors; with
  // local variances once, after the first of two rounds. Refers to the points, which outlive it.
  FullBatch(const nn::Architecture& architecture, const LabelledPoints& points,
            const LossWeights& weights, const Options& options);

  // Steps will go on from there. Throws as the method does, and Error(kCancelled) soon
  // after `stop` fires.
  void Start(const Vector& theta, const std::stop_token& stop);
  bool started() const { return minimiser_ != nullptr; }

  // One step, or some if they are cheap. Returns whether there is more to do. Throws
  // Error(kCancelled) soon after `stop` fires, after which it can be called again.
  bool Step(const std::stop_token& stop);

  // Whether steps until now did not yet minimise what they shall in the end.
  bool Preliminary() const { return options_.local_variance && of_errors_.size() == 0; }

  // Once started.
  const Vector& theta() const { return minimiser_->theta(); }
  Index num_steps() const { return num_steps_before_ + minimiser_->num_steps(); }

  // Everything but the arguments of the constructor. Load throws Error(kDataLoss).
  void Save(ByteWriter& writer) const;
  void Load(ByteReader& reader);

 private:
  std::unique_ptr<Minimiser> MakeMinimiser(const LabelledPoints& points, const Vector& theta) const;
  // From `theta`, the labels weighed by the errors of `of_errors` unless it is empty.
  void StartRound(const Vector& theta, Vector of_errors, const std::stop_token& stop);

  const nn::Architecture architecture_;
  const LabelledPoints& points_;
  const LossWeights weights_;
  const Options options_;
  const nn::WeightMap map_;

  std::unique_ptr<Minimiser> minimiser_;  // Of this round.
  Index num_steps_before_ = 0;            // Of earlier rounds.
  Vector of_errors_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_FULL_BATCH_H_
