#include "engine/train/fit.h"

#include <memory>

#include "engine/surrogate/labelled_points.h"
#include "engine/train/closed_form_fit.h"
#include "engine/train/network_fit.h"
#include "engine/train/recipe.h"

namespace sobolev::train {

double EstimateWork(const Recipe& recipe, const LabelledPoints& training) {
  return recipe.family == Family::kNetwork ? EstimateNetworkWork(recipe, training)
                                           : EstimateClosedFormWork(recipe, training);
}

std::unique_ptr<Fit> MakeFit(const Recipe& recipe, const FitData& data) {
  return recipe.family == Family::kNetwork ? MakeNetworkFit(recipe, data)
                                           : MakeClosedFormFit(recipe, data);
}

}  // namespace sobolev::train
