#include "engine/ad/curvature.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include <Eigen/Eigenvalues>

#include "engine/base/error.h"
#include "engine/base/rng.h"

namespace sobolev::ad {
namespace {

void RequireAtLeast(const char* field, double actual, double least) {
  if (actual >= least) return;  // NaN does not pass.
  throw InvalidArgument(
      "OUT_OF_RANGE", field,
      "expected at least " + std::to_string(least) + ", got " + std::to_string(actual));
}

// H v, checked.
Vector Apply(const SymmetricOperator& hessian, const Vector& v) {
  Vector product = hessian(v);
  RequireSize("hessian-vector product", product.size(), v.size());
  if (product.allFinite()) return product;
  throw InvalidArgument("NOT_FINITE", "hessian-vector product",
                        "expected finite entries, got NaN or infinity");
}

// The τ >= 0 with ‖p + τ d‖ = radius, for ‖p‖ <= radius. The larger root of a quadratic, in the
// form that does not cancel when pᵀd > 0; no square of the radius is formed, for it may overflow.
double DistanceToBoundary(const Vector& p, const Vector& d, double radius) {
  const double length = d.norm();
  const double p_norm = p.norm();
  const double inside = std::max(0.0, radius - p_norm);
  const double b = p.dot(d) / length;
  const double root = std::hypot(b, std::sqrt(inside) * std::sqrt(radius + p_norm));
  const double step = b > 0 ? inside * ((radius + p_norm) / (b + root)) : root - b;
  return step / length;
}

// v minus its part in the first k columns of Q. Twice is enough (Parlett 1998, section 6.9): after
// the second pass the rest is orthogonal to rounding.
void Orthogonalise(const Matrix& Q, Index k, Vector& v) {
  for (int pass = 0; pass < 2; ++pass) {
    const Vector overlap = Q.leftCols(k).transpose() * v;
    v.noalias() -= Q.leftCols(k) * overlap;
  }
}

// The Ritz pair from the coefficients of its vector in the basis, its residual computed and not
// inferred from the recurrence.
RitzPair Lift(const SymmetricOperator& hessian, const Matrix& Q, const Vector& coefficients) {
  RitzPair pair;
  pair.vector = (Q.leftCols(coefficients.size()) * coefficients).normalized();
  const Vector product = Apply(hessian, pair.vector);
  pair.value = pair.vector.dot(product);
  pair.residual = (product - pair.value * pair.vector).norm();
  return pair;
}

}  // namespace

NewtonStep TruncatedNewton(const SymmetricOperator& hessian, const Vector& gradient,
                           const NewtonOptions& options) {
  RequireAtLeast("trust_radius", options.trust_radius, std::numeric_limits<double>::min());
  RequireAtLeast("tolerance", options.tolerance, 0);
  RequireAtLeast("max_iterations", static_cast<double>(options.max_iterations), 0);
  if (!gradient.allFinite()) {
    throw InvalidArgument("NOT_FINITE", "gradient", "expected finite entries, got NaN or infinity");
  }
  const Index n = gradient.size();
  const Index budget = options.max_iterations > 0 ? options.max_iterations : 2 * n;
  const double goal = options.tolerance * gradient.norm();
  const bool bounded = std::isfinite(options.trust_radius);

  Vector p = Vector::Zero(n);
  Vector H_p = Vector::Zero(n);
  Vector r = gradient;  // H p + g
  Vector d = -r;
  NewtonStep result;
  result.stop = NewtonStop::kMaxIterations;
  const auto move = [&](double alpha, const Vector& H_d) {
    p += alpha * d;
    H_p += alpha * H_d;
    r += alpha * H_d;
  };
  while (true) {
    if (r.norm() <= goal) {
      result.stop = NewtonStop::kConverged;
      break;
    }
    if (result.iterations == budget) break;
    const Vector H_d = Apply(hessian, d);
    ++result.iterations;
    const double curvature = d.dot(H_d);
    if (!(curvature > 0)) {
      result.stop = NewtonStop::kNegativeCurvature;
      if (bounded) {
        move(DistanceToBoundary(p, d, options.trust_radius), H_d);
      } else if (result.iterations == 1) {
        move(1, H_d);
      }
      break;
    }
    const double r_squared = r.squaredNorm();
    const double alpha = r_squared / curvature;
    if (bounded && (p + alpha * d).norm() >= options.trust_radius) {
      result.stop = NewtonStop::kBoundary;
      move(DistanceToBoundary(p, d, options.trust_radius), H_d);
      break;
    }
    move(alpha, H_d);
    d = -r + r.squaredNorm() / r_squared * d;
  }
  result.predicted_decrease = -(gradient.dot(p) + p.dot(H_p) / 2);
  result.residual = r.norm();
  result.step = p;
  return result;
}

TraceEstimate HutchinsonTrace(const SymmetricOperator& hessian, Index n, Index num_samples,
                              std::uint64_t seed) {
  RequireAtLeast("n", static_cast<double>(n), 1);
  RequireAtLeast("num_samples", static_cast<double>(num_samples), 2);
  Rng rng(seed);
  // Welford's update: no cancellation between the sum of squares and the square of the sum.
  double mean = 0;
  double squares = 0;
  for (Index sample = 1; sample <= num_samples; ++sample) {
    Vector z(n);
    for (double& sign : z) sign = rng.Below(2) == 0 ? -1 : 1;
    const double value = z.dot(Apply(hessian, z));
    const double deviation = value - mean;
    mean += deviation / static_cast<double>(sample);
    squares += deviation * (value - mean);
  }
  const auto count = static_cast<double>(num_samples);
  return {.trace = mean, .standard_error = std::sqrt(squares / (count * (count - 1)))};
}

ExtremeEigenvalues LanczosExtremes(const SymmetricOperator& hessian, Index n,
                                   const LanczosOptions& options) {
  RequireAtLeast("n", static_cast<double>(n), 1);
  RequireAtLeast("tolerance", options.tolerance, 0);
  RequireAtLeast("max_iterations", static_cast<double>(options.max_iterations), 0);
  const Index budget = options.max_iterations > 0 ? std::min(options.max_iterations, n) : n;
  Rng rng(options.seed);
  Vector q(n);
  for (double& entry : q) entry = rng.Normal();
  q.normalize();

  // H Q = Q T + β q eᵀ with tridiagonal T: alpha on its diagonal, beta beside it. Q grows by
  // doubling, so that early convergence does not cost the memory of the whole budget.
  Matrix Q(n, std::min<Index>(budget, 16));
  Vector alpha(budget);
  Vector beta(budget);
  double scale = 0;  // Grows to about ‖T‖, hence to ‖H‖ as far as it was seen.
  Index next_check = 1;
  Eigen::SelfAdjointEigenSolver<Matrix> ritz;
  ExtremeEigenvalues result;
  for (Index k = 1; k <= budget; ++k) {
    if (k > Q.cols()) Q.conservativeResize(Eigen::NoChange, std::min(budget, 2 * Q.cols()));
    Q.col(k - 1) = q;
    Vector v = Apply(hessian, q);
    ++result.iterations;
    alpha(k - 1) = q.dot(v);
    Orthogonalise(Q, k, v);
    beta(k - 1) = v.norm();
    scale = std::max({scale, std::abs(alpha(k - 1)), beta(k - 1)});
    // A vanishing β closes the subspace: its Ritz values are eigenvalues.
    const bool closed = beta(k - 1) <= std::numeric_limits<double>::epsilon() * scale;
    if (closed || k == budget || k == next_check) {
      // An eighth further each time: the decompositions of T together stay cheaper than the
      // products with Q.
      next_check = k + std::max<Index>(1, k / 8);
      ritz.computeFromTridiagonal(alpha.head(k), beta.head(k - 1));
      // The residual of a Ritz pair is β times the last of its coefficients.
      const auto last = ritz.eigenvectors().row(k - 1);
      const double reach = std::max(std::abs(last(0)), std::abs(last(k - 1)));
      const double largest = ritz.eigenvalues().cwiseAbs().maxCoeff();
      if (closed || beta(k - 1) * reach <= options.tolerance * largest) break;
    }
    q = v / beta(k - 1);
  }
  result.smallest = Lift(hessian, Q, ritz.eigenvectors().col(0));
  result.largest = Lift(hessian, Q, ritz.eigenvectors().rightCols(1));
  const double largest = std::max(std::abs(result.smallest.value), std::abs(result.largest.value));
  // Rounding of the product itself, which no tolerance can undercut.
  const double rounding =
      8 * std::numeric_limits<double>::epsilon() * static_cast<double>(n) * largest;
  result.converged = std::max(result.smallest.residual, result.largest.residual) <=
                     std::max(2 * options.tolerance * largest, rounding);
  return result;
}

}  // namespace sobolev::ad
