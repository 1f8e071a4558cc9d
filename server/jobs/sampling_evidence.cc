#include "server/jobs/sampling_evidence.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <stop_token>
#include <utility>

#include "engine/surrogate/ensemble.h"
#include "server/convert/sample_rows.h"

namespace sobolev::server {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
// Coordinates that leave the cube by no more than rounding are put on its face.
constexpr double kRounding = 1e-9;

bool IsInside(const Vector& u) {
  return u.minCoeff() >= -kRounding && u.maxCoeff() <= 1 + kRounding;
}

// Grows columns by columns.
class Columns {
 public:
  explicit Columns(const SamplingBox& box, Index m) : box_(box), m_(m) {}

  void Add(const double* x, const double* y, const double* jacobian) {
    const Index n = box_.min.size();
    const Vector u = box_.ToUnit(Eigen::Map<const Vector>(x, n));
    if (!IsInside(u)) return;
    for (const double coordinate : u) x_.push_back(std::clamp(coordinate, 0.0, 1.0));
    for (Index i = 0; i < m_; ++i) y_.push_back(y == nullptr ? kNaN : y[i]);
    for (Index k = 0; k < m_ * n; ++k) {
      jacobian_.push_back(jacobian == nullptr ? kNaN : jacobian[k] * box_.width[k % n]);
    }
    has_jacobian_ = has_jacobian_ || jacobian != nullptr;
  }

  // Behind what the evidence has.
  void AppendTo(sampling::Evidence& evidence) const {
    const Index n = box_.min.size();
    const auto count = static_cast<Index>(x_.size()) / n;
    if (count == 0) return;
    const Index before = evidence.X.cols();
    const bool has_derivatives = evidence.HasDerivatives() || has_jacobian_;
    if (has_derivatives && !evidence.HasDerivatives()) {
      evidence.J.setConstant(n, m_ * before, kNaN);
    }
    evidence.X.conservativeResize(n, before + count);
    evidence.X.rightCols(count) = Eigen::Map<const Matrix>(x_.data(), n, count);
    evidence.Y.conservativeResize(m_, before + count);
    evidence.Y.rightCols(count) = Eigen::Map<const Matrix>(y_.data(), m_, count);
    if (!has_derivatives) return;
    evidence.J.conservativeResize(n, m_ * (before + count));
    evidence.J.rightCols(m_ * count) = Eigen::Map<const Matrix>(jacobian_.data(), n, m_ * count);
  }

 private:
  const SamplingBox& box_;
  const Index m_;
  std::vector<double> x_;
  std::vector<double> y_;
  std::vector<double> jacobian_;
  bool has_jacobian_ = false;
};

const double* Numbers(bool is_there, const v1::Tensor& tensor) {
  return is_there ? reinterpret_cast<const double*>(tensor.data().data()) : nullptr;
}

Matrix ToMatrix(const std::vector<Vector>& columns, Index n) {
  Matrix matrix(n, static_cast<Index>(columns.size()));
  for (Index i = 0; i < matrix.cols(); ++i) matrix.col(i) = columns[static_cast<std::size_t>(i)];
  return matrix;
}

sampling::Model InUnits(const std::shared_ptr<const Surrogate>& surrogate, const SamplingBox& box) {
  return [surrogate, box](const Matrix& U, Matrix& Y, Matrix& J, const std::stop_token& stop) {
    const Index n = surrogate->n();
    const Index m = surrogate->m();
    const Matrix X = (U.array().colwise() * box.width.array()).colwise() + box.min.array();
    Y.resize(m, U.cols());
    J.resize(n, m * U.cols());
    surrogate->Predict({X.data(), n, X.cols()}, std::nullopt, std::nullopt,
                       {.Y = Y.data(), .J = J.data()}, stop);
    J.array().colwise() *= box.width.array();
  };
}

}  // namespace

sampling::Evidence EvidenceOf(const train::SampleSet& samples, const SamplingBox& box) {
  sampling::Evidence evidence{.X = Matrix(samples.n, 0), .Y = Matrix(samples.m, 0)};
  Columns columns(box, samples.m);
  train::ForEachSample(samples, {}, [&](Index, const train::Sample& sample) {
    columns.Add(sample.x, sample.y, sample.jacobian);
  });
  columns.AppendTo(evidence);
  return evidence;
}

void AddPoints(const std::vector<SamplingPointRecord>& points, std::int64_t uploads,
               const SamplingBox& box, sampling::Evidence& evidence) {
  Columns columns(box, evidence.m());
  std::vector<Vector> pending;
  std::vector<Vector> failed;
  for (const SamplingPointRecord& point : points) {
    const Eigen::Map<const Vector> x(point.x.data(), static_cast<Index>(point.x.size()));
    const auto unit = [&] { return Vector(box.ToUnit(x).cwiseMax(0).cwiseMin(1)); };
    switch (point.state) {
      case SamplingPointState::kQueued:
      case SamplingPointState::kLeased:
        pending.push_back(unit());
        break;
      case SamplingPointState::kInfeasible:
      case SamplingPointState::kFailed:
        failed.push_back(unit());
        break;
      case SamplingPointState::kDone:
        if (point.upload == 0 || point.upload > uploads) {
          const v1::SampleBlock row = ParseRow(point.result);
          columns.Add(point.x.data(), Numbers(row.has_y(), row.y()),
                      Numbers(row.has_jacobian(), row.jacobian()));
        }
        break;
    }
  }
  columns.AppendTo(evidence);
  evidence.pending = ToMatrix(pending, evidence.n());
  evidence.failed = ToMatrix(failed, evidence.n());
}

std::vector<sampling::Model> OpinionsOf(const std::shared_ptr<const Surrogate>& model,
                                        const std::shared_ptr<const Surrogate>& before,
                                        const SamplingBox& box) {
  std::vector<sampling::Model> opinions;
  if (model == nullptr) return opinions;
  if (const auto* ensemble = dynamic_cast<const EnsembleSurrogate*>(model.get());
      ensemble != nullptr && ensemble->members().size() > 1) {
    opinions.reserve(ensemble->members().size());
    for (const auto& member : ensemble->members()) opinions.push_back(InUnits(member, box));
  } else if (before != nullptr && box.min.size() > sampling::kMaxTaylorInputs) {
    opinions = {InUnits(model, box), InUnits(before, box)};
  }
  return opinions;
}

}  // namespace sobolev::server
