#include "engine/regression/gaussian_process.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/dense/dense.h"
#include "engine/regression/covariance.h"
#include "engine/regression/kernel.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/dense_surrogate.h"

namespace sobolev::regression {

namespace {

// Covariances with so many functionals are solved for at once when the spread is judged.
constexpr Index kSpreadColumns = 16;

template <std::size_t lanes>
using Lanes = std::array<double, lanes>;

}  // namespace

GaussianProcess::GaussianProcess(AffineMaps maps, std::vector<Part> parts)
    : DenseSurrogate(std::move(maps)), parts_(std::move(parts)) {
  const Index r = this->maps().r();
  std::vector<Index> seen(static_cast<std::size_t>(m()), 0);
  covariances_.reserve(parts_.size());
  for (const Part& part : parts_) {
    const auto num_outputs = static_cast<Index>(part.outputs.size());
    const Index num_points = part.Z.cols();
    const Index num_labels = part.functionals.NumLabels();
    RequireSize("log_lengths", part.hyperparameters.log_lengths.size(), r);
    RequireSize("Z rows", part.Z.rows(), r);
    RequireSize("mean", part.mean.size(), num_outputs);
    RequireSize("B rows", part.B.rows(), num_outputs);
    RequireSize("B columns", part.B.cols(), num_points);
    if (part.G.cols() > 0) {
      RequireSize("G rows", part.G.rows(), r);
      RequireSize("G columns", part.G.cols(), num_outputs * num_points);
    }
    RequireSize("deviation", part.deviation.size(), num_outputs);
    RequireSize("X rows", part.functionals.n(), r);
    RequireSize("factor rows", part.factor.rows(), num_labels);
    RequireSize("factor columns", part.factor.cols(), num_labels);
    RequireSize("trend rows", part.trend.rows(), num_labels);
    RequireSize("trend factor", part.trend_factor.rows(), part.trend.cols());
    for (const Index output : part.outputs) {
      if (output < 0 || output >= m() || seen[static_cast<std::size_t>(output)]++ > 0) {
        throw InvalidArgument("OUT_OF_RANGE", "outputs", "expected every output in one part");
      }
    }
    covariances_.emplace_back(part.functionals, part.hyperparameters);
  }
  if (std::find(seen.begin(), seen.end(), 0) != seen.end()) {
    throw InvalidArgument("OUT_OF_RANGE", "outputs", "expected every output in one part");
  }
}

GaussianProcess::~GaussianProcess() = default;

Index GaussianProcess::NumParameters() const {
  Index count = 0;
  for (const Part& part : parts_) {
    count += part.hyperparameters.Size() + part.mean.size() + part.B.size() + part.G.size() +
             part.deviation.size();
  }
  return count;
}

std::size_t GaussianProcess::SizeBytes() const {
  Index numbers = NumParameters();
  for (const Part& part : parts_) {
    const Index num_labels = part.functionals.NumLabels();
    numbers += part.Z.size() + part.factor.size() + part.trend.size() + 4 * num_labels +
               2 * (part.functionals.X.size() + part.functionals.D.size()) +
               part.functionals.W.size();
  }
  return sizeof(GaussianProcess) + maps().SizeBytes() +
         static_cast<std::size_t>(numbers) * sizeof(double);
}

DenseSurrogate::PointCost GaussianProcess::CostOfPoint() const {
  constexpr double kExponential = 20;
  PointCost cost;
  const auto r = static_cast<double>(maps().r());
  for (const Part& part : parts_) {
    const auto outputs = static_cast<double>(part.outputs.size());
    const auto num_points = static_cast<double>(part.Z.cols());
    const double projections = part.G.cols() > 0 ? outputs * r : 0;
    cost.value += num_points * (kExponential + 2 * r + projections + 2 * outputs);
    cost.gradient += num_points * (kExponential + 2 * r + 2 * projections + outputs * (2 + r));
    cost.hessian += outputs * num_points * (kExponential + 3 * r + 1.5 * r * r);
    cost.pair += num_points * (kExponential + 8 * r + projections + outputs);
    const auto labels = static_cast<double>(part.functionals.NumLabels());
    const double columns = part.functionals.W.size() > 0 ? outputs : 1;
    cost.spread += columns * labels * (labels / 2 + r + kExponential);
    cost.gradient_spread +=
        columns * static_cast<double>(maps().n()) * labels * (labels / 2 + r + kExponential);
  }
  return cost;
}

Index GaussianProcess::EvaluationWorkspace() const {
  return (1 + (3 + kMostDirections + kMostDirections * kMostDirections) * kLanes) * maps().r();
}

Index GaussianProcess::SpreadWorkspace(bool /*gradients*/) const {
  Index most = 0;
  for (const Part& part : parts_) {
    most = std::max(most, part.functionals.NumLabels() + part.trend.cols());
  }
  return 2 * maps().r() + most * kSpreadColumns;
}

void GaussianProcess::Evaluate(const double* x_hat, double* y_hat, double* gradients,
                               double* workspace) const {
  using Lane = Lanes<kLanes>;
  const Index r = maps().r();
  double* const z = workspace;
  double* const delta = z + kLanes * r;
  for (const Part& part : parts_) {
    const auto num_outputs = static_cast<Index>(part.outputs.size());
    const Vector& log_lengths = part.hyperparameters.log_lengths;
    for (Index j = 0; j < r; ++j) {
      const double inverse = std::exp(-log_lengths(j));
      for (Index lane = 0; lane < kLanes; ++lane) {
        z[j * kLanes + lane] = x_hat[j * kLanes + lane] * inverse;
      }
    }
    for (Index o = 0; o < num_outputs; ++o) {
      const Index output = part.outputs[static_cast<std::size_t>(o)];
      std::fill_n(y_hat + output * kLanes, kLanes, part.mean(o));
      if (gradients != nullptr) std::fill_n(gradients + output * r * kLanes, r * kLanes, 0.0);
    }
    for (Index s = 0; s < part.Z.cols(); ++s) {
      Lane u{};
      for (Index j = 0; j < r; ++j) {
        const double z_s = part.Z(j, s);
        for (Index lane = 0; lane < kLanes; ++lane) {
          const double difference = z[j * kLanes + lane] - z_s;
          delta[j * kLanes + lane] = difference;
          u[static_cast<std::size_t>(lane)] += 0.5 * difference * difference;
        }
      }
      Lane h0;
      Lane h1;
      Lane h2;
      for (std::size_t lane = 0; lane < u.size(); ++lane) {
        const KernelValues h = EvaluateKernel(part.hyperparameters.kind, u[lane]);
        h0[lane] = h.h0;
        h1[lane] = h.h1;
        h2[lane] = h.h2;
      }
      for (Index o = 0; o < num_outputs; ++o) {
        const double b = part.B(o, s);
        const double* const g =
            part.G.cols() > 0 ? part.G.col(s * num_outputs + o).data() : nullptr;
        Lane q{};  // g·δ
        if (g != nullptr) {
          for (Index j = 0; j < r; ++j) {
            const double element = g[j];
            for (std::size_t lane = 0; lane < q.size(); ++lane) {
              q[lane] += element * delta[static_cast<std::size_t>(j) * kLanes + lane];
            }
          }
        }
        const Index output = part.outputs[static_cast<std::size_t>(o)];
        double* const y = y_hat + output * kLanes;
        Lane along;  // The factor of δ in ∇_z.
        for (std::size_t lane = 0; lane < q.size(); ++lane) {
          y[lane] += b * h0[lane] - h1[lane] * q[lane];
          along[lane] = b * h1[lane] - h2[lane] * q[lane];
        }
        if (gradients == nullptr) continue;
        for (Index j = 0; j < r; ++j) {
          const double element = g != nullptr ? g[j] : 0;
          double* const gradient = gradients + (output * r + j) * kLanes;
          for (std::size_t lane = 0; lane < q.size(); ++lane) {
            gradient[lane] += along[lane] * delta[static_cast<std::size_t>(j) * kLanes + lane] -
                              h1[lane] * element;
          }
        }
      }
    }
    if (gradients == nullptr) continue;
    for (const Index output : part.outputs) {
      for (Index j = 0; j < r; ++j) {
        const double inverse = std::exp(-log_lengths(j));
        double* const gradient = gradients + (output * r + j) * kLanes;
        for (Index lane = 0; lane < kLanes; ++lane) gradient[lane] *= inverse;
      }
    }
  }
}

// Var f = k(z, z) − |L⁻¹ k|² + |R⁻¹ (f − Fᵀ K⁻¹ k)|², the last because the trend is estimated, and
// likewise for derivatives.
void GaussianProcess::EvaluateSpread(const double* x_hat, double* y_spread, double* j_spread,
                                     double* workspace) const {
  const Index r = maps().r();
  double* const z = workspace;
  double* const d = z + r;
  for (std::size_t number = 0; number < parts_.size(); ++number) {
    const Part& part = parts_[number];
    const Covariance& covariance = covariances_[number];
    const Index num_labels = part.functionals.NumLabels();
    const bool coupled = part.functionals.W.size() > 0;
    const Index width = coupled ? static_cast<Index>(part.outputs.size()) : 1;
    for (Index j = 0; j < r; ++j) z[j] = x_hat[j] / covariance.lengths()(j);
    // Functionals in turn: per output, the value and then every input.
    const Index first = y_spread != nullptr ? 0 : width;
    const Index last = j_spread != nullptr ? width * (1 + n()) : width;
    std::array<double, kSpreadColumns> prior;
    for (Index begin = first; begin < last; begin += kSpreadColumns) {
      const Index count = std::min(kSpreadColumns, last - begin);
      MatrixMap columns(d + r, num_labels, count);
      MatrixMap trend(d + r + num_labels * kSpreadColumns, part.trend.cols(), count);
      for (Index k = 0; k < count; ++k) {
        const Index input = (begin + k) / width - 1;  // -1: the value.
        const Index o = (begin + k) % width;
        double variance = 1;
        if (input >= 0) {
          maps().InputDirection(input, d);
          variance = 0;
          for (Index j = 0; j < r; ++j) {
            d[j] /= covariance.lengths()(j);
            variance += d[j] * d[j];
          }
          variance *= DerivativeVariance(part.hyperparameters.kind);
        }
        prior[static_cast<std::size_t>(k)] = variance;
        covariance.Cross(z, input >= 0 ? d : nullptr, columns.col(k).data());
        if (!coupled) continue;
        for (Index a = 0; a < num_labels; ++a) columns(a, k) *= part.functionals.W(o, a);
      }
      if (num_labels > 0) dense::SolveLower(part.factor, columns);
      for (Index k = 0; k < count; ++k) {
        const Index input = (begin + k) / width - 1;
        const Index o = (begin + k) % width;
        double variance = prior[static_cast<std::size_t>(k)] - columns.col(k).squaredNorm();
        for (Index t = 0; t < part.trend.cols(); ++t) {
          double rest = (input < 0 && t == o ? 1 : 0) - part.trend.col(t).dot(columns.col(k));
          for (Index v = 0; v < t; ++v) rest -= part.trend_factor(t, v) * trend(v, k);
          trend(t, k) = rest / part.trend_factor(t, t);
          variance += trend(t, k) * trend(t, k);
        }
        const double deviation = std::sqrt(std::max(variance, 0.0));
        const Index begin_output = coupled ? o : 0;
        const Index end_output = coupled ? o + 1 : static_cast<Index>(part.outputs.size());
        for (Index i = begin_output; i < end_output; ++i) {
          const Index output = part.outputs[static_cast<std::size_t>(i)];
          double* const target = input < 0 ? y_spread + output : j_spread + output * n() + input;
          *target = part.deviation(i) * deviation;
        }
      }
    }
  }
}

}  // namespace sobolev::regression
