#include "engine/train/selection_data.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stop_token>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/composition.h"
#include "engine/train/coordinates.h"
#include "engine/train/differential_pca.h"
#include "engine/train/errors.h"
#include "engine/train/fit.h"
#include "engine/train/folds.h"
#include "engine/train/loss_weights.h"
#include "engine/train/mapped_shape.h"
#include "engine/train/options.h"
#include "engine/train/recipe.h"
#include "engine/train/robust_errors.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"
#include "engine/train/selection_options.h"
#include "engine/train/taylor_fit.h"

namespace sobolev::train {

namespace {

// Of the budget, that the first polynomial may search on all folds.
constexpr double kSearchShare = 0.2;

// Entries of Jacobians up to which logarithms are tried, because they need a copy of all labels.
constexpr double kMaxCopied = 2e7;

nn::Scaling ScalingOf(const SampleSet& samples, const LossOptions& loss,
                      const std::stop_token& stop) {
  Split none;
  none.held_out.assign(static_cast<std::size_t>(samples.NumSamples()), false);
  nn::Scaling scaling = Standardise(samples, none, DerivativeScale::kPerOutput, stop).scaling;
  if (loss.huber) UseRobustSpread(samples, scaling, stop);
  return scaling;
}

// Throws Error(kFailedPrecondition) if the user weighs labels of which there are none.
void CheckHasLabels(const LossWeights& weights, const LossOptions& options) {
  if (weights.beta == 0 && options.beta.value_or(0) > 0) {
    throw FailedPrecondition("NO_JACOBIANS", "spec.beta",
                             "expected 0 or unset because no sample has a derivative label; "
                             "append samples with derivatives or train with beta = 0");
  }
  if (weights.gamma == 0 && options.gamma.value_or(0) > 0) {
    throw FailedPrecondition("NO_CURVATURES", "spec.gamma",
                             "expected 0 or unset because no sample has a Hessian-vector label; "
                             "append samples with hvp or train with gamma = 0");
  }
}

// Throws Error(kFailedPrecondition) naming "dataset" if none of the recipes can use any of the
// labels that are left of the samples in the coordinates of the fits. No recipes: all kinds are
// tried.
void RequireLabels(const LabelledPoints& points, const SelectionOptions& options) {
  const LossWeights weights = WeightsFor(points, options.loss);
  const bool curvatures =
      options.recipes.empty() || std::ranges::any_of(options.recipes, &Recipe::TakesAllLabels);
  const bool values = weights.alpha > 0 && !points.Y.array().isNaN().all();
  if (values || weights.beta > 0 || (curvatures && weights.gamma > 0)) return;
  throw FailedPrecondition(
      "NO_LABELS", "dataset",
      "expected samples with labels that the fit can use, got none; append samples with values: "
      "derivatives of outputs with bounds or logarithms (spec.output_maps) need the value in the "
      "same sample, and Hessian-vector labels need OPTIMIZER_LEVENBERG_MARQUARDT or "
      "OPTIMIZER_LBFGS");
}

}  // namespace

SelectionData::SelectionData(const SampleSet& samples, const SelectionOptions& options,
                             const std::stop_token& stop)
    : options_(options), samples_(samples) {
  CheckSelection(options_, samples.n, samples.m, samples.NumSamples());
  scaling_ = ScalingOf(samples, options_.loss, stop);
  deal_ =
      DealSamples(samples.NumSamples(), MostPoints(samples, options_.memory_limit), options_.seed);
  user_ = MakeFolds(samples, deal_, scaling_, options_.loss, options_.seed, stop);
  Constrain(options_.shape, user_);
  loss_ = WeightsFor(user_.all.training, options_.loss);
  CheckHasLabels(loss_, options_.loss);

  const Coordinates& plain = CoordinatesOf(Logarithms::kNone, stop);
  RequireLabels(plain.data().all.training, options_);
  facts_ = {.n = samples_.n,
            .ranks = {},
            .recipes = options_.recipes,
            .shape = options_.shape,
            .num_points = options_.loss.huber ? 0 : user_.folds.front().training.NumPoints(),
            .search = std::min(kShortSearch, kSearchShare * options_.budget /
                                                 static_cast<double>(user_.folds.size())),
            .balance = !options_.loss.alpha && !options_.loss.beta && loss_.beta + loss_.gamma > 0};
  if (facts_.recipes.empty() && AllowsLogarithms(options_.shape)) {
    facts_.logarithms = UsableLogarithms(stop);
  }
  if (!options_.loss.huber && options_.shape.IsFree() && loss_.alpha > 0 && loss_.beta > 0) {
    facts_.taylor_order = PromisingTaylorOrder(plain.data().folds.front().training);
  }
  if (plain.Diagonal()) {
    facts_.ranks = PromisingRanks(AnalyseGradients(plain.data().folds.front().training));
  }
}

const Coordinates& SelectionData::CoordinatesOf(Logarithms logarithms,
                                                const std::stop_token& stop) {
  std::unique_ptr<Coordinates>& made = coordinates_[logarithms];
  if (made == nullptr) {
    made = std::make_unique<Coordinates>(
        samples_, deal_, user_, WithLogarithms(options_.composition, logarithms, samples_, stop),
        options_.loss, options_.seed, stop);
  }
  return *made;
}

Index SelectionData::NumHeldOut() const {
  if (JudgedByItself()) return 0;
  Index count = 0;
  for (const FitData& fold : user_.folds) count += fold.validation.NumPoints();
  return count;
}

std::vector<HeldOutSample> SelectionData::HeldOutSamples(const PointErrors& by_point) const {
  std::vector<HeldOutSample> samples;
  if (JudgedByItself()) return samples;
  const auto count = static_cast<std::size_t>(by_point.value.size());
  const LabelledPoints& points = user_.all.training;
  const auto labels = [&](std::size_t s) {
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    if (points.J.cols() == 0) return kUnknown;
    const auto J = points.J.middleCols(static_cast<Index>(s) * points.m(), points.m()).array();
    return J.isNaN().all() ? kUnknown : J.isNaN().select(0, J).square().sum();
  };
  samples.reserve(count);
  for (Index fold = 0; fold < deal_.num_folds; ++fold) {
    for (std::size_t k = 0; k < deal_.numbers.size() && samples.size() < count; ++k) {
      if (deal_.fold_of[k] != fold) continue;
      const auto at = static_cast<Index>(samples.size());
      samples.push_back({.number = static_cast<Index>(deal_.numbers[k]),
                         .value = by_point.value[at],
                         .jacobian = by_point.jacobian[at],
                         .labels = labels(k)});
    }
  }
  return samples;
}

Index SelectionData::NumJacobians() const {
  const LabelledPoints& points = user_.all.training;
  const std::vector<OutputMapping>& outputs = options_.composition.outputs;
  const auto counts = [&](Index s, Index i) {
    const bool curved = !outputs.empty() && !outputs[static_cast<std::size_t>(i)].IsIdentity();
    return !(curved && std::isnan(points.Y(i, s))) &&
           !points.J.col(s * points.m() + i).array().isNaN().all();
  };
  Index count = 0;
  for (Index s = 0; s < points.NumPoints() && points.J.cols() > 0; ++s) {
    bool any = false;
    for (Index i = 0; i < points.m(); ++i) any = any || counts(s, i);
    count += any ? 1 : 0;
  }
  return count;
}

std::uint64_t SelectionData::Fingerprint() const {
  Hasher hasher;
  hasher.Add(BestIsa());
  Add(options_, hasher);
  const LabelledPoints& points = user_.all.training;
  for (const Matrix* matrix :
       {&points.X, &points.Y, &points.J, &points.Y_weight, &points.J_weight, &points.tangents.X_dot,
        &points.tangents.Y_dot, &points.adjoints.X_bar, &points.curvatures.H_v}) {
    hasher.Add(matrix->data(), static_cast<std::size_t>(matrix->size()) * sizeof(double));
  }
  for (const Vector* vector :
       {&points.weight, &scaling_.x_mean, &scaling_.x_scale, &scaling_.y_mean, &scaling_.y_scale}) {
    hasher.Add(vector->data(), static_cast<std::size_t>(vector->size()) * sizeof(double));
  }
  return hasher.Finish();
}

Logarithms SelectionData::UsableLogarithms(const std::stop_token& stop) {
  const auto entries = static_cast<double>(samples_.n) * static_cast<double>(samples_.m) *
                       static_cast<double>(deal_.numbers.size());
  if (entries > kMaxCopied) return Logarithms::kNone;
  const Logarithms logarithms = PromisingLogarithms(options_.composition, samples_, stop);
  try {
    CoordinatesOf(logarithms, stop);
    return logarithms;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kFailedPrecondition) throw;
    return Logarithms::kNone;
  }
}

}  // namespace sobolev::train
