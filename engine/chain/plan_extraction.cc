#include "engine/chain/plan_extraction.h"

#include <algorithm>
#include <cstddef>
#include <vector>

namespace sobolev::chain {

ChainPlan ExtractPlan(int length, const std::function<BestStep(int j, int i)>& best) {
  ChainPlan plan;
  std::vector<PlanStep>& steps = plan.steps;
  // From the root on, and turned round in the end.
  struct Open {
    int j;
    int i;
    int* place;  // Where the step that takes it up looks for it.
  };
  steps.reserve(2 * static_cast<std::size_t>(length));
  std::vector<Open> open{{length - 1, 0, nullptr}};
  while (!open.empty()) {
    const Open next = open.back();
    open.pop_back();
    const auto [step, k] = best(next.j, next.i);
    if (next.place != nullptr) *next.place = static_cast<int>(steps.size());
    plan.cost += step.cost;
    PlanStep& added = steps.emplace_back(step);
    switch (added.kind) {
      case StepKind::kProduct:
        open.push_back({k, next.i, &added.earlier});
        open.push_back({next.j, k + 1, &added.later});
        break;
      case StepKind::kAdjoint:
        open.push_back({next.j, next.i + 1, &added.later});
        break;
      case StepKind::kTangent:
        open.push_back({next.j - 1, next.i, &added.earlier});
        break;
      case StepKind::kZero:
      case StepKind::kGiven:
      case StepKind::kAccumulateTangent:
      case StepKind::kAccumulateAdjoint:
        break;
    }
  }
  std::ranges::reverse(steps);
  const int last = static_cast<int>(steps.size()) - 1;
  for (PlanStep& step : steps) {
    if (step.later >= 0) step.later = last - step.later;
    if (step.earlier >= 0) step.earlier = last - step.earlier;
  }
  return plan;
}

}  // namespace sobolev::chain
