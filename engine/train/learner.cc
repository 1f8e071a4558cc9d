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
#include "engine/nn/network_surrogate.h"
#include "engine/nn/row_layout.h"
#include "engine/nn/twin_sweep.h"
#include "engine/train/adam.h"
#include "engine/train/batches.h"
#include "engine/train/curvature_term.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"

namespace sobolev::train {

namespace {

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
        batches_(MakeBatches<T>(samples, split, standardisation, resolved, stop)),
        map_(ArchitectureOf(resolved, n_, m_), resolved.shape),
        sweep_(ArchitectureOf(resolved, n_, m_), batches_->layout(),
               Converted<T>(standardisation.lambda), *resolved.batch_size),
        theta_(InitialTheta(resolved, standardisation.scaling)),
        best_theta_(theta_),
        weights_(map_.IsIdentity() ? 0 : theta_.size()),
        gradient_(theta_.size()),
        adam_(theta_.size()),
        best_adam_(adam_),
        steps_per_epoch_(StepsPerEpoch(resolved, static_cast<Index>(split.training.size()))) {
    if (resolved.gamma == 0) return;
    curvature_ = std::make_unique<CurvatureTerm>(samples, split, standardisation, resolved, stop);
    curvature_theta_.resize(static_cast<Index>(theta_.size()));
    curvature_gradient_.resize(curvature_theta_.size());
  }

  StepLoss Step(Index epoch, Index step, double learning_rate,
                const std::stop_token& stop) override {
    const RowBatch<T> batch = batches_->OfStep(epoch, step, stop);
    sweep_.SetParameters(WeightsAt(theta_));
    const nn::TwinLoss of_rows =
        sweep_.LossAndGradient(batch.rows, batch.indices, alpha_, beta_, gradient_, stop);
    StepLoss loss{.value = of_rows.value, .gradient = of_rows.gradient};
    if (curvature_) loss.curvature = AddCurvature(epoch * steps_per_epoch_ + step, stop);
    if (loss.IsFinite()) {
      if (!map_.IsIdentity()) {
        std::vector<T>& slopes = weights_;
        map_.template Slopes<T>(theta_, slopes);
        std::ranges::transform(gradient_, slopes, gradient_.begin(), std::multiplies<>{});
      }
      adam_.Step(theta_, gradient_, learning_rate);
    }
    return loss;
  }

  Evaluation Evaluate(Parameters which, const std::stop_token& stop) override {
    sweep_.SetParameters(WeightsAt(ThetaOf(which)));
    Evaluation evaluation{.loss = {},
                          .value_square = Vector::Zero(m_),
                          .jacobian_square = Vector::Zero(m_),
                          .jacobian_label_square = Vector::Zero(m_),
                          .num_values = Vector::Zero(m_),
                          .num_entries = Vector::Zero(m_)};
    double num_samples = 0;
    for (Index part = 0; part < batches_->NumValidationParts(); ++part) {
      const RowBatch<T> batch = batches_->OfValidation(part, stop);
      for (const std::uint32_t index : batch.indices) {
        CountLabels(batch.rows.data + index * batch.rows.stride, evaluation);
      }
      const nn::TwinLoss loss =
          sweep_.Residuals(batch.rows, batch.indices, SpanOf(evaluation.value_square),
                           SpanOf(evaluation.jacobian_square), stop);
      const auto size = static_cast<double>(batch.indices.size());
      num_samples += size;
      evaluation.loss.value += size / num_samples * (loss.value - evaluation.loss.value);
      evaluation.loss.gradient += size / num_samples * (loss.gradient - evaluation.loss.gradient);
    }
    if (curvature_) {
      evaluation.curvature = curvature_->ValidationLoss(CurvatureTheta(ThetaOf(which)), stop);
    }
    return evaluation;
  }

  bool IsFinite() const override {
    return adam_.IsFinite() &&
           std::ranges::all_of(theta_, [](T number) { return std::isfinite(number); });
  }

  void KeepAsBest() override {
    best_theta_ = theta_;
    best_adam_ = adam_;
  }

  void BackToBest() override {
    theta_ = best_theta_;
    adam_ = best_adam_;
  }

  Vector Theta(Parameters which) const override {
    std::vector<T> weights = ThetaOf(which);
    if (!map_.IsIdentity()) map_.template Weights<T>(weights, weights);
    Vector converted(static_cast<Index>(weights.size()));
    std::copy(weights.begin(), weights.end(), converted.begin());
    return converted;
  }

  std::uint64_t Fingerprint() const override {
    return batches_->Fingerprint() ^ (curvature_ ? curvature_->Fingerprint() : 0);
  }

  void Save(ByteWriter& writer) const override {
    writer.WriteAll(std::span<const T>(theta_));
    writer.WriteAll(std::span<const T>(best_theta_));
    Write(adam_, writer);
    Write(best_adam_, writer);
  }

