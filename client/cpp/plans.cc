// Plans of derivatives, from the wire.

#include <sobolev/client.h>
#include <sobolev/plans.h>

#include "client/cpp/connection.h"
#include "client/cpp/convert.h"
#include "proto/sobolev/v1/models.grpc.pb.h"
#include "proto/sobolev/v1/models.pb.h"

namespace sobolev::client {
namespace {

PlanStepKind FromProto(v1::DerivativePlan::Step::Kind kind) {
  switch (kind) {
    case v1::DerivativePlan::Step::KIND_ACCUMULATE_TANGENT:
      return PlanStepKind::kAccumulateTangent;
    case v1::DerivativePlan::Step::KIND_ACCUMULATE_ADJOINT:
      return PlanStepKind::kAccumulateAdjoint;
    case v1::DerivativePlan::Step::KIND_TANGENT:
      return PlanStepKind::kTangent;
    case v1::DerivativePlan::Step::KIND_ADJOINT:
      return PlanStepKind::kAdjoint;
    default:
      return PlanStepKind::kProduct;
  }
}

DerivativePlan::Step FromProto(const v1::DerivativePlan::Step& proto) {
  DerivativePlan::Step step;
  step.kind = FromProto(proto.kind());
  step.first = proto.first();
  step.last = proto.last();
  if (proto.has_later()) step.later = proto.later();
  if (proto.has_earlier()) step.earlier = proto.earlier();
  step.cost = proto.cost();
  if (proto.has_worker()) step.worker = proto.worker();
  if (proto.has_start()) step.start = proto.start();
  return step;
}

DerivativePlan::Move FromProto(const v1::DerivativePlan::Move& proto) {
  DerivativePlan::Move move;
  switch (proto.kind()) {
    case v1::DerivativePlan::Move::KIND_EVALUATE:
      move.kind = DerivativePlan::Move::Kind::kEvaluate;
      break;
    case v1::DerivativePlan::Move::KIND_DROP:
      move.kind = DerivativePlan::Move::Kind::kDrop;
      break;
    default:
      move.kind = DerivativePlan::Move::Kind::kStep;
  }
  if (proto.has_value()) move.value = proto.value();
  if (proto.has_step()) move.step = proto.step();
  move.cost = proto.cost();
  move.memory = proto.memory();
  return move;
}

DerivativePlan::Calibrated FromProto(const v1::DerivativePlan::Calibrated& proto) {
  DerivativePlan::Calibrated calibrated;
  calibrated.tangent_seconds = proto.tangent_seconds();
  calibrated.adjoint_seconds = proto.adjoint_seconds();
  calibrated.product_seconds = proto.product_seconds();
  calibrated.optimum_seconds = proto.optimum_seconds();
  calibrated.fastest_seconds = proto.fastest_seconds();
  calibrated.fastest_cost = proto.fastest_cost();
  calibrated.fastest_bracketing = proto.fastest_bracketing();
  return calibrated;
}

DerivativePlan FromProto(const v1::DerivativePlan& proto) {
  DerivativePlan plan;
  plan.model = proto.model();
  for (const auto& factor : proto.factors()) {
    plan.factors.push_back({factor.label(), factor.n(), factor.m(), factor.edges()});
  }
  plan.tangent_cost = proto.tangent_cost();
  plan.adjoint_cost = proto.adjoint_cost();
  plan.preaccumulation_cost = proto.preaccumulation_cost();
  plan.dense_product_cost = proto.dense_product_cost();
  plan.cost = proto.cost();
  for (const auto& step : proto.steps()) plan.steps.push_back(FromProto(step));
  plan.bracketing = proto.bracketing();
  plan.method = proto.method();
  for (const auto& timing : proto.timings()) {
    DerivativePlan::Timing& added = plan.timings.emplace_back();
    added.mode = timing.mode();
    added.cost = timing.cost();
    added.predicted_seconds = timing.predicted_seconds();
    if (timing.has_measured_seconds()) added.measured_seconds = timing.measured_seconds();
  }
  if (proto.has_calibrated()) plan.calibrated = FromProto(proto.calibrated());
  for (const auto& move : proto.moves()) plan.moves.push_back(FromProto(move));
  if (proto.has_evaluation_cost()) plan.evaluation_cost = proto.evaluation_cost();
  if (proto.has_memory()) plan.memory = proto.memory();
  if (proto.has_makespan()) plan.makespan = proto.makespan();
  if (proto.has_makespan_lower_bound()) plan.makespan_lower_bound = proto.makespan_lower_bound();
  if (proto.has_proven_optimal()) plan.proven_optimal = proto.proven_optimal();
  return plan;
}

}  // namespace

DerivativePlan Client::PlanDerivatives(const std::string& model, const PlanOptions& options) const {
  v1::PlanDerivativesRequest request;
  request.set_model(ResourceName("models", model));
  if (options.tape_memory) request.set_tape_memory(*options.tape_memory);
  if (options.memory) request.set_memory(*options.memory);
  request.set_workers(options.workers);
  return FromProto(
      connection_->Call(connection_->models(), &v1::ModelService::Stub::PlanDerivatives, request));
}

}  // namespace sobolev::client
