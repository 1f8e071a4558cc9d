// Adam alone for a surrogate with features of the inputs and bounds of the outputs
// (composition.h): a Trainer whose samples are those that the core sees.
//
// Where inputs or outputs are mapped the losses and histories of the trainer are about the core;
// the errors at the end are in the user's units.

#ifndef SOBOLEV_ENGINE_TRAIN_COMPOSED_TRAINER_H_
#define SOBOLEV_ENGINE_TRAIN_COMPOSED_TRAINER_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/composed_samples.h"
#include "engine/train/composition.h"
#include "engine/train/errors.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"
#include "engine/train/trainer.h"

namespace sobolev::train {

// What ResolveOptions makes of the options for the core of such a composition. Throws as that, as
// CheckComposition and CheckMappedShape, and Error(kResourceExhausted) naming "dataset" if the
// mapped copy of the samples, which is in memory even when rows are streamed, passes the limit.
Options ResolveComposed(const Options& options, const CompositionOptions& composition,
                        const SampleShape& shape, std::size_t memory_limit);

class ComposedTrainer {
 public:
  // `samples` must outlive this. Throws as ResolveComposed, RequireLabels, MakeComposition,
  // ComposedSamples and the constructor of Trainer.
  ComposedTrainer(const SampleSet& samples, const Options& options,
                  const CompositionOptions& composition, std::size_t memory_limit,
                  const std::stop_token& stop = {});
  ComposedTrainer(const ComposedTrainer&) = delete;
  ComposedTrainer& operator=(const ComposedTrainer&) = delete;

  // Of the core: what advances, and what saves and loads states.
  Trainer& trainer() { return *trainer_; }
  const Trainer& trainer() const { return *trainer_; }

  // The user's, among the training samples.
  Index NumTrainingJacobians() const { return num_training_jacobians_; }

  // Held-out errors of the best parameters, in the user's units.
  Errors ValidationErrors() const;
  // The best core with all that is around it.
  std::shared_ptr<const Surrogate> MakeSurrogate() const;

 private:
  // `options` are the user's.
  void StartTrainer(const Options& options, const std::stop_token& stop);

  const SampleSet samples_;
  const bool maps_samples_;
  const Options options_;  // Of the core, resolved.
  const Split split_;
  std::optional<Standardisation> user_;     // Of the user's samples, if there is a composition.
  std::optional<Composition> composition_;  // Without wings.
  Matrix anchors_;  // n×…: points at which the slopes of wings are judged; none without wings.
  std::unique_ptr<ComposedSamples> mapped_;  // If the trainer reads them while it runs.
  std::optional<Trainer> trainer_;
  Index num_training_jacobians_ = 0;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_COMPOSED_TRAINER_H_
