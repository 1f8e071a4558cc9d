#include "server/convert/report.h"

#include <cstdint>
#include <string>

#include "engine/train/errors.h"
#include "engine/train/label_checks.h"
#include "engine/train/recipe.h"
#include "engine/train/trainer.h"
#include "engine/train/trial.h"
#include "server/convert/tensor.h"

namespace sobolev::server {
namespace {

v1::Trial::State ToProto(train::Trial::State state) {
  switch (state) {
    case train::Trial::State::kRunning:
      return v1::Trial::STATE_RUNNING;
    case train::Trial::State::kFinished:
      return v1::Trial::STATE_FINISHED;
    case train::Trial::State::kAbandoned:
      return v1::Trial::STATE_ABANDONED;
    case train::Trial::State::kFailed:
      return v1::Trial::STATE_FAILED;
  }
  return v1::Trial::STATE_UNSPECIFIED;
}

}  // namespace

v1::EpochRecord ToProto(const train::EpochRecord& record) {
  v1::EpochRecord proto;
  proto.set_epoch(static_cast<std::int32_t>(record.epoch));
  proto.set_value_loss(record.value_loss);
  proto.set_gradient_loss(record.gradient_loss);
  proto.set_validation_loss(record.validation_loss);
  proto.set_validation_value_relative(record.validation_value_relative);
  proto.set_validation_jacobian_relative(record.validation_jacobian_relative);
  proto.set_learning_rate(record.learning_rate);
  return proto;
}

v1::ErrorReport ToProto(const train::Errors& errors) {
  v1::ErrorReport proto;
  proto.mutable_value_rmse()->Add(errors.value_rmse.begin(), errors.value_rmse.end());
  proto.set_value_relative(errors.value_relative);
  proto.mutable_jacobian_rmse()->Add(errors.jacobian_rmse.begin(), errors.jacobian_rmse.end());
  proto.set_jacobian_relative(errors.jacobian_relative);
  if (errors.curvature_relative) proto.set_hvp_relative(*errors.curvature_relative);
  return proto;
}

v1::Trial ToProto(const train::Trial& trial) {
  v1::Trial proto;
  proto.set_recipe(Name(trial.recipe));
  proto.set_state(ToProto(trial.state));
  if (trial.errors.IsKnown()) {
    *proto.mutable_validation() = ToProto(trial.errors);
    proto.set_score(trial.score);
  }
  proto.set_work(trial.work);
  proto.set_iterations(trial.iterations);
  return proto;
}

v1::ComparisonPoint ToProto(const train::CurvePoint& point) {
  v1::ComparisonPoint proto;
  proto.set_sample_count(point.num_samples);
  *proto.mutable_validation() = ToProto(point.errors);
  return proto;
}

v1::LabelWarning ToProto(const train::SuspectLabel& suspect, const v1::Schema& schema) {
  v1::LabelWarning proto;
  proto.set_input(schema.inputs(static_cast<int>(suspect.input)).name());
  proto.set_output(schema.outputs(static_cast<int>(suspect.output)).name());
  proto.set_factor(suspect.factor);
  std::string finding;
  std::string advice =
      "check the order of the columns, their units, and whether the function is "
      "continuous";
  switch (suspect.kind) {
    case train::SuspectLabel::Kind::kSign:
      proto.set_kind(v1::LabelWarning::KIND_SIGN);
      finding = "have the wrong sign";
      advice = "multiply them by -1";
      break;
    case train::SuspectLabel::Kind::kScale:
      proto.set_kind(v1::LabelWarning::KIND_SCALE);
      finding = "are off by a factor of about " + Text(1 / suspect.factor);
      advice = "check their units, and the order of the columns";
      break;
    case train::SuspectLabel::Kind::kSwapped:
      proto.set_kind(v1::LabelWarning::KIND_SWAPPED);
      proto.set_other_input(schema.inputs(static_cast<int>(suspect.other)).name());
      finding = "are the derivative by " + proto.other_input();
      advice = "put the columns in the order of the inputs";
      break;
    case train::SuspectLabel::Kind::kBias:
      proto.set_kind(v1::LabelWarning::KIND_BIAS);
      finding = "are not the derivative of the values on average";
      break;
  }
  proto.set_message("the labels of d" + proto.output() + "/d" + proto.input() + " " + finding +
                    "; " + advice);
  return proto;
}

}  // namespace sobolev::server
