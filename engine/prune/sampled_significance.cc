#include "engine/prune/sampled_significance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/layers.h"
#include "engine/prune/spread_sums.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::prune {

namespace {

// Samples that are swept at once.
constexpr Index kChunk = 256;

void RequireNumPoints(Index num_points, Index most) {
  if (2 <= num_points && num_points <= most) return;
  throw InvalidArgument("OUT_OF_RANGE", "num_points",
                        "expected 2 to " + std::to_string(most) + ", got " +
                            std::to_string(num_points) + "; 2048 is usual");
}

// The positions of samples of which all numbers are finite.
std::vector<Index> ValidSamples(const Matrix& Y, const Matrix& J) {
  const Index m = Y.rows();
  std::vector<Index> valid;
  for (Index s = 0; s < Y.cols(); ++s) {
    if (Y.col(s).allFinite() && J.middleCols(s * m, m).allFinite()) valid.push_back(s);
  }
  return valid;
}

}  // namespace

SampledSignificance SampleSignificance(const nn::NetworkSurrogate& network, const Box& box,
                                       const SampledOptions& options, const std::stop_token& stop) {
  RequireBox(box, network.n());
  RequireNumPoints(options.num_points, kMaxSampledPoints);
  const nn::Scaling& scaling = network.scaling();
  const Matrix X =
      scaling.x_scale.cwiseInverse().asDiagonal() *
      (UniformPoints(box, options.num_points, options.seed).colwise() - scaling.x_mean);
  const Layers layers(network);
  std::vector<SpreadSums> sums;
  Matrix Y(network.m(), X.cols());
  for (Index first = 0; first < X.cols(); first += kChunk) {
    ThrowIfStopped(stop);
    const Matrix part = X.middleCols(first, std::min(kChunk, X.cols() - first));
    const HiddenValues values = Evaluate(layers, part);
    Y.middleCols(first, part.cols()) = values.Y;
    if (first == 0) {
      sums.emplace_back(part, network.m());
      for (const Matrix& a : values.A) sums.emplace_back(a, network.m());
    }
    for (Index o = 0; o < network.m(); ++o) {
      ThrowIfStopped(stop);
      const HiddenAdjoints adjoints = Reverse(layers, values, o);
      sums[0].Add(part, adjoints.X_bar, o);
      for (std::size_t l = 0; l < values.A.size(); ++l) {
        sums[l + 1].Add(values.A[l], adjoints.A_bar[l], o);
      }
    }
  }

  const auto in_units = [&](const Matrix& of_outputs) {
    return Matrix(of_outputs * scaling.y_scale.asDiagonal());
  };
  SampledSignificance result{.inputs = in_units(sums[0].Spread())};
  for (std::size_t l = 1; l < sums.size(); ++l) {
    result.hidden.push_back(in_units(sums[l].Spread()));
    result.taylor.push_back(in_units(sums[l].MeanMagnitude()));
  }
  const Matrix centred = Y.colwise() - Vector(Y.rowwise().mean());
  result.y_variance =
      centred.cwiseAbs2().rowwise().mean().cwiseProduct(scaling.y_scale.cwiseAbs2());
  return result;
}

SampledInputs SampleInputs(const Surrogate& surrogate, const Box& box,
                           const SampledOptions& options, const std::stop_token& stop) {
  const Index n = surrogate.n();
  const Index m = surrogate.m();
  RequireBox(box, n);
  RequireNumPoints(options.num_points, std::min(kMaxSampledPoints, kMaxSampledNumbers / (n * m)));
  const Matrix X = UniformPoints(box, options.num_points, options.seed);
  Matrix Y(m, X.cols());
  Matrix J(n, m * X.cols());
  surrogate.Predict({X.data(), n, X.cols()}, std::nullopt, std::nullopt,
                    {.Y = Y.data(), .J = J.data()}, stop);
  const std::vector<Index> valid = ValidSamples(Y, J);
  const auto num_valid = static_cast<Index>(valid.size());
  SampledInputs sampled{.num_invalid = X.cols() - num_valid};
  if (num_valid == 0) return sampled;
  const Matrix X_valid = X(Eigen::all, valid);
  const Matrix Y_valid = Y(Eigen::all, valid);
  Matrix J_valid(n, m * num_valid);
  SpreadSums sums(X_valid, m);
  for (Index i = 0; i < m; ++i) {
    Matrix gradients(n, num_valid);
    for (Index s = 0; s < num_valid; ++s) {
      gradients.col(s) = J.col(valid[static_cast<std::size_t>(s)] * m + i);
      J_valid.col(s * m + i) = gradients.col(s);
    }
    sums.Add(X_valid, gradients, i);
  }
  sampled.significance = sums.Spread();
  sampled.total_sobol = TotalSobolBounds(box, Y_valid, J_valid);
  return sampled;
}

Matrix TotalSobolBounds(const Box& box, const Matrix& Y, const Matrix& J) {
  const Index n = J.rows();
  const Index m = Y.rows();
  RequireBox(box, n);
  RequireSize("J columns", J.cols(), m * Y.cols());
  Matrix squares = Matrix::Zero(n, m);
  for (Index s = 0; s < Y.cols(); ++s) squares += J.middleCols(s * m, m).cwiseAbs2();
  squares /= static_cast<double>(Y.cols());
  const Matrix centred = Y.colwise() - Vector(Y.rowwise().mean());
  const Vector variance = centred.cwiseAbs2().rowwise().mean();
  Matrix bounds(n, m);
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < n; ++j) {
      const double scaled =
          std::pow((box.max[j] - box.min[j]) / std::numbers::pi, 2) * squares(j, i);
      const double if_constant = scaled > 0 ? std::numeric_limits<double>::infinity() : 0;
      bounds(j, i) = variance[i] > 0 ? scaled / variance[i] : if_constant;
    }
  }
  return bounds;
}

}  // namespace sobolev::prune
