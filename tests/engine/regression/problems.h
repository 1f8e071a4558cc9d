// Functions with all their derivatives, as labels for fits and as truth for predictions.

#ifndef SOBOLEV_TESTS_ENGINE_REGRESSION_PROBLEMS_H_
#define SOBOLEV_TESTS_ENGINE_REGRESSION_PROBLEMS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/ad/tangent.h"
#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::regression {

// A value with two tangents and their mixed second derivative.
using Second = ad::Tangent<ad::Tangent<double>>;
using Function = std::function<std::vector<Second>(const std::vector<Second>&)>;

struct Derivatives {
  Matrix Y;  // m×N
  Matrix J;  // n×(m·N)
  Matrix H;  // n×(n·m·N)
};

inline Derivatives Differentiate(const Function& f, const Matrix& X) {
  Derivatives result;
  const Index n = X.rows();
  for (Index s = 0; s < X.cols(); ++s) {
    for (Index j = 0; j < n; ++j) {
      for (Index k = 0; k <= j; ++k) {
        std::vector<Second> x(static_cast<std::size_t>(n));
        for (Index l = 0; l < n; ++l) {
          x[static_cast<std::size_t>(l)] = Second(ad::Tangent<double>(X(l, s), l == j ? 1.0 : 0.0),
                                                  ad::Tangent<double>(l == k ? 1.0 : 0.0));
        }
        const std::vector<Second> y = f(x);
        const auto m = static_cast<Index>(y.size());
        if (result.Y.size() == 0) {
          result.Y.resize(m, X.cols());
          result.J.resize(n, m * X.cols());
          result.H.resize(n, n * m * X.cols());
        }
        for (Index i = 0; i < m; ++i) {
          const Second& y_i = y[static_cast<std::size_t>(i)];
          result.Y(i, s) = y_i.value.value;
          result.J(j, s * m + i) = y_i.value.dot;
          result.H(j, (s * m + i) * n + k) = y_i.dot.dot;
          result.H(k, (s * m + i) * n + j) = y_i.dot.dot;
        }
      }
    }
  }
  return result;
}

inline Matrix UniformMatrix(Index rows, Index cols, std::uint64_t seed, double low = -1,
                            double high = 1) {
  Rng rng(seed);
  Matrix random(rows, cols);
  for (double& entry : random.reshaped()) entry = low + (high - low) * rng.Uniform();
  return random;
}

inline Matrix NormalMatrix(Index rows, Index cols, std::uint64_t seed) {
  Rng rng(seed);
  Matrix random(rows, cols);
  for (double& entry : random.reshaped()) entry = rng.Normal();
  return random;
}

// Values and Jacobians of f at X.
inline LabelledPoints PointsOf(const Function& f, const Matrix& X) {
  Derivatives truth = Differentiate(f, X);
  return {
      .X = X, .Y = std::move(truth.Y), .J = std::move(truth.J), .weight = Vector::Ones(X.cols())};
}

// The same without labels.
inline LabelledPoints Unlabelled(const Matrix& X, Index m) {
  return {.X = X,
          .Y = Matrix::Constant(m, X.cols(), std::numeric_limits<double>::quiet_NaN()),
          .J = Matrix(),
          .weight = Vector::Ones(X.cols())};
}

// One random tangent, adjoint or curvature label per point.
inline TangentLabels TangentsOf(const Function& f, const Matrix& X, std::uint64_t seed) {
  const Derivatives truth = Differentiate(f, X);
  const Index m = truth.Y.rows();
  TangentLabels labels{.X_dot = NormalMatrix(X.rows(), X.cols(), seed),
                       .Y_dot = Matrix(m, X.cols())};
  for (Index s = 0; s < X.cols(); ++s) {
    labels.point.push_back(s);
    labels.Y_dot.col(s) = truth.J.middleCols(s * m, m).transpose() * labels.X_dot.col(s);
  }
  return labels;
}

