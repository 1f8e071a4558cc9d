#include "engine/train/network_fit.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/differential_pca.h"
#include "engine/train/errors.h"
#include "engine/train/fit.h"
#include "engine/train/full_batch.h"
#include "engine/train/loss_weights.h"
#include "engine/train/mini_batch.h"
#include "engine/train/network_work.h"
#include "engine/train/random_streams.h"
#include "engine/train/recipe.h"

namespace sobolev::train {

namespace {

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

LossWeights LossFor(const Recipe& recipe, const FitData& data, const LabelledPoints& points) {
  LossOptions options = data.loss;
  options.derivatives = options.derivatives && recipe.derivatives;
  return WeightsFor(points, options, recipe.balance);
}

class NetworkFit : public Fit {
 public:
  NetworkFit(const Recipe& recipe, const FitData& data)
      : recipe_(recipe),
        data_(data),
        projection_(ProjectionFor(recipe, data.training)),
        training_(Projected(data.training)),
        validation_(recipe.adam_steps > 0 ? Projected(data.validation) : LabelledPoints()),
        weights_(LossFor(recipe, data, Training())),
        architecture_(ArchitectureOf(recipe, Training().n(), data.training.m())),
        shape_(ShapeFor(recipe, data.shape)),
        map_(architecture_, shape_),
        seed_(data.seed + static_cast<std::uint64_t>(recipe.restart) * kRestartStride),
        theta_(InitialTheta(architecture_, map_, seed_)),
        best_theta_(theta_),
        stage_(FirstFrom(Stage::kAdam)) {}

  bool Advance(const std::stop_token& stop) override {
    switch (stage_) {
      case Stage::kAdam:
        AdvanceMiniBatch(stop);
        break;
      case Stage::kLbfgs:
      case Stage::kNewton:
        AdvanceFullBatch(stop);
        break;
      case Stage::kDone:
        break;
    }
    return stage_ != Stage::kDone;
  }

  double Work() const override { return work_ + StageWork(); }
  Index BestIteration() const override { return best_iteration_; }

  std::shared_ptr<const Surrogate> MakeSurrogate() const override {
    if (has_model_) return std::make_shared<nn::NetworkSurrogate>(SurrogateOf(best_theta_));
    if (!mini_batch_ || !mini_batch_->HasWeights()) return nullptr;
    const Vector theta = map_.Parameters(mini_batch_->Weights());
    return std::make_shared<nn::NetworkSurrogate>(SurrogateOf(theta));
  }

  void Save(ByteWriter& writer) const override {
    writer.Write(stage_);
    writer.Write(has_model_);
    writer.Write(patience_score_);
    writer.Write(patience_slice_);
    writer.Write(work_);
    writer.Write(slice_);
    writer.Write(best_iteration_);
    writer.Write(best_score_);
    writer.WriteVector(theta_);
    writer.WriteVector(best_theta_);
    writer.Write(stepped_);
    writer.Write(full_batch_left_);
    writer.Write(full_batch_.has_value());
    if (full_batch_) {
      full_batch_->Save(writer);
      writer.Write(preliminary_);
    }
    writer.Write(mini_batch_.has_value());
    if (mini_batch_) mini_batch_->Save(writer);
  }

  void Load(ByteReader& reader) override {
    stage_ = reader.Read<Stage>();
    has_model_ = reader.Read<bool>();
    patience_score_ = reader.Read<double>();
    patience_slice_ = reader.Read<Index>();
    work_ = reader.Read<double>();
    slice_ = reader.Read<Index>();
    best_iteration_ = reader.Read<Index>();
    best_score_ = reader.Read<double>();
    theta_ = reader.ReadVector(theta_.size());
    best_theta_ = reader.ReadVector(theta_.size());
    stepped_ = reader.Read<bool>();
    full_batch_left_ = reader.Read<bool>();
    if (reader.Read<bool>()) {
      MakeFullBatch();
      full_batch_->Load(reader);
      preliminary_ = reader.Read<bool>();
    }
    if (reader.Read<bool>()) {
      MakeMiniBatch({});
      mini_batch_->Load(reader);
    }
  }

 private:
  // What is at work: the optimisers of the recipe one after the other.
  enum class Stage { kAdam, kLbfgs, kNewton, kDone };

  static Stage Next(Stage stage) { return static_cast<Stage>(static_cast<int>(stage) + 1); }

  static std::optional<Projection> ProjectionFor(const Recipe& recipe,
                                                 const LabelledPoints& points) {
    if (recipe.rank == 0) return std::nullopt;
    return MakeProjection(AnalyseGradients(points), recipe.rank, points.X);
  }

  // Empty without a projection, and without points.
  LabelledPoints Projected(const LabelledPoints& points) const {
    if (!projection_ || points.NumPoints() == 0) return {};
    return Project(points, *projection_);
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
            nn::FoldAffine(architecture_, weights, projection_->B, Vector::Zero(architecture_.n),
                           Vector::Zero(m), Vector::Ones(m))};
  }

  // ---- Stages ----

  // The first stage of the recipe that is not before `stage`.
  Stage FirstFrom(Stage stage) const {
    const bool adam = recipe_.adam_steps > 0 && Training().NumPoints() >= kLeastAdamSamples;
    if (stage <= Stage::kAdam && adam) return Stage::kAdam;
    if (stage <= Stage::kLbfgs && recipe_.lbfgs_steps > 0) return Stage::kLbfgs;
    const bool newton = recipe_.newton_iterations > 0;
    return stage <= Stage::kNewton && newton ? Stage::kNewton : Stage::kDone;
  }

