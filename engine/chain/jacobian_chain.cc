#include "engine/chain/jacobian_chain.h"

#include <algorithm>
#include <string>
#include <utility>

#include "engine/base/error.h"
#include "engine/base/rng.h"
#include "engine/chain/chain_planner.h"

namespace sobolev::chain {
namespace {

std::string FieldOf(std::size_t factor, const char* size) {
  return "factors[" + std::to_string(factor) + "]." + size;
}

void RequireSize(std::size_t factor, const char* name, std::uint64_t value, std::uint64_t least) {
  if (value >= least && value <= JacobianChain::kMaxSize) return;
  throw InvalidArgument(
      "OUT_OF_RANGE", FieldOf(factor, name),
      "expected " + std::to_string(least) + " to 2^62, got " + std::to_string(value));
}

}  // namespace

JacobianChain::JacobianChain(std::vector<ChainFactor> factors) : factors_(std::move(factors)) {
  if (factors_.empty() || factors_.size() > kMaxFactors) {
    throw InvalidArgument("OUT_OF_RANGE", "factors",
                          "expected 1 to " + std::to_string(kMaxFactors) + ", got " +
                              std::to_string(factors_.size()));
  }
  for (std::size_t i = 0; i < factors_.size(); ++i) {
    RequireSize(i, "n", factors_[i].n, 1);
    RequireSize(i, "m", factors_[i].m, 1);
    RequireSize(i, "edges", factors_[i].edges, 0);
    if (i == 0 || factors_[i].n == factors_[i - 1].m) continue;
    throw InvalidArgument("SHAPE_MISMATCH", FieldOf(i, "n"),
                          "expected " + std::to_string(factors_[i - 1].m) +
                              ", the outputs of the factor before, got " +
                              std::to_string(factors_[i].n) + "; factors start at the input side");
  }
}

std::uint64_t JacobianChain::MaxSize() const {
  std::uint64_t max_size = 1;
  for (const ChainFactor& factor : factors_) max_size = std::max({max_size, factor.n, factor.m});
  return max_size;
}

Cost JacobianChain::StepBound() const {
  std::uint64_t max_edges = 0;
  for (const ChainFactor& factor : factors_) max_edges = std::max(max_edges, factor.edges);
  const Cost size = MaxSize();
  return size * Cost(max_edges) + size * size * size;
}

HomogeneousCosts AccumulationCosts(const JacobianChain& chain) {
  HomogeneousCosts costs;
  Cost edges;
  for (const ChainFactor& factor : chain.factors()) {
    edges += factor.edges;
    costs.accumulation += Cost(factor.edges) * Cost(std::min(factor.n, factor.m));
  }
  costs.tangent = Cost(chain.factors().front().n) * edges;
  costs.adjoint = Cost(chain.factors().back().m) * edges;
  return costs;
}

HomogeneousCosts PlanHomogeneous(const JacobianChain& chain, const std::stop_token& stop) {
  HomogeneousCosts costs = AccumulationCosts(chain);
  costs.product = PlanChain(chain, {.given_factors = true, .propagate = false}, stop).cost;
  costs.preaccumulation = costs.accumulation + costs.product;
  return costs;
}

JacobianChain RandomChain(int length, std::uint64_t max_size, std::uint64_t seed) {
  if (length < 1 || static_cast<std::size_t>(length) > JacobianChain::kMaxFactors) {
    throw InvalidArgument("OUT_OF_RANGE", "length",
                          "expected 1 to " + std::to_string(JacobianChain::kMaxFactors) + ", got " +
                              std::to_string(length));
  }
  if (max_size < 1 || max_size > (std::uint64_t{1} << 30)) {
    throw InvalidArgument("OUT_OF_RANGE", "max_size",
                          "expected 1 to 2^30, got " + std::to_string(max_size));
  }
  Rng rng(seed);
  std::vector<ChainFactor> factors;
  factors.reserve(static_cast<std::size_t>(length));
  std::uint64_t n = 1 + rng.Below(max_size);
  for (int i = 0; i < length; ++i) {
    const std::uint64_t m = 1 + rng.Below(max_size);
    const std::uint64_t least = n + m;
    factors.push_back({n, m, least + rng.Below(least * least - least + 1)});
    n = m;
  }
  return JacobianChain(std::move(factors));
}

}  // namespace sobolev::chain
