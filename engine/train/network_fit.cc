#include "engine/train/network_fit.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/base/stop.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/differential_pca.h"
#include "engine/train/errors.h"
#include "engine/train/fit.h"
#include "engine/train/full_batch.h"
#include "engine/train/loss_weights.h"
#include "engine/train/options.h"
#include "engine/train/random_streams.h"
#include "engine/train/recipe.h"
#include "engine/train/sample_view.h"
#include "engine/train/samples.h"
#include "engine/train/trainer.h"

namespace sobolev::train {

namespace {

using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// Steps that take all labels end when the held-out score has not improved by this share for so many
// slices.
constexpr double kImprovement = 0.01;
constexpr Index kPatience = 15;
// L-BFGS ends where the Gauss-Newton model can be trusted.
constexpr double kDampingAfterLbfgs = 1e-4;
// Standard deviation of the initial biases: without them all tanh units bend at the mean.
constexpr double kBiasSpread = 0.5;
// Between the seeds of restarts; odd, so that they do not repeat.
constexpr std::uint64_t kRestartStride = 0x9e3779b97f4a7c15;
// With fewer samples Adam is not tried.
constexpr Index kLeastAdamSamples = 4;
// Samples of one slice of Adam.
constexpr Index kSliceSamples = 65536;
// Adam's samples of a step; at most all of them.
constexpr Index kLeastBatch = 256;
constexpr Index kBatches = 16;

Vector InitialTheta(const nn::Architecture& architecture, const nn::WeightMap& map,
                    std::uint64_t seed) {
  Vector theta = nn::InitialParameters(architecture, seed);
  Rng rng(seed, kInitialBiasStream);
  Index end = 0;
  for (Index l = 1; l < architecture.Depth(); ++l) {
    end += architecture.Rows(l) * (architecture.Cols(l) + 1);
    for (Index i = end - architecture.Rows(l); i < end; ++i) theta[i] = kBiasSpread * rng.Normal();
  }
  return map.InitialParameters(architecture, std::move(theta));
}

// The network of x̃ = A x + c and ỹ = f(x̃), y = d + e∘ỹ, as a network of x.
Vector FoldAffine(const nn::Architecture& architecture, const Vector& theta, const Matrix& A,
                  const Vector& c, const Vector& d, const Vector& e) {
  nn::Architecture result = architecture;
  result.n = A.cols();
  Vector folded(result.NumParameters());
  Index from = 0;
  Index to = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Index rows = architecture.Rows(l);
    const Index cols = architecture.Cols(l);
    const Index inputs = l == 1 ? cols : architecture.SkipCols(l);
    const Eigen::Map<const RowMajor> W(theta.data() + from, rows, cols);
    Eigen::Map<RowMajor> into(folded.data() + to, rows, result.Cols(l));
    Eigen::Map<Vector> b(folded.data() + to + into.size(), rows);
    into.leftCols(cols - inputs) = W.leftCols(cols - inputs);
    b = theta.segment(from + W.size(), rows);
    if (inputs > 0) {
      into.rightCols(result.n) = W.rightCols(inputs) * A;
      b += W.rightCols(inputs) * c;
    }
    if (l == architecture.Depth()) {
      into = e.asDiagonal() * into;
      b = d + e.cwiseProduct(b);
    }
    from += rows * (cols + 1);
    to += rows * (result.Cols(l) + 1);
  }
  return folded;
}

LossWeights LossFor(const Recipe& recipe, const FitData& data, const LabelledPoints& points) {
  LossOptions options = data.loss;
  options.derivatives = options.derivatives && recipe.derivatives;
  return WeightsFor(points, options, recipe.balance);
}

// Multiply-adds of a gradient of the loss of all points.
double GradientWork(const nn::Architecture& architecture, Index num_points, bool derivatives) {
  const Index sweeps = derivatives ? 3 + 3 * architecture.m : 3;
  return static_cast<double>(sweeps) * static_cast<double>(architecture.NumParameters()) *
         static_cast<double>(num_points);
}

// The Gauss-Newton matrix of all points, and its factorisation.
double NewtonWorkPerStep(const nn::Architecture& architecture, const LabelledPoints& points) {
  const auto p = static_cast<double>(architecture.NumParameters());
  const auto samples = static_cast<double>(points.NumPoints());
  const auto m = static_cast<double>(architecture.m);
  const auto curvatures =
      static_cast<double>(architecture.n) * static_cast<double>(points.curvatures.point.size());
  return (1 + m) * samples * p * p + 0.5 * curvatures * p * p + p * p * p / 3;
}

class NetworkFit : public Fit {
 public:
  NetworkFit(const Recipe& recipe, const FitData& data)
      : recipe_(recipe),
        data_(data),
        projection_(ProjectionFor(recipe, data.training)),
        training_(projection_ ? Project(data.training, *projection_) : LabelledPoints()),
        weights_(LossFor(recipe, data, Training())),
        architecture_(ArchitectureOf(recipe, Training().n(), data.training.m())),
        shape_(ShapeFor(recipe, data.shape)),
        map_(architecture_, shape_),
        seed_(data.seed + static_cast<std::uint64_t>(recipe.restart) * kRestartStride),
        theta_(InitialTheta(architecture_, map_, seed_)),
        best_theta_(theta_) {}

