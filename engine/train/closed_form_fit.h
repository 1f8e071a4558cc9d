// Fits polynomials and Gaussian processes, which take no iterations that could be stopped early.

#ifndef SOBOLEV_ENGINE_TRAIN_CLOSED_FORM_FIT_H_
#define SOBOLEV_ENGINE_TRAIN_CLOSED_FORM_FIT_H_

#include <memory>

#include "engine/surrogate/labelled_points.h"
#include "engine/train/fit.h"
#include "engine/train/recipe.h"

namespace sobolev::train {

// As EstimateWork and MakeFit, for Family::kPolynomial and Family::kGaussianProcess.
double EstimateClosedFormWork(const Recipe& recipe, const LabelledPoints& training);
std::unique_ptr<Fit> MakeClosedFormFit(const Recipe& recipe, const FitData& data);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_CLOSED_FORM_FIT_H_
