// The likelihood of labels of Gaussian processes with unknown trend and variance, its gradient, and
// what prediction needs.
//
// With L Lᵀ the covariance matrix of the labels t (divided by their scales), F the trend functions
// at the labels: β by generalised least squares, r = L⁻¹(t − F β), σ² = |r|²/K for K labels, and
//   −log p = ½ Σ_o K log σ_o² + m (Σ log L_aa + Σ log scale_a) + constant
// for m independent outputs of the same covariance up to σ_o².

#ifndef SOBOLEV_ENGINE_REGRESSION_LIKELIHOOD_H_
#define SOBOLEV_ENGINE_REGRESSION_LIKELIHOOD_H_

#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/dense/dense.h"
#include "engine/regression/covariance.h"

namespace sobolev::regression {

// Labels with their targets, one column per output (a single one if the outputs are coupled).
struct Observations {
  Functionals functionals;
  Matrix T;  // labels × outputs, undivided.

  Observations Head(Index num_points) const;
};

// The values of trend functions at labels, undivided: constants, one per coupled output. Of no
// labels of values none.
Matrix Trend(const Functionals& functionals);

// A process conditioned on observations.
struct Posterior {
  Matrix factor;        // L
  Matrix alpha;         // labels × outputs: K⁻¹ (t − F β), divided.
  Matrix trend;         // L⁻¹ F
  Matrix trend_factor;  // Cholesky factor of Fᵀ K⁻¹ F.
  Matrix beta;          // trend functions × outputs
  Vector variance;      // σ², per output
  double negative_log_likelihood = 0;
};

// Room for matrices, so that likelihoods need not allocate.
struct LikelihoodMemory {
  Matrix factor;
  Matrix inverse;
  Matrix products;
};

// False if the covariance matrix is numerically singular. Throws Error(kCancelled).
bool Condition(const Observations& observations, const Covariance& covariance, Posterior& posterior,
               const std::stop_token& stop);

// −log p and its gradient for packed hyperparameters; infinite if the matrix is singular.
double NegativeLogLikelihood(const Observations& observations,
                             const Hyperparameters& hyperparameters, Vector* gradient,
                             LikelihoodMemory& memory, const std::stop_token& stop);

// Prediction − label, undivided, of every label with its point left out, for the same
// hyperparameters: (K⁻¹)_ss⁻¹ (K⁻¹ r)_s with K⁻¹ reduced by the trend (Dubrule 1983). labels ×
// outputs.
Matrix LeaveOneOut(const Observations& observations, const Covariance& covariance,
                   const Posterior& posterior, const std::stop_token& stop);

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_LIKELIHOOD_H_
