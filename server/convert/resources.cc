#include "server/convert/resources.h"

#include <cctype>
#include <cmath>
#include <limits>
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

v1::Job::Kind ToProto(JobKind kind) {
  switch (kind) {
    case JobKind::kTrain:
      return v1::Job::KIND_TRAIN;
    case JobKind::kPrune:
      return v1::Job::KIND_PRUNE;
    case JobKind::kSample:
      return v1::Job::KIND_SAMPLE;
  }
  return v1::Job::KIND_UNSPECIFIED;
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
  for (int j = 0; j < schema.inputs_size(); ++j) {
    if (!schema.inputs(j).allow_missing()) continue;
    throw InvalidArgument("OUT_OF_RANGE",
                          field + ".inputs[" + std::to_string(j) + "].allow_missing",
                          "expected false, because inputs are never missing, got true");
  }
}

v1::DatasetStatistics ToProto(const DatasetStatistics& statistics) {
  v1::DatasetStatistics proto;
  proto.set_sample_count(statistics.sample_count);
  const LabelCounts& labels = statistics.labels;
  proto.set_jacobian_count(labels.jacobians);
  proto.set_weight_count(labels.weights);
  proto.set_tangent_count(labels.tangents);
  proto.set_adjoint_count(labels.adjoints);
  proto.set_hvp_count(labels.hvps);
  proto.set_y_variance_count(labels.y_variances);
  proto.set_jacobian_variance_count(labels.jacobian_variances);
  proto.set_missing_value_count(labels.missing_values);
  proto.set_missing_derivative_count(labels.missing_derivatives);
  proto.set_fingerprint(statistics.fingerprint);
  proto.set_size_bytes(statistics.size_bytes);
  const auto add_ranges = [](const std::vector<ValueRange>& from, auto* to) {
    constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();
    for (const ValueRange& range : from) {
      const bool is_known = range.min <= range.max;
      v1::Range* added = to->Add();
      added->set_min(is_known ? range.min : kUnknown);
      added->set_max(is_known ? range.max : kUnknown);
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
  proto.set_kind(ToProto(record.kind));
  proto.set_state(ToProto(record.state));
  if (record.state == JobState::kFailed) {
    proto.mutable_error()->set_code(record.failure.code);
    proto.mutable_error()->set_reason(record.failure.reason);
    proto.mutable_error()->set_message(record.failure.message);
  }
  proto.set_cancel_requested(record.cancel_requested);
  proto.set_attempt(static_cast<std::int32_t>(record.attempt));
  if (!record.dataset_id.empty()) proto.set_dataset(DatasetName(record.dataset_id));
  proto.set_dataset_version(record.dataset_version);
  if (!record.source_model_id.empty()) {
    proto.set_source_model(ModelVersionName(record.source_model_id, record.source_model_version));
  }
  proto.set_model(record.model_version > 0 ? ModelVersionName(record.model_id, record.model_version)
                                           : ModelName(record.model_id));
  if (!record.progress.empty()) proto.mutable_progress()->ParseFromString(record.progress);
  *proto.mutable_create_time() = ToTimestamp(record.create_micros);
  if (record.start_micros > 0) *proto.mutable_start_time() = ToTimestamp(record.start_micros);
  if (record.end_micros > 0) *proto.mutable_end_time() = ToTimestamp(record.end_micros);
  return proto;
}

v1::Job Preview(const JobRecord& record) {
  v1::Job proto = ToProto(record);
  proto.clear_name();
  proto.clear_create_time();
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

bool IsPipeline(const ModelVersionRecord& record) {
  v1::ModelVersion description;
  description.ParseFromString(record.description);
  return description.kind() == v1::ModelVersion::KIND_PIPELINE;
}

void RequireNoPipeline(const ModelVersionRecord& newest) {
  if (!IsPipeline(newest)) return;
  throw Error(ErrorCode::kAlreadyExists, "MODEL_ALREADY_EXISTS", "model_id",
              "\"" + LocalId(newest.model_id) + "\" is a pipeline; choose another id or delete it");
}

}  // namespace sobolev::server
