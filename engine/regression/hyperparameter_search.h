// Hyperparameters of maximum likelihood.

#ifndef SOBOLEV_ENGINE_REGRESSION_HYPERPARAMETER_SEARCH_H_
#define SOBOLEV_ENGINE_REGRESSION_HYPERPARAMETER_SEARCH_H_

#include <stop_token>
#include <vector>

#include "engine/regression/covariance.h"
#include "engine/regression/likelihood.h"

namespace sobolev::regression {

// The best of the squared exponential and the best of Matérn 5/2, after about so many evaluations
// of the likelihood with its gradient. Throws Error(kCancelled) soon after `stop` fires.
std::vector<Hyperparameters> FindHyperparameters(const Observations& observations,
                                                 int max_evaluations, const std::stop_token& stop);

// Climbs on from there.
Hyperparameters RefineHyperparameters(const Observations& observations,
                                      const Hyperparameters& start, int max_evaluations,
                                      const std::stop_token& stop);

// Multiply-adds of FindHyperparameters.
double HyperparameterSearchCost(double num_labels, int max_evaluations);

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_HYPERPARAMETER_SEARCH_H_
