#include "engine/regression/covariance.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <span>
#include <stop_token>
#include <vector>

#include <oneapi/tbb/parallel_for.h>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/dense/dense.h"
#include "engine/regression/kernel.h"

namespace sobolev::regression {

Functionals Functionals::Head(Index num_points) const {
  const Index num_labels = First(num_points);
  Functionals head{.X = X.leftCols(num_points),
                   .first = {first.begin(), first.begin() + num_points + 1},
                   .axis = {axis.begin(), axis.begin() + num_labels},
                   .column = {column.begin(), column.begin() + num_labels},
                   .D = D,
                   .W = W.leftCols(W.size() > 0 ? num_labels : 0),
                   .weight = weight.head(num_labels)};
  return head;
}

void Functionals::Save(ByteWriter& writer) const {
  writer.Write(static_cast<std::int64_t>(NumPoints()));
  writer.Write(static_cast<std::int64_t>(NumLabels()));
  writer.Write(static_cast<std::int64_t>(D.cols()));
  writer.Write(static_cast<std::int64_t>(W.size() > 0 ? 1 : 0));
  writer.WriteAll(std::span(X.data(), static_cast<std::size_t>(X.size())));
  for (const Index number : first) writer.Write(static_cast<std::int64_t>(number));
  for (const std::int32_t number : axis) writer.Write(static_cast<std::int64_t>(number));
  for (const Index number : column) writer.Write(static_cast<std::int64_t>(number));
  writer.WriteAll(std::span(D.data(), static_cast<std::size_t>(D.size())));
  writer.WriteAll(std::span(W.data(), static_cast<std::size_t>(W.size())));
  writer.WriteVector(weight);
}

Functionals Functionals::Load(ByteReader& reader, Index n, Index num_outputs, Index most_labels) {
  const Index num_points = reader.ReadInt(0, most_labels);
  const Index num_labels = reader.ReadInt(num_points > 0 ? 1 : 0, num_points > 0 ? most_labels : 0);
  const Index num_directions = reader.ReadInt(0, most_labels);
  const bool coupled = reader.ReadInt(0, 1) == 1;
  const auto matrix = [&](Index rows, Index cols) -> Matrix {
    const auto elements = reader.ReadAll<double>(static_cast<std::size_t>(rows * cols));
    return ConstMatrixMap(elements.data(), rows, cols);
  };
  Functionals result;
  result.X = matrix(n, num_points);
  result.first.push_back(reader.ReadInt(0, 0));
  for (Index s = 1; s <= num_points; ++s) {
    const Index least = s == num_points ? num_labels : result.first.back();
    result.first.push_back(reader.ReadInt(least, num_labels));
  }
  result.axis.resize(static_cast<std::size_t>(num_labels));
  for (std::int32_t& number : result.axis) {
    number =
        static_cast<std::int32_t>(reader.ReadInt(num_directions > 0 ? kDirection : kValue, n - 1));
  }
  result.column.resize(static_cast<std::size_t>(num_labels));
  for (Index& number : result.column) {
    number = reader.ReadInt(0, std::max<Index>(num_directions - 1, 0));
  }
  result.D = matrix(n, num_directions);
  if (coupled) result.W = matrix(num_outputs, num_labels);
  result.weight = reader.ReadVector(num_labels);
  return result;
}

Vector Hyperparameters::Pack() const {
  Vector theta(Size());
  theta << log_lengths, log_value_noise, log_gradient_noise;
  return theta;
}

Hyperparameters Hyperparameters::Unpack(KernelKind kind, const Vector& theta) {
  const Index n = theta.size() - 2;
  return {.kind = kind,
          .log_lengths = theta.head(n),
          .log_value_noise = theta(n),
          .log_gradient_noise = theta(n + 1)};
}

Covariance::Covariance(const Functionals& functionals, const Hyperparameters& hyperparameters)
    : functionals_(functionals),
      kind_(hyperparameters.kind),
      value_noise_(std::exp(hyperparameters.log_value_noise)),
      gradient_noise_(std::exp(hyperparameters.log_gradient_noise)),
      lengths_(hyperparameters.log_lengths.array().exp()),
      points_z_(lengths_.cwiseInverse().asDiagonal() * functionals.X),
      directions_z_(lengths_.cwiseInverse().asDiagonal() * functionals.D),
      scale_(functionals.NumLabels()),
      has_directions_(static_cast<std::size_t>(functionals.NumPoints()), false) {
  for (Index s = 0; s < functionals.NumPoints(); ++s) {
    const Index begin = functionals.First(s);
    const Index end = functionals.First(s + 1);
    most_labels_ = std::max(most_labels_, end - begin);
    for (Index a = begin; a < end; ++a) {
      const std::int32_t axis = functionals.Axis(a);
      if (axis == Functionals::kValue) {
        scale_(a) = 1;
      } else if (axis == Functionals::kDirection) {
        scale_(a) = directions_z_.col(functionals.Column(a)).norm();
        has_directions_[static_cast<std::size_t>(s)] = true;
      } else {
        scale_(a) = 1 / lengths_(axis);
      }
    }
  }
  directions_z_.colwise().normalize();
}

double Covariance::Noise(Index label) const {
  const bool value = functionals_.Axis(label) == Functionals::kValue;
  return (value ? value_noise_ : gradient_noise_) / functionals_.weight(label);
}

void Covariance::Direction(Index label, double* d) const {
  const std::int32_t axis = functionals_.Axis(label);
  for (Index j = 0; j < points_z_.rows(); ++j) {
    d[j] = axis == Functionals::kDirection ? directions_z_(j, functionals_.Column(label))
                                           : (axis == j ? 1 : 0);
  }
}

void Covariance::Projections(Index point, const double* delta, double* p) const {
  const Index begin = functionals_.First(point);
  const Index end = functionals_.First(point + 1);
  for (Index a = begin; a < end; ++a) {
    const std::int32_t axis = functionals_.Axis(a);
    if (axis >= 0) {
      p[a - begin] = delta[axis];
    } else if (axis == Functionals::kValue) {
      p[a - begin] = 0;
    } else {
      const double* const d = directions_z_.col(functionals_.Column(a)).data();
      double sum = 0;
      for (Index j = 0; j < points_z_.rows(); ++j) sum += d[j] * delta[j];
      p[a - begin] = sum;
    }
  }
}

double Covariance::DirectionProduct(Index a, Index b) const {
  const std::int32_t axis_a = functionals_.Axis(a);
  const std::int32_t axis_b = functionals_.Axis(b);
  if (axis_a == Functionals::kValue || axis_b == Functionals::kValue) return 0;
  if (axis_a >= 0 && axis_b >= 0) return axis_a == axis_b ? 1 : 0;
  if (axis_a >= 0) return directions_z_(axis_a, functionals_.Column(b));
  if (axis_b >= 0) return directions_z_(axis_b, functionals_.Column(a));
  return directions_z_.col(functionals_.Column(a)).dot(directions_z_.col(functionals_.Column(b)));
}

void Covariance::AssemblePair(Index s, Index t, double* memory, dense::MatrixRef K) const {
  const Index n = points_z_.rows();
  double* const delta = memory;
  double* const p_s = delta + n;
  double* const p_t = p_s + most_labels_;
  double u = 0;
  for (Index j = 0; j < n; ++j) {
    delta[j] = points_z_(j, s) - points_z_(j, t);
    u += delta[j] * delta[j];
  }
  const KernelValues h = EvaluateKernel(kind_, 0.5 * u);
  Projections(s, delta, p_s);
  Projections(t, delta, p_t);
  const Index begin_s = functionals_.First(s);
  const Index num_s = functionals_.First(s + 1) - begin_s;
  const Index begin_t = functionals_.First(t);
  const Index num_t = functionals_.First(t + 1) - begin_t;
  const bool directions =
      has_directions_[static_cast<std::size_t>(s)] || has_directions_[static_cast<std::size_t>(t)];
  const std::int32_t* const axes = functionals_.axis.data() + begin_s;
  for (Index b = 0; b < num_t; ++b) {
    const std::int32_t axis = functionals_.Axis(begin_t + b);
    const double c = axis == Functionals::kValue ? 1 : 0;
    const double of_value = h.h0 * c - h.h1 * p_t[b];
    const double of_projection = h.h1 * c - h.h2 * p_t[b];
    const Index skipped = s == t ? b : 0;  // Above the diagonal.
    double* const column = &K(begin_s, begin_t + b);
    for (Index a = skipped; a < num_s; ++a) {
      column[a] = (axes[a] == Functionals::kValue ? of_value : 0) + p_s[a] * of_projection;
    }
    if (directions) {
      for (Index a = skipped; a < num_s; ++a) {
        column[a] -= h.h1 * DirectionProduct(begin_s + a, begin_t + b);
      }
    } else if (axis >= 0) {
      for (Index a = skipped; a < num_s; ++a) column[a] -= axes[a] == axis ? h.h1 : 0;
    }
    if (functionals_.W.size() > 0) {
      for (Index a = skipped; a < num_s; ++a) {
        column[a] *= functionals_.W.col(begin_s + a).dot(functionals_.W.col(begin_t + b));
      }
    }
  }
}

void Covariance::Assemble(dense::MatrixRef K, const std::stop_token& stop) const {
  oneapi::tbb::parallel_for(Index{0}, functionals_.NumPoints(), [&](Index t) {
    ThrowIfStopped(stop);
    std::vector<double> memory(static_cast<std::size_t>(points_z_.rows() + 2 * most_labels_));
    for (Index s = t; s < functionals_.NumPoints(); ++s) AssemblePair(s, t, memory.data(), K);
  });
  for (Index a = 0; a < functionals_.NumLabels(); ++a) K(a, a) += Noise(a);
}

void Covariance::Cross(const double* z, const double* d, double* column) const {
  const Index n = points_z_.rows();
  thread_local std::vector<double> memory;
  memory.resize(static_cast<std::size_t>(n + most_labels_));
  double* const delta = memory.data();
  double* const p = delta + n;
  for (Index s = 0; s < functionals_.NumPoints(); ++s) {
    double u = 0;
    double p_z = 0;
    for (Index j = 0; j < n; ++j) {
      delta[j] = points_z_(j, s) - z[j];
      u += delta[j] * delta[j];
      if (d != nullptr) p_z += d[j] * delta[j];
    }
    const KernelValues h = EvaluateKernel(kind_, 0.5 * u);
    Projections(s, delta, p);
    const double c = d == nullptr ? 1 : 0;
    const double of_value = h.h0 * c - h.h1 * p_z;
    const double of_projection = h.h1 * c - h.h2 * p_z;
    for (Index a = functionals_.First(s); a < functionals_.First(s + 1); ++a) {
      const std::int32_t axis = functionals_.Axis(a);
      double sum = (axis == Functionals::kValue ? of_value : 0) +
                   p[a - functionals_.First(s)] * of_projection;
      if (d != nullptr && axis >= 0) {
        sum -= h.h1 * d[axis];
      } else if (d != nullptr && axis == Functionals::kDirection) {
        const double* const d_a = directions_z_.col(functionals_.Column(a)).data();
        double product = 0;
        for (Index j = 0; j < n; ++j) product += d_a[j] * d[j];
        sum -= h.h1 * product;
      }
      column[a] = sum;
    }
  }
}

}  // namespace sobolev::regression