  bool Advance(const std::stop_token& stop) override {
    if (recipe_.adam_steps > 0 && Training().NumPoints() < kLeastAdamSamples) {
      adam_left_ = false;
      if (!recipe_.TakesAllLabels()) return false;
    }
    if (adam_left_ && recipe_.adam_steps > 0) {
      AdvanceAdam(stop);
      return adam_left_ || recipe_.TakesAllLabels();
    }
    return AdvanceFullBatch(stop);
  }

  double Work() const override { return work_; }
  Index BestIteration() const override { return best_iteration_; }

  std::shared_ptr<const Surrogate> MakeSurrogate() const override {
    if (has_model_) return std::make_shared<nn::NetworkSurrogate>(SurrogateOf(best_theta_));
    if (!adam_ || adam_->History().empty()) return nullptr;
    return std::make_shared<nn::NetworkSurrogate>(SurrogateOf(ThetaOfAdam()));
  }

  void Save(ByteWriter& writer) const override {
    writer.Write(adam_left_);
    writer.Write(lbfgs_left_);
    writer.Write(has_model_);
    writer.Write(patience_score_);
    writer.Write(patience_slice_);
    writer.Write(work_);
    writer.Write(slice_);
    writer.Write(best_iteration_);
    writer.Write(best_score_);
    writer.WriteVector(theta_);
    writer.WriteVector(best_theta_);
    writer.Write(full_batch_.has_value());
    if (full_batch_) full_batch_->Save(writer);
    const std::string adam = adam_ ? adam_->SaveState() : std::string();
    writer.Write(adam.size());
    writer.WriteAll(std::span(adam));
  }

  void Load(ByteReader& reader) override {
    adam_left_ = reader.Read<bool>();
    lbfgs_left_ = reader.Read<bool>();
    has_model_ = reader.Read<bool>();
    patience_score_ = reader.Read<double>();
    patience_slice_ = reader.Read<Index>();
    work_ = reader.Read<double>();
    slice_ = reader.Read<Index>();
    best_iteration_ = reader.Read<Index>();
    best_score_ = reader.Read<double>();
    theta_ = reader.ReadVector(theta_.size());
    best_theta_ = reader.ReadVector(theta_.size());
    if (reader.Read<bool>()) {
      MakeFullBatch();
      full_batch_->Load(reader);
    }
    const auto adam_size = reader.Read<std::size_t>();
    const std::vector<char> adam = reader.ReadAll<char>(adam_size);
    if (!adam.empty()) {
      StartAdam({});
      adam_->LoadState({adam.data(), adam.size()});
    }
  }

 private:
  static std::optional<Projection> ProjectionFor(const Recipe& recipe,
                                                 const LabelledPoints& points) {
    if (recipe.rank == 0) return std::nullopt;
    return MakeProjection(AnalyseGradients(points), recipe.rank, points.X);
  }

  // Directions have no slopes; convexity in them is convexity in the inputs.
  static nn::ShapeConstraints ShapeFor(const Recipe& recipe, nn::ShapeConstraints shape) {
    if (recipe.rank > 0) shape.slopes.clear();
    return shape;
  }

  const LabelledPoints& Training() const { return projection_ ? training_ : data_.training; }

  nn::NetworkSurrogate SurrogateOf(const Vector& theta) const {
    nn::Architecture architecture = architecture_;
    architecture.n = data_.training.n();
    const Vector weights = map_.Weights(theta);
    if (!projection_) return {architecture, data_.scaling, weights};
    const Index m = architecture_.m;
    return {architecture, data_.scaling,
            FoldAffine(architecture_, weights, projection_->B, Vector::Zero(architecture_.n),
                       Vector::Zero(m), Vector::Ones(m))};
  }

