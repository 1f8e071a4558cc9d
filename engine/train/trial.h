// What a selection remembers of a recipe that was tried.

#ifndef SOBOLEV_ENGINE_TRAIN_TRIAL_H_
#define SOBOLEV_ENGINE_TRAIN_TRIAL_H_

#include <limits>

#include "engine/base/matrix.h"
#include "engine/train/errors.h"
#include "engine/train/recipe.h"

namespace sobolev::train {

// One line of the leaderboard.
struct Trial {
  enum class State {
    kRunning,
    kFinished,
    kAbandoned,  // Clearly worse than the best on the first fold.
    kFailed,     // Made no model: too few labels, say.
  };

  Recipe recipe;
  State state = State::kRunning;
  Errors errors;  // Held-out, mean over the folds so far; of a single sample unknown.
  // Of the errors; infinite before the first fold is judged, and if it failed.
  double score = std::numeric_limits<double>::infinity();
  double work = 0;       // Multiply-adds.
  Index iterations = 0;  // As Fit::BestIteration, median over the folds.
};

// A point of the learning curve: the winning recipe on part of the training samples.
struct CurvePoint {
  Index num_samples = 0;
  Errors errors;  // On the held-out samples.
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_TRIAL_H_
