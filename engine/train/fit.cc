#include "engine/train/fit.h"

#include <memory>

#include "engine/surrogate/labelled_points.h"
#include "engine/train/closed_form_fit.h"
#include "engine/train/network_fit.h"
#include "engine/train/recipe.h"
#include "engine/train/taylor_fit.h"

namespace sobolev::train {

double EstimateWork(const Recipe& recipe, const LabelledPoints& training) {
  const double local = EstimateTaylorWork(recipe, training);
  switch (recipe.family) {
    case Family::kNetwork:
      return EstimateNetworkWork(recipe, training) + local;
    case Family::kPolynomial:
    case Family::kGaussianProcess:
      return EstimateClosedFormWork(recipe, training) + local;
    case Family::kConstant:
      break;
  }
  return local;
}

std::unique_ptr<Fit> MakeFit(const Recipe& recipe, const FitData& data) {
  if (recipe.taylor_order > 0) return MakeTaylorFit(recipe, data);
  return recipe.family == Family::kNetwork ? MakeNetworkFit(recipe, data)
                                           : MakeClosedFormFit(recipe, data);
}

}  // namespace sobolev::train
