#include "server/jobs/sampling_evidence.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <stop_token>
#include <utility>

#include "engine/surrogate/ensemble.h"
#include "server/convert/sample_rows.h"

namespace sobolev::server {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Grows column by column.
class Columns {
 public:
  Columns(const sampling::Domain& domain, Index m) : domain_(domain), m_(m) {}

  void Add(const double* x, const double* y, const double* jacobian) {
    const Index n = domain_.n();
    if (!IsInside(domain_, x)) return;
    x_.insert(x_.end(), x, x + n);
    for (Index i = 0; i < m_; ++i) y_.push_back(y == nullptr ? kNaN : y[i]);
    for (Index k = 0; k < m_ * n; ++k)
      jacobian_.push_back(jacobian == nullptr ? kNaN : jacobian[k]);
    has_jacobian_ = has_jacobian_ || jacobian != nullptr;
  }

  // Behind what the evidence has.
  void AppendTo(sampling::Evidence& evidence) const {
    const Index n = domain_.n();
    const Index d = domain_.num_free();
    const auto count = static_cast<Index>(x_.size()) / n;
    if (count == 0) return;
    const Index before = evidence.X.cols();
    const Matrix X = Eigen::Map<const Matrix>(x_.data(), n, count);
    evidence.X.conservativeResize(d, before + count);
    evidence.X.rightCols(count) = domain_.ToUnit(X, "x");
    evidence.Y.conservativeResize(m_, before + count);
    evidence.Y.rightCols(count) = Eigen::Map<const Matrix>(y_.data(), m_, count);
    if (!evidence.HasDerivatives() && !has_jacobian_) return;
    if (!evidence.HasDerivatives()) evidence.J.setConstant(d, m_ * before, kNaN);
    evidence.J.conservativeResize(d, m_ * (before + count));
    evidence.J.rightCols(m_ * count) = FiniteOrMissing(
        domain_.UnitJacobian(X, Eigen::Map<const Matrix>(jacobian_.data(), n, m_ * count)));
  }

 private:
  // Where the density of an input is 0 a derivative by its coordinate says nothing.
  static Matrix FiniteOrMissing(const Matrix& J) {
    return J.unaryExpr([](double entry) { return std::isfinite(entry) ? entry : kNaN; });
  }

  const sampling::Domain& domain_;
  const Index m_;
  std::vector<double> x_;
  std::vector<double> y_;
  std::vector<double> jacobian_;
  bool has_jacobian_ = false;
};

const double* Numbers(bool is_there, const v1::Tensor& tensor) {
  return is_there ? reinterpret_cast<const double*>(tensor.data().data()) : nullptr;
}

// d×P, of points that were placed in the domain.
Matrix ToUnit(const std::vector<const SamplingPointRecord*>& points,
              const sampling::Domain& domain) {
  Matrix X(domain.n(), static_cast<Index>(points.size()));
  for (Index i = 0; i < X.cols(); ++i) {
    X.col(i) = Eigen::Map<const Vector>(points[static_cast<std::size_t>(i)]->x.data(), X.rows());
  }
  return domain.ToUnit(X, "x");
}

// `domain` outlives the model.
sampling::Model InUnits(const std::shared_ptr<const Surrogate>& surrogate,
                        const sampling::Domain& domain) {
  return [surrogate, &domain](const Matrix& U, Matrix& Y, Matrix& J, const std::stop_token& stop) {
    const Matrix X = domain.ToUser(U);
    Y.resize(surrogate->m(), U.cols());
    J.resize(surrogate->n(), surrogate->m() * U.cols());
    surrogate->Predict({X.data(), X.rows(), X.cols()}, std::nullopt, std::nullopt,
                       {.Y = Y.data(), .J = J.data()}, stop);
    J = domain.UnitJacobian(X, J);
  };
}

}  // namespace

bool IsInside(const sampling::Domain& domain, const double* x) {
  for (Index j = 0; j < domain.n(); ++j) {
    const sampling::Input& input = domain.inputs()[static_cast<std::size_t>(j)];
    if (input.fixed ? x[j] != *input.fixed : x[j] < input.min || x[j] > input.max) return false;
    if (input.kind != sampling::InputKind::kContinuous && x[j] != std::floor(x[j])) return false;
  }
  return true;
}

sampling::Evidence EvidenceOf(const train::SampleSet& samples, const sampling::Domain& domain) {
  sampling::Evidence evidence{.X = Matrix(domain.num_free(), 0), .Y = Matrix(samples.m, 0)};
  Columns columns(domain, samples.m);
  train::ForEachSample(samples, {}, [&](Index, const train::Sample& sample) {
    columns.Add(sample.x, sample.y, sample.jacobian);
  });
  columns.AppendTo(evidence);
  return evidence;
}

std::vector<Index> ColumnsOf(const train::SampleSet& samples, const sampling::Domain& domain) {
  std::vector<Index> columns;
  columns.reserve(static_cast<std::size_t>(samples.NumSamples()));
  Index next = 0;
  train::ForEachSample(samples, {}, [&](Index, const train::Sample& sample) {
    columns.push_back(IsInside(domain, sample.x) ? next++ : -1);
  });
  return columns;
}

Matrix FailedPoints(const std::vector<SamplingPointRecord>& points,
                    const sampling::Domain& domain) {
  std::vector<const SamplingPointRecord*> failed;
  for (const SamplingPointRecord& point : points) {
    if (point.state == SamplingPointState::kInfeasible ||
        point.state == SamplingPointState::kFailed) {
      failed.push_back(&point);
    }
  }
  return ToUnit(failed, domain);
}

void AddPoints(const std::vector<SamplingPointRecord>& points, std::int64_t uploads,
               const sampling::Domain& domain, sampling::Evidence& evidence) {
  Columns columns(domain, evidence.m());
  std::vector<const SamplingPointRecord*> pending;
  for (const SamplingPointRecord& point : points) {
    switch (point.state) {
      case SamplingPointState::kQueued:
      case SamplingPointState::kLeased:
        pending.push_back(&point);
        break;
      case SamplingPointState::kInfeasible:
      case SamplingPointState::kFailed:
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
  evidence.pending = ToUnit(pending, domain);
  evidence.failed = FailedPoints(points, domain);
}

std::vector<sampling::Model> OpinionsOf(const std::shared_ptr<const Surrogate>& model,
                                        const std::shared_ptr<const Surrogate>& before,
                                        const sampling::Domain& domain) {
  std::vector<sampling::Model> opinions;
  if (model == nullptr) return opinions;
  if (const auto* ensemble = dynamic_cast<const EnsembleSurrogate*>(model.get());
      ensemble != nullptr && ensemble->members().size() > 1) {
    opinions.reserve(ensemble->members().size());
    for (const auto& member : ensemble->members()) opinions.push_back(InUnits(member, domain));
  } else if (before != nullptr && domain.num_free() > sampling::kMaxTaylorInputs) {
    opinions = {InUnits(model, domain), InUnits(before, domain)};
  }
  return opinions;
}

}  // namespace sobolev::server