  // ---- Adam ----

  void StartAdam(const std::stop_token& stop) {
    const LabelledPoints& points = Training();
    if (projection_ && data_.validation.NumPoints() > 0) {
      validation_ = Project(data_.validation, *projection_);
    }
    const LabelledPoints& held_out = projection_ ? validation_ : data_.validation;
    const bool derivatives = recipe_.derivatives && weights_.beta > 0;
    adam_samples_.clear();
    adam_samples_.reserve(2);
    adam_samples_.emplace_back(points, derivatives);
    const Index num_training = points.NumPoints();
    const Index num_held_out = held_out.NumPoints();
    if (num_held_out > 0) adam_samples_.emplace_back(held_out, derivatives);
    SampleSet samples{.n = points.n(), .m = points.m(), .blocks = {}};
    for (const SampleView& view : adam_samples_) samples.blocks.push_back(view.block());
    Split split;
    split.held_out.assign(static_cast<std::size_t>(num_training + num_held_out), false);
    split.training.resize(static_cast<std::size_t>(num_training));
    std::iota(split.training.begin(), split.training.end(), 0U);
    if (num_held_out == 0) {
      split.validation = split.training;
    } else {
      split.validation.resize(static_cast<std::size_t>(num_held_out));
      std::iota(split.validation.begin(), split.validation.end(),
                static_cast<std::uint32_t>(num_training));
      std::fill(split.held_out.begin() + num_training, split.held_out.end(), true);
    }
    const Index batch = std::min(std::max(kLeastBatch, num_training / kBatches), num_training);
    const Index steps = (num_training + batch - 1) / batch;
    Options options{.hidden = recipe_.hidden,
                    .activation = recipe_.activation,
                    .skip = recipe_.skip,
                    .residual = recipe_.residual,
                    .shape = shape_};
    options.epochs = std::max<Index>(1, (recipe_.adam_steps + steps - 1) / steps);
    options.batch_size = batch;
    options.alpha = weights_.alpha;
    options.beta = weights_.beta;
    if (data_.loss.derivative_scale) options.derivative_scale = *data_.loss.derivative_scale;
    options.patience = 0;
    options.validation_fraction = std::max(
        1e-6, static_cast<double>(num_held_out) / static_cast<double>(num_training + num_held_out));
    options.seed = seed_;
    adam_.emplace(samples, options, split, stop);
  }

  void AdvanceAdam(const std::stop_token& stop) {
    if (!adam_) StartAdam(stop);
    const Index seen = adam_->SamplesSeen();
    const Status status = adam_->Advance(stop, kSliceSamples);
    ThrowIfStopped(stop);
    work_ += static_cast<double>(adam_->SamplesSeen() - seen) * AdamWorkPerSample();
    if (status == Status::kRunning || status == Status::kEpochDone) return;
    theta_ = ThetaOfAdam();
    best_theta_ = theta_;
    best_iteration_ = 0;
    has_model_ = true;
    if (data_.validation.NumPoints() > 0) best_score_ = ScoreOf(theta_, stop);
    adam_.reset();
    adam_samples_.clear();
    adam_left_ = false;
  }

  // Of its best epoch.
  Vector ThetaOfAdam() const {
    const nn::NetworkSurrogate trained = adam_->MakeSurrogate();
    const nn::Scaling& scaling = trained.scaling();
    return map_.Parameters(FoldAffine(
        architecture_, trained.theta(), Matrix(scaling.x_scale.cwiseInverse().asDiagonal()),
        -scaling.x_mean.cwiseQuotient(scaling.x_scale), scaling.y_mean, scaling.y_scale));
  }

  // In double-precision multiply-adds; Adam runs in single precision.
  double AdamWorkPerSample() const {
    return 0.5 * GradientWork(architecture_, 1, weights_.beta > 0);
  }

  // ---- Steps that take all labels: L-BFGS, then Levenberg-Marquardt ----

  bool InLbfgs() const { return lbfgs_left_ && recipe_.lbfgs_steps > 0; }

  void MakeFullBatch() {
    FullBatch::Options options{.shape = shape_, .huber = data_.loss.huber};
    if (InLbfgs()) {
      options.method = FullBatch::Method::kLbfgs;
    } else if (recipe_.lbfgs_steps > 0) {
      options.initial_damping = kDampingAfterLbfgs;
    }
    // Only of the optimiser that ends the fit.
    options.local_variance =
        recipe_.local_variance && !(InLbfgs() && recipe_.newton_iterations > 0);
    full_batch_.emplace(architecture_, Training(), weights_, options);
  }

