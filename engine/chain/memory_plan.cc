#include "engine/chain/memory_plan.h"

#include <algorithm>
#include <cassert>
#include <cstddef>

namespace sobolev::chain {
namespace {

// Takes moves one after the other and keeps account of what is held.
class Recorder {
 public:
  Recorder(const JacobianChain& chain, const ChainWeights& weights)
      : chain_(chain), weights_(weights), made_(static_cast<std::size_t>(chain.size()), -1) {}

  void Add(const PlannedMove& move) {
    switch (move.kind) {
      case MemoryMove::Kind::kEvaluate: {
        const Cost cost = Cost(chain_[move.factor].edges) * Cost(weights_.tangent);
        held_ += chain_[move.factor].m;
        plan_.evaluation += cost;
        Append({.kind = move.kind, .index = move.factor, .cost = cost, .memory = held_});
        break;
      }
      case MemoryMove::Kind::kDrop:
        Append({.kind = move.kind, .index = move.factor, .cost = {}, .memory = held_});
        Release(chain_[move.factor].n);
        break;
      case MemoryMove::Kind::kStep:
        AddStep(move);
        break;
    }
  }

  MemoryPlan Take() {
    assert(held_ == JacobianSize(chain_.size() - 1, 0) && "the Jacobian is all that is left");
    plan_.cost = plan_.evaluation + plan_.plan.cost;
    return std::move(plan_);
  }

 private:
  Cost JacobianSize(int last, int first) const { return Cost(chain_[last].m) * chain_[first].n; }

  void Release(Cost size) {
    assert(held_ >= size);
    held_ = Cost(held_.To64() - size.To64());
  }

  void AddStep(const PlannedMove& move) {
    PlanStep step{.kind = move.step, .first = move.first, .last = move.last};
    Cost tape;
    switch (move.step) {
      case StepKind::kZero:
      case StepKind::kGiven:
        break;
      case StepKind::kAccumulateTangent:
        step.cost = Cost(chain_[move.first].n) * chain_[move.first].edges;
        break;
      case StepKind::kAccumulateAdjoint:
        step.cost = Cost(chain_[move.first].m) * chain_[move.first].edges;
        tape = chain_[move.first].edges;
        break;
      case StepKind::kTangent:
        step.earlier = made_[static_cast<std::size_t>(move.first)];
        step.cost = Cost(chain_[move.first].n) * chain_[move.last].edges;
        break;
      case StepKind::kAdjoint:
        step.later = made_[static_cast<std::size_t>(move.first) + 1];
        step.cost = Cost(chain_[move.last].m) * chain_[move.first].edges;
        tape = chain_[move.first].edges;
        break;
      case StepKind::kProduct:
        step.earlier = made_[static_cast<std::size_t>(move.first)];
        step.later = made_[static_cast<std::size_t>(move.split) + 1];
        step.cost = Cost(chain_[move.last].m) * chain_[move.split].m * chain_[move.first].n;
        break;
    }
    step.cost = step.cost * Cost(weights_.Of(step.kind));
    held_ += JacobianSize(move.last, move.first);
    plan_.plan.cost += step.cost;
    Append({.kind = move.kind,
            .index = static_cast<int>(plan_.plan.steps.size()),
            .cost = step.cost,
            .memory = held_ + tape});
    for (const int operand : {step.later, step.earlier}) {
      if (operand < 0) continue;
      const PlanStep& taken = plan_.plan.steps[static_cast<std::size_t>(operand)];
      Release(JacobianSize(taken.last, taken.first));
    }
    made_[static_cast<std::size_t>(move.first)] = static_cast<int>(plan_.plan.steps.size());
    plan_.plan.steps.push_back(step);
  }

  void Append(const MemoryMove& move) {
    plan_.memory = std::max(plan_.memory, move.memory);
    plan_.moves.push_back(move);
  }

  const JacobianChain& chain_;
  const ChainWeights& weights_;
  std::vector<int> made_;  // By its first factor, the step with a Jacobian that is held.
  Cost held_;
  MemoryPlan plan_;
};

std::string Describe(const PlanStep& step) {
  const std::string first = std::to_string(step.first + 1);
  const std::string last = std::to_string(step.last + 1);
  std::string text = "F'" + first;
  if (step.first < step.last) text.append("..").append(last);
  switch (step.kind) {
    case StepKind::kZero:
    case StepKind::kGiven:
      break;
    case StepKind::kAccumulateTangent:
      return text.append(" by tangents");
    case StepKind::kAccumulateAdjoint:
      return text.append(" by adjoints");
    case StepKind::kTangent:
      return text.append(" by tangents through factor ").append(last);
    case StepKind::kAdjoint:
      return text.append(" by adjoints through factor ").append(first);
    case StepKind::kProduct:
      return text.append(" as product");
  }
  return text;
}

std::string Describe(const MemoryPlan& plan, const MemoryMove& move) {
  switch (move.kind) {
    case MemoryMove::Kind::kEvaluate:
      return "evaluate z" + std::to_string(move.index + 1);
    case MemoryMove::Kind::kDrop:
      return "drop z" + std::to_string(move.index);
    case MemoryMove::Kind::kStep:
      return Describe(plan.plan.steps[static_cast<std::size_t>(move.index)]);
  }
  return "";
}

}  // namespace

MemoryPlan RecordMoves(const JacobianChain& chain, const std::vector<PlannedMove>& moves,
                       const ChainWeights& weights) {
  Recorder recorder(chain, weights);
  for (const PlannedMove& move : moves) recorder.Add(move);
  return recorder.Take();
}

std::string ToText(const MemoryPlan& plan) {
  std::string text;
  for (const MemoryMove& move : plan.moves) {
    text.append(Describe(plan, move)).append("  (").append(move.cost.ToString());
    text.append(", holds ").append(move.memory.ToString()).append(")\n");
  }
  return text;
}

}  // namespace sobolev::chain
