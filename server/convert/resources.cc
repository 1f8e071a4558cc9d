#include "server/convert/resources.h"

#include <cctype>
#include <cmath>
#include <set>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <google/protobuf/util/time_util.h>

#include "engine/base/error.h"
#include "engine/nn/network.h"
#include "server/convert/names.h"
#include "server/convert/tensor.h"

namespace sobolev::server {
namespace {

using VariableList = google::protobuf::RepeatedPtrField<v1::Variable>;

void ValidateVariables(const VariableList& variables, const std::string& field, Index most,
                       std::set<std::string>& names) {
  if (variables.empty() || variables.size() > most) {
    throw InvalidArgument("OUT_OF_RANGE", field,
                          "expected 1 to " + std::to_string(most) + " variables, got " +
                              std::to_string(variables.size()));
  }
  for (int i = 0; i < variables.size(); ++i) {
    const v1::Variable& variable = variables[i];
    const std::string path = field + "[" + std::to_string(i) + "]";
    RequireToken(variable.name(), path + ".name");
    const char first = variable.name().front();
    if (first != '_' && (std::isalpha(static_cast<unsigned char>(first)) == 0)) {
      throw InvalidArgument("INVALID_NAME", path + ".name",
                            "expected a letter or '_' first, got \"" + variable.name() + "\"");
    }
    if (!names.insert(variable.name()).second) {
      throw InvalidArgument(
          "DUPLICATE_NAME", path + ".name",
          "\"" + variable.name() + "\" is used twice; names are unique in a schema");
    }
    if (variable.has_lower() && !std::isfinite(variable.lower())) {
      throw InvalidArgument("NON_FINITE", path + ".lower", "expected a finite bound or none");
    }
    if (variable.has_upper() && !std::isfinite(variable.upper())) {
      throw InvalidArgument("NON_FINITE", path + ".upper", "expected a finite bound or none");
    }
    if (variable.has_lower() && variable.has_upper() && variable.lower() >= variable.upper()) {
      throw InvalidArgument("OUT_OF_RANGE", path + ".lower",
                            "expected less than upper = " + Text(variable.upper()) + ", got " +
                                Text(variable.lower()));
    }
  }
}

v1::Job::State ToProto(JobState state) {
  switch (state) {
    case JobState::kQueued:
      return v1::Job::STATE_QUEUED;
    case JobState::kRunning:
      return v1::Job::STATE_RUNNING;
    case JobState::kSucceeded:
      return v1::Job::STATE_SUCCEEDED;
    case JobState::kFailed:
      return v1::Job::STATE_FAILED;
    case JobState::kCancelled:
      return v1::Job::STATE_CANCELLED;
  }
  return v1::Job::STATE_UNSPECIFIED;
}

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

v1::Network::Activation ToProto(nn::Activation activation) {
  switch (activation) {
    case nn::Activation::kSoftplus:
      return v1::Network::ACTIVATION_SOFTPLUS;
    case nn::Activation::kTanh:
      return v1::Network::ACTIVATION_TANH;
    case nn::Activation::kSilu:
      return v1::Network::ACTIVATION_SILU;
    case nn::Activation::kGelu:
      return v1::Network::ACTIVATION_GELU;
    case nn::Activation::kSin:
      return v1::Network::ACTIVATION_SIN;
  }
  return v1::Network::ACTIVATION_UNSPECIFIED;
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

}  // namespace

std::string SerializeDeterministic(const google::protobuf::Message& message) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  message.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

google::protobuf::Timestamp ToTimestamp(std::int64_t wall_micros) {
  return google::protobuf::util::TimeUtil::MicrosecondsToTimestamp(wall_micros);
}

void ValidateSchema(const v1::Schema& schema, const std::string& field) {
  std::set<std::string> names;
  ValidateVariables(schema.inputs(), field + ".inputs", nn::kMaxInputs, names);
  ValidateVariables(schema.outputs(), field + ".outputs", nn::kMaxOutputs, names);
}

v1::DatasetStatistics ToProto(const DatasetStatistics& statistics) {
  v1::DatasetStatistics proto;
  proto.set_sample_count(statistics.sample_count);
  proto.set_jacobian_count(statistics.jacobian_count);
  proto.set_weight_count(statistics.weight_count);
  proto.set_fingerprint(statistics.fingerprint);
  proto.set_size_bytes(statistics.size_bytes);
  const auto add_ranges = [](const std::vector<ValueRange>& from, auto* to) {
    for (const ValueRange& range : from) {
      v1::Range* added = to->Add();
      added->set_min(range.min);
      added->set_max(range.max);
    }
  };
  add_ranges(statistics.inputs, proto.mutable_inputs());
  add_ranges(statistics.outputs, proto.mutable_outputs());
  return proto;
}

v1::Dataset ToProto(const DatasetRecord& record) {
  v1::Dataset proto;
  proto.set_name(DatasetName(record.id));
  proto.set_uid(record.uid);
  proto.mutable_schema()->ParseFromString(record.schema);
  proto.set_state(record.damage.empty() ? v1::Dataset::STATE_ACTIVE : v1::Dataset::STATE_DAMAGED);
  proto.set_damage(record.damage);
  proto.set_version(record.version);
  *proto.mutable_statistics() = ToProto(record.statistics);
  *proto.mutable_create_time() = ToTimestamp(record.create_micros);
  *proto.mutable_update_time() = ToTimestamp(record.update_micros);
  return proto;
}

v1::Job ToProto(const JobRecord& record) {
  v1::Job proto;
  proto.set_name(JobName(record.id));
  proto.set_kind(v1::Job::KIND_TRAIN);
  proto.set_state(ToProto(record.state));
  if (record.state == JobState::kFailed) {
    proto.mutable_error()->set_code(record.failure.code);
    proto.mutable_error()->set_reason(record.failure.reason);
    proto.mutable_error()->set_message(record.failure.message);
  }
  proto.set_cancel_requested(record.cancel_requested);
  proto.set_attempt(static_cast<std::int32_t>(record.attempt));
  proto.set_dataset(DatasetName(record.dataset_id));
  proto.set_dataset_version(record.dataset_version);
  proto.set_model(record.model_version > 0 ? ModelVersionName(record.model_id, record.model_version)
                                           : ModelName(record.model_id));
  if (!record.progress.empty()) proto.mutable_progress()->ParseFromString(record.progress);
  *proto.mutable_create_time() = ToTimestamp(record.create_micros);
  if (record.start_micros > 0) *proto.mutable_start_time() = ToTimestamp(record.start_micros);
  if (record.end_micros > 0) *proto.mutable_end_time() = ToTimestamp(record.end_micros);
  return proto;
}

v1::JobEvent ToProto(const JobEventRecord& record) {
  v1::JobEvent proto;
  proto.set_number(record.number);
  *proto.mutable_time() = ToTimestamp(record.time_micros);
  proto.set_state(ToProto(record.state));
  if (!record.progress.empty()) proto.mutable_progress()->ParseFromString(record.progress);
  return proto;
}

v1::Model ToProto(const ModelRecord& record) {
  v1::Model proto;
  proto.set_name(ModelName(record.id));
  *proto.mutable_latest_version() = ToProto(record.latest);
  proto.set_version_count(record.version_count);
  *proto.mutable_create_time() = ToTimestamp(record.create_micros);
  *proto.mutable_update_time() = ToTimestamp(record.update_micros);
  return proto;
}

v1::ModelVersion ToProto(const ModelVersionRecord& record) {
  v1::ModelVersion proto;
  proto.ParseFromString(record.description);
  proto.set_name(ModelVersionName(record.model_id, record.version));
  proto.set_weights_sha256(record.blob_sha256);
  *proto.mutable_create_time() = ToTimestamp(record.create_micros);
  return proto;
}

train::Options ToOptions(const v1::TrainingSpec& spec) {
  train::Options options;
  if (!spec.network().hidden().empty()) {
    options.hidden.assign(spec.network().hidden().begin(), spec.network().hidden().end());
  }
  options.activation = ToActivation(spec.network().activation());
  if (spec.has_alpha()) options.alpha = spec.alpha();
  if (spec.has_beta()) options.beta = spec.beta();
  options.derivative_scale = ToDerivativeScale(spec.derivative_scale());
  if (spec.has_epochs()) options.epochs = spec.epochs();
  if (spec.has_batch_size()) options.batch_size = spec.batch_size();
  if (spec.has_learning_rate()) options.learning_rate = spec.learning_rate();
  if (spec.has_validation_fraction()) options.validation_fraction = spec.validation_fraction();
  if (spec.has_patience()) options.patience = spec.patience();
  if (spec.has_seed()) options.seed = spec.seed();
  options.precision = ToPrecision(spec.precision());
  return options;
}

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
  return proto;
}

v1::Network ToProto(const nn::Architecture& architecture) {
  v1::Network proto;
  for (const Index width : architecture.hidden) proto.add_hidden(static_cast<std::int32_t>(width));
  proto.set_activation(ToProto(architecture.activation));
  return proto;
}

}  // namespace sobolev::server
