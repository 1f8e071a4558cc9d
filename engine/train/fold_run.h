// A recipe fitted on one fold after the other, each fit judged on the points that it has not seen.

#ifndef SOBOLEV_ENGINE_TRAIN_FOLD_RUN_H_
#define SOBOLEV_ENGINE_TRAIN_FOLD_RUN_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/coordinates.h"
#include "engine/train/errors.h"
#include "engine/train/fit.h"
#include "engine/train/folds.h"
#include "engine/train/recipe.h"
#include "engine/train/taylor_fit.h"

namespace sobolev::train {

class FoldRun {
 public:
  // What the fit of a fold came to.
  struct Result {
    std::shared_ptr<const Surrogate>
        surrogate;  // Null if the recipe led to no model; then no more.
    Errors errors;  // On the points held out.
    PointErrors by_point;
    Index num_points = 0;  // Fitted.
    Index iterations = 0;  // As Fit::BestIteration.
  };

  // Fits in `coordinates`, judges in those of `user`, whose folds have the same points; both must
  // outlive the run. With a share, fits go to that part of the training points (FirstPart). With
  // bases, one per fold, a recipe of local Taylor models fits only these.
  FoldRun(const FoldedData& user, const Coordinates& coordinates, const Recipe& recipe,
          std::optional<double> share = std::nullopt, std::vector<FittedBase> bases = {});

  // Works for a while on a fold. Returns whether the fit of this fold has more to do; if not, it
  // is to be judged and added. Throws as Fit::Advance.
  bool Advance(const std::stop_token& stop);
  // Whether the fit of this fold has come to something already, which may be judged before its end.
  bool HasModel() const { return fit_ != nullptr && fit_->MakeSurrogate() != nullptr; }
  Result Judge(const std::stop_token& stop) const;
  void Add(const Result& result);

  // The number of the fold at work; Done() once all are added.
  std::size_t fold() const { return errors_.size(); }
  bool Done() const { return fold() == user_.folds.size(); }
  // Multiply-adds of all fits.
  double Work() const { return work_ + (fit_ == nullptr ? 0 : fit_->Work()); }

  // Of one fold or more that are added.
  Errors MeanErrors() const { return MeanOf(errors_); }
  const PointErrors& by_point() const { return by_point_; }
  Index MedianIterations() const;
  // Of the fits that are added, what local Taylor models may be put on: without those that they
  // have. None of Gaussian processes, which pass through the labels themselves.
  const std::vector<FittedBase>& bases() const { return new_bases_; }
  // The fit of the first fold.
  const std::shared_ptr<const Surrogate>& first() const { return first_; }

  // Everything but the arguments of the constructor. Load throws Error(kDataLoss).
  void Save(ByteWriter& writer) const;
  void Load(ByteReader& reader);

 private:
  void StartFit();

  const FoldedData& user_;
  const Coordinates& coordinates_;
  const Recipe recipe_;
  const std::optional<double> share_;
  const std::vector<FittedBase> bases_;

  std::vector<Errors> errors_;     // One per fold.
  std::vector<Index> iterations_;  // Likewise.
  PointErrors by_point_;
  std::vector<FittedBase> new_bases_;
  std::shared_ptr<const Surrogate> first_;
  double work_ = 0;           // Of the fits that are added.
  FitData part_;              // What is fitted if there is a share.
  std::unique_ptr<Fit> fit_;  // Of the fold at work; null before it starts.
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_FOLD_RUN_H_
