// Differential training: minimises L(θ) = α·l_value + β·l_gradient + γ·l_curvature with Adam on a
// one-cycle schedule (Huge and Savine 2020), with early stopping on held-out samples.
//
// The best epoch is the last one whose validation loss is within 2% of the lowest so far: labels
// with noise have a floor of loss that many epochs reach by chance, and among them the later are
// better because the learning rate has fallen. Early stopping counts the epochs since the best.
//
// When a loss, a parameter or a moment of Adam stops being finite, the trainer goes back to the
// best epoch, or to the initial parameters before there is one, and goes on where it is in the
// schedule, with a tenth of the learning rate and new patience. It gives up at the fifth time.
//
// A Trainer is a resumable state machine without clock, thread or file. The shell calls Advance in
// a loop, publishes what it returns, and saves SaveState now and then; a Trainer made from the same
// samples and options that loads that state continues to the same final bits.

#ifndef SOBOLEV_ENGINE_TRAIN_TRAINER_H_
#define SOBOLEV_ENGINE_TRAIN_TRAINER_H_

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/errors.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"

namespace sobolev::train {

struct EpochRecord {
  Index epoch = 0;             // From 1.
  double value_loss = 0;       // l_value on the training samples, each as seen in its step.
  double gradient_loss = 0;    // l_gradient likewise; 0 if β = 0.
  double validation_loss = 0;  // L on the validation samples.
  double validation_value_relative = 0;     // As in Errors.
  double validation_jacobian_relative = 0;  // As in Errors.
  double learning_rate = 0;                 // Of the last step.
};

// What Advance came back with, and what the trainer then holds.
enum class Status {
  kRunning,        // A slice of an epoch is done.
  kEpochDone,      // An epoch ended; `History().back()` is its record.
  kMaxEpochs,      // All epochs are run; the parameters are those of the best epoch.
  kEarlyStopping,  // Validation stopped improving; the parameters are those of the best epoch.
  kDiverged,       // A loss became non-finite again and again, whatever the rate; the
                   // parameters are those of the best epoch before.
  kCancelled,      // The stop token fired; the state is that of the last finished step, from which
                   // Advance goes on if called again.
};

class Trainer {
 public:
  // Copies the samples, standardised, into its own memory, so that they need not outlive the call;
  // unless the resolved options say that they are streamed: then their memory must outlive the
  // trainer.
  // Throws as ResolveOptions without a memory limit, Error(kFailedPrecondition) if a standardised
  // sample is not finite in the chosen precision, and Error(kCancelled) once `stop` fires.
  Trainer(const SampleSet& samples, const Options& options, const std::stop_token& stop = {});
  // With a split of the caller's choice.
  Trainer(const SampleSet& samples, const Options& options, Split split,
          const std::stop_token& stop = {});
  ~Trainer();

  // Runs optimiser steps until the end of the epoch or until about `max_samples` samples have been
  // seen in this call, whichever is first. Answers the stop token within one shard of a step. Every
  // epoch that ends returns kEpochDone; the call after the last one returns why it was the last,
  // and so does every call after that.
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
  // How often training went back to the best epoch, and the peak of the schedule since then: the
  // option learning_rate, times 1/10 for every time.
  Index NumRollbacks() const;
  double PeakLearningRate() const;

  // Held-out errors of the best parameters.
  Errors ValidationErrors() const;
  // The surrogate with the best parameters, which are the initial ones before the first epoch
  // ended.
  nn::NetworkSurrogate MakeSurrogate() const;

  // Optimiser, cursor, best parameters, history: everything but samples and options, with a hash.
  // Valid after any Advance.
  std::string SaveState() const;
  // Throws Error(kDataLoss), changing nothing, unless `state` is whole and was saved by a Trainer
  // with the same samples, options and instruction set.
  void LoadState(std::string_view state);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_TRAINER_H_