inline AdjointLabels AdjointsOf(const Function& f, const Matrix& X, std::uint64_t seed) {
  const Derivatives truth = Differentiate(f, X);
  const Index m = truth.Y.rows();
  AdjointLabels labels{.Y_bar = NormalMatrix(m, X.cols(), seed),
                       .X_bar = Matrix(X.rows(), X.cols())};
  for (Index s = 0; s < X.cols(); ++s) {
    labels.point.push_back(s);
    labels.X_bar.col(s) = truth.J.middleCols(s * m, m) * labels.Y_bar.col(s);
  }
  return labels;
}

inline CurvatureLabels CurvaturesOf(const Function& f, const Matrix& X, std::uint64_t seed) {
  const Derivatives truth = Differentiate(f, X);
  const Index n = X.rows();
  const Index m = truth.Y.rows();
  CurvatureLabels labels{.Y_bar = NormalMatrix(m, X.cols(), seed),
                         .V = NormalMatrix(n, X.cols(), seed + 1),
                         .H_v = Matrix::Zero(n, X.cols())};
  for (Index s = 0; s < X.cols(); ++s) {
    labels.point.push_back(s);
    for (Index i = 0; i < m; ++i) {
      labels.H_v.col(s) +=
          labels.Y_bar(i, s) * truth.H.middleCols((s * m + i) * n, n) * labels.V.col(s);
    }
  }
  return labels;
}

inline LossWeights AllWeights(const LabelledPoints& points) {
  const auto n = static_cast<double>(points.n());
  return {.alpha = 1 / (1 + n),
          .beta = n / (1 + n),
          .gamma = 1,
          .lambda = Matrix::Ones(points.n(), points.m())};
}

// Everything that a surrogate predicts, of random directions.
struct Prediction {
  Matrix Y, J, H, X_dot, Y_dot, Y_bar, X_bar;
};

inline Prediction PredictAll(const Surrogate& surrogate, const Matrix& X) {
  const Index n = surrogate.n();
  const Index m = surrogate.m();
  const Index num_points = X.cols();
  Prediction result{.Y = Matrix(m, num_points),
                    .J = Matrix(n, m * num_points),
                    .H = Matrix(n, n * m * num_points),
                    .X_dot = NormalMatrix(n, 2 * num_points, 71),
                    .Y_dot = Matrix(m, 2 * num_points),
                    .Y_bar = NormalMatrix(m, 3 * num_points, 72),
                    .X_bar = Matrix(n, 3 * num_points)};
  PredictionBuffers out;
  out.Y = result.Y.data();
  out.J = result.J.data();
  out.H = result.H.data();
  out.Y_dot = result.Y_dot.data();
  out.X_bar = result.X_bar.data();
  const Directions tangents{ConstMatrixMap(result.X_dot.data(), n, 2 * num_points), 2, true};
  const Directions adjoints{ConstMatrixMap(result.Y_bar.data(), m, 3 * num_points), 3, true};
  surrogate.Predict(ConstMatrixMap(X.data(), n, num_points), tangents, adjoints, out);
  return result;
}

// Relative errors over points: RMS of the values about their mean, and of the derivatives.
inline double ValueError(const Matrix& Y, const Matrix& truth) {
  return (Y - truth).norm() / (truth.colwise() - truth.rowwise().mean()).norm();
}

inline double GradientError(const Matrix& J, const Matrix& truth) {
  return (J - truth).norm() / truth.norm();
}

// Maps with means and scales far from 0 and 1, so that a forgotten factor shows; dense ones project
// to r inputs.
inline AffineMaps DiagonalMaps(Index n, Index m) {
  return AffineMaps::Standard(3 * NormalMatrix(n, 1, 81), UniformMatrix(n, 1, 82, 0.3, 3),
                              5 * NormalMatrix(m, 1, 83), UniformMatrix(m, 1, 84, 0.2, 4));
}

inline AffineMaps DenseMaps(Index r, Index n, Index m) {
  AffineMaps maps = DiagonalMaps(n, m);
  maps.x_factor.resize(0);
  maps.A = 0.5 * NormalMatrix(r, n, 85);
  return maps;
}

inline std::string Bytes(const Surrogate& surrogate) {
  ByteWriter writer;
  surrogate.Save(writer);
  return std::move(writer).Finish();
}

}  // namespace sobolev::regression

#endif  // SOBOLEV_TESTS_ENGINE_REGRESSION_PROBLEMS_H_
