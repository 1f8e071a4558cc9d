// What to prune and what came of it, between the wire messages of sobolev.v1 and the client's
// types.

#include "client/cpp/pruning.h"

#include <sobolev/client.h>

#include "client/cpp/connection.h"
#include "client/cpp/convert.h"
#include "client/cpp/training.h"
#include "proto/sobolev/v1/models.grpc.pb.h"
#include "proto/sobolev/v1/models.pb.h"

namespace sobolev::client {
namespace {

// The enumerators are those of the wire, whose first is unspecified, in the same order.
template <class To, class From>
To Shifted(From from, int by) {
  return static_cast<To>(static_cast<int>(from) + by);
}

template <class Enum, class Wire>
Enum FromWire(Wire wire) {
  return wire == 0 ? Enum{} : Shifted<Enum>(wire, -1);
}

PruningReport::Size FromProto(const v1::PruningReport::Size& proto) {
  return {.inputs = proto.inputs(),
          .hidden = {proto.hidden().begin(), proto.hidden().end()},
          .parameters = proto.parameters(),
          .value_multiply_adds = proto.value_multiply_adds(),
          .jacobian_multiply_adds = proto.jacobian_multiply_adds(),
          .plan_multiply_adds = proto.plan_multiply_adds()};
}

PruningReport::Deviation FromProto(const v1::PruningReport::Deviation& proto) {
  return {.value = proto.value(), .jacobian = proto.jacobian()};
}

PruningReport::Certificate FromProto(const v1::PruningReport::Certificate& proto) {
  PruningReport::Certificate certificate{
      .value = {}, .jacobian = {}, .boxes = proto.boxes(), .tight = proto.tight()};
  for (const auto& bound : proto.value()) {
    certificate.value.push_back({bound.sampled(), bound.proved()});
  }
  for (const auto& bound : proto.jacobian()) {
    certificate.jacobian.push_back({bound.sampled(), bound.proved()});
  }
  return certificate;
}

void SetTarget(const PruneOptions& options, v1::PruneRequest& request) {
  // An empty target would be one that says nothing.
  if (options.fraction) request.mutable_target()->set_fraction(*options.fraction);
  if (options.parameters) request.mutable_target()->set_parameters(*options.parameters);
  if (options.multiply_adds) request.mutable_target()->set_multiply_adds(*options.multiply_adds);
  if (options.value_error) request.mutable_target()->set_value_error(*options.value_error);
  if (options.jacobian_error) request.mutable_target()->set_jacobian_error(*options.jacobian_error);
}

void SetRetraining(const PruneOptions& options, v1::PruneRequest& request) {
  const bool wanted = options.retrain || !options.dataset.empty() || options.dataset_version > 0 ||
                      options.steps || options.learning_rate || options.alpha || options.beta;
  if (!wanted) return;
  v1::PruneRequest::Retraining& retraining = *request.mutable_retraining();
  if (!options.dataset.empty()) {
    retraining.set_dataset(ResourceName("datasets", options.dataset));
  }
  retraining.set_dataset_version(options.dataset_version);
  if (options.steps) retraining.set_steps(*options.steps);
  if (options.learning_rate) retraining.set_learning_rate(*options.learning_rate);
  if (options.alpha) retraining.set_alpha(*options.alpha);
  if (options.beta) retraining.set_beta(*options.beta);
}

v1::PruneRequest ToProto(const PruneOptions& options) {
  v1::PruneRequest request;
  request.set_model_id(options.model_id);
  for (const Range& range : options.box) {
    v1::Range& added = *request.add_box();
    added.set_min(range.min);
    added.set_max(range.max);
  }
  if (options.parts) request.set_parts(Shifted<v1::PruneRequest::Parts>(*options.parts, 1));
  if (options.rule) request.set_rule(Shifted<v1::PruneRequest::Rule>(*options.rule, 1));
  if (options.compensation) {
    request.set_compensation(Shifted<v1::PruneRequest::Compensation>(*options.compensation, 1));
  }
  SetTarget(options, request);
  if (options.input_threshold) request.set_input_threshold(*options.input_threshold);
  SetRetraining(options, request);
  if (options.certificate_boxes) request.set_certificate_boxes(*options.certificate_boxes);
  if (options.num_points) request.set_num_points(*options.num_points);
  if (options.seed) request.set_seed(*options.seed);
  return request;
}

}  // namespace

PruningReport FromProto(const v1::PruningReport& proto) {
  PruningReport report;
  report.source = proto.source();
  report.job = proto.job();
  report.inputs = {proto.inputs().begin(), proto.inputs().end()};
  report.box = FromProto(proto.box());
  report.parts = FromWire<PrunedParts>(proto.parts());
  report.rule = FromWire<PruningRule>(proto.rule());
  report.compensation = FromWire<PruningCompensation>(proto.compensation());
  report.seed = proto.seed();
  report.before = FromProto(proto.before());
  report.after = FromProto(proto.after());
  report.removed_vertices = {proto.removed_vertices().begin(), proto.removed_vertices().end()};
  report.removed_weights = {proto.removed_weights().begin(), proto.removed_weights().end()};
  for (const auto& input : proto.removed_inputs()) {
    report.removed_inputs.push_back({input.input(), input.value(), input.sobol_bound()});
  }
  report.pruned = FromProto(proto.pruned());
  report.result = FromProto(proto.result());
  if (proto.has_retraining()) {
    const v1::PruningReport::Retraining& retraining = proto.retraining();
    report.retraining =
        PruningReport::Retraining{.steps = retraining.steps(),
                                  .epochs = retraining.epochs(),
                                  .learning_rate = retraining.learning_rate(),
                                  .scratch_learning_rate = retraining.scratch_learning_rate(),
                                  .kept = retraining.kept()};
  }
  if (proto.has_source_errors()) report.source_errors = FromProto(proto.source_errors());
  if (proto.has_pruned_errors()) report.pruned_errors = FromProto(proto.pruned_errors());
  if (proto.has_result_errors()) report.result_errors = FromProto(proto.result_errors());
  if (proto.has_scratch_errors()) report.scratch_errors = FromProto(proto.scratch_errors());
  if (proto.has_certificate()) report.certificate = FromProto(proto.certificate());
  return report;
}

Job Client::Prune(const std::string& model, const PruneOptions& options) const {
  v1::PruneRequest request = ToProto(options);
  request.set_model(ResourceName("models", model));
  // With a request id, a retry after a lost answer does not start a second job.
  request.set_request_id(options.request_id.empty() ? RandomId() : options.request_id);
  const v1::Job job =
      connection_->Call(connection_->models(), &v1::ModelService::Stub::Prune, request);
  return Job(connection_, job.name());
}

}  // namespace sobolev::client
