// The stacked residuals of a fit written down label by label, and their Jacobian by tangents: the
// independent truth for engine/nn/gram_sweep.h.

#ifndef SOBOLEV_TESTS_ENGINE_NN_GRAM_REFERENCE_H_
#define SOBOLEV_TESTS_ENGINE_NN_GRAM_REFERENCE_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "engine/ad/tangent.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/surrogate/labelled_points.h"
#include "tests/support/reference_network.h"

namespace sobolev::reference {

inline constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// √weight·(prediction − label) of every label that is there, with the weights that gram_sweep.h
// documents.
template <class S>
VectorOf<S> StackedResiduals(const nn::Architecture& architecture, const VectorOf<S>& theta,
                             const LabelledPoints& points, const LossWeights& weights) {
  std::vector<S> r;
  const auto n = static_cast<double>(architecture.n);
  const auto m = static_cast<double>(architecture.m);
  const auto num_points = static_cast<double>(points.NumPoints());
  const auto add = [&](double weight, const S& prediction, double label) {
    if (!std::isnan(label)) r.push_back(S(std::sqrt(weight)) * (prediction - S(label)));
  };
  const double gradient_factor = weights.beta / (m * n * num_points);
  const Matrix squares = weights.lambda.cwiseAbs2();
  const auto jacobian_at = [&](Index s) {
    const VectorOf<S> x = points.X.col(s).template cast<S>();
    return Jacobian<S>(architecture, theta, x);
  };
  for (Index s = 0; s < points.NumPoints(); ++s) {
    const VectorOf<S> x = points.X.col(s).template cast<S>();
    const VectorOf<S> y = Value<S>(architecture, theta, x);
    for (Index i = 0; i < architecture.m; ++i) {
      add(points.weight[s] * points.ValueWeight(i, s) * weights.alpha / (m * num_points), y[i],
          points.Y(i, s));
    }
    if (points.J.cols() == 0) continue;
    const MatrixOf<S> J = jacobian_at(s);
    for (Index i = 0; i < architecture.m; ++i) {
      for (Index j = 0; j < architecture.n; ++j) {
        const Index column = s * architecture.m + i;
        add(points.weight[s] * points.GradientWeight(j, column) * gradient_factor * squares(j, i),
            J(i, j), points.J(j, column));
      }
    }
  }
  for (std::size_t k = 0; k < points.tangents.point.size(); ++k) {
    const auto column = static_cast<Index>(k);
    const Index s = points.tangents.point[k];
    const MatrixOf<S> J = jacobian_at(s);
    const Vector x_dot = points.tangents.X_dot.col(column);
    if (x_dot.squaredNorm() == 0) continue;
    for (Index i = 0; i < architecture.m; ++i) {
      S y_dot{};
      double square = 0;
      for (Index j = 0; j < architecture.n; ++j) {
        y_dot += J(i, j) * S(x_dot[j]);
        square += squares(j, i) * x_dot[j] * x_dot[j];
      }
      add(points.weight[s] * gradient_factor * square / std::pow(x_dot.squaredNorm(), 2), y_dot,
          points.tangents.Y_dot(i, column));
    }
  }
  for (std::size_t k = 0; k < points.adjoints.point.size(); ++k) {
    const auto column = static_cast<Index>(k);
    const Index s = points.adjoints.point[k];
    const MatrixOf<S> J = jacobian_at(s);
    const Vector y_bar = points.adjoints.Y_bar.col(column);
    if (y_bar.squaredNorm() == 0) continue;
    for (Index j = 0; j < architecture.n; ++j) {
      S x_bar{};
      double square = 0;
      for (Index i = 0; i < architecture.m; ++i) {
        x_bar += J(i, j) * S(y_bar[i]);
        square += squares(j, i) * y_bar[i] * y_bar[i];
      }
      add(points.weight[s] * gradient_factor * square / std::pow(y_bar.squaredNorm(), 2), x_bar,
          points.adjoints.X_bar(j, column));
    }
  }
  // The tangent of the Jacobian along v.
  const Vector kappa =
      weights.kappa.size() > 0 ? weights.kappa : Vector::Ones(architecture.m).eval();
  for (std::size_t k = 0; k < points.curvatures.point.size(); ++k) {
    using Dual = ad::Tangent<S>;
    const auto column = static_cast<Index>(k);
    const Index s = points.curvatures.point[k];
    const Vector y_bar = points.curvatures.Y_bar.col(column);
    const Vector v = points.curvatures.V.col(column);
    if (y_bar.squaredNorm() == 0 || v.squaredNorm() == 0) continue;
    VectorOf<Dual> x = points.X.col(s).template cast<Dual>();
    for (Index j = 0; j < architecture.n; ++j) x[j].dot = S(v[j]);
    const MatrixOf<Dual> J = Jacobian<Dual>(architecture, theta.template cast<Dual>(), x);
    const double weight = points.weight[s] * weights.gamma / (m * n * num_points) *
                          kappa.cwiseProduct(y_bar).squaredNorm() /
                          (std::pow(y_bar.squaredNorm(), 2) * v.squaredNorm());
    for (Index j = 0; j < architecture.n; ++j) {
      S h{};
      for (Index i = 0; i < architecture.m; ++i) h += J(i, j).dot * S(y_bar[i]);
      add(weight, h, points.curvatures.H_v(j, column));
    }
  }
  return Eigen::Map<VectorOf<S>>(r.data(), static_cast<Index>(r.size()));
}

// R = ∂r/∂θ, one tangent of θ at a time.
inline Matrix ResidualJacobian(const nn::Architecture& architecture, const Vector& theta,
                               const LabelledPoints& points, const LossWeights& weights) {
  using Dual = ad::Tangent<double>;
  Matrix R;
  for (Index p = 0; p < theta.size(); ++p) {
    VectorOf<Dual> seeded = theta.cast<Dual>();
    seeded[p].dot = 1;
    const VectorOf<Dual> r = StackedResiduals<Dual>(architecture, seeded, points, weights);
    if (p == 0) R.resize(r.size(), theta.size());
    for (Index i = 0; i < r.size(); ++i) R(i, p) = r[i].dot;
  }
  return R;
}

// Which labels random points have.
struct LabelChoice {
  bool jacobians = true;
  double missing = 0;  // Probability of every label to be missing.
  bool rank_one_lambda = true;
  Index num_tangents = 0;
  Index num_adjoints = 0;
  Index num_curvatures = 0;
  bool label_weights = false;
};

struct GramProblem {
  nn::Architecture architecture;
  Vector theta;
  LabelledPoints points;
  LossWeights weights;
};

inline GramProblem RandomGramProblem(const nn::Architecture& architecture, Index num_points,
                                     const LabelChoice& choice, std::uint64_t seed) {
  Rng rng(seed);
  const Index n = architecture.n;
  const Index m = architecture.m;
  const auto normal = [&](Index rows, Index cols) {
    Matrix matrix(rows, cols);
    for (double& entry : matrix.reshaped()) entry = rng.Normal();
    return matrix;
  };
  const auto labels = [&](Index rows, Index cols) {
    Matrix matrix = normal(rows, cols);
    for (double& entry : matrix.reshaped()) {
      if (rng.Uniform() < choice.missing) entry = kMissing;
    }
    return matrix;
  };
  const auto some_points = [&](Index count) {
    std::vector<Index> points;
    for (Index k = 0; k < count; ++k) {
      points.push_back(static_cast<Index>(rng.Below(static_cast<std::uint64_t>(num_points))));
    }
    return points;
  };
  GramProblem problem{.architecture = architecture, .theta = {}, .points = {}, .weights = {}};
  problem.theta = nn::InitialParameters(architecture, seed);
  for (double& parameter : problem.theta) parameter += 0.2 * rng.Normal();
  LabelledPoints& points = problem.points;
  points.X = normal(n, num_points);
  points.Y = labels(m, num_points);
  if (choice.jacobians) points.J = labels(n, m * num_points);
  points.weight = Vector(num_points);
  for (double& weight : points.weight) weight = 0.5 + rng.Uniform();
  points.tangents = {some_points(choice.num_tangents), normal(n, choice.num_tangents),
                     labels(m, choice.num_tangents)};
  points.adjoints = {some_points(choice.num_adjoints), normal(m, choice.num_adjoints),
                     labels(n, choice.num_adjoints)};
  problem.weights = {.alpha = 0.3, .beta = 0.7, .gamma = 0.4, .lambda = Matrix(n, m), .kappa = {}};
  const Vector of_input = normal(n, 1).cwiseAbs();
  const Vector of_output = normal(m, 1).cwiseAbs();
  problem.weights.lambda = choice.rank_one_lambda ? Matrix(of_input * of_output.transpose())
                                                  : Matrix(normal(n, m).cwiseAbs());
  if (choice.num_curvatures > 0) {
    points.curvatures = {some_points(choice.num_curvatures), normal(m, choice.num_curvatures),
                         normal(n, choice.num_curvatures), labels(n, choice.num_curvatures)};
    problem.weights.kappa = normal(m, 1).cwiseAbs();
  }
  if (choice.label_weights) {
    points.Y_weight = normal(m, num_points).cwiseAbs();
    points.J_weight = normal(n, points.J.cols()).cwiseAbs();
  }
  return problem;
}

}  // namespace sobolev::reference

#endif  // SOBOLEV_TESTS_ENGINE_NN_GRAM_REFERENCE_H_
