// Chooses how to fit: tries recipes on held-out samples, cheap and promising ones first, under a
// budget, and fits the winner to all samples.
//
// Few points are cross-validated: each recipe is fitted once for every fold, on the points outside
// it, and judged on those inside. Many points have one held-out share. Errors of values and
// Jacobians count alike (Score in errors.h).
//
// A Selection is a resumable state machine like a Trainer: no clock, thread or file. The budget is
// counted in multiply-adds, so that the same samples, options and instruction set lead to the same
// bits.

#ifndef SOBOLEV_ENGINE_TRAIN_SELECTION_H_
#define SOBOLEV_ENGINE_TRAIN_SELECTION_H_

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/held_out_sample.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/label_checks.h"
#include "engine/train/samples.h"
#include "engine/train/selection_data.h"
#include "engine/train/selection_options.h"
#include "engine/train/trial.h"

namespace sobolev::train {

enum class SelectionStatus {
  kRunning,    // A slice of work is done.
  kTrialDone,  // And with it a line of the leaderboard.
  kFinished,   // MakeSurrogate() is the winner fitted to all samples.
  kFailed,     // No recipe led to a model.
  kCancelled,  // The stop token fired; Advance goes on if called again.
};

class Selection {
 public:
  // `samples` must outlive the selection. Throws Error(kFailedPrecondition) naming "dataset" if
  // there are no labels at all or numbers that cannot be scaled, the errors of Coordinates, and
  // Error(kCancelled) once `stop` fires.
  Selection(const SampleSet& samples, const SelectionOptions& options,
            const std::stop_token& stop = {});
  ~Selection();

  // Works for a while.
  SelectionStatus Advance(const std::stop_token& stop);

  // From now on Advance finishes as soon as there is a model: it fits the best so far to all
  // samples, if that is short work, and else takes a network as far as its fit has come, and of an
  // ensemble the members that are finished. Only fits in closed form are carried to their end.
  void Hurry();

  const nn::Scaling& scaling() const;
  // As used where all inputs are.
  const LossWeights& loss() const;
  // Best first among the finished ones, then those that are running, abandoned or failed.
  std::vector<Trial> Leaderboard() const;
  // The best trial so far, of a network if there shall be an ensemble; null before the first is
  // finished.
  const Trial* Best() const;
  // Of that trial, fold by fold. None if its errors are not known point by point.
  std::vector<HeldOutSample> HeldOutSamples() const;
  // The share of the budget that is spent, 0 to 1.
  double Progress() const;
  // Once finished: the winning recipe without derivative labels, and on fewer samples. Empty if the
  // budget did not allow it.
  const std::vector<CurvePoint>& LearningCurve() const;
  const std::vector<CurvePoint>& ValueOnly() const;
  // Derivative labels that contradict the values: from the beginning by comparison of neighbours
  // and by fits without them, and once finished by comparison with a fit to values; but those that
  // the best trial refutes on the first fold.
  std::vector<SuspectLabel> Suspects() const;
  Index NumTrainingSamples() const;
  Index NumValidationSamples() const;
  // As SelectionData::NumJacobians.
  Index NumJacobians() const;

  // The winner, once finished, else the best so far. Null if there is none.
  std::shared_ptr<const Surrogate> MakeSurrogate() const;

  // Valid after any Advance. LoadState throws Error(kDataLoss), changing nothing, unless `state` is
  // whole and was saved by a Selection with the same samples, options and instruction set.
  std::string SaveState() const;
  void LoadState(std::string_view state);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SELECTION_H_
