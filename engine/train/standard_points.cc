#include "engine/train/standard_points.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/samples.h"
#include "engine/train/variance_scale.h"

namespace sobolev::train {

namespace {

using ConstVectorMap = Eigen::Map<const Vector>;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Directional labels while their number is not known.
struct LabelColumns {
  std::vector<Index> point;
  std::vector<double> seeds;
  std::vector<double> directions;
  std::vector<double> results;

  Matrix Take(const std::vector<double>& numbers, Index rows) const {
    return ConstMatrixMap(numbers.data(), rows, static_cast<Index>(point.size()));
  }
};

void Append(const Vector& column, std::vector<double>& numbers) {
  numbers.insert(numbers.end(), column.begin(), column.end());
}

// Turns the variances of labels into weights of mean 1 for every output. Column s·m + i of both
// matrices belongs to output i.
void WeighByVariance(const Matrix& labels, Index m, Matrix& variances) {
  for (Index i = 0; i < m; ++i) {
    VarianceScale scale;
    double sum = 0;
    Index count = 0;
    const auto for_each = [&](const auto& visit) {
      for (Index column = i; column < labels.cols(); column += m) {
        for (Index j = 0; j < labels.rows(); ++j) {
          if (!std::isnan(labels(j, column))) visit(variances(j, column));
        }
      }
    };
    for_each([&](double& variance) { scale.Add(variance); });
    for_each([&](double& variance) {
      variance = scale.Weight(variance);
      sum += variance;
      ++count;
    });
    for_each([&](double& weight) { weight *= static_cast<double>(count) / sum; });
  }
}

class Converter {
 public:
  Converter(const SampleSet& samples, Index num_points, const nn::Scaling& scaling)
      : n_(samples.n), m_(samples.m), scaling_(scaling) {
    points_.X.resize(n_, num_points);
    points_.Y.resize(m_, num_points);
    points_.weight.resize(num_points);
    const auto with_jacobian = [](const SampleBlock& block) { return block.jacobian != nullptr; };
    if (std::ranges::any_of(samples.blocks, with_jacobian)) {
      points_.J.resize(n_, m_ * num_points);
    }
    const auto knows_y = [](const SampleBlock& block) { return block.y_variance != nullptr; };
    if (std::ranges::any_of(samples.blocks, knows_y)) {
      points_.Y_weight.setConstant(m_, num_points, kMissing);
    }
    const auto knows_j = [](const SampleBlock& block) {
      return block.jacobian_variance != nullptr;
    };
    if (std::ranges::any_of(samples.blocks, knows_j)) {
      points_.J_weight.setConstant(n_, m_ * num_points, kMissing);
    }
  }

  void Add(Index s, const Sample& sample) {
    points_.X.col(s) =
        (ConstVectorMap(sample.x, n_) - scaling_.x_mean).cwiseQuotient(scaling_.x_scale);
    points_.weight[s] = sample.weight;
    if (sample.y == nullptr) {
      points_.Y.col(s).setConstant(kMissing);
    } else {
      points_.Y.col(s) =
          (ConstVectorMap(sample.y, m_) - scaling_.y_mean).cwiseQuotient(scaling_.y_scale);
    }
    for (Index i = 0; i < m_ && points_.J.cols() > 0; ++i) {
      auto gradient = points_.J.col(s * m_ + i);
      if (sample.jacobian == nullptr) {
        gradient.setConstant(kMissing);
      } else {
        gradient = ConstVectorMap(sample.jacobian + i * n_, n_)
                       .cwiseProduct(scaling_.x_scale / scaling_.y_scale[i]);
      }
    }
    AddVariances(s, sample);
    for (Index k = 0; k < sample.num_tangents; ++k) AddTangent(s, sample, k);
    for (Index k = 0; k < sample.num_adjoints; ++k) AddAdjoint(s, sample, k);
    for (Index k = 0; k < sample.num_hvps; ++k) AddCurvature(s, sample, k);
  }

  bool IsFinite(Index s) const {
    const auto no_infinity = [](const auto& column) {
      return std::none_of(column.begin(), column.end(), [](double x) { return std::isinf(x); });
    };
    bool finite = points_.X.col(s).allFinite() && no_infinity(points_.Y.col(s));
    for (Index i = 0; i < m_ && points_.J.cols() > 0; ++i) {
      finite = finite && no_infinity(points_.J.col(s * m_ + i));
    }
    return finite;
  }

