#include "client/cpp/convert.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>

#include <sobolev/rpc_error.h>

#include "client/cpp/pruning.h"
#include "client/cpp/sampling.h"
#include "client/cpp/training.h"
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
  proto.set_allow_missing(variable.allow_missing);
  return proto;
}

Variable FromProto(const v1::Variable& proto) {
  Variable variable{.name = proto.name(), .unit = proto.unit()};
  if (proto.has_lower()) variable.lower = proto.lower();
  if (proto.has_upper()) variable.upper = proto.upper();
  variable.allow_missing = proto.allow_missing();
  return variable;
}

Schema FromProto(const v1::Schema& proto) {
  Schema schema;
  for (const v1::Variable& input : proto.inputs()) schema.inputs.push_back(FromProto(input));
  for (const v1::Variable& output : proto.outputs()) schema.outputs.push_back(FromProto(output));
  schema.allow_missing_derivatives = proto.allow_missing_derivatives();
  return schema;
}

JobKind FromProto(v1::Job::Kind kind) {
  switch (kind) {
    case v1::Job::KIND_TRAIN:
      return JobKind::kTrain;
    case v1::Job::KIND_PRUNE:
      return JobKind::kPrune;
    case v1::Job::KIND_SAMPLE:
      return JobKind::kSample;
    default:
      return JobKind::kUnknown;
  }
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

std::span<const std::byte> Bytes(const v1::Tensor& tensor) {
  return std::as_bytes(std::span(tensor.data()));
}

}  // namespace

std::vector<Range> FromProto(const google::protobuf::RepeatedPtrField<v1::Range>& protos) {
  std::vector<Range> ranges;
  for (const v1::Range& range : protos) ranges.push_back({range.min(), range.max()});
  return ranges;
}

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
  proto.set_allow_missing_derivatives(schema.allow_missing_derivatives);
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
                         .tangent_count = statistics.tangent_count(),
                         .adjoint_count = statistics.adjoint_count(),
                         .hvp_count = statistics.hvp_count(),
                         .y_variance_count = statistics.y_variance_count(),
                         .jacobian_variance_count = statistics.jacobian_variance_count(),
                         .missing_value_count = statistics.missing_value_count(),
                         .missing_derivative_count = statistics.missing_derivative_count(),
                         .inputs = FromProto(statistics.inputs()),
                         .outputs = FromProto(statistics.outputs()),
                         .fingerprint = statistics.fingerprint(),
                         .size_bytes = statistics.size_bytes()},
          .create_time = FromProto(proto.create_time()),
          .update_time = FromProto(proto.update_time())};
}

JobStatus FromProto(const v1::Job& proto) {
  JobStatus job{.name = proto.name(),
                .kind = FromProto(proto.kind()),
                .state = FromProto(proto.state()),
                .error_code = {},
                .error_reason = proto.error().reason(),
                .error_message = proto.error().message(),
                .cancel_requested = proto.cancel_requested(),
                .attempt = proto.attempt(),
                .dataset = proto.dataset(),
                .dataset_version = proto.dataset_version(),
                .source_model = proto.source_model(),
                .model = proto.model(),
                .progress = FromProto(proto.progress()),
                .sampling = {},
                .create_time = FromProto(proto.create_time()),
                .start_time = FromProto(proto.start_time()),
                .end_time = FromProto(proto.end_time())};
  if (proto.progress().has_sampling()) job.sampling = FromProto(proto.progress().sampling());
  if (proto.has_error()) job.error_code = Name(static_cast<StatusCode>(proto.error().code()));
  return job;
}

JobEvent FromProto(const v1::JobEvent& proto) {
  JobEvent event{.number = proto.number(),
                 .time = FromProto(proto.time()),
                 .state = FromProto(proto.state()),
                 .progress = {},
                 .sampling = {}};
  if (proto.has_progress()) event.progress = FromProto(proto.progress());
  if (proto.progress().has_sampling()) event.sampling = FromProto(proto.progress().sampling());
  return event;
}

v1::PipelineStage ToProto(const PipelineStage& stage) {
  v1::PipelineStage proto;
  proto.set_name(stage.name);
  if (stage.function.starts_with("programs/")) {
    proto.set_program(stage.function);
  } else {
    proto.set_model(stage.function);
  }
  proto.mutable_inputs()->insert(stage.inputs.begin(), stage.inputs.end());
  return proto;
}

