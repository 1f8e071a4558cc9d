// What second derivatives tell about a function of many inputs, without ever forming them.
//
// The Hessian of n inputs has n² entries, but the product H v costs about as much as two gradients:
// it is the tangent of the gradient along v (Pearlmutter 1994). Products are enough to minimise
// (truncated Newton), to estimate the trace (Hutchinson) and to find the extreme eigenvalues
// (Lanczos).
//
// All functions see H only as a callable v ↦ H v with symmetric H. They are deterministic: the same
// arguments and seed give the same bits. Thread-safe if the callable is.

#ifndef SOBOLEV_ENGINE_AD_CURVATURE_H_
#define SOBOLEV_ENGINE_AD_CURVATURE_H_

#include <cstdint>
#include <functional>
#include <limits>

#include <Eigen/Core>

#include "engine/ad/tangent.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"

namespace sobolev::ad {

// v ↦ H v, both of size n.
using SymmetricOperator = std::function<Vector(const Vector&)>;

// H v, from a gradient that is written for any scalar: a callable that maps an Eigen vector of
// Tangent<double> to one of the same size.
template <class Gradient>
Vector HessianVector(const Gradient& gradient, const Vector& x, const Vector& v) {
  RequireSize("v", v.size(), x.size());
  using TangentVector = Eigen::Matrix<Tangent<double>, Eigen::Dynamic, 1>;
  TangentVector seeded(x.size());
  for (Index i = 0; i < x.size(); ++i) seeded(i) = Tangent<double>(x(i), v(i));
  const TangentVector result = gradient(seeded);
  RequireSize("gradient", result.size(), x.size());
  return result.unaryExpr([](const Tangent<double>& entry) { return entry.dot; });
}

// ---------------------------------------------------------------------------- truncated Newton

enum class NewtonStop {
  kConverged,          // ‖H p + g‖ fell below the tolerance; p is an approximate Newton step.
  kBoundary,           // The next iterate would leave the trust region; p lies on its boundary.
  kNegativeCurvature,  // A direction d with dᵀH d <= 0 was met; p follows it to the boundary.
  kMaxIterations,      // Budget spent; p is the best iterate, inside the trust region.
};

struct NewtonOptions {
  // ‖p‖ never exceeds it. Infinite: along negative curvature p is the last iterate, or −g when the
  // very first direction is one.
  double trust_radius = std::numeric_limits<double>::infinity();
  double tolerance = 1e-8;   // Of ‖H p + g‖ relative to ‖g‖, >= 0.
  Index max_iterations = 0;  // Zero stands for 2n, which covers rounding on top of the exact n.
};

struct NewtonStep {
  Vector step;  // p, n.
  NewtonStop stop = NewtonStop::kConverged;
  Index iterations = 0;           // Products H v that were used.
  double predicted_decrease = 0;  // −(gᵀp + pᵀH p/2), >= 0.
  double residual = 0;            // ‖H p + g‖ as the recurrence carries it.
};

// Minimises the model gᵀp + pᵀH p/2 within ‖p‖ <= trust_radius by conjugate gradients (Steihaug
// 1983; Nocedal and Wright 2006, algorithm 7.2). H need not be positive definite.
//
// Throws Error(kInvalidArgument) if an option is out of range, g is not finite or H v has the wrong
// size; a product H v that is not finite throws NOT_FINITE.
NewtonStep TruncatedNewton(const SymmetricOperator& hessian, const Vector& gradient,
                           const NewtonOptions& options = {});

// ----------------------------------------------------------------------------------------- trace

struct TraceEstimate {
  double trace = 0;
  double standard_error = 0;  // Of the mean, estimated from the samples.
};

// tr H as the mean of zᵀH z over `num_samples` >= 2 vectors z of random signs (Hutchinson 1990).
// Unbiased; the variance of one sample is 2 Σ_{i≠j} H_ij², so that diagonal H are exact.
TraceEstimate HutchinsonTrace(const SymmetricOperator& hessian, Index n, Index num_samples,
                              std::uint64_t seed);

// ----------------------------------------------------------------------------------- eigenvalues

struct LanczosOptions {
  double tolerance = 1e-10;  // Of the residuals relative to the largest |Ritz value|, >= 0.
  Index max_iterations = 0;  // Zero stands for n; more than n is never useful.
  std::uint64_t seed = 1;    // Of the starting vector.
};

// A Ritz pair. Some eigenvalue of H lies within `residual` of the value, which is ‖H v − value v‖.
struct RitzPair {
  double value = 0;
  double residual = 0;
  Vector vector;  // n, of length one.
};

struct ExtremeEigenvalues {
  RitzPair smallest;
  RitzPair largest;
  Index iterations = 0;    // Products H v for the subspace; two more verified the residuals.
  bool converged = false;  // Both residuals are within the tolerance.
};

// The smallest and the largest eigenvalue by the Lanczos process with full reorthogonalisation
// (Golub and Van Loan 2013, section 10.1). Memory: n × iterations. The values are bounds: smallest
// from above, largest from below. Throws as TruncatedNewton does.
ExtremeEigenvalues LanczosExtremes(const SymmetricOperator& hessian, Index n,
                                   const LanczosOptions& options = {});

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_CURVATURE_H_
