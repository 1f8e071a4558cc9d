#include "engine/train/learner.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/nn/twin_sweep.h"
#include "engine/train/adam.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"

namespace sobolev::train {

namespace {

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

// Appends scaled numbers to a row.
template <class T>
struct RowWriter {
  void Write(double number) {
    *next = static_cast<T>(number);
    finite = finite && std::isfinite(*next);
    ++next;
  }

  // NaN is a missing label.
  void WriteLabel(double number) {
    if (!std::isnan(number)) return Write(number);
    *next++ = std::numeric_limits<T>::quiet_NaN();
  }

  T* next;
  bool finite = true;
};

// One standardised sample, laid out as nn::SampleRows says. Returns whether all of it is finite.
template <class T>
bool WriteRow(const Sample& sample, const nn::Scaling& scaling, const WeightFactors& factors,
              T* row) {
  RowWriter<T> writer{row};
  const Index n = scaling.x_mean.size();
  const Index m = scaling.y_mean.size();
  for (Index j = 0; j < n; ++j) {
    writer.Write((sample.x[j] - scaling.x_mean[j]) / scaling.x_scale[j]);
  }
  for (Index i = 0; i < m; ++i) {
    writer.WriteLabel(sample.y == nullptr ? kMissing
                                          : (sample.y[i] - scaling.y_mean[i]) / scaling.y_scale[i]);
  }
  for (Index i = 0; i < m; ++i) {
    for (Index j = 0; j < n; ++j) {
      writer.WriteLabel(sample.jacobian == nullptr ? kMissing
                                                   : sample.jacobian[i * n + j] *
                                                         (scaling.x_scale[j] / scaling.y_scale[i]));
    }
  }
  writer.Write(factors.value * sample.weight);
  writer.Write(sample.jacobian == nullptr ? 0 : factors.gradient * sample.weight);
  return writer.finite;
}

template <class T>
std::vector<T> MakeRows(const SampleSet& samples, const Split& split,
                        const Standardisation& standardisation, const std::stop_token& stop) {
  const Index stride = nn::RowSize(samples.n, samples.m);
  std::vector<T> rows(static_cast<std::size_t>(samples.NumSamples() * stride));
  ForEachSample(samples, stop, [&](Index number, const Sample& sample) {
    const bool held_out = split.held_out[static_cast<std::size_t>(number)];
    const WeightFactors& factors = held_out ? standardisation.validation : standardisation.training;
    if (WriteRow(sample, standardisation.scaling, factors, rows.data() + number * stride)) return;
    throw FailedPrecondition(
        "NOT_REPRESENTABLE", "dataset",
        "expected samples that are finite once they are scaled by the spread of their columns, but "
        "sample " +
            std::to_string(number) + " is not; remove outliers or train with precision float64");
  });
  return rows;
}

template <class T>
std::vector<T> Converted(std::span<const double> numbers) {
  return std::vector<T>(numbers.begin(), numbers.end());
}

template <class T>
class TypedLearner : public Learner {
 public:
  TypedLearner(const SampleSet& samples, const Split& split, const Standardisation& standardisation,
               const Options& resolved, const std::stop_token& stop)
      : n_(samples.n),
        m_(samples.m),
        alpha_(*resolved.alpha),
        beta_(*resolved.beta),
        row_data_(MakeRows<T>(samples, split, standardisation, stop)),
        rows_{.data = row_data_.data(), .stride = nn::RowSize(n_, m_)},
        map_(ArchitectureOf(resolved, n_, m_), resolved.shape),
        sweep_(ArchitectureOf(resolved, n_, m_), Converted<T>(standardisation.lambda),
               *resolved.batch_size),
        theta_(InitialTheta(resolved)),
        best_theta_(theta_),
        weights_(map_.IsIdentity() ? 0 : theta_.size()),
        gradient_(theta_.size()),
        adam_(theta_.size()) {}

  nn::TwinLoss Step(std::span<const std::uint32_t> batch, double learning_rate,
                    const std::stop_token& stop) override {
    sweep_.SetParameters(WeightsAt(theta_));
    const nn::TwinLoss loss = sweep_.LossAndGradient(rows_, batch, alpha_, beta_, gradient_, stop);
    if (std::isfinite(loss.value) && std::isfinite(loss.gradient)) {
      if (!map_.IsIdentity()) {
        std::vector<T>& slopes = weights_;
        map_.template Slopes<T>(theta_, slopes);
        std::ranges::transform(gradient_, slopes, gradient_.begin(), std::multiplies<>{});
      }
      adam_.Step(theta_, gradient_, learning_rate);
    }
    return loss;
  }

