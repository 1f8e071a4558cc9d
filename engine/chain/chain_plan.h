// How to compute the Jacobian of a chain, and what that costs.

#ifndef SOBOLEV_ENGINE_CHAIN_CHAIN_PLAN_H_
#define SOBOLEV_ENGINE_CHAIN_CHAIN_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "engine/chain/cost.h"

namespace sobolev::chain {

enum class StepKind {
  kZero,               // F'_{j,i} has no entries.
  kGiven,              // F'_i, known beforehand.
  kAccumulateTangent,  // F'_i from n_i tangents of factor i.
  kAccumulateAdjoint,  // F'_i from m_i adjoints of factor i.
  kTangent,            // F'_{j,i} = Ḟ_j(F'_{j−1,i}): columns through factor j.
  kAdjoint,            // F'_{j,i} = F̄_i(F'_{j,i+1}): rows through factor i.
  kProduct,            // F'_{j,i} = F'_{j,k+1} F'_{k,i}
};

// One Jacobian of a subchain, made of those that steps before have made.
struct PlanStep {
  StepKind kind = StepKind::kAccumulateTangent;
  int first = 0;     // i, counted from 0.
  int last = 0;      // j >= i
  int later = -1;    // The step with F'_{j,k+1}; of kAdjoint F'_{j,i+1}.
  int earlier = -1;  // The step with F'_{k,i}; of kTangent F'_{j−1,i}.
  Cost cost;         // Of this step alone, times the weight of its kind.

  friend bool operator==(const PlanStep&, const PlanStep&) = default;
};

// A tree, each step after those that it takes up; the last is the whole chain's Jacobian.
struct ChainPlan {
  std::vector<PlanStep> steps;
  Cost cost;  // The sum over the steps.
};

// What a multiply-add costs in steps of each kind, from 1 to kMaxWeight, where it is not the same in
// all: sweeps and products are different loops, at different speeds. Whole numbers, so that plans
// are exact; only their ratios matter to plans.
struct ChainWeights {
  std::uint64_t tangent = 1;
  std::uint64_t adjoint = 1;
  std::uint64_t product = 1;

  static constexpr std::uint64_t kMaxWeight = std::uint64_t{1} << 20;

  std::uint64_t Of(StepKind kind) const;
  std::uint64_t Largest() const;
  // Throws Error(kInvalidArgument) naming "weights.tangent" and so on.
  void Check() const;

  friend bool operator==(const ChainWeights&, const ChainWeights&) = default;
};

// What a plan that was made with some weights costs with others.
Cost CostWith(const ChainPlan& plan, const ChainWeights& made_with, const ChainWeights& weights);

// In one line, factors numbered from 1 and later ones to the left: "0" is a Jacobian without
// entries, "J3" is F'_3, with "t" or "a" behind it if it is accumulated by tangents or adjoints,
// "T3(…)" carries the columns of … through factor 3, "A1(…)" the rows of … back through factor 1,
// and "(… * …)" is a product.
std::string ToText(const ChainPlan& plan);

// The same as a tree, a line for each step with what it makes and costs, indented below the step
// that takes it up.
std::string ToTree(const ChainPlan& plan);

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_CHAIN_PLAN_H_
