// The trials of a selection, and which of them is the best so far.

#ifndef SOBOLEV_ENGINE_TRAIN_TRIAL_BOARD_H_
#define SOBOLEV_ENGINE_TRAIN_TRIAL_BOARD_H_

#include <cstddef>
#include <optional>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/train/errors.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/trial.h"

namespace sobolev::train {

class TrialBoard {
 public:
  // Begins the trial of a recipe.
  void Begin(const Recipe& recipe) { trials_.push_back({.recipe = recipe}); }

  // The one that began last.
  Trial& Current() { return trials_.back(); }
  const Trial& Current() const { return trials_.back(); }
  // Whether the current trial, judged on some of its folds, cannot become the best any more.
  bool IsHopeless() const;
  // The current trial is finished with these held-out errors. Returns whether it is now the best.
  // Earlier trials are cheaper, so that a later one must be better clearly or by much.
  bool Finish(PointErrors by_point);

  bool HasBest() const { return best_.has_value(); }
  const Trial& Best() const { return trials_[*best_]; }
  // Its held-out errors, fold by fold.
  const PointErrors& BestByPoint() const { return best_by_point_; }
  // The network with the lowest score, also if it was abandoned; else the best.
  const Trial& BestNetwork() const;

  // Multiply-adds spent on all of them.
  double Work() const;
  // For the portfolio.
  std::vector<TriedRecipe> Tried() const;
  // Best first among the finished ones, then the others.
  std::vector<Trial> Sorted() const;

  // Load reads what Save wrote. Throws Error(kDataLoss).
  void Save(ByteWriter& writer) const;
  void Load(ByteReader& reader);

 private:
  // Whether the current trial, with these errors, is better than the best.
  bool IsBetter(const PointErrors& by_point) const;

  std::vector<Trial> trials_;        // In the order in which they began.
  std::optional<std::size_t> best_;  // Of them.
  PointErrors best_by_point_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_TRIAL_BOARD_H_
