#include "server/jobs/sampling_errors.h"

#include <cmath>
#include <cstddef>
#include <optional>

#include "server/convert/sample_rows.h"

namespace sobolev::server {
namespace {

// Standard deviations of the known values of each output; 1 where there is no spread.
Vector OutputScales(const train::SampleSet& samples) {
  Vector sums = Vector::Zero(samples.m);
  Vector squares = Vector::Zero(samples.m);
  Vector counts = Vector::Zero(samples.m);
  train::ForEachSample(samples, {}, [&](Index, const train::Sample& sample) {
    if (sample.y == nullptr) return;
    for (Index i = 0; i < samples.m; ++i) {
      if (std::isnan(sample.y[i])) continue;
      counts[i] += 1;
      const double before = sample.y[i] - sums[i];
      sums[i] += before / counts[i];  // The mean so far (Welford 1962).
      squares[i] += before * (sample.y[i] - sums[i]);
    }
  });
  Vector scales(samples.m);
  for (Index i = 0; i < samples.m; ++i) {
    const double deviation = std::sqrt(squares[i] / counts[i]);
    scales[i] = deviation > 0 ? deviation : 1;
  }
  return scales;
}

// Squares of errors and of what was told, over what is known.
struct Sums {
  double errors = 0;
  double labels = 0;
  double count = 0;

  void Add(double predicted, double told, double scale) {
    if (!std::isfinite(told)) return;
    errors += (predicted - told) * (predicted - told) * scale * scale;
    labels += told * told * scale * scale;
    count += 1;
  }
};

const double* Numbers(const v1::Tensor& tensor) {
  return reinterpret_cast<const double*>(tensor.data().data());
}

}  // namespace

ModelErrors JudgeByNews(const Surrogate& model, const std::vector<SamplingPointRecord>& added,
                        const train::SampleSet& samples, const sampling::Domain& domain) {
  const Index n = model.n();
  const Index m = model.m();
  const Vector scales = OutputScales(samples);
  Sums values;
  Sums derivatives;
  Vector y(m);
  Matrix J(n, m);
  for (const SamplingPointRecord& point : added) {
    if (!point.space_filling) continue;
    const v1::SampleBlock row = ParseRow(point.result);
    const Eigen::Map<const Vector> x(point.x.data(), n);
    model.Predict({x.data(), n, 1}, std::nullopt, std::nullopt, {.Y = y.data(), .J = J.data()});
    const Matrix predicted = domain.UnitJacobian(x, J);
    Matrix told;
    if (row.has_jacobian()) {
      told = domain.UnitJacobian(x, Eigen::Map<const Matrix>(Numbers(row.jacobian()), n, m));
    }
    for (Index i = 0; i < m; ++i) {
      if (row.has_y()) values.Add(y[i], Numbers(row.y())[i], 1 / scales[i]);
      for (Index j = 0; j < told.rows(); ++j) {
        derivatives.Add(predicted(j, i), told(j, i), 1 / scales[i]);
      }
    }
  }
  ModelErrors errors;
  if (values.count > 0) errors.value = std::sqrt(values.errors / values.count);
  if (derivatives.labels > 0) errors.gradient = std::sqrt(derivatives.errors / derivatives.labels);
  return errors;
}

}  // namespace sobolev::server
