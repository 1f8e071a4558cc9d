// From a table of costs to the plan that has them.

#ifndef SOBOLEV_ENGINE_CHAIN_PLAN_EXTRACTION_H_
#define SOBOLEV_ENGINE_CHAIN_PLAN_EXTRACTION_H_

#include <functional>

#include "engine/chain/chain_plan.h"

namespace sobolev::chain {

// A step without the places of its operands.
struct BestStep {
  PlanStep step;
  int split = 0;  // k of a product.
};

// The plan for factors 0 … length − 1 in which best(j, i) makes F'_{j,i}. The cost is the sum of
// the steps.
ChainPlan ExtractPlan(int length, const std::function<BestStep(int j, int i)>& best);

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_PLAN_EXTRACTION_H_