  LabelledPoints Finish() {
    points_.weight /= points_.weight.mean();
    if (points_.Y_weight.cols() > 0) {
      // The values of an output as the one entry of columns of their own.
      Matrix weights = points_.Y_weight.reshaped(1, points_.Y_weight.size());
      WeighByVariance(points_.Y.reshaped(1, points_.Y.size()), m_, weights);
      points_.Y_weight = weights.reshaped(m_, points_.Y.cols());
    }
    if (points_.J_weight.cols() > 0) WeighByVariance(points_.J, m_, points_.J_weight);
    points_.tangents = {.point = tangents_.point,
                        .X_dot = tangents_.Take(tangents_.directions, n_),
                        .Y_dot = tangents_.Take(tangents_.results, m_)};
    points_.adjoints = {.point = adjoints_.point,
                        .Y_bar = adjoints_.Take(adjoints_.seeds, m_),
                        .X_bar = adjoints_.Take(adjoints_.results, n_)};
    points_.curvatures = {.point = curvatures_.point,
                          .Y_bar = curvatures_.Take(curvatures_.seeds, m_),
                          .V = curvatures_.Take(curvatures_.directions, n_),
                          .H_v = curvatures_.Take(curvatures_.results, n_)};
    return std::move(points_);
  }

 private:
  // Variances, until Finish turns them into weights.
  void AddVariances(Index s, const Sample& sample) {
    if (sample.y_variance != nullptr) {
      points_.Y_weight.col(s) =
          ConstVectorMap(sample.y_variance, m_).cwiseQuotient(scaling_.y_scale.cwiseAbs2());
    }
    for (Index i = 0; i < m_ && sample.jacobian_variance != nullptr; ++i) {
      points_.J_weight.col(s * m_ + i) =
          ConstVectorMap(sample.jacobian_variance + i * n_, n_)
              .cwiseProduct((scaling_.x_scale / scaling_.y_scale[i]).cwiseAbs2());
    }
  }

  // J ẋ = ẏ.
  void AddTangent(Index s, const Sample& sample, Index k) {
    Vector direction = ConstVectorMap(sample.tangents + k * n_, n_).cwiseQuotient(scaling_.x_scale);
    const double norm = direction.norm();
    if (norm == 0) return;
    tangents_.point.push_back(s);
    Append(direction / norm, tangents_.directions);
    Append(ConstVectorMap(sample.jvp + k * m_, m_).cwiseQuotient(scaling_.y_scale) / norm,
           tangents_.results);
  }

  // Jᵀ ȳ = x̄.
  void AddAdjoint(Index s, const Sample& sample, Index k) {
    const Vector seed = ConstVectorMap(sample.adjoints + k * m_, m_).cwiseProduct(scaling_.y_scale);
    const double norm = seed.norm();
    if (norm == 0) return;
    adjoints_.point.push_back(s);
    Append(seed / norm, adjoints_.seeds);
    Append(ConstVectorMap(sample.vjp + k * n_, n_).cwiseProduct(scaling_.x_scale) / norm,
           adjoints_.results);
  }

  // Σ_i ȳ_i ∇²y_i ẋ = h.
  void AddCurvature(Index s, const Sample& sample, Index k) {
    Vector seed = scaling_.y_scale;
    if (sample.hvp_adjoints != nullptr) {
      seed = seed.cwiseProduct(ConstVectorMap(sample.hvp_adjoints + k * m_, m_));
    }
    const Vector direction =
        ConstVectorMap(sample.hvp_tangents + k * n_, n_).cwiseQuotient(scaling_.x_scale);
    const double norm = seed.norm() * direction.norm();
    if (norm == 0) return;
    curvatures_.point.push_back(s);
    Append(seed / seed.norm(), curvatures_.seeds);
    Append(direction / direction.norm(), curvatures_.directions);
    Append(ConstVectorMap(sample.hvp + k * n_, n_).cwiseProduct(scaling_.x_scale) / norm,
           curvatures_.results);
  }

  const Index n_;
  const Index m_;
  const nn::Scaling& scaling_;
  LabelledPoints points_;
  LabelColumns tangents_;
  LabelColumns adjoints_;
  LabelColumns curvatures_;
};

}  // namespace

LabelledPoints StandardPoints(const SampleSet& samples, std::span<const std::uint32_t> numbers,
                              const nn::Scaling& scaling, const std::stop_token& stop) {
  Converter converter(samples, static_cast<Index>(numbers.size()), scaling);
  std::size_t next = 0;
  ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
    if (next == numbers.size() || number != static_cast<Index>(numbers[next])) return;
    const auto s = static_cast<Index>(next++);
    converter.Add(s, sample);
    if (converter.IsFinite(s)) return;
    throw FailedPrecondition(
        "NOT_REPRESENTABLE", "dataset",
        "expected samples that are finite once they are scaled by the spread of their columns, but "
        "sample " +
            std::to_string(number) + " is not; remove outliers");
  });
  return converter.Finish();
}

}  // namespace sobolev::train