  bool AdvanceFullBatch(const std::stop_token& stop) {
    if (!full_batch_) MakeFullBatch();
    if (!full_batch_->started()) full_batch_->Start(theta_, stop);
    const Index before = full_batch_->num_steps();
    const bool was_preliminary = full_batch_->Preliminary();
    bool more = full_batch_->Step(stop);
    if (was_preliminary && !full_batch_->Preliminary()) {
      // What was best for another aim does not count.
      best_score_ = std::numeric_limits<double>::infinity();
      patience_score_ = best_score_;
      patience_slice_ = slice_;
    }
    const Index now = full_batch_->num_steps();
    const bool lbfgs = InLbfgs();
    work_ += lbfgs ? static_cast<double>(now - before) *
                         GradientWork(architecture_, Training().NumPoints(), weights_.beta > 0)
                   : NewtonWorkPerStep(architecture_, Training());
    theta_ = full_batch_->theta();
    ++slice_;
    const bool patient = Judge(now, stop);
    more = more && (patient || full_batch_->Preliminary());
    if (more && now < (lbfgs ? recipe_.lbfgs_steps : recipe_.newton_iterations)) return true;
    full_batch_.reset();
    if (!lbfgs || recipe_.newton_iterations == 0) return false;
    lbfgs_left_ = false;
    best_iteration_ = 0;
    patience_slice_ = slice_;
    return true;
  }

  // Keeps the parameters if they are the best so far. Returns whether held-out errors have improved
  // not long ago.
  bool Judge(Index iteration, const std::stop_token& stop) {
    has_model_ = true;
    if (data_.validation.NumPoints() == 0) {
      best_theta_ = theta_;
      best_iteration_ = iteration;
      return true;
    }
    const double score = ScoreOf(theta_, stop);
    if (score < best_score_) {
      if (score < (1 - kImprovement) * patience_score_) {
        patience_score_ = score;
        patience_slice_ = slice_;
      }
      best_score_ = score;
      best_theta_ = theta_;
      best_iteration_ = iteration;
    }
    return slice_ - patience_slice_ < kPatience;
  }

  double ScoreOf(const Vector& theta, const std::stop_token& stop) const {
    return ScoreOn(SurrogateOf(theta), data_.validation, data_.scaling, stop, data_.loss.huber);
  }

  const Recipe recipe_;
  const FitData& data_;
  const std::optional<Projection> projection_;
  const LabelledPoints training_;  // Projected; empty without projection.
  const LossWeights weights_;
  const nn::Architecture architecture_;
  const nn::ShapeConstraints shape_;
  const nn::WeightMap map_;  // θ below are its free parameters.

  const std::uint64_t seed_;

  Vector theta_;
  Vector best_theta_;
  double best_score_ = std::numeric_limits<double>::infinity();
  double patience_score_ = std::numeric_limits<double>::infinity();
  Index patience_slice_ = 0;
  Index best_iteration_ = 0;
  Index slice_ = 0;  // Of steps that take all labels.
  double work_ = 0;
  bool adam_left_ = true;
  bool lbfgs_left_ = true;
  bool has_model_ = false;  // Whether the parameters are more than initial ones.
  // What the trainer may read while it runs.
  LabelledPoints validation_;  // Projected; empty without projection.
  std::vector<SampleView> adam_samples_;
  std::optional<Trainer> adam_;
  std::optional<FullBatch> full_batch_;  // Of the optimiser that is at work.
};

}  // namespace

double EstimateNetworkWork(const Recipe& recipe, const LabelledPoints& training) {
  const nn::Architecture architecture =
      ArchitectureOf(recipe, recipe.rank > 0 ? recipe.rank : training.n(), training.m());
  const Index samples = training.NumPoints();
  const Index batch = std::min(samples, std::max(kLeastBatch, samples / kBatches));
  return static_cast<double>(recipe.adam_steps) * 0.5 * GradientWork(architecture, batch, true) +
         static_cast<double>(recipe.lbfgs_steps) * GradientWork(architecture, samples, true) +
         static_cast<double>(recipe.newton_iterations) * NewtonWorkPerStep(architecture, training);
}

std::unique_ptr<Fit> MakeNetworkFit(const Recipe& recipe, const FitData& data) {
  return std::make_unique<NetworkFit>(recipe, data);
}

}  // namespace sobolev::train
