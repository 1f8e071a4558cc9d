// Fits a surrogate, and then local Taylor models of what it misses at the samples
// (sampling/local_taylor_fit.h).

#ifndef SOBOLEV_ENGINE_TRAIN_TAYLOR_FIT_H_
#define SOBOLEV_ENGINE_TRAIN_TAYLOR_FIT_H_

#include <memory>

#include "engine/base/matrix.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/fit.h"
#include "engine/train/recipe.h"

namespace sobolev::train {

// A surrogate that is fitted already, in the user's units.
struct FittedBase {
  std::shared_ptr<const Surrogate> surrogate;  // Null: none.
  Index iterations = 0;                        // As Fit::BestIteration.
};

// What is left of a recipe, and of a fit to it, without local models.
Recipe WithoutTaylor(Recipe recipe);
std::shared_ptr<const Surrogate> WithoutTaylor(std::shared_ptr<const Surrogate> surrogate);

// The highest order that is worth a try on such points: 0 if no output has derivatives, or there
// are too few or too many points.
Index PromisingTaylorOrder(const LabelledPoints& training);

// As EstimateWork, of the local models alone; 0 if the recipe has none.
double EstimateTaylorWork(const Recipe& recipe, const LabelledPoints& training);

// As MakeFit, for recipes with local models. With a base only these are fitted.
std::unique_ptr<Fit> MakeTaylorFit(const Recipe& recipe, const FitData& data, FittedBase base = {});

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_TAYLOR_FIT_H_