  void Load(ByteReader& reader) override {
    const std::size_t p = theta_.size();
    std::vector<T> theta = reader.ReadAll<T>(p);
    std::vector<T> best_theta = reader.ReadAll<T>(p);
    Adam<T> adam = ReadAdam(p, reader);
    best_adam_ = ReadAdam(p, reader);
    theta_ = std::move(theta);
    best_theta_ = std::move(best_theta);
    adam_ = std::move(adam);
  }

 private:
  static void Write(const Adam<T>& adam, ByteWriter& writer) {
    writer.Write(adam.steps());
    writer.WriteAll(std::span<const T>(adam.first_moment()));
    writer.WriteAll(std::span<const T>(adam.second_moment()));
  }

  static Adam<T> ReadAdam(std::size_t p, ByteReader& reader) {
    Adam<T> adam(p);
    const auto steps = reader.Read<std::int64_t>();
    std::vector<T> first_moment = reader.ReadAll<T>(p);
    adam.Restore(steps, std::move(first_moment), reader.ReadAll<T>(p));
    return adam;
  }

  std::vector<T> InitialTheta(const Options& resolved, const nn::Scaling& scaling) const {
    const nn::Architecture architecture = ArchitectureOf(resolved, n_, m_);
    const Vector theta =
        resolved.start != nullptr
            ? map_.Parameters(InScaling(*resolved.start, scaling))
            : map_.InitialParameters(architecture,
                                     nn::InitialParameters(architecture, resolved.seed));
    return std::vector<T>(theta.begin(), theta.end());
  }

  // The weights of the same function in other standardised coordinates.
  static Vector InScaling(const nn::NetworkSurrogate& network, const nn::Scaling& scaling) {
    const nn::Scaling& own = network.scaling();
    const Vector to_own_x = own.x_scale.cwiseInverse();
    const Vector to_y = scaling.y_scale.cwiseInverse();
    return nn::FoldAffine(network.architecture(), network.theta(),
                          Matrix(to_own_x.cwiseProduct(scaling.x_scale).asDiagonal()),
                          to_own_x.cwiseProduct(scaling.x_mean - own.x_mean),
                          to_y.cwiseProduct(own.y_mean - scaling.y_mean),
                          to_y.cwiseProduct(own.y_scale));
  }

  const std::vector<T>& ThetaOf(Parameters which) const {
    return which == Parameters::kBest ? best_theta_ : theta_;
  }

  // The network's weights at θ in double precision; valid until the next call.
  const Vector& CurvatureTheta(const std::vector<T>& theta) {
    std::ranges::copy(WeightsAt(theta), curvature_theta_.begin());
    return curvature_theta_;
  }

  // Adds to the gradient by the weights. Returns the loss.
  double AddCurvature(Index step, const std::stop_token& stop) {
    curvature_gradient_.setZero();
    const double loss =
        curvature_->AddGradient(CurvatureTheta(theta_), step, curvature_gradient_, stop);
    for (std::size_t k = 0; k < gradient_.size(); ++k) {
      gradient_[k] += static_cast<T>(curvature_gradient_[static_cast<Index>(k)]);
    }
    return loss;
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

  // The labels of a row.
  void CountLabels(const T* row, Evaluation& evaluation) const {
    const nn::RowLayout& layout = batches_->layout();
    for (Index i = 0; i < m_; ++i) {
      evaluation.num_values[i] += std::isnan(row[layout.Y() + i]) ? 0 : 1;
      for (Index j = 0; j < n_ && layout.jacobian; ++j) {
        AddEntry(row[layout.Jacobian() + i * n_ + j], i, 1, evaluation);
      }
    }
    for (Index k = 0; k < layout.num_tangents; ++k) {
      const T* const y_dot = row + layout.Tangent(k) + n_;
      for (Index i = 0; i < m_; ++i) AddEntry(y_dot[i], i, 1, evaluation);
    }
    for (Index k = 0; k < layout.num_adjoints; ++k) {
      const T* const seed = row + layout.Adjoint(k);
      for (Index i = 0; i < m_; ++i) {
        const auto share = static_cast<double>(seed[i]) * static_cast<double>(seed[i]);
        for (Index j = 0; j < n_ && share > 0; ++j) {
          AddEntry(seed[m_ + j], i, share, evaluation);
        }
      }
    }
  }

  static void AddEntry(T label, Index output, double share, Evaluation& evaluation) {
    if (std::isnan(label)) return;
    const auto entry = static_cast<double>(label);
    evaluation.jacobian_label_square[output] += share * entry * entry;
    evaluation.num_entries[output] += share;
  }

  const Index n_;
  const Index m_;
  const double alpha_;
  const double beta_;
  const std::unique_ptr<Batches<T>> batches_;
  const nn::WeightMap map_;
  nn::TwinSweep<T> sweep_;

  std::vector<T> theta_;
  std::vector<T> best_theta_;
  std::vector<T> weights_;  // At the last θ asked for, then their slopes; empty if they are θ.
  std::vector<T> gradient_;
  Adam<T> adam_;
  Adam<T> best_adam_;  // As it was at the best θ.

  const Index steps_per_epoch_;
  std::unique_ptr<CurvatureTerm> curvature_;  // Null if γ = 0.
  Vector curvature_theta_;
  Vector curvature_gradient_;
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
