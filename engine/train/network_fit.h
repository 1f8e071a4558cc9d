// Fits a network: Adam for the basin, Levenberg-Marquardt to polish, or one of them alone.

#ifndef SOBOLEV_ENGINE_TRAIN_NETWORK_FIT_H_
#define SOBOLEV_ENGINE_TRAIN_NETWORK_FIT_H_

#include <memory>

#include "engine/surrogate/labelled_points.h"
#include "engine/train/fit.h"
#include "engine/train/recipe.h"

namespace sobolev::train {

// As EstimateWork and MakeFit, for Family::kNetwork.
double EstimateNetworkWork(const Recipe& recipe, const LabelledPoints& training);
std::unique_ptr<Fit> MakeNetworkFit(const Recipe& recipe, const FitData& data);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_NETWORK_FIT_H_
