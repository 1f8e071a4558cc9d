#include "engine/train/taylor_fit.h"

#include <limits>
#include <memory>
#include <stop_token>
#include <utility>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/local_taylor_fit.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/local_taylor.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/fit.h"
#include "engine/train/recipe.h"
#include "engine/train/trial_codec.h"

namespace sobolev::train {

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr Index kFewestPoints = 8;
// Every sample is compared with every other.
constexpr Index kMostPoints = 4096;
// In more, neighbours are about as far as all other points.
constexpr Index kMostInputs = 64;

// The box of the points, in standardised coordinates. An input that never changes has a side of 1.
struct PointBox {
  explicit PointBox(const Matrix& X)
      : lo(X.rowwise().minCoeff()), side(X.rowwise().maxCoeff() - lo) {
    side = (side.array() > 0).select(side, 1);
  }

  Vector lo;
  Vector side;
};

sampling::Evidence EvidenceOf(const FitData& data, const PointBox& box, bool derivatives) {
  const LabelledPoints& points = data.training;
  const Vector& y_scale = data.scaling.y_scale;
  sampling::Evidence evidence;
  evidence.X = box.side.cwiseInverse().asDiagonal() * (points.X.colwise() - box.lo);
  evidence.X = evidence.X.cwiseMax(0).cwiseMin(1);
  evidence.Y = (y_scale.asDiagonal() * points.Y).colwise() + data.scaling.y_mean;
  if (!derivatives || points.J.cols() == 0) return evidence;
  evidence.J = box.side.asDiagonal() * points.J;
  for (Index column = 0; column < evidence.J.cols(); ++column) {
    evidence.J.col(column) *= y_scale(column % points.m());
    for (Index j = 0; j < points.n(); ++j) {
      if (points.GradientWeight(j, column) == 0) evidence.J(j, column) = kNaN;
    }
  }
  return evidence;
}

class TaylorFit : public Fit {
 public:
  TaylorFit(const Recipe& recipe, const FitData& data, FittedBase base)
      : recipe_(recipe), data_(data), base_(std::move(base)) {
    if (base_.surrogate == nullptr && recipe.family != Family::kConstant) {
      base_fit_ = MakeFit(WithoutTaylor(recipe), data);
    }
  }

  bool Advance(const std::stop_token& stop) override {
    if (done_) return false;
    if (base_fit_ != nullptr) {
      if (base_fit_->Advance(stop)) return true;
      FinishBase();
      return !done_;
    }
    FitLocalModels(stop);
    return false;
  }

  double Work() const override {
    if (base_fit_ != nullptr) return base_fit_->Work();
    return base_work_ + (done_ ? EstimateTaylorWork(recipe_, data_.training) : 0);
  }
  Index BestIteration() const override {
    return base_fit_ == nullptr ? base_.iterations : base_fit_->BestIteration();
  }

  std::shared_ptr<const Surrogate> MakeSurrogate() const override {
    if (done_) return surrogate_;
    return base_fit_ == nullptr ? base_.surrogate : base_fit_->MakeSurrogate();
  }

  // The local models start over.
  void Save(ByteWriter& writer) const override {
    Write(writer, base_.surrogate);
    writer.Write(base_.iterations);
    writer.Write(base_work_);
    writer.Write(base_fit_ != nullptr);
    if (base_fit_ != nullptr) base_fit_->Save(writer);
  }

  void Load(ByteReader& reader) override {
    base_.surrogate = ReadSurrogate(reader);
    base_.iterations = reader.Read<Index>();
    base_work_ = reader.Read<double>();
    if (reader.Read<bool>()) {
      base_fit_->Load(reader);
    } else {
      base_fit_.reset();
    }
  }

 private:
  void FinishBase() {
    base_ = {.surrogate = base_fit_->MakeSurrogate(), .iterations = base_fit_->BestIteration()};
    base_work_ = base_fit_->Work();
    base_fit_.reset();
    done_ = base_.surrogate == nullptr;
  }

  void FitLocalModels(const std::stop_token& stop) {
    const LossOptions& loss = data_.loss;
    const bool derivatives = recipe_.derivatives && loss.derivatives && loss.beta.value_or(1) > 0;
    const PointBox box(data_.training.X);
    const sampling::Evidence evidence = EvidenceOf(data_, box, derivatives);
    const Vector& x_scale = data_.scaling.x_scale;
    const Vector lo = data_.scaling.x_mean + x_scale.cwiseProduct(box.lo);
    const Vector hi = lo + x_scale.cwiseProduct(box.side);
    try {
      const auto base =
          recipe_.family == Family::kConstant ? sampling::MeanSurrogate(evidence) : base_.surrogate;
      surrogate_ = sampling::FitLocalTaylor(base, evidence, lo, hi,
                                            static_cast<int>(recipe_.taylor_order), stop)
                       .surrogate;
    } catch (const Error& error) {
      // An output without values, or numbers that cannot be scaled: this recipe makes no model.
      if (error.code() != ErrorCode::kInvalidArgument &&
          error.code() != ErrorCode::kFailedPrecondition) {
        throw;
      }
    }
    done_ = true;
  }

  const Recipe recipe_;
  const FitData& data_;
  std::unique_ptr<Fit> base_fit_;  // Null once the base is known.
  FittedBase base_;
  std::shared_ptr<const Surrogate> surrogate_;
  double base_work_ = 0;
  bool done_ = false;
};

}  // namespace

Recipe WithoutTaylor(Recipe recipe) {
  recipe.taylor_order = 0;
  return recipe;
}

std::shared_ptr<const Surrogate> WithoutTaylor(std::shared_ptr<const Surrogate> surrogate) {
  if (surrogate == nullptr || surrogate->kind() != SurrogateKind::kLocalTaylor) return surrogate;
  return static_cast<const LocalTaylorSurrogate&>(*surrogate).shared_base();
}

Index PromisingTaylorOrder(const LabelledPoints& training) {
  const Index num_points = training.NumPoints();
  if (num_points < kFewestPoints || num_points > kMostPoints) return 0;
  if (training.n() > kMostInputs) return 0;
  if (training.J.cols() == 0 || training.J.array().isNaN().all()) return 0;
  return sampling::MostLocalTaylorOrder(training.n());
}

double EstimateTaylorWork(const Recipe& recipe, const LabelledPoints& training) {
  if (recipe.taylor_order == 0) return 0;
  const auto n = static_cast<double>(training.n());
  const auto num_points = static_cast<double>(training.NumPoints());
  double terms = 1;
  for (Index k = 1; k <= recipe.taylor_order; ++k) {
    terms = terms * (n + static_cast<double>(k)) / static_cast<double>(k);
  }
  // Distances, then least squares with some labels for each term.
  return num_points * (4 * n * num_points + 3 * terms * terms * terms);
}

std::unique_ptr<Fit> MakeTaylorFit(const Recipe& recipe, const FitData& data, FittedBase base) {
  return std::make_unique<TaylorFit>(recipe, data, std::move(base));
}

}  // namespace sobolev::train