  Evaluation Evaluate(Parameters which, std::span<const std::uint32_t> numbers,
                      const std::stop_token& stop) override {
    sweep_.SetParameters(WeightsAt(ThetaOf(which)));
    Evaluation evaluation{.loss = {},
                          .value_square = Vector::Zero(m_),
                          .jacobian_square = Vector::Zero(m_),
                          .jacobian_label_square = Vector::Zero(m_),
                          .num_values = Vector::Zero(m_),
                          .num_entries = Vector::Zero(m_)};
    CountLabels(numbers, evaluation);
    evaluation.loss = sweep_.Residuals(rows_, numbers, SpanOf(evaluation.value_square),
                                       SpanOf(evaluation.jacobian_square), stop);
    return evaluation;
  }

  void KeepAsBest() override { best_theta_ = theta_; }

  Vector Theta(Parameters which) const override {
    std::vector<T> weights = ThetaOf(which);
    if (!map_.IsIdentity()) map_.template Weights<T>(weights, weights);
    Vector converted(static_cast<Index>(weights.size()));
    std::copy(weights.begin(), weights.end(), converted.begin());
    return converted;
  }

  std::uint64_t Fingerprint() const override {
    Hasher hasher;
    hasher.Add(row_data_.data(), row_data_.size() * sizeof(T));
    return hasher.Finish();
  }

  void Save(ByteWriter& writer) const override {
    writer.Write(adam_.steps());
    writer.WriteAll(std::span<const T>(theta_));
    writer.WriteAll(std::span<const T>(best_theta_));
    writer.WriteAll(std::span<const T>(adam_.first_moment()));
    writer.WriteAll(std::span<const T>(adam_.second_moment()));
  }

  void Load(ByteReader& reader) override {
    const std::size_t p = theta_.size();
    const auto steps = reader.Read<std::int64_t>();
    std::vector<T> theta = reader.ReadAll<T>(p);
    std::vector<T> best_theta = reader.ReadAll<T>(p);
    std::vector<T> first_moment = reader.ReadAll<T>(p);
    std::vector<T> second_moment = reader.ReadAll<T>(p);
    theta_ = std::move(theta);
    best_theta_ = std::move(best_theta);
    adam_.Restore(steps, std::move(first_moment), std::move(second_moment));
  }

 private:
  std::vector<T> InitialTheta(const Options& resolved) const {
    const nn::Architecture architecture = ArchitectureOf(resolved, n_, m_);
    const Vector theta =
        map_.InitialParameters(architecture, nn::InitialParameters(architecture, resolved.seed));
    return std::vector<T>(theta.begin(), theta.end());
  }

  const std::vector<T>& ThetaOf(Parameters which) const {
    return which == Parameters::kBest ? best_theta_ : theta_;
  }

  // The network's weights at θ; valid until the next step.
  const std::vector<T>& WeightsAt(const std::vector<T>& theta) {
    if (map_.IsIdentity()) return theta;
    map_.template Weights<T>(theta, weights_);
    return weights_;
  }

  static std::span<double> SpanOf(Vector& vector) {
    return {vector.data(), static_cast<std::size_t>(vector.size())};
  }

  const T* RowOf(std::uint32_t number) const { return rows_.data + number * rows_.stride; }

  void CountLabels(std::span<const std::uint32_t> numbers, Evaluation& evaluation) const {
    for (const std::uint32_t number : numbers) {
      const T* y = RowOf(number) + n_;
      const T* J = y + m_;
      for (Index i = 0; i < m_; ++i) {
        evaluation.num_values[i] += std::isnan(y[i]) ? 0 : 1;
        for (Index j = 0; j < n_; ++j) {
          if (std::isnan(J[i * n_ + j])) continue;
          const auto entry = static_cast<double>(J[i * n_ + j]);
          evaluation.jacobian_label_square[i] += entry * entry;
          evaluation.num_entries[i] += 1;
        }
      }
    }
  }

  const Index n_;
  const Index m_;
  const double alpha_;
  const double beta_;
  const std::vector<T> row_data_;
  const nn::SampleRows<T> rows_;
  const nn::WeightMap map_;
  nn::TwinSweep<T> sweep_;

  std::vector<T> theta_;
  std::vector<T> best_theta_;
  std::vector<T> weights_;  // At the last θ asked for, then their slopes; empty if they are θ.
  std::vector<T> gradient_;
  Adam<T> adam_;
};

}  // namespace

std::unique_ptr<Learner> MakeLearner(const SampleSet& samples, const Split& split,
                                     const Standardisation& standardisation,
                                     const Options& resolved, const std::stop_token& stop) {
  if (resolved.precision == Precision::kFloat32) {
    return std::make_unique<TypedLearner<float>>(samples, split, standardisation, resolved, stop);
  }
  return std::make_unique<TypedLearner<double>>(samples, split, standardisation, resolved, stop);
}

}  // namespace sobolev::train
