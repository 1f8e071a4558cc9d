#include "engine/train/closed_form_fit.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/regression/gaussian_process_fit.h"
#include "engine/regression/labels.h"
#include "engine/regression/polynomial_fit.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/differential_pca.h"
#include "engine/train/fit.h"
#include "engine/train/loss_weights.h"
#include "engine/train/recipe.h"
#include "engine/train/robust_errors.h"

namespace sobolev::train {

namespace {

// With outliers: fits with weights from the errors of the fit before.
constexpr int kRobustRounds = 4;

// Of all those but the last, which only need to tell labels that are far off.
constexpr regression::GaussianProcessOptions kRoughProcess = {
    .max_likelihood_labels = 300, .max_evaluations = 45, .max_refinement_labels = 0};

regression::FitSizes SizesOf(const Recipe& recipe, const LabelledPoints& points) {
  const LossOptions options{.derivatives = recipe.derivatives};
  regression::FitSizes sizes = regression::FitSizes::Of(points, WeightsFor(points, options));
  if (recipe.rank == 0) return sizes;
  // A complete gradient has as many labels as there are directions.
  sizes.num_labels = sizes.num_labels * (recipe.rank + 1) / (sizes.n + 1);
  sizes.n = recipe.rank;
  return sizes;
}

class ClosedFormFit : public Fit {
 public:
  ClosedFormFit(const Recipe& recipe, const FitData& data) : recipe_(recipe), data_(data) {}

  bool Advance(const std::stop_token& stop) override {
    if (Done()) return false;
    AffineMaps maps = AffineMaps::Standard(data_.scaling.x_mean, data_.scaling.x_scale,
                                           data_.scaling.y_mean, data_.scaling.y_scale);
    std::optional<Projection> projection;
    std::optional<LabelledPoints> projected;
    if (recipe_.rank > 0) {
      projection = MakeProjection(AnalyseGradients(data_.training), recipe_.rank, data_.training.X);
      projected = Project(data_.training, *projection);
      maps.A = projection->B * maps.x_factor.asDiagonal();
      maps.x_factor.resize(0);
    }
    LossOptions loss = data_.loss;
    loss.derivatives = loss.derivatives && recipe_.derivatives;
    const LabelledPoints& points = projected ? *projected : data_.training;
    const LossWeights weights = WeightsFor(points, loss, recipe_.balance);
    try {
      if (!loss.huber) {
        surrogate_ = FitTo(points, weights, maps, stop);
      } else {
        // In the coordinates of the data, whatever those of the fit are. The first model is 0.
        const LabelErrors errors =
            round_ == 0 ? LabelErrors{data_.training.Y, data_.training.J}
                        : LabelErrorsOn(*surrogate_, data_.training, data_.scaling, stop);
        const double power = recipe_.family == Family::kGaussianProcess ? 2 : 1;
        const LabelledPoints sound = WithoutOutliers(data_.training, errors, *loss.huber, power);
        surrogate_ = FitTo(projection ? Project(sound, *projection) : sound, weights, maps, stop);
      }
      ++round_;
    } catch (const Error& error) {
      // Too few labels, or too many: this recipe makes no model.
      if (error.code() != ErrorCode::kInvalidArgument &&
          error.code() != ErrorCode::kResourceExhausted) {
        throw;
      }
      surrogate_ = nullptr;
      round_ = NumRounds();
    }
    return !Done();
  }

  double Work() const override { return work_; }
  Index BestIteration() const override { return 0; }
  // Of rounds before the last nothing shall be used.
  std::shared_ptr<const Surrogate> MakeSurrogate() const override {
    return Done() ? surrogate_ : nullptr;
  }

  // It starts over.
  void Save(ByteWriter& /*writer*/) const override {}
  void Load(ByteReader& /*reader*/) override {}

 private:
  int NumRounds() const { return data_.loss.huber ? kRobustRounds : 1; }
  bool Done() const { return round_ == NumRounds(); }

  std::shared_ptr<const Surrogate> FitTo(const LabelledPoints& points, const LossWeights& weights,
                                         const AffineMaps& maps, const std::stop_token& stop) {
    if (recipe_.family == Family::kGaussianProcess) {
      const bool last = round_ + 1 == NumRounds();
      auto fit = regression::FitGaussianProcess(
          points, weights, maps, last ? regression::GaussianProcessOptions{} : kRoughProcess, stop);
      work_ += EstimateClosedFormWork(recipe_, data_.training);
      return std::move(fit.surrogate);
    }
    regression::PolynomialFit fit =
        regression::FitPolynomial(points, weights, maps, {.max_cost = recipe_.search}, stop);
    work_ += fit.work;
    return std::move(fit.surrogate);
  }

  const Recipe recipe_;
  const FitData& data_;
  std::shared_ptr<const Surrogate> surrogate_;  // Of the last round.
  int round_ = 0;                               // That comes next.
  double work_ = 0;
};

}  // namespace

double EstimateClosedFormWork(const Recipe& recipe, const LabelledPoints& training) {
  const regression::FitSizes sizes = SizesOf(recipe, training);
  if (recipe.family == Family::kGaussianProcess) return regression::GaussianProcessFitCost(sizes);
  return regression::PolynomialFitCost(sizes, {.max_cost = recipe.search});
}

std::unique_ptr<Fit> MakeClosedFormFit(const Recipe& recipe, const FitData& data) {
  return std::make_unique<ClosedFormFit>(recipe, data);
}

}  // namespace sobolev::train
