// A chain of differentiable functions, as planners see it: F = F_D ∘ … ∘ F_1.
//
// Factor i maps n_i inputs to m_i = n_{i+1} outputs; a product of its Jacobian F'_i, or of its
// transpose, with one vector takes E_i multiply-adds, which for an elemental function that was
// recorded is the number of edges of its graph. Factors are counted from the input side. The
// Jacobian of factors i to j, in that order, is F'_{j,i}, of size m_j×n_i.

#ifndef SOBOLEV_ENGINE_CHAIN_JACOBIAN_CHAIN_H_
#define SOBOLEV_ENGINE_CHAIN_JACOBIAN_CHAIN_H_

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/chain/cost.h"

namespace sobolev::chain {

struct ChainFactor {
  std::uint64_t n = 0;
  std::uint64_t m = 0;
  std::uint64_t edges = 0;

  friend bool operator==(const ChainFactor&, const ChainFactor&) = default;
};

// Immutable.
class JacobianChain {
 public:
  // The tables of a planner take 16 bytes for each pair of factors at most.
  static constexpr std::size_t kMaxFactors = 10'000;
  // Of n, m and edges.
  static constexpr std::uint64_t kMaxSize = std::uint64_t{1} << 62;

  // Throws Error(kInvalidArgument) naming "factors", "factors[i].n", "factors[i].m" or
  // "factors[i].edges" if there are none or too many, if n or m is 0, if one is above kMaxSize, or
  // if n is not m of the factor before.
  explicit JacobianChain(std::vector<ChainFactor> factors);

  int size() const { return static_cast<int>(factors_.size()); }
  const ChainFactor& operator[](int i) const { return factors_[static_cast<std::size_t>(i)]; }
  const std::vector<ChainFactor>& factors() const { return factors_; }
  // The largest n or m.
  std::uint64_t MaxSize() const;
  // No step of any plan costs more.
  Cost StepBound() const;

 private:
  std::vector<ChainFactor> factors_;
};

// What it costs to do everything in one way.
struct HomogeneousCosts {
  Cost tangent;          // n_1 Σ E_i: all of F' column by column.
  Cost adjoint;          // m_D Σ E_i: row by row.
  Cost accumulation;     // Σ E_i min(n_i, m_i): the Jacobian of each factor.
  Cost product;          // The product of these Jacobians in the cheapest order.
  Cost preaccumulation;  // Both.
};

// All but product and preaccumulation, which are 0.
HomogeneousCosts AccumulationCosts(const JacobianChain& chain);

// Throws Error(kCancelled) once `stop` fires.
HomogeneousCosts PlanHomogeneous(const JacobianChain& chain, const std::stop_token& stop = {});

// A chain drawn at random: `length` factors with sizes in [1, max_size], and edges in
// [n + m, (n + m)²]. Throws Error(kInvalidArgument) naming "length" or "max_size", which is at most
// 2³⁰.
JacobianChain RandomChain(int length, std::uint64_t max_size, std::uint64_t seed);

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_JACOBIAN_CHAIN_H_
