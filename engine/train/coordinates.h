// The samples in the coordinates in which recipes are fitted: those of the user, or those of the
// core of a composed surrogate.

#ifndef SOBOLEV_ENGINE_TRAIN_COORDINATES_H_
#define SOBOLEV_ENGINE_TRAIN_COORDINATES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/composition.h"
#include "engine/train/folds.h"
#include "engine/train/loss_weights.h"
#include "engine/train/samples.h"

namespace sobolev::train {

class Coordinates {
 public:
  // `user` are the samples as dealt, in coordinates of the user; it must outlive this. Nothing is
  // copied unless inputs or outputs are mapped. Throws as MakeComposition, ComposedSamples and
  // StandardPoints.
  Coordinates(const SampleSet& samples, const Deal& deal, const FoldedData& user,
              const CompositionOptions& options, const LossOptions& loss, std::uint64_t seed,
              const std::stop_token& stop = {});

  // What recipes are fitted to.
  const FoldedData& data() const { return own_ ? *own_ : user_; }

  // Whether input j is all that feature j depends on, for every j.
  bool Diagonal() const { return !composition_ || composition_->features.Diagonal(); }

  // The surrogate of the user's inputs and outputs around a fit to data(). Null if it is.
  std::shared_ptr<const Surrogate> Around(std::shared_ptr<const Surrogate> core,
                                          const std::stop_token& stop = {}) const;

 private:
  const FoldedData& user_;
  std::optional<Composition> composition_;
  std::optional<FoldedData> own_;
  Matrix anchors_;  // n×…: points at which the slopes of wings are judged; none without wings.
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_COORDINATES_H_
