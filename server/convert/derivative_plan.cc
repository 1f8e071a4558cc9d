#include "server/convert/derivative_plan.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/chain/chain_planner.h"
#include "engine/chain/memory_planner.h"
#include "engine/chain/model_chain.h"
#include "engine/chain/scheduled_planner.h"

namespace sobolev::server {
namespace {

using Step = v1::DerivativePlan::Step;

// Models are too small for it to saturate, but for polynomials of thousands of inputs.
std::int64_t ToInt(chain::Cost cost) {
  return cost < chain::Cost(INT64_MAX) ? static_cast<std::int64_t>(cost.To64()) : INT64_MAX;
}

Step::Kind ToProto(chain::StepKind kind) {
  switch (kind) {
    case chain::StepKind::kAccumulateTangent:
      return Step::KIND_ACCUMULATE_TANGENT;
    case chain::StepKind::kAccumulateAdjoint:
      return Step::KIND_ACCUMULATE_ADJOINT;
    case chain::StepKind::kTangent:
      return Step::KIND_TANGENT;
    case chain::StepKind::kAdjoint:
      return Step::KIND_ADJOINT;
    case chain::StepKind::kProduct:
      return Step::KIND_PRODUCT;
    case chain::StepKind::kZero:  // Only in plans for patterns and for given Jacobians.
    case chain::StepKind::kGiven:
      break;
  }
  return Step::KIND_UNSPECIFIED;
}

void Describe(const chain::ChainPlan& plan, v1::DerivativePlan& proto) {
  proto.set_cost(ToInt(plan.cost));
  proto.set_bracketing(ToText(plan));
  for (const chain::PlanStep& step : plan.steps) {
    Step& added = *proto.add_steps();
    added.set_kind(ToProto(step.kind));
    added.set_first(step.first + 1);
    added.set_last(step.last + 1);
    if (step.later >= 0) added.set_later(step.later);
    if (step.earlier >= 0) added.set_earlier(step.earlier);
    added.set_cost(ToInt(step.cost));
  }
}

void Describe(const chain::ScheduledPlan& scheduled, v1::DerivativePlan& proto) {
  Describe(scheduled.plan, proto);
  proto.set_makespan(static_cast<std::int64_t>(scheduled.schedule.makespan));
  proto.set_makespan_lower_bound(static_cast<std::int64_t>(scheduled.lower_bound));
  proto.set_proven_optimal(scheduled.optimal);
  for (int s = 0; s < proto.steps_size(); ++s) {
    const chain::Schedule::Slot& slot = scheduled.schedule.slots[static_cast<std::size_t>(s)];
    proto.mutable_steps(s)->set_worker(slot.worker);
    proto.mutable_steps(s)->set_start(static_cast<std::int64_t>(slot.start));
  }
}

v1::DerivativePlan::Move ToProto(const chain::MemoryMove& move) {
  using Kind = chain::MemoryMove::Kind;
  v1::DerivativePlan::Move proto;
  switch (move.kind) {
    case Kind::kEvaluate:
      proto.set_kind(v1::DerivativePlan::Move::KIND_EVALUATE);
      proto.set_value(move.index + 1);
      break;
    case Kind::kDrop:  // The inputs of a factor are what the one before computes.
      proto.set_kind(v1::DerivativePlan::Move::KIND_DROP);
      proto.set_value(move.index);
      break;
    case Kind::kStep:
      proto.set_kind(v1::DerivativePlan::Move::KIND_STEP);
      proto.set_step(move.index);
      break;
  }
  proto.set_cost(ToInt(move.cost));
  proto.set_memory(ToInt(move.memory));
  return proto;
}

void Describe(const chain::MemoryPlan& within, v1::DerivativePlan& proto) {
  Describe(within.plan, proto);
  for (const chain::MemoryMove& move : within.moves) *proto.add_moves() = ToProto(move);
  proto.set_evaluation_cost(ToInt(within.evaluation));
  proto.set_memory(ToInt(within.memory));
  proto.set_proven_optimal(within.optimal);
}

chain::JacobianChain ChainOf(const std::vector<chain::ModelFactor>& factors) {
  std::vector<chain::ChainFactor> sizes;
  sizes.reserve(factors.size());
  for (const chain::ModelFactor& factor : factors) sizes.push_back(factor.factor);
  return chain::JacobianChain(std::move(sizes));
}

// A weight is a tenth of a picosecond.
constexpr double kWeightsPerSecond = 1e13;

std::uint64_t WeightOf(double seconds) {
  constexpr auto kMost = static_cast<double>(chain::ChainWeights::kMaxWeight);
  return static_cast<std::uint64_t>(
      std::clamp(std::round(seconds * kWeightsPerSecond), 1.0, kMost));
}

double Seconds(chain::Cost weighted) { return weighted.ToDouble() / kWeightsPerSecond; }

chain::ChainRules RulesOf(const v1::PlanDerivativesRequest& request) {
  chain::ChainRules rules;
  if (!request.has_tape_memory()) return rules;
  if (request.tape_memory() < 0) {
    throw InvalidArgument("OUT_OF_RANGE", "tape_memory",
                          "expected a number >= 0, got " + std::to_string(request.tape_memory()));
  }
  rules.tape_memory = static_cast<std::uint64_t>(request.tape_memory());
  return rules;
}

void CheckMemory(const v1::PlanDerivativesRequest& request) {
  if (!request.has_memory()) return;
  if (request.memory() < 0) {
    throw InvalidArgument("OUT_OF_RANGE", "memory",
                          "expected a number >= 0, got " + std::to_string(request.memory()));
  }
  if (request.has_tape_memory() || request.workers() > 1) {
    throw InvalidArgument("CONFLICTING_FIELDS", "memory",
                          "expected neither tape_memory nor several workers beside it; leave them "
                          "out, or the memory");
  }
}

}  // namespace

v1::DerivativePlan PlanDerivatives(const v1::PlanDerivativesRequest& request,
                                   const Surrogate& surrogate, const std::stop_token& stop) {
  const chain::ChainRules rules = RulesOf(request);
  if (request.workers() < 0 || request.workers() > chain::kMaxWorkers) {
    throw InvalidArgument("OUT_OF_RANGE", "workers",
                          "expected 1 to " + std::to_string(chain::kMaxWorkers) + ", got " +
                              std::to_string(request.workers()));
  }
  CheckMemory(request);
  v1::DerivativePlan proto;
  const std::vector<chain::ModelFactor> factors = chain::FactorsOf(surrogate);
  for (const chain::ModelFactor& factor : factors) {
    v1::DerivativePlan::Factor& added = *proto.add_factors();
    added.set_label(factor.label);
    added.set_n(static_cast<std::int64_t>(factor.factor.n));
    added.set_m(static_cast<std::int64_t>(factor.factor.m));
    added.set_edges(static_cast<std::int64_t>(factor.factor.edges));
  }
  const chain::JacobianChain chain = ChainOf(factors);
  const chain::HomogeneousCosts costs = PlanHomogeneous(chain, stop);
  proto.set_tangent_cost(ToInt(costs.tangent));
  proto.set_adjoint_cost(ToInt(costs.adjoint));
  proto.set_preaccumulation_cost(ToInt(costs.preaccumulation));
  proto.set_dense_product_cost(ToInt(costs.product));
  proto.set_method(chain::JacobianMethod(surrogate));
  if (request.has_memory()) {
    const auto memory = static_cast<std::uint64_t>(request.memory());
    Describe(PlanWithinMemory(chain, memory, {}, stop), proto);
  } else if (request.workers() > 1) {
    Describe(PlanScheduled(chain, request.workers(), rules, chain::kDefaultEffort, stop), proto);
  } else {
    Describe(PlanChain(chain, rules, stop), proto);
  }
  return proto;
}

void Calibrate(const v1::PlanDerivativesRequest& request, const Surrogate& surrogate,
               const MultiplyAddSeconds& seconds, const std::stop_token& stop,
               v1::DerivativePlan& proto) {
  const chain::JacobianChain chain = ChainOf(chain::FactorsOf(surrogate));
  chain::ChainRules rules = RulesOf(request);
  const chain::ChainPlan optimum = PlanChain(chain, rules, stop);
  rules.weights = {.tangent = WeightOf(seconds.tangent),
                   .adjoint = WeightOf(seconds.adjoint),
                   .product = WeightOf(seconds.product)};
  const chain::ChainPlan fastest = PlanChain(chain, rules, stop);
  v1::DerivativePlan::Calibrated& calibrated = *proto.mutable_calibrated();
  calibrated.set_tangent_seconds(seconds.tangent);
  calibrated.set_adjoint_seconds(seconds.adjoint);
  calibrated.set_product_seconds(seconds.product);
  calibrated.set_optimum_seconds(Seconds(CostWith(optimum, {}, rules.weights)));
  calibrated.set_fastest_seconds(Seconds(fastest.cost));
  calibrated.set_fastest_cost(ToInt(CostWith(fastest, rules.weights, {})));
  calibrated.set_fastest_bracketing(ToText(fastest));
}

}  // namespace sobolev::server
