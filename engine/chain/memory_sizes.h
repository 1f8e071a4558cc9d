// The sizes of a chain, and what steps within a memory cost, in 64 bits and times their weights.

#ifndef SOBOLEV_ENGINE_CHAIN_MEMORY_SIZES_H_
#define SOBOLEV_ENGINE_CHAIN_MEMORY_SIZES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "engine/chain/chain_plan.h"
#include "engine/chain/jacobian_chain.h"

namespace sobolev::chain {

// No cost and no memory of a plan within 2²⁰ steps may reach 2⁶³.
class MemorySizes {
 public:
  explicit MemorySizes(const JacobianChain& chain, const ChainWeights& weights = {})
      : weights_(weights), evaluations_{0}, values_{0} {
    for (const ChainFactor& factor : chain.factors()) {
      n_.push_back(factor.n);
      m_.push_back(factor.m);
      edges_.push_back(factor.edges);
      evaluations_.push_back(evaluations_.back() + factor.edges * weights.tangent);
      values_.push_back(values_.back() + factor.n);
    }
  }

  int size() const { return static_cast<int>(n_.size()); }
  std::uint64_t n(int i) const { return n_[static_cast<std::size_t>(i)]; }
  std::uint64_t m(int i) const { return m_[static_cast<std::size_t>(i)]; }
  std::uint64_t edges(int i) const { return edges_[static_cast<std::size_t>(i)]; }
  // Of z_i.
  std::uint64_t Value(int i) const { return n(i); }
  // Of z_first … z_last together; 0 if there are none.
  std::uint64_t Values(int first, int last) const { return Between(values_, first, last); }
  // Of F'_{j,i}.
  std::uint64_t Jacobian(int j, int i) const { return m(j) * n(i); }
  // To compute z_{last+1} from z_first; 0 if first > last.
  std::uint64_t Evaluation(int first, int last) const { return Between(evaluations_, first, last); }
  // What is held to do that, if each value is dropped after the next.
  std::uint64_t Rolling(int first, int last) const {
    std::uint64_t most = 0;
    for (int i = first; i <= last; ++i) {
      most = std::max(most, m(i) + (i == first ? 0 : Value(i)));
    }
    return most;
  }
  // Of one direction through factor i.
  std::uint64_t Tangent(int i) const { return edges(i) * weights_.tangent; }
  std::uint64_t Adjoint(int i) const { return edges(i) * weights_.adjoint; }
  std::uint64_t AccumulateByTangents(int i) const { return n(i) * Tangent(i); }
  std::uint64_t AccumulateByAdjoints(int i) const { return m(i) * Adjoint(i); }
  std::uint64_t Product(int j, int k, int i) const { return m(j) * m(k) * n(i) * weights_.product; }

 private:
  static std::uint64_t Between(const std::vector<std::uint64_t>& sums, int first, int last) {
    if (first > last) return 0;
    return sums[static_cast<std::size_t>(last) + 1] - sums[static_cast<std::size_t>(first)];
  }

  ChainWeights weights_;
  std::vector<std::uint64_t> n_;
  std::vector<std::uint64_t> m_;
  std::vector<std::uint64_t> edges_;
  std::vector<std::uint64_t> evaluations_;  // Sums up to each factor.
  std::vector<std::uint64_t> values_;
};

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_MEMORY_SIZES_H_