Pipeline FromProto(const v1::Pipeline& proto) {
  Pipeline pipeline{.stages = {}, .outputs = {proto.outputs().begin(), proto.outputs().end()}};
  for (const v1::PipelineStage& stage : proto.stages()) {
    pipeline.stages.push_back({.name = stage.name(),
                               .function = stage.has_program() ? stage.program() : stage.model(),
                               .inputs = {stage.inputs().begin(), stage.inputs().end()},
                               .sha256 = stage.sha256()});
  }
  return pipeline;
}

LocalTaylor FromProto(const v1::LocalTaylor& proto) {
  return {.base_kind = FromProto(proto.base_kind()),
          .order = proto.order(),
          .centre_count = proto.centre_count(),
          .constant_share = proto.constant_share(),
          .linear_share = proto.linear_share(),
          .quadratic_share = proto.quadratic_share()};
}

ModelVersion FromProto(const v1::ModelVersion& proto) {
  ModelVersion version{.name = proto.name(),
                       .kind = FromProto(proto.kind()),
                       .core_kind = FromProto(proto.core_kind()),
                       .hidden = {proto.network().hidden().begin(), proto.network().hidden().end()},
                       .activation = FromProto(proto.network().activation()),
                       .skip = proto.network().skip(),
                       .residual = proto.network().residual(),
                       .monotone = {},
                       .convexity = {},
                       .input_maps = {},
                       .feature_degree = std::max(1, proto.feature_degree()),
                       .output_maps = {},
                       .extrapolation = FromProto(proto.extrapolation()),
                       .schema = FromProto(proto.schema()),
                       .domain = FromProto(proto.domain()),
                       .parameter_count = proto.parameter_count(),
                       .nonzero_weights = proto.nonzero_weights(),
                       .weights_sha256 = proto.weights_sha256(),
                       .report = FromProto(proto.report()),
                       .pruning = {},
                       .pipeline = FromProto(proto.pipeline()),
                       .local_taylor = {},
                       .create_time = FromProto(proto.create_time())};
  if (proto.has_pruning()) version.pruning = FromProto(proto.pruning());
  if (proto.has_local_taylor()) version.local_taylor = FromProto(proto.local_taylor());
  for (const auto& [input, slope] : proto.monotone()) {
    version.monotone[input] =
        slope == v1::ModelVersion::SLOPE_INCREASING ? Slope::kIncreasing : Slope::kDecreasing;
  }
  if (proto.convexity() != v1::ModelVersion::CONVEXITY_UNSPECIFIED) {
    version.convexity = proto.convexity() == v1::ModelVersion::CONVEXITY_CONVEX
                            ? Convexity::kConvex
                            : Convexity::kConcave;
  }
  for (const v1::InputMap& map : proto.input_maps()) version.input_maps.push_back(FromProto(map));
  for (const v1::OutputMap& map : proto.output_maps()) {
    version.output_maps.push_back(FromProto(map));
  }
  return version;
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
          .weight = ToMatrix(block.weight()).reshaped(),
          .tangents = ToMatrix(block.tangents()),
          .jvp = ToMatrix(block.jvp()),
          .adjoints = ToMatrix(block.adjoints()),
          .vjp = ToMatrix(block.vjp()),
          .hvp_adjoints = ToMatrix(block.hvp_adjoints()),
          .hvp_tangents = ToMatrix(block.hvp_tangents()),
          .hvp = ToMatrix(block.hvp()),
          .y_variance = ToMatrix(block.y_variance()),
          .jacobian_variance = ToMatrix(block.jacobian_variance())};
}

std::uint32_t Checksum(const v1::SampleBlock& block) {
  std::uint32_t crc = 0;
  for (const v1::Tensor* tensor :
       {&block.x(), &block.y(), &block.jacobian(), &block.weight(), &block.tangents(), &block.jvp(),
        &block.adjoints(), &block.vjp(), &block.hvp_adjoints(), &block.hvp_tangents(), &block.hvp(),
        &block.y_variance(), &block.jacobian_variance()}) {
    crc = Crc32c(Bytes(*tensor), crc);
  }
  return crc;
}

}  // namespace sobolev::client
