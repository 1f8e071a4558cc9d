#include "engine/regression/likelihood.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <stop_token>

#include <Eigen/Cholesky>
#include <oneapi/tbb/parallel_for.h>

#include "engine/base/matrix.h"
#include "engine/dense/dense.h"
#include "engine/regression/covariance.h"
#include "engine/regression/triangular.h"

namespace sobolev::regression {

namespace {

// σ² of labels that the trend explains up to rounding.
constexpr double kLeastVariance = 1e-24;

// Given L, everything but the factor itself.
void Solve(const Observations& observations, const Covariance& covariance, const Matrix& factor,
           Posterior& posterior) {
  const Vector inverse_scale = covariance.scale().cwiseInverse();
  Matrix r = inverse_scale.asDiagonal() * observations.T;
  posterior.trend = inverse_scale.asDiagonal() * Trend(observations.functionals);
  dense::SolveLower(factor, r);
  if (posterior.trend.cols() > 0) {
    dense::SolveLower(factor, posterior.trend);
    const Eigen::LLT<Matrix> llt(posterior.trend.transpose() * posterior.trend);
    posterior.trend_factor = llt.matrixL();
    posterior.beta = llt.solve(posterior.trend.transpose() * r);
    r.noalias() -= posterior.trend * posterior.beta;
  } else {
    posterior.trend_factor.resize(0, 0);
    posterior.beta.resize(0, r.cols());
  }
  const auto num_labels = static_cast<double>(r.rows());
  posterior.variance = r.colwise().squaredNorm().transpose() / num_labels;
  posterior.variance = posterior.variance.cwiseMax(kLeastVariance);
  posterior.negative_log_likelihood =
      0.5 * num_labels * posterior.variance.array().log().sum() +
      static_cast<double>(r.cols()) *
          (factor.diagonal().array().log().sum() + covariance.scale().array().log().sum());
  dense::SolveLowerTransposed(factor, r);
  posterior.alpha = std::move(r);
}

}  // namespace

Observations Observations::Head(Index num_points) const {
  return {.functionals = functionals.Head(num_points),
          .T = T.topRows(functionals.First(num_points))};
}

Matrix Trend(const Functionals& functionals) {
  const Index num_labels = functionals.NumLabels();
  const bool coupled = functionals.W.size() > 0;
  const Index width = coupled ? functionals.W.rows() : 1;
  Matrix F = Matrix::Zero(num_labels, width);
  for (Index a = 0; a < num_labels; ++a) {
    if (functionals.Axis(a) != Functionals::kValue) continue;
    for (Index o = 0; o < width; ++o) F(a, o) = coupled ? functionals.W(o, a) : 1;
  }
  // An output without values has no known mean: that of standardised outputs, 0.
  for (Index o = width - 1; o >= 0; --o) {
    if (F.col(o).squaredNorm() > 0) continue;
    if (!coupled) return Matrix(num_labels, 0);
    F.conservativeResize(num_labels, 0);
    break;
  }
  return F;
}

bool Condition(const Observations& observations, const Covariance& covariance, Posterior& posterior,
               const std::stop_token& stop) {
  const Index num_labels = observations.functionals.NumLabels();
  posterior.factor.setZero(num_labels, num_labels);
  covariance.Assemble(posterior.factor, stop);
  if (!dense::Cholesky(posterior.factor, stop)) return false;
  Solve(observations, covariance, posterior.factor, posterior);
  return posterior.alpha.allFinite();
}

double NegativeLogLikelihood(const Observations& observations,
                             const Hyperparameters& hyperparameters, Vector* gradient,
                             LikelihoodMemory& memory, const std::stop_token& stop) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const Index num_labels = observations.functionals.NumLabels();
  const Covariance covariance(observations.functionals, hyperparameters);
  memory.factor.resize(num_labels, num_labels);
  covariance.Assemble(memory.factor, stop);
  if (!dense::Cholesky(memory.factor, stop)) return kInfinity;
  Posterior posterior;
  Solve(observations, covariance, memory.factor, posterior);
  if (!std::isfinite(posterior.negative_log_likelihood)) return kInfinity;
  if (gradient == nullptr) return posterior.negative_log_likelihood;

  // ∂/∂K: m K⁻¹ − Σ_o α_o α_oᵀ/σ_o².
  InvertLower(memory.factor, stop);
  TransposedSquare(memory.factor, memory.products, stop);
  Matrix& W = memory.products;
  W *= static_cast<double>(posterior.alpha.cols());
  const Matrix scaled =
      posterior.alpha * posterior.variance.cwiseSqrt().cwiseInverse().asDiagonal();
  dense::AddGram(-1, scaled, W);
  *gradient = covariance.Sensitivities(W, stop);
  return posterior.negative_log_likelihood;
}

Matrix LeaveOneOut(const Observations& observations, const Covariance& covariance,
                   const Posterior& posterior, const std::stop_token& stop) {
  const Functionals& functionals = observations.functionals;
  Matrix inverse = posterior.factor;
  InvertLower(inverse, stop);
  // What knowing the trend takes from K⁻¹: B Bᵀ with B = L⁻ᵀ (L⁻¹F) R⁻ᵀ, R Rᵀ = Fᵀ K⁻¹ F.
  Matrix B = posterior.trend;
  if (B.cols() > 0) {
    dense::SolveLowerTransposed(posterior.factor, B);
    B = posterior.trend_factor.triangularView<Eigen::Lower>()
            .solve(B.transpose())
            .transpose()
            .eval();
  }
  Matrix errors(posterior.alpha.rows(), posterior.alpha.cols());
  oneapi::tbb::parallel_for(Index{0}, functionals.NumPoints(), [&](Index s) {
    const Index first = functionals.First(s);
    const Index count = functionals.First(s + 1) - first;
    if (count == 0) return;
    const auto columns = inverse.block(first, first, inverse.rows() - first, count);
    Matrix block = columns.transpose() * columns;
    if (B.cols() > 0) {
      const Matrix rows = B.middleRows(first, count);
      block.noalias() -= rows * rows.transpose();
    }
    errors.middleRows(first, count) = -block.ldlt().solve(posterior.alpha.middleRows(first, count));
  });
  return covariance.scale().asDiagonal() * errors;
}

}  // namespace sobolev::regression
