// What a selection works on, and what it knows before the first fit.

#ifndef SOBOLEV_ENGINE_TRAIN_SELECTION_DATA_H_
#define SOBOLEV_ENGINE_TRAIN_SELECTION_DATA_H_

#include <cstdint>
#include <map>
#include <memory>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/coordinates.h"
#include "engine/train/errors.h"
#include "engine/train/folds.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/samples.h"
#include "engine/train/selection_options.h"

namespace sobolev::train {

// What a fit made of a sample that it had not seen.
struct HeldOutSample {
  Index number = 0;  // Of the sample.
  // Its squared errors, standardised and weighted: summed over the outputs and over the entries of
  // the Jacobian; 0 where there is no label.
  double value = 0;
  double jacobian = 0;
  double labels = 0;  // Squares of the entries that are labelled, likewise; NaN: none is.
};

class SelectionData {
 public:
  // `samples` must outlive the data. Throws as the constructor of Selection.
  SelectionData(const SampleSet& samples, const SelectionOptions& options,
                const std::stop_token& stop);
  SelectionData(const SelectionData&) = delete;
  SelectionData& operator=(const SelectionData&) = delete;

  const SelectionOptions& options() const { return options_; }
  const nn::Scaling& scaling() const { return scaling_; }
  // The samples as dealt, in the user's coordinates, in which everything is judged.
  const FoldedData& user() const { return user_; }
  // Of user().all.
  const LossWeights& loss() const { return loss_; }
  // What the portfolio chooses by.
  const PortfolioFacts& facts() const { return facts_; }

  // Those in which recipes with these logarithms are fitted; made when first asked for, and kept.
  // Throws as Coordinates.
  const Coordinates& CoordinatesOf(Logarithms logarithms, const std::stop_token& stop);

  // A single sample cannot be held out: how good a fit is then remains unknown.
  bool JudgedByItself() const { return user_.all.training.NumPoints() == 1; }
  // Over all folds.
  Index NumHeldOut() const;
  // Errors of a trial, which are given fold by fold, with their samples.
  std::vector<HeldOutSample> HeldOutSamples(const PointErrors& by_point) const;

  // Points with a Jacobian of which an entry is fitted: of outputs with bounds or logarithms those
  // with a value.
  Index NumJacobians() const;

  // The same for the same samples, options and instruction set, and hardly ever for others.
  std::uint64_t Fingerprint() const;

 private:
  // Those that are promising, unless derivatives relative to tiny values cannot be scaled.
  Logarithms UsableLogarithms(const std::stop_token& stop);

  const SelectionOptions options_;
  const SampleSet& samples_;
  nn::Scaling scaling_;
  Deal deal_;
  FoldedData user_;
  std::map<Logarithms, std::unique_ptr<Coordinates>> coordinates_;
  LossWeights loss_;
  PortfolioFacts facts_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SELECTION_DATA_H_
