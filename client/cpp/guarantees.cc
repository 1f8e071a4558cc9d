// Bound, Certify and AnalyzeSignificance.

#include <string>

#include <google/protobuf/repeated_field.h>
#include <google/protobuf/repeated_ptr_field.h>
#include <sobolev/client.h>
#include <sobolev/guarantees.h>

#include "client/cpp/connection.h"
#include "client/cpp/convert.h"
#include "proto/sobolev/v1/models.grpc.pb.h"
#include "proto/sobolev/v1/prediction.grpc.pb.h"

namespace sobolev::client {
namespace {

// "programs/{program}" is a program, everything else a model.
std::string FunctionName(const std::string& function) {
  return function.starts_with("programs/") ? function : ResourceName("models", function);
}

template <class Request>
Request RequestFor(const std::string& function, const InputBox& box) {
  Request request;
  if (function.starts_with("programs/")) {
    request.set_program(function);
  } else {
    request.set_model(FunctionName(function));
  }
  for (const Range& range : box) {
    v1::Range& added = *request.add_box();
    added.set_min(range.min);
    added.set_max(range.max);
  }
  return request;
}

Range FromProto(const v1::Range& range) { return {range.min(), range.max()}; }

Vector ToVector(const v1::Tensor& tensor) { return ToMatrix(tensor).reshaped(); }

Vector ToVector(const google::protobuf::RepeatedField<double>& numbers) {
  return Eigen::Map<const Vector>(numbers.data(), numbers.size());
}

Verdict FromProto(v1::CertifyResponse::Verdict verdict) {
  switch (verdict) {
    case v1::CertifyResponse::VERDICT_PROVED:
      return Verdict::kProved;
    case v1::CertifyResponse::VERDICT_VIOLATED:
      return Verdict::kViolated;
    case v1::CertifyResponse::VERDICT_REFUTED:
      return Verdict::kRefuted;
    default:
      return Verdict::kUndecided;
  }
}

Significance::Input FromProto(const v1::AnalyzeSignificanceResponse::Input& proto) {
  return {.name = proto.name(),
          .sigma = ToVector(proto.sigma()),
          .sliced_sigma = ToVector(proto.sliced_sigma()),
          .relaxed_sigma = ToVector(proto.relaxed_sigma()),
          .sampled = ToVector(proto.sampled()),
          .total_sobol_bound = ToVector(proto.total_sobol_bound())};
}

Significance::Layer FromProto(const v1::AnalyzeSignificanceResponse::Layer& proto) {
  return {.value_min = ToVector(proto.value_min()),
          .value_max = ToVector(proto.value_max()),
          .sigma = ToMatrix(proto.sigma()),
          .sampled = ToMatrix(proto.sampled()),
          .taylor = ToMatrix(proto.taylor()),
          .relaxed_sigma = ToMatrix(proto.relaxed_sigma())};
}

Significance::Vertex FromProto(const v1::AnalyzeSignificanceResponse::Vertex& proto) {
  return {.name = proto.name(),
          .operation = proto.operation(),
          .stage = proto.stage(),
          .range = FromProto(proto.range()),
          .sigma = ToVector(proto.sigma()),
          .relaxed_sigma = ToVector(proto.relaxed_sigma()),
          .sampled = ToVector(proto.sampled())};
}

}  // namespace

Bounds Client::Bound(const std::string& function, const BoundOptions& options) const {
  auto request = RequestFor<v1::BoundRequest>(function, options.box);
  request.add_quantities(v1::QUANTITY_VALUE);
  if (options.jacobian) request.add_quantities(v1::QUANTITY_JACOBIAN);
  if (!options.compare_to.empty()) request.set_compare_to(FunctionName(options.compare_to));
  if (options.max_boxes) request.set_max_boxes(*options.max_boxes);
  if (options.tolerance) request.set_tolerance(*options.tolerance);
  if (options.sample_count) request.set_sample_count(*options.sample_count);
  if (options.seed) request.set_seed(*options.seed);
  const v1::BoundResponse response =
      connection_->Call(connection_->prediction(), &v1::PredictionService::Stub::Bound, request);
  return {.function = response.function(),
          .compared_to = response.compared_to(),
          .box = client::FromProto(response.box()),
          .value_min = ToVector(response.value_min()),
          .value_max = ToVector(response.value_max()),
          .jacobian_min = ToMatrix(response.jacobian_min()),
          .jacobian_max = ToMatrix(response.jacobian_max()),
          .sampled_value_min = ToVector(response.sampled_value_min()),
          .sampled_value_max = ToVector(response.sampled_value_max()),
          .sampled_jacobian_min = ToMatrix(response.sampled_jacobian_min()),
          .sampled_jacobian_max = ToMatrix(response.sampled_jacobian_max()),
          .box_count = response.box_count(),
          .tight = response.tight()};
}

Certificate Client::Certify(const std::string& function, const Conditions& conditions,
                            const CertifyOptions& options) const {
  auto request = RequestFor<v1::CertifyRequest>(function, options.box);
  for (const ValueCondition& condition : conditions.values) {
    auto& added = *request.add_values();
    added.set_output(condition.output);
    if (condition.min) added.set_min(*condition.min);
    if (condition.max) added.set_max(*condition.max);
  }
  for (const DerivativeCondition& condition : conditions.derivatives) {
    auto& added = *request.add_derivatives();
    added.set_output(condition.output);
    added.set_input(condition.input);
    added.set_most(condition.most);
  }
  if (options.max_boxes) request.set_max_boxes(*options.max_boxes);
  if (options.max_pieces) request.set_max_pieces(*options.max_pieces);
  const v1::CertifyResponse response =
      connection_->Call(connection_->prediction(), &v1::PredictionService::Stub::Certify, request);
  Certificate certificate{.function = response.function(),
                          .box = client::FromProto(response.box()),
                          .proved = response.proved(),
                          .violated = response.violated(),
                          .refuted = response.refuted(),
                          .undecided = response.undecided(),
                          .pieces = {},
                          .box_count = response.box_count()};
  for (const v1::CertifyResponse::Piece& piece : response.pieces()) {
    certificate.pieces.push_back({.verdict = FromProto(piece.verdict()),
                                  .box = client::FromProto(piece.box()),
                                  .counter_example = ToVector(piece.counter_example())});
  }
  return certificate;
}

Significance Client::AnalyzeSignificance(const std::string& function,
                                         const SignificanceOptions& options) const {
  auto request = RequestFor<v1::AnalyzeSignificanceRequest>(function, options.box);
  for (const InputCut& cut : options.cuts) {
    auto& added = *request.add_cuts();
    added.set_input(cut.input);
    added.set_pieces(cut.pieces);
    added.set_geometric(cut.geometric);
  }
  request.set_edges(options.edges);
  if (options.max_boxes) request.set_max_boxes(*options.max_boxes);
  if (options.sample_count) request.set_sample_count(*options.sample_count);
  if (options.seed) request.set_seed(*options.seed);
  if (options.max_vertices) request.set_max_vertices(*options.max_vertices);
  const v1::AnalyzeSignificanceResponse response = connection_->Call(
      connection_->models(), &v1::ModelService::Stub::AnalyzeSignificance, request);
  Significance significance{.function = response.function(),
                            .box = client::FromProto(response.box()),
                            .outputs = {response.outputs().begin(), response.outputs().end()},
                            .inputs = {},
                            .layers = {},
                            .edges = {},
                            .vertices = {},
                            .vertex_count = response.vertex_count(),
                            .values = FromProto(response.values()),
                            .invalid_sample_count = response.invalid_sample_count()};
  for (const auto& input : response.inputs()) significance.inputs.push_back(FromProto(input));
  for (const auto& layer : response.layers()) significance.layers.push_back(FromProto(layer));
  for (const v1::Tensor& edges : response.edges()) significance.edges.push_back(ToMatrix(edges));
  for (const auto& vertex : response.vertices()) significance.vertices.push_back(FromProto(vertex));
  return significance;
}

}  // namespace sobolev::client
