#include "engine/chain/chain_plan.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "engine/base/error.h"

namespace sobolev::chain {
namespace {

// Steps of a tree; below, it goes straight down.
constexpr int kMaxIndent = 40;

std::string FactorName(int factor) { return std::to_string(factor + 1); }

// What comes next in a text: a step, or something to write between steps.
struct Piece {
  int step;
  std::string text;
};

}  // namespace

std::uint64_t ChainWeights::Of(StepKind kind) const {
  switch (kind) {
    case StepKind::kAccumulateTangent:
    case StepKind::kTangent:
      return tangent;
    case StepKind::kAccumulateAdjoint:
    case StepKind::kAdjoint:
      return adjoint;
    case StepKind::kProduct:
      return product;
    case StepKind::kZero:
    case StepKind::kGiven:
      break;
  }
  return 1;
}

std::uint64_t ChainWeights::Largest() const { return std::max({tangent, adjoint, product}); }

void ChainWeights::Check() const {
  const std::pair<const char*, std::uint64_t> all[] = {
      {"weights.tangent", tangent}, {"weights.adjoint", adjoint}, {"weights.product", product}};
  for (const auto& [field, weight] : all) {
    if (weight >= 1 && weight <= kMaxWeight) continue;
    throw InvalidArgument(
        "OUT_OF_RANGE", field,
        "expected 1 to " + std::to_string(kMaxWeight) + ", got " + std::to_string(weight));
  }
}

Cost CostWith(const ChainPlan& plan, const ChainWeights& made_with, const ChainWeights& weights) {
  Cost sum;
  for (const PlanStep& step : plan.steps) {
    sum += step.cost / made_with.Of(step.kind) * weights.Of(step.kind);
  }
  return sum;
}

std::string ToText(const ChainPlan& plan) {
  std::string text;
  std::vector<Piece> left{{static_cast<int>(plan.steps.size()) - 1, {}}};
  while (!left.empty()) {
    const Piece piece = std::move(left.back());
    left.pop_back();
    text += piece.text;
    if (piece.step < 0) continue;
    const PlanStep& step = plan.steps[static_cast<std::size_t>(piece.step)];
    switch (step.kind) {
      case StepKind::kZero:
        text += "0";
        break;
      case StepKind::kGiven:
        text += "J" + FactorName(step.first);
        break;
      case StepKind::kAccumulateTangent:
        text += "J" + FactorName(step.first) + "t";
        break;
      case StepKind::kAccumulateAdjoint:
        text += "J" + FactorName(step.first) + "a";
        break;
      case StepKind::kTangent:
        text += "T" + FactorName(step.last) + "(";
        left.push_back({-1, ")"});
        left.push_back({step.earlier, {}});
        break;
      case StepKind::kAdjoint:
        text += "A" + FactorName(step.first) + "(";
        left.push_back({-1, ")"});
        left.push_back({step.later, {}});
        break;
      case StepKind::kProduct:
        text += "(";
        left.push_back({-1, ")"});
        left.push_back({step.earlier, {}});
        left.push_back({-1, " * "});
        left.push_back({step.later, {}});
        break;
    }
  }
  return text;
}

std::string ToTree(const ChainPlan& plan) {
  std::string text;
  std::vector<std::pair<int, int>> left{{static_cast<int>(plan.steps.size()) - 1, 0}};
  while (!left.empty()) {
    const auto [index, depth] = left.back();
    left.pop_back();
    const PlanStep& step = plan.steps[static_cast<std::size_t>(index)];
    text.append(2 * static_cast<std::size_t>(std::min(depth, kMaxIndent)), ' ');
    text += "F'" + FactorName(step.first);
    if (step.first < step.last) text += ".." + FactorName(step.last);
    switch (step.kind) {
      case StepKind::kZero:
        text += ": no entries";
        break;
      case StepKind::kGiven:
        text += ": given";
        break;
      case StepKind::kAccumulateTangent:
        text += ": tangents of factor " + FactorName(step.first);
        break;
      case StepKind::kAccumulateAdjoint:
        text += ": adjoints of factor " + FactorName(step.first);
        break;
      case StepKind::kTangent:
        text += ": tangents through factor " + FactorName(step.last) + " of";
        break;
      case StepKind::kAdjoint:
        text += ": adjoints through factor " + FactorName(step.first) + " of";
        break;
      case StepKind::kProduct:
        text += ": product of";
        break;
    }
    text += "  (" + step.cost.ToString() + ")\n";
    if (step.earlier >= 0) left.emplace_back(step.earlier, depth + 1);
    if (step.later >= 0) left.emplace_back(step.later, depth + 1);
  }
  return text;
}

}  // namespace sobolev::chain
