#include "server/convert/training.h"

#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/sampling/local_taylor_fit.h"
#include "engine/surrogate/local_taylor.h"
#include "engine/train/loss_weights.h"
#include "engine/train/options.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/selection_options.h"
#include "server/convert/composition.h"
#include "server/convert/shape_constraints.h"
#include "server/convert/tensor.h"

namespace sobolev::server {
namespace {

using Spec = v1::TrainingSpec;

// Multiply-adds in a unit of effort.
constexpr double kEffortUnit = 1e10;
constexpr double kMaxEffort = 1e6;

nn::Activation ToActivation(v1::Network::Activation activation) {
  switch (activation) {
    case v1::Network::ACTIVATION_UNSPECIFIED:
    case v1::Network::ACTIVATION_SOFTPLUS:
      return nn::Activation::kSoftplus;
    case v1::Network::ACTIVATION_TANH:
      return nn::Activation::kTanh;
    case v1::Network::ACTIVATION_SILU:
      return nn::Activation::kSilu;
    case v1::Network::ACTIVATION_GELU:
      return nn::Activation::kGelu;
    case v1::Network::ACTIVATION_SIN:
      return nn::Activation::kSin;
    default:
      break;
  }
  throw InvalidArgument("UNKNOWN_ENUM_VALUE", "spec.network.activation",
                        "expected softplus, tanh, silu, gelu or sin, got number " +
                            std::to_string(static_cast<int>(activation)));
}

train::DerivativeScale ToDerivativeScale(v1::TrainingSpec::DerivativeScale scale) {
  switch (scale) {
    case v1::TrainingSpec::DERIVATIVE_SCALE_UNSPECIFIED:
    case v1::TrainingSpec::DERIVATIVE_SCALE_BALANCED:
      return train::DerivativeScale::kBalanced;
    case v1::TrainingSpec::DERIVATIVE_SCALE_PER_OUTPUT:
      return train::DerivativeScale::kPerOutput;
    case v1::TrainingSpec::DERIVATIVE_SCALE_PER_INPUT:
      return train::DerivativeScale::kPerInput;
    default:
      break;
  }
  throw InvalidArgument("UNKNOWN_ENUM_VALUE", "spec.derivative_scale",
                        "expected balanced, per-output or per-input, got number " +
                            std::to_string(static_cast<int>(scale)));
}

train::Precision ToPrecision(v1::TrainingSpec::Precision precision) {
  switch (precision) {
    case v1::TrainingSpec::PRECISION_UNSPECIFIED:
    case v1::TrainingSpec::PRECISION_FLOAT32:
      return train::Precision::kFloat32;
    case v1::TrainingSpec::PRECISION_FLOAT64:
      return train::Precision::kFloat64;
    default:
      break;
  }
  throw InvalidArgument(
      "UNKNOWN_ENUM_VALUE", "spec.precision",
      "expected float32 or float64, got number " + std::to_string(static_cast<int>(precision)));
}

// The kind with KIND_UNSPECIFIED read as documented.
Spec::Kind KindOf(const Spec& spec) {
  switch (spec.kind()) {
    case Spec::KIND_AUTO:
    case Spec::KIND_NETWORK:
    case Spec::KIND_POLYNOMIAL:
    case Spec::KIND_GAUSSIAN_PROCESS:
    case Spec::KIND_LOCAL_TAYLOR:
      return spec.kind();
    case Spec::KIND_UNSPECIFIED:
      break;
    default:
      throw InvalidArgument("UNKNOWN_ENUM_VALUE", "spec.kind",
                            "expected auto, network, polynomial, gaussian-process or "
                            "local-taylor, got number " +
                                std::to_string(static_cast<int>(spec.kind())));
  }
  if (spec.has_local_taylor()) return Spec::KIND_LOCAL_TAYLOR;
  const bool network = spec.has_network() || spec.has_epochs() || spec.has_batch_size() ||
                       spec.has_learning_rate() || spec.has_patience() ||
                       spec.has_derivative_sketch() ||
                       spec.precision() != Spec::PRECISION_UNSPECIFIED ||
                       spec.derivative_scale() != Spec::DERIVATIVE_SCALE_UNSPECIFIED ||
                       spec.optimizer() != Spec::OPTIMIZER_UNSPECIFIED;
  return network ? Spec::KIND_NETWORK : Spec::KIND_AUTO;
}

void RequireInRange(const char* field, double number, double most, const char* fix) {
  if (number > 0 && number <= most) return;
  throw InvalidArgument(
      "OUT_OF_RANGE", field,
      "expected more than 0 and at most " + Text(most) + ", got " + Text(number) + "; " + fix);
}

void RequireTimeLimit(const Spec& spec) {
  if (!spec.has_time_limit_seconds()) return;
  RequireInRange("spec.time_limit_seconds", spec.time_limit_seconds(), 1e9,
                 "leave it unset for no limit");
}

void RequireUnset(bool is_set, const char* field, const char* needed) {
  if (!is_set) return;
  throw InvalidArgument("NOT_APPLICABLE", field,
                        std::string("expected unset, because it applies to ") + needed +
                            " alone; unset it or choose that");
}

// What only Adam knows.
void RequireNoAdamOptions(const Spec& spec) {
  for (const auto& [is_set, field] :
       {std::pair(spec.has_epochs(), "spec.epochs"),
        std::pair(spec.has_batch_size(), "spec.batch_size"),
        std::pair(spec.has_learning_rate(), "spec.learning_rate"),
        std::pair(spec.has_patience(), "spec.patience"),
        std::pair(spec.has_validation_fraction(), "spec.validation_fraction"),
        std::pair(spec.precision() != Spec::PRECISION_UNSPECIFIED, "spec.precision"),
        std::pair(spec.has_derivative_sketch(), "spec.derivative_sketch")}) {
    RequireUnset(is_set, field, "KIND_NETWORK with OPTIMIZER_ADAM");
  }
}

// The activation of the spec, or the one to choose.
nn::Activation ActivationOf(const Spec& spec, const nn::ShapeConstraints& shape,
                            nn::Activation otherwise) {
  if (spec.network().activation() != v1::Network::ACTIVATION_UNSPECIFIED) {
    return ToActivation(spec.network().activation());
  }
  if (shape.convexity != nn::Convexity::kFree) return nn::Activation::kSoftplus;
  return shape.IsMonotone() ? nn::Activation::kTanh : otherwise;
}

bool SkipOf(const Spec& spec, const nn::ShapeConstraints& shape) {
  return spec.network().has_skip() ? spec.network().skip()
                                   : shape.convexity != nn::Convexity::kFree;
}

// What Adam does not know.
void RequireNoLabelWeights(const Spec& spec) {
  for (const auto& [is_set, field] :
       {std::pair(!spec.output_weights().empty(), "spec.output_weights"),
        std::pair(!spec.derivative_weights().empty(), "spec.derivative_weights"),
        std::pair(spec.has_huber(), "spec.huber")}) {
    RequireUnset(is_set, field,
                 "KIND_AUTO, KIND_POLYNOMIAL, KIND_GAUSSIAN_PROCESS, "
                 "OPTIMIZER_LEVENBERG_MARQUARDT and OPTIMIZER_LBFGS");
  }
}

train::LossOptions ToLossOptions(const Spec& spec) {
  train::LossOptions loss;
  if (spec.has_alpha()) loss.alpha = spec.alpha();
  if (spec.has_beta()) loss.beta = spec.beta();
  if (spec.has_gamma()) loss.gamma = spec.gamma();
  if (spec.derivative_scale() != Spec::DERIVATIVE_SCALE_UNSPECIFIED) {
    loss.derivative_scale = ToDerivativeScale(spec.derivative_scale());
  }
  loss.output_weights = {spec.output_weights().begin(), spec.output_weights().end()};
  loss.derivative_weights = {spec.derivative_weights().begin(), spec.derivative_weights().end()};
  if (spec.has_huber()) loss.huber = spec.huber();
  return loss;
}

train::Recipe RecipeOf(Spec::Optimizer optimizer) {
  switch (optimizer) {
    case Spec::OPTIMIZER_HYBRID:
      return train::HybridRecipe();
    case Spec::OPTIMIZER_LBFGS:
      return train::LbfgsRecipe();
    default:
      return train::NewtonRecipe();
  }
}

// The network of the spec as a recipe for a selection.
train::Recipe NetworkRecipe(const Spec& spec, const nn::ShapeConstraints& shape) {
  train::Recipe recipe = RecipeOf(spec.optimizer());
  if (!spec.network().hidden().empty()) {
    recipe.hidden.assign(spec.network().hidden().begin(), spec.network().hidden().end());
  }
  recipe.activation = ActivationOf(spec, shape, recipe.activation);
  recipe.skip = SkipOf(spec, shape);
  recipe.residual = spec.network().residual();
  return recipe;
}

void RequireLocalTaylorFits(const Spec& spec) {
  const int base = spec.local_taylor().base();
  if (!v1::LocalTaylorOptions::Base_IsValid(base)) {
    throw InvalidArgument(
        "UNKNOWN_ENUM_VALUE", "spec.local_taylor.base",
        "expected network, polynomial or constant, got number " + std::to_string(base));
  }
  RequireUnset(spec.has_local_taylor() && KindOf(spec) != Spec::KIND_LOCAL_TAYLOR,
               "spec.local_taylor", "KIND_LOCAL_TAYLOR");
}

[[noreturn]] void ThrowUnknownOptimizer(const Spec& spec) {
  throw InvalidArgument("UNKNOWN_ENUM_VALUE", "spec.optimizer",
                        "expected adam, levenberg-marquardt, hybrid or lbfgs, got number " +
                            std::to_string(static_cast<int>(spec.optimizer())));
}

// What local Taylor models are put on, as a recipe.
train::Recipe BaseRecipe(const Spec& spec, const nn::ShapeConstraints& shape) {
  if (!Spec::Optimizer_IsValid(spec.optimizer())) ThrowUnknownOptimizer(spec);
  const v1::LocalTaylorOptions::Base base = spec.local_taylor().base();
  switch (base) {
    case v1::LocalTaylorOptions::BASE_UNSPECIFIED:
    case v1::LocalTaylorOptions::BASE_NETWORK:
      if (spec.optimizer() == Spec::OPTIMIZER_ADAM) {
        throw InvalidArgument("NOT_APPLICABLE", "spec.optimizer",
                              "expected levenberg-marquardt, hybrid or lbfgs for the network under "
                              "local Taylor models, got adam; unset it or choose one of these");
      }
      return NetworkRecipe(spec, shape);
    default:
      break;
  }
  RequireUnset(spec.has_network(), "spec.network", "BASE_NETWORK");
  RequireUnset(spec.optimizer() != Spec::OPTIMIZER_UNSPECIFIED, "spec.optimizer", "BASE_NETWORK");
  return {.family = base == v1::LocalTaylorOptions::BASE_POLYNOMIAL ? train::Family::kPolynomial
                                                                    : train::Family::kConstant};
}

// One for each order that may be best.
std::vector<train::Recipe> LocalTaylorRecipes(const Spec& spec, Index n,
                                              const nn::ShapeConstraints& shape) {
  train::Recipe recipe = BaseRecipe(spec, shape);
  const v1::LocalTaylorOptions& options = spec.local_taylor();
  if (options.has_order()) {
    if (options.order() < 1 || options.order() > TaylorPatches::kMaxOrder) {
      throw InvalidArgument("OUT_OF_RANGE", "spec.local_taylor.order",
                            "expected 1 to " + std::to_string(TaylorPatches::kMaxOrder) + ", got " +
                                std::to_string(options.order()) +
                                "; leave it unset for the one with the lowest held-out error");
    }
    recipe.taylor_order = options.order();
    return {recipe};
  }
  std::vector<train::Recipe> recipes;
  for (int order = 1; order <= sampling::MostLocalTaylorOrder(n); ++order) {
    recipe.taylor_order = order;
    recipes.push_back(recipe);
  }
  return recipes;
}

}  // namespace

bool IsAutomatic(const v1::TrainingSpec& spec) { return KindOf(spec) == Spec::KIND_AUTO; }

bool IsSelection(const Spec& spec) {
  if (KindOf(spec) != Spec::KIND_NETWORK) return true;
  switch (spec.optimizer()) {
    case Spec::OPTIMIZER_UNSPECIFIED:
    case Spec::OPTIMIZER_ADAM:
      return false;
    case Spec::OPTIMIZER_LEVENBERG_MARQUARDT:
    case Spec::OPTIMIZER_HYBRID:
    case Spec::OPTIMIZER_LBFGS:
      return true;
    default:
      ThrowUnknownOptimizer(spec);
  }
}

train::SelectionOptions ToSelectionOptions(const Spec& spec, const v1::Schema& schema) {
  train::SelectionOptions options{.composition = ToComposition(spec, schema)};
  options.shape = ToShape(spec, schema);
  options.loss = ToLossOptions(spec);
  train::CheckLoss(options.loss);
  RequireNoAdamOptions(spec);
  if (spec.has_seed()) options.seed = spec.seed();
  if (spec.has_ensemble_size()) options.ensemble_size = spec.ensemble_size();
  RequireTimeLimit(spec);
  const Spec::Kind kind = KindOf(spec);
  RequireLocalTaylorFits(spec);
  if (spec.has_effort()) {
    RequireUnset(kind != Spec::KIND_AUTO, "spec.effort", "KIND_AUTO");
    RequireInRange("spec.effort", spec.effort(), kMaxEffort, "leave it unset for 30");
    options.budget = spec.effort() * kEffortUnit;
  }
  if (kind == Spec::KIND_NETWORK) {
    options.recipes = {NetworkRecipe(spec, options.shape)};
    return options;
  }
  if (kind == Spec::KIND_LOCAL_TAYLOR) {
    RequireUnset(spec.has_huber(), "spec.huber",
                 "KIND_AUTO, KIND_NETWORK, KIND_POLYNOMIAL and KIND_GAUSSIAN_PROCESS");
    RequireUnset(spec.has_ensemble_size(), "spec.ensemble_size", "KIND_AUTO and KIND_NETWORK");
    options.recipes = LocalTaylorRecipes(spec, schema.inputs_size(), options.shape);
    return options;
  }
  RequireUnset(spec.has_network(), "spec.network", "KIND_NETWORK");
  RequireUnset(spec.optimizer() != Spec::OPTIMIZER_UNSPECIFIED, "spec.optimizer", "KIND_NETWORK");
  RequireUnset(spec.has_ensemble_size() && kind != Spec::KIND_AUTO, "spec.ensemble_size",
               "KIND_AUTO and KIND_NETWORK");
  RequireUnset(spec.has_gamma() && kind == Spec::KIND_GAUSSIAN_PROCESS, "spec.gamma",
               "KIND_AUTO, KIND_POLYNOMIAL and KIND_NETWORK");
  if (kind == Spec::KIND_POLYNOMIAL) options.recipes = {{.family = train::Family::kPolynomial}};
  if (kind == Spec::KIND_GAUSSIAN_PROCESS) {
    options.recipes = {{.family = train::Family::kGaussianProcess}};
  }
  return options;
}

train::Options ToOptions(const v1::TrainingSpec& spec, const v1::Schema& schema) {
  RequireUnset(spec.has_effort(), "spec.effort", "KIND_AUTO");
  RequireLocalTaylorFits(spec);
  RequireTimeLimit(spec);
  RequireUnset(spec.has_ensemble_size(), "spec.ensemble_size",
               "KIND_AUTO, and KIND_NETWORK with another optimizer than OPTIMIZER_ADAM");
  RequireNoLabelWeights(spec);
  train::Options options;
  if (!spec.network().hidden().empty()) {
    options.hidden.assign(spec.network().hidden().begin(), spec.network().hidden().end());
  }
  options.shape = ToShape(spec, schema);
  options.activation = ActivationOf(spec, options.shape, options.activation);
  options.skip = SkipOf(spec, options.shape);
  options.residual = spec.network().residual();
  if (spec.has_alpha()) options.alpha = spec.alpha();
  if (spec.has_beta()) options.beta = spec.beta();
  if (spec.has_gamma()) options.gamma = spec.gamma();
  options.derivative_scale = ToDerivativeScale(spec.derivative_scale());
  if (spec.has_epochs()) options.epochs = spec.epochs();
  if (spec.has_batch_size()) options.batch_size = spec.batch_size();
  if (spec.has_learning_rate()) options.learning_rate = spec.learning_rate();
  if (spec.has_validation_fraction()) options.validation_fraction = spec.validation_fraction();
  if (spec.has_patience()) options.patience = spec.patience();
  if (spec.has_seed()) options.seed = spec.seed();
  options.precision = ToPrecision(spec.precision());
  if (spec.has_derivative_sketch()) options.derivative_sketch = spec.derivative_sketch();
  return options;
}

}  // namespace sobolev::server
