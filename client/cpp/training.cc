#include "client/cpp/training.h"

#include <algorithm>
#include <cstddef>

#include <google/protobuf/repeated_ptr_field.h>

namespace sobolev::client {
namespace {

v1::Network::Activation ToProto(Activation activation) {
  switch (activation) {
    case Activation::kSoftplus:
      return v1::Network::ACTIVATION_SOFTPLUS;
    case Activation::kTanh:
      return v1::Network::ACTIVATION_TANH;
    case Activation::kSilu:
      return v1::Network::ACTIVATION_SILU;
    case Activation::kGelu:
      return v1::Network::ACTIVATION_GELU;
    case Activation::kSin:
      return v1::Network::ACTIVATION_SIN;
  }
  return v1::Network::ACTIVATION_UNSPECIFIED;
}

v1::TrainingSpec::DerivativeScale ToProto(DerivativeScale scale) {
  switch (scale) {
    case DerivativeScale::kBalanced:
      return v1::TrainingSpec::DERIVATIVE_SCALE_BALANCED;
    case DerivativeScale::kPerOutput:
      return v1::TrainingSpec::DERIVATIVE_SCALE_PER_OUTPUT;
    case DerivativeScale::kPerInput:
      return v1::TrainingSpec::DERIVATIVE_SCALE_PER_INPUT;
  }
  return v1::TrainingSpec::DERIVATIVE_SCALE_UNSPECIFIED;
}

v1::TrainingSpec::Precision ToProto(Precision precision) {
  return precision == Precision::kFloat32 ? v1::TrainingSpec::PRECISION_FLOAT32
                                          : v1::TrainingSpec::PRECISION_FLOAT64;
}

v1::TrainingSpec::Kind ToProto(TrainingKind kind) {
  switch (kind) {
    case TrainingKind::kAuto:
      return v1::TrainingSpec::KIND_AUTO;
    case TrainingKind::kNetwork:
      return v1::TrainingSpec::KIND_NETWORK;
    case TrainingKind::kPolynomial:
      return v1::TrainingSpec::KIND_POLYNOMIAL;
    case TrainingKind::kGaussianProcess:
      return v1::TrainingSpec::KIND_GAUSSIAN_PROCESS;
    case TrainingKind::kLocalTaylor:
      return v1::TrainingSpec::KIND_LOCAL_TAYLOR;
  }
  return v1::TrainingSpec::KIND_UNSPECIFIED;
}

v1::LocalTaylorOptions::Base ToProto(TaylorBase base) {
  switch (base) {
    case TaylorBase::kNetwork:
      return v1::LocalTaylorOptions::BASE_NETWORK;
    case TaylorBase::kPolynomial:
      return v1::LocalTaylorOptions::BASE_POLYNOMIAL;
    case TaylorBase::kConstant:
      return v1::LocalTaylorOptions::BASE_CONSTANT;
  }
  return v1::LocalTaylorOptions::BASE_UNSPECIFIED;
}

v1::TrainingSpec::Optimizer ToProto(Optimizer optimizer) {
  switch (optimizer) {
    case Optimizer::kAdam:
      return v1::TrainingSpec::OPTIMIZER_ADAM;
    case Optimizer::kLevenbergMarquardt:
      return v1::TrainingSpec::OPTIMIZER_LEVENBERG_MARQUARDT;
    case Optimizer::kHybrid:
      return v1::TrainingSpec::OPTIMIZER_HYBRID;
    case Optimizer::kLbfgs:
      return v1::TrainingSpec::OPTIMIZER_LBFGS;
  }
  return v1::TrainingSpec::OPTIMIZER_UNSPECIFIED;
}

v1::TrainingSpec::Extrapolation ToProto(Extrapolation extrapolation) {
  switch (extrapolation) {
    case Extrapolation::kOwn:
      return v1::TrainingSpec::EXTRAPOLATION_OWN;
    case Extrapolation::kConstant:
      return v1::TrainingSpec::EXTRAPOLATION_CONSTANT;
    case Extrapolation::kLinear:
      return v1::TrainingSpec::EXTRAPOLATION_LINEAR;
  }
  return v1::TrainingSpec::EXTRAPOLATION_UNSPECIFIED;
}

void ToProto(const InputMap& map, v1::InputMap& proto) {
  proto.set_input(map.input);
  if (map.period) proto.set_period(*map.period);
  if (map.harmonics) proto.set_harmonics(*map.harmonics);
  proto.set_logarithmic(map.logarithmic);
}

void ToProto(const OutputMap& map, v1::OutputMap& proto) {
  proto.set_output(map.output);
  if (map.lower) proto.set_lower(*map.lower);
  if (map.upper) proto.set_upper(*map.upper);
  proto.set_logarithmic(map.logarithmic);
}

StopReason FromProto(v1::TrainingReport::StopReason reason) {
  switch (reason) {
    case v1::TrainingReport::STOP_REASON_MAX_EPOCHS:
      return StopReason::kMaxEpochs;
    case v1::TrainingReport::STOP_REASON_EARLY_STOPPING:
      return StopReason::kEarlyStopping;
    case v1::TrainingReport::STOP_REASON_SELECTION_DONE:
      return StopReason::kSelectionDone;
    case v1::TrainingReport::STOP_REASON_TIME_LIMIT:
      return StopReason::kTimeLimit;
    case v1::TrainingReport::STOP_REASON_DIVERGED:
      return StopReason::kDiverged;
    default:
      return StopReason::kUnknown;
  }
}

Trial::State FromProto(v1::Trial::State state) {
  switch (state) {
    case v1::Trial::STATE_RUNNING:
      return Trial::State::kRunning;
    case v1::Trial::STATE_FINISHED:
      return Trial::State::kFinished;
    case v1::Trial::STATE_ABANDONED:
      return Trial::State::kAbandoned;
    case v1::Trial::STATE_FAILED:
      return Trial::State::kFailed;
    default:
      return Trial::State::kUnknown;
  }
}

LabelWarning::Kind FromProto(v1::LabelWarning::Kind kind) {
  switch (kind) {
    case v1::LabelWarning::KIND_SIGN:
      return LabelWarning::Kind::kSign;
    case v1::LabelWarning::KIND_SCALE:
      return LabelWarning::Kind::kScale;
    case v1::LabelWarning::KIND_BIAS:
      return LabelWarning::Kind::kBias;
    case v1::LabelWarning::KIND_SWAPPED:
      return LabelWarning::Kind::kSwapped;
    default:
      return LabelWarning::Kind::kUnknown;
  }
}

EpochRecord FromProto(const v1::EpochRecord& proto) {
  return {.epoch = proto.epoch(),
          .value_loss = proto.value_loss(),
          .gradient_loss = proto.gradient_loss(),
          .validation_loss = proto.validation_loss(),
          .validation_value_relative = proto.validation_value_relative(),
          .validation_jacobian_relative = proto.validation_jacobian_relative(),
          .learning_rate = proto.learning_rate()};
}

std::vector<Trial> FromProto(const google::protobuf::RepeatedPtrField<v1::Trial>& protos) {
  std::vector<Trial> trials;
  trials.reserve(static_cast<std::size_t>(protos.size()));
  for (const v1::Trial& proto : protos) {
    trials.push_back({.recipe = proto.recipe(),
                      .state = FromProto(proto.state()),
                      .validation = client::FromProto(proto.validation()),
                      .score = proto.score(),
                      .work = proto.work(),
                      .iterations = proto.iterations()});
  }
  return trials;
}

ComparisonPoint FromProto(const v1::ComparisonPoint& proto) {
  return {.sample_count = proto.sample_count(),
          .validation = client::FromProto(proto.validation())};
}

}  // namespace

LabelWarning FromProto(const v1::LabelWarning& proto) {
  return {.input = proto.input(),
          .output = proto.output(),
          .kind = FromProto(proto.kind()),
          .factor = proto.factor(),
          .message = proto.message(),
          .other_input = proto.other_input()};
}

ErrorReport FromProto(const v1::ErrorReport& proto) {
  return {.value_rmse = {proto.value_rmse().begin(), proto.value_rmse().end()},
          .value_relative = proto.value_relative(),
          .jacobian_rmse = {proto.jacobian_rmse().begin(), proto.jacobian_rmse().end()},
          .jacobian_relative = proto.jacobian_relative(),
          .hvp_relative =
              proto.has_hvp_relative() ? std::optional(proto.hvp_relative()) : std::nullopt};
}

const Trial* TrainingReport::Winner() const {
  // Trials with equal errors made equal models, of which the first in the list was tried first.
  const auto winner = std::ranges::find_if(leaderboard, [&](const Trial& trial) {
    return trial.state == Trial::State::kFinished && trial.validation == validation;
  });
  return winner == leaderboard.end() ? nullptr : &*winner;
}

v1::TrainingSpec ToProto(const TrainingSpec& spec) {
  v1::TrainingSpec proto;
  if (spec.kind) proto.set_kind(ToProto(*spec.kind));
  // A network, be it empty, asks for KIND_NETWORK.
  if (!spec.hidden.empty()) {
    proto.mutable_network()->mutable_hidden()->Assign(spec.hidden.begin(), spec.hidden.end());
  }
  if (spec.activation) proto.mutable_network()->set_activation(ToProto(*spec.activation));
  if (spec.skip) proto.mutable_network()->set_skip(*spec.skip);
  if (spec.residual) proto.mutable_network()->set_residual(*spec.residual);
  for (const auto& [input, slope] : spec.monotone) {
    (*proto.mutable_monotone())[input] = slope == Slope::kIncreasing
                                             ? v1::TrainingSpec::SLOPE_INCREASING
                                             : v1::TrainingSpec::SLOPE_DECREASING;
  }
  if (spec.convexity) {
    proto.set_convexity(*spec.convexity == Convexity::kConvex
                            ? v1::TrainingSpec::CONVEXITY_CONVEX
                            : v1::TrainingSpec::CONVEXITY_CONCAVE);
  }
  if (spec.optimizer) proto.set_optimizer(ToProto(*spec.optimizer));
  if (spec.effort) proto.set_effort(*spec.effort);
  if (spec.time_limit_seconds) proto.set_time_limit_seconds(*spec.time_limit_seconds);
  if (spec.ensemble_size) proto.set_ensemble_size(*spec.ensemble_size);
  if (spec.alpha) proto.set_alpha(*spec.alpha);
  if (spec.beta) proto.set_beta(*spec.beta);
  if (spec.gamma) proto.set_gamma(*spec.gamma);
  if (spec.derivative_scale) proto.set_derivative_scale(ToProto(*spec.derivative_scale));
  proto.mutable_output_weights()->Assign(spec.output_weights.begin(), spec.output_weights.end());
  proto.mutable_derivative_weights()->Assign(spec.derivative_weights.begin(),
                                             spec.derivative_weights.end());
  if (spec.huber) proto.set_huber(*spec.huber);
  if (spec.epochs) proto.set_epochs(*spec.epochs);
  if (spec.batch_size) proto.set_batch_size(*spec.batch_size);
  if (spec.learning_rate) proto.set_learning_rate(*spec.learning_rate);
  if (spec.validation_fraction) proto.set_validation_fraction(*spec.validation_fraction);
  if (spec.patience) proto.set_patience(*spec.patience);
  if (spec.seed) proto.set_seed(*spec.seed);
  if (spec.precision) proto.set_precision(ToProto(*spec.precision));
  if (spec.derivative_sketch) proto.set_derivative_sketch(*spec.derivative_sketch);
  for (const InputMap& map : spec.input_maps) ToProto(map, *proto.add_input_maps());
  if (spec.feature_degree) proto.set_feature_degree(*spec.feature_degree);
  for (const OutputMap& map : spec.output_maps) ToProto(map, *proto.add_output_maps());
  if (spec.extrapolation) proto.set_extrapolation(ToProto(*spec.extrapolation));
  if (spec.taylor_base) proto.mutable_local_taylor()->set_base(ToProto(*spec.taylor_base));
  if (spec.taylor_order) proto.mutable_local_taylor()->set_order(*spec.taylor_order);
  return proto;
}

Activation FromProto(v1::Network::Activation activation) {
  switch (activation) {
    case v1::Network::ACTIVATION_TANH:
      return Activation::kTanh;
    case v1::Network::ACTIVATION_SILU:
      return Activation::kSilu;
    case v1::Network::ACTIVATION_GELU:
      return Activation::kGelu;
    case v1::Network::ACTIVATION_SIN:
      return Activation::kSin;
    default:
      return Activation::kSoftplus;
  }
}

ModelKind FromProto(v1::ModelVersion::Kind kind) {
  switch (kind) {
    case v1::ModelVersion::KIND_NETWORK:
      return ModelKind::kNetwork;
    case v1::ModelVersion::KIND_POLYNOMIAL:
      return ModelKind::kPolynomial;
    case v1::ModelVersion::KIND_GAUSSIAN_PROCESS:
      return ModelKind::kGaussianProcess;
    case v1::ModelVersion::KIND_ENSEMBLE:
      return ModelKind::kEnsemble;
    case v1::ModelVersion::KIND_COMPOSED:
      return ModelKind::kComposed;
    case v1::ModelVersion::KIND_PIPELINE:
      return ModelKind::kPipeline;
    case v1::ModelVersion::KIND_LOCAL_TAYLOR:
      return ModelKind::kLocalTaylor;
    default:
      return ModelKind::kUnknown;
  }
}

Extrapolation FromProto(v1::ModelVersion::Extrapolation extrapolation) {
  switch (extrapolation) {
    case v1::ModelVersion::EXTRAPOLATION_CONSTANT:
      return Extrapolation::kConstant;
    case v1::ModelVersion::EXTRAPOLATION_LINEAR:
      return Extrapolation::kLinear;
    default:
      return Extrapolation::kOwn;
  }
}

InputMap FromProto(const v1::InputMap& map) {
  return {.input = map.input(),
          .period = map.has_period() ? std::optional(map.period()) : std::nullopt,
          .harmonics = map.has_harmonics() ? std::optional(map.harmonics()) : std::nullopt,
          .logarithmic = map.logarithmic()};
}

OutputMap FromProto(const v1::OutputMap& map) {
  return {.output = map.output(),
          .lower = map.has_lower() ? std::optional(map.lower()) : std::nullopt,
          .upper = map.has_upper() ? std::optional(map.upper()) : std::nullopt,
          .logarithmic = map.logarithmic()};
}

TrainingProgress FromProto(const v1::TrainingProgress& proto) {
  return {.epoch = FromProto(proto.epoch()),
          .epochs = proto.epochs(),
          .samples_per_second = proto.samples_per_second(),
          .remaining_seconds = proto.remaining_seconds(),
          .leaderboard = FromProto(proto.leaderboard()),
          .fraction = proto.fraction(),
          .stage = proto.stage()};
}

TrainingReport FromProto(const v1::TrainingReport& proto) {
  TrainingReport report{.job = proto.job(),
                        .dataset = proto.dataset(),
                        .dataset_version = proto.dataset_version(),
                        .dataset_fingerprint = proto.dataset_fingerprint(),
                        .training_samples = proto.training_samples(),
                        .validation_samples = proto.validation_samples(),
                        .jacobian_samples = proto.jacobian_samples(),
                        .alpha = proto.alpha(),
                        .beta = proto.beta(),
                        .gamma = proto.gamma(),
                        .seed = proto.seed(),
                        .epochs = proto.epochs(),
                        .best_epoch = proto.best_epoch(),
                        .stop_reason = FromProto(proto.stop_reason()),
                        .rollbacks = proto.rollbacks(),
                        .learning_rate = proto.learning_rate(),
                        .train_seconds = proto.train_seconds(),
                        .samples_per_second = proto.samples_per_second(),
                        .validation = FromProto(proto.validation()),
                        .history = {},
                        .instruction_set = proto.instruction_set(),
                        .leaderboard = FromProto(proto.leaderboard()),
                        .learning_curve = {},
                        .value_only = {},
                        .warnings = {}};
  for (const v1::EpochRecord& record : proto.history()) report.history.push_back(FromProto(record));
  for (const v1::ComparisonPoint& point : proto.learning_curve()) {
    report.learning_curve.push_back(FromProto(point));
  }
  if (proto.has_value_only()) report.value_only = FromProto(proto.value_only());
  for (const v1::LabelWarning& warning : proto.warnings()) {
    report.warnings.push_back(client::FromProto(warning));
  }
  return report;
}

}  // namespace sobolev::client
