#include "client/cpp/convert.h"

#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>

#include <sobolev/rpc_error.h>

#include "proto/wire/crc32c.h"

namespace sobolev::client {
namespace {

static_assert(std::endian::native == std::endian::little, "tensors travel little-endian");

v1::Variable ToProto(const Variable& variable) {
  v1::Variable proto;
  proto.set_name(variable.name);
  proto.set_unit(variable.unit);
  if (variable.lower) proto.set_lower(*variable.lower);
  if (variable.upper) proto.set_upper(*variable.upper);
  return proto;
}

Variable FromProto(const v1::Variable& proto) {
  Variable variable{.name = proto.name(), .unit = proto.unit()};
  if (proto.has_lower()) variable.lower = proto.lower();
  if (proto.has_upper()) variable.upper = proto.upper();
  return variable;
}

Schema FromProto(const v1::Schema& proto) {
  Schema schema;
  for (const v1::Variable& input : proto.inputs()) schema.inputs.push_back(FromProto(input));
  for (const v1::Variable& output : proto.outputs()) schema.outputs.push_back(FromProto(output));
  return schema;
}

std::vector<Range> FromProto(const google::protobuf::RepeatedPtrField<v1::Range>& protos) {
  std::vector<Range> ranges;
  for (const v1::Range& range : protos) ranges.push_back({range.min(), range.max()});
  return ranges;
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

JobState FromProto(v1::Job::State state) {
  switch (state) {
    case v1::Job::STATE_QUEUED:
      return JobState::kQueued;
    case v1::Job::STATE_RUNNING:
      return JobState::kRunning;
    case v1::Job::STATE_SUCCEEDED:
      return JobState::kSucceeded;
    case v1::Job::STATE_FAILED:
      return JobState::kFailed;
    case v1::Job::STATE_CANCELLED:
      return JobState::kCancelled;
    default:
      return JobState::kUnknown;
  }
}

StopReason FromProto(v1::TrainingReport::StopReason reason) {
  switch (reason) {
    case v1::TrainingReport::STOP_REASON_MAX_EPOCHS:
      return StopReason::kMaxEpochs;
    case v1::TrainingReport::STOP_REASON_EARLY_STOPPING:
      return StopReason::kEarlyStopping;
    default:
      return StopReason::kUnknown;
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

TrainingProgress FromProto(const v1::TrainingProgress& proto) {
  return {.epoch = FromProto(proto.epoch()),
          .epochs = proto.epochs(),
          .samples_per_second = proto.samples_per_second(),
          .remaining_seconds = proto.remaining_seconds()};
}

ErrorReport FromProto(const v1::ErrorReport& proto) {
  return {.value_rmse = {proto.value_rmse().begin(), proto.value_rmse().end()},
          .value_relative = proto.value_relative(),
          .jacobian_rmse = {proto.jacobian_rmse().begin(), proto.jacobian_rmse().end()},
          .jacobian_relative = proto.jacobian_relative()};
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
                        .seed = proto.seed(),
                        .epochs = proto.epochs(),
                        .best_epoch = proto.best_epoch(),
                        .stop_reason = FromProto(proto.stop_reason()),
                        .train_seconds = proto.train_seconds(),
                        .samples_per_second = proto.samples_per_second(),
                        .validation = FromProto(proto.validation()),
                        .history = {},
                        .instruction_set = proto.instruction_set()};
  for (const v1::EpochRecord& record : proto.history()) report.history.push_back(FromProto(record));
  return report;
}

std::span<const std::byte> Bytes(const v1::Tensor& tensor) {
  return std::as_bytes(std::span(tensor.data()));
}

}  // namespace

v1::Tensor ToTensor(const ConstMatrixRef& A, const std::vector<std::int64_t>& shape) {
  v1::Tensor tensor;
  tensor.set_data_type(v1::Tensor::DATA_TYPE_FLOAT64);
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  std::string& data = *tensor.mutable_data();
  data.resize(static_cast<std::size_t>(A.size()) * sizeof(double));
  // The string's memory comes from the allocator, aligned for double.
  Eigen::Map<Matrix>(reinterpret_cast<double*>(data.data()), A.rows(), A.cols()) = A;
  return tensor;
}

Matrix ToMatrix(const v1::Tensor& tensor) {
  if (tensor.shape().empty()) return {};
  const Index rows = tensor.shape(tensor.shape_size() - 1);
  Index cols = 1;
  for (int i = 0; i + 1 < tensor.shape_size(); ++i) cols *= tensor.shape(i);
  const std::size_t expected = static_cast<std::size_t>(rows * cols) * sizeof(double);
  if (tensor.data_type() != v1::Tensor::DATA_TYPE_FLOAT64 || tensor.data().size() != expected) {
    throw RpcError(StatusCode::kInternal, "BAD_REPLY",
                   "the server's tensor: expected " + std::to_string(expected) +
                       " bytes of float64, got " + std::to_string(tensor.data().size()) +
                       "; do client and server match?");
  }
  Matrix A(rows, cols);
  if (expected > 0) std::memcpy(A.data(), tensor.data().data(), expected);
  return A;
}

Time FromProto(const google::protobuf::Timestamp& time) {
  return Time(std::chrono::duration_cast<Time::duration>(std::chrono::seconds(time.seconds()) +
                                                         std::chrono::nanoseconds(time.nanos())));
}

v1::Schema ToProto(const Schema& schema) {
  v1::Schema proto;
  for (const Variable& input : schema.inputs) *proto.add_inputs() = ToProto(input);
  for (const Variable& output : schema.outputs) *proto.add_outputs() = ToProto(output);
  return proto;
}

v1::TrainingSpec ToProto(const TrainingSpec& spec) {
  v1::TrainingSpec proto;
  proto.mutable_network()->mutable_hidden()->Assign(spec.hidden.begin(), spec.hidden.end());
  if (spec.activation) proto.mutable_network()->set_activation(ToProto(*spec.activation));
  if (spec.alpha) proto.set_alpha(*spec.alpha);
  if (spec.beta) proto.set_beta(*spec.beta);
  if (spec.derivative_scale) proto.set_derivative_scale(ToProto(*spec.derivative_scale));
  if (spec.epochs) proto.set_epochs(*spec.epochs);
  if (spec.batch_size) proto.set_batch_size(*spec.batch_size);
  if (spec.learning_rate) proto.set_learning_rate(*spec.learning_rate);
  if (spec.validation_fraction) proto.set_validation_fraction(*spec.validation_fraction);
  if (spec.patience) proto.set_patience(*spec.patience);
  if (spec.seed) proto.set_seed(*spec.seed);
  if (spec.precision) proto.set_precision(ToProto(*spec.precision));
  return proto;
}

Dataset FromProto(const v1::Dataset& proto) {
  const v1::DatasetStatistics& statistics = proto.statistics();
  return {.name = proto.name(),
          .uid = proto.uid(),
          .schema = FromProto(proto.schema()),
          .damaged = proto.state() == v1::Dataset::STATE_DAMAGED,
          .damage = proto.damage(),
          .version = proto.version(),
          .statistics = {.sample_count = statistics.sample_count(),
                         .jacobian_count = statistics.jacobian_count(),
                         .weight_count = statistics.weight_count(),
                         .inputs = FromProto(statistics.inputs()),
                         .outputs = FromProto(statistics.outputs()),
                         .fingerprint = statistics.fingerprint(),
                         .size_bytes = statistics.size_bytes()},
          .create_time = FromProto(proto.create_time()),
          .update_time = FromProto(proto.update_time())};
}

JobStatus FromProto(const v1::Job& proto) {
  JobStatus job{.name = proto.name(),
                .state = FromProto(proto.state()),
                .error_code = {},
                .error_reason = proto.error().reason(),
                .error_message = proto.error().message(),
                .cancel_requested = proto.cancel_requested(),
                .attempt = proto.attempt(),
                .dataset = proto.dataset(),
                .dataset_version = proto.dataset_version(),
                .model = proto.model(),
                .progress = FromProto(proto.progress()),
                .create_time = FromProto(proto.create_time()),
                .start_time = FromProto(proto.start_time()),
                .end_time = FromProto(proto.end_time())};
  if (proto.has_error()) job.error_code = Name(static_cast<StatusCode>(proto.error().code()));
  return job;
}

JobEvent FromProto(const v1::JobEvent& proto) {
  JobEvent event{.number = proto.number(),
                 .time = FromProto(proto.time()),
                 .state = FromProto(proto.state()),
                 .progress = {}};
  if (proto.has_progress()) event.progress = FromProto(proto.progress());
  return event;
}

ModelVersion FromProto(const v1::ModelVersion& proto) {
  return {.name = proto.name(),
          .hidden = {proto.network().hidden().begin(), proto.network().hidden().end()},
          .activation = FromProto(proto.network().activation()),
          .schema = FromProto(proto.schema()),
          .domain = FromProto(proto.domain()),
          .parameter_count = proto.parameter_count(),
          .weights_sha256 = proto.weights_sha256(),
          .report = FromProto(proto.report()),
          .create_time = FromProto(proto.create_time())};
}

Model FromProto(const v1::Model& proto) {
  return {.name = proto.name(),
          .latest_version = FromProto(proto.latest_version()),
          .version_count = proto.version_count(),
          .create_time = FromProto(proto.create_time()),
          .update_time = FromProto(proto.update_time())};
}

Samples FromProto(const v1::SampleBlock& block) {
  if (Checksum(block) != block.crc32c()) {
    throw RpcError(
        StatusCode::kDataLoss, "CHECKSUM_MISMATCH",
        "block " + std::to_string(block.block_id()) + " arrived with a wrong checksum; read again");
  }
  return {.X = ToMatrix(block.x()),
          .Y = ToMatrix(block.y()),
          .jacobian = ToMatrix(block.jacobian()),
          .weight = ToMatrix(block.weight()).reshaped()};
}

std::uint32_t Checksum(const v1::SampleBlock& block) {
  std::uint32_t crc = 0;
  for (const v1::Tensor* tensor : {&block.x(), &block.y(), &block.jacobian(), &block.weight()}) {
    crc = Crc32c(Bytes(*tensor), crc);
  }
  return crc;
}

}  // namespace sobolev::client