  // Multiply-adds of the stage so far that are not in work_ yet. Those of Adam, in single
  // precision, count by half.
  double StageWork() const {
    const bool derivatives = weights_.beta > 0;
    if (mini_batch_) {
      return 0.5 * GradientWork(architecture_, mini_batch_->SamplesSeen(), derivatives);
    }
    if (stage_ != Stage::kLbfgs || !full_batch_ || !full_batch_->started()) return 0;
    return static_cast<double>(full_batch_->num_steps()) *
           GradientWork(architecture_, Training().NumPoints(), derivatives);
  }

  void MakeMiniBatch(const std::stop_token& stop) {
    mini_batch_.emplace(architecture_, Training(), projection_ ? validation_ : data_.validation,
                        weights_,
                        MiniBatch::Options{.num_steps = recipe_.adam_steps,
                                           .shape = shape_,
                                           .derivative_scale = data_.loss.derivative_scale,
                                           .seed = seed_},
                        stop);
  }

  void AdvanceMiniBatch(const std::stop_token& stop) {
    if (!mini_batch_) MakeMiniBatch(stop);
    if (mini_batch_->Advance(stop)) return;
    const Vector theta = map_.Parameters(mini_batch_->Weights());
    if (data_.validation.NumPoints() > 0) best_score_ = ScoreOf(theta, stop);
    theta_ = theta;
    best_theta_ = theta;
    best_iteration_ = 0;
    has_model_ = true;
    work_ += StageWork();
    mini_batch_.reset();
    stage_ = FirstFrom(Stage::kLbfgs);
  }

  void MakeFullBatch() {
    FullBatch::Options options{.shape = shape_, .huber = data_.loss.huber};
    if (stage_ == Stage::kLbfgs) {
      options.method = FullBatch::Method::kLbfgs;
    } else if (recipe_.lbfgs_steps > 0) {
      options.initial_damping = kDampingAfterLbfgs;
    }
    // Only of the optimiser that ends the fit.
    options.local_variance = recipe_.local_variance && FirstFrom(Next(stage_)) == Stage::kDone;
    full_batch_.emplace(architecture_, Training(), weights_, options);
    preliminary_ = full_batch_->Preliminary();
  }

  void AdvanceFullBatch(const std::stop_token& stop) {
    if (!stepped_) StepFullBatch(stop);
    const Index now = full_batch_->num_steps();
    const bool patient = Judge(now, stop);
    stepped_ = false;
    const bool more = full_batch_left_ && (patient || full_batch_->Preliminary());
    const bool lbfgs = stage_ == Stage::kLbfgs;
    if (more && now < (lbfgs ? recipe_.lbfgs_steps : recipe_.newton_iterations)) return;
    work_ += StageWork();
    full_batch_.reset();
    stage_ = FirstFrom(Next(stage_));
    if (stage_ == Stage::kDone) return;
    best_iteration_ = 0;
    patience_slice_ = slice_;
  }

  void StepFullBatch(const std::stop_token& stop) {
    if (!full_batch_) MakeFullBatch();
    if (!full_batch_->started()) full_batch_->Start(theta_, stop);
    full_batch_left_ = full_batch_->Step(stop);
    stepped_ = true;
    if (preliminary_ && !full_batch_->Preliminary()) {
      // What was best for another aim does not count.
      best_score_ = std::numeric_limits<double>::infinity();
      patience_score_ = best_score_;
      patience_slice_ = slice_;
    }
    preliminary_ = full_batch_->Preliminary();
    if (stage_ == Stage::kNewton) work_ += NewtonWork(architecture_, Training());
    theta_ = full_batch_->theta();
    ++slice_;
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
  const LabelledPoints training_;    // Projected; empty without projection.
  const LabelledPoints validation_;  // Likewise, and for Adam only.
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
  Stage stage_;
  bool has_model_ = false;  // Whether the parameters are more than initial ones.
  // Of the stage.
  std::optional<MiniBatch> mini_batch_;
  std::optional<FullBatch> full_batch_;
  bool preliminary_ = false;      // Of it, before the step that comes next.
  bool stepped_ = false;          // To where it was not judged yet, ...
  bool full_batch_left_ = false;  // ... and whether there are more steps.
};

}  // namespace

double EstimateNetworkWork(const Recipe& recipe, const LabelledPoints& training) {
  const nn::Architecture architecture =
      ArchitectureOf(recipe, recipe.rank > 0 ? recipe.rank : training.n(), training.m());
  const Index samples = training.NumPoints();
  return static_cast<double>(recipe.adam_steps) * 0.5 *
             GradientWork(architecture, MiniBatch::BatchSize(samples), true) +
         static_cast<double>(recipe.lbfgs_steps) * GradientWork(architecture, samples, true) +
         static_cast<double>(recipe.newton_iterations) * NewtonWork(architecture, training);
}

std::unique_ptr<Fit> MakeNetworkFit(const Recipe& recipe, const FitData& data) {
  return std::make_unique<NetworkFit>(recipe, data);
}

}  // namespace sobolev::train
