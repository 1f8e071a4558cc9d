// Differential training: minimises L(θ) = α·l_value + β·l_gradient with Adam on a one-cycle
// schedule (Huge and Savine 2020), with early stopping on held-out samples.
//
// A Trainer is a resumable state machine without clock, thread or file. The shell calls Advance in
// a loop, publishes what it returns, and saves SaveState now and then; a Trainer made from the same
// samples and options that loads that state continues to the same final bits.

#ifndef SOBOLEV_ENGINE_TRAIN_TRAINER_H_
#define SOBOLEV_ENGINE_TRAIN_TRAINER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/surrogate.h"
#include "engine/train/samples.h"

namespace sobolev::train {

enum class DerivativeScale {
  kPerOutput,  // One scale per output: the RMS of its scaled gradient over samples and inputs.
  kPerInput,   // λ_j of Huge and Savine: one per output and input. A dead input weighs 0.
};

enum class Precision { kFloat32, kFloat64 };

// What to train and how. Unset options get the defaults named here, by ResolveOptions.
struct Options {
  std::vector<Index> hidden = {20, 20, 20, 20};
  nn::Activation activation = nn::Activation::kSoftplus;
  std::optional<double> alpha;  // 1/(1+n), or 1 without Jacobians.
  std::optional<double> beta;   // n/(1+n), or 0 without Jacobians.
  DerivativeScale derivative_scale = DerivativeScale::kPerOutput;
  Index epochs = 100;
  std::optional<Index> batch_size;      // max(256, samples/16), at most the training samples.
  std::optional<double> learning_rate;  // Peak; 0.1, times 32/width beyond width 32.
  double validation_fraction = 0.1;
  std::optional<Index> patience;  // Epochs without improvement; 0: never stop. max(10, epochs/3).
  std::uint64_t seed = 1;
  Precision precision = Precision::kFloat32;
};

// The checks that need only the sizes: throws Error(kInvalidArgument) naming "spec.<field>" for a
// bad option, Error(kFailedPrecondition) naming "dataset" when there are too few samples for the
// split, Error(kResourceExhausted) when MemoryBytes passes `memory_limit`. Returns the options with
// every optional filled in.
Options ResolveOptions(const Options& options, Index n, Index m, Index num_samples,
                       Index num_jacobians, std::size_t memory_limit);

// Errors on a set of samples. "Standardised" means in units of σ_x and σ_y.
struct Errors {
  Vector value_rmse;             // m, in the outputs' units.
  double value_relative = 0;     // RMS over outputs of value_rmse / σ_y.
  Vector jacobian_rmse;          // m, standardised; empty without Jacobians.
  double jacobian_relative = 0;  // ‖J − J*‖ / ‖J*‖, standardised.
};

struct EpochRecord {
  Index epoch = 0;  // From 1.
  double value_loss = 0;
  double gradient_loss = 0;
  double validation_loss = 0;
  double validation_value_relative = 0;
  double validation_jacobian_relative = 0;
  double learning_rate = 0;
};

// What Advance came back with, and what the trainer then holds.
enum class Status {
  kRunning,        // A slice of an epoch is done; `Progress` moved.
  kEpochDone,      // An epoch ended; `History().back()` is its record.
  kMaxEpochs,      // All epochs are run; the parameters are those of the best epoch.
  kEarlyStopping,  // Validation stopped improving; the parameters are those of the best epoch.
  kDiverged,       // A loss became non-finite; the parameters are those of the best epoch before.
  kCancelled,      // The stop token fired; the state is that of the last finished step.
};

class Trainer {
 public:
  // Copies the samples, standardised, into its own memory; `samples` need not outlive the call.
  // Throws as ResolveOptions, and Error(kCancelled) once `stop` fires.
  Trainer(const SampleSet& samples, const Options& options, const std::stop_token& stop = {});
  ~Trainer();

  // Runs optimiser steps until the end of the epoch or until about `max_samples` samples have been
  // seen in this call, whichever is first. Answers the stop token within one shard of a step. After
  // a terminal status it returns that status again.
  Status Advance(const std::stop_token& stop, Index max_samples);

  const Options& options() const;  // Resolved.
  const nn::Scaling& scaling() const;
  Index NumTrainingSamples() const;
  Index NumValidationSamples() const;
  Index NumTrainingJacobians() const;
  // Samples seen by the optimiser so far, over all epochs.
  Index SamplesSeen() const;
  // Samples that all epochs together will see.
  Index SamplesTotal() const;
  // One record per finished epoch.
  const std::vector<EpochRecord>& History() const;
  Index BestEpoch() const;  // 0 before the first epoch ended.

  // Held-out errors of the best parameters.
  Errors ValidationErrors() const;
  // The surrogate with the best parameters, or the current ones before the first epoch ended.
  nn::Surrogate MakeSurrogate() const;

  // Optimiser, cursor, best parameters, history: everything but samples and options. Valid after any
  // Advance. Whoever stores it guards it with a checksum.
  std::string SaveState() const;
  // Throws Error(kDataLoss) unless `state` is whole and was saved by a Trainer with the same
  // samples, options and instruction set.
  void LoadState(std::string_view state);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_TRAINER_H_
