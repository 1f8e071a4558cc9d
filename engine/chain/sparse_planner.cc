#include "engine/chain/sparse_planner.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>

#include "engine/ad/coloring.h"
#include "engine/base/error.h"
#include "engine/base/stop.h"
#include "engine/chain/plan_extraction.h"

namespace sobolev::chain {
namespace {

// What products need of a subchain's pattern, and what propagations that make it.
struct Subchain {
  ad::SparsityPattern pattern;
  std::vector<std::uint64_t> column_entries;
  std::vector<std::uint64_t> row_entries;
  std::uint64_t tangents = 0;  // Directions to carry for it.
  std::uint64_t adjoints = 0;
  Cost cost;
  BestStep best;
};

std::vector<std::uint64_t> CountRows(const ad::SparsityPattern& pattern) {
  std::vector<std::uint64_t> counts;
  counts.reserve(static_cast<std::size_t>(pattern.rows()));
  for (std::int32_t i = 0; i < pattern.rows(); ++i) {
    counts.push_back(static_cast<std::uint64_t>(pattern.RowSize(i)));
  }
  return counts;
}

class SparseTable {
 public:
  SparseTable(const JacobianChain& chain, const std::vector<ad::SparsityPattern>& patterns,
              const ChainRules& rules, bool compress, const std::stop_token& stop)
      : chain_(chain), rules_(rules), compress_(compress), subchains_(Square(chain.size())) {
    for (int distance = 0; distance < chain.size(); ++distance) {
      for (int i = 0; i + distance < chain.size(); ++i) {
        ThrowIfStopped(stop);
        const int j = i + distance;
        if (i < j) {
          const ad::SparsityPattern& last = patterns[static_cast<std::size_t>(j)];
          const ad::SparsityPattern& before = At(j - 1, i).pattern;
          RequireRoom(std::min(std::int64_t{last.rows()} * before.columns(),
                               ProductMultiplications(last, before)));
        }
        Describe(i == j ? patterns[static_cast<std::size_t>(i)]
                        : Product(patterns[static_cast<std::size_t>(j)], At(j - 1, i).pattern),
                 At(j, i));
        Choose(j, i, At(j, i));
      }
    }
  }

  const Subchain& At(int j, int i) const { return subchains_[Place(j, i)]; }

 private:
  static std::size_t Square(int size) {
    return static_cast<std::size_t>(size) * static_cast<std::size_t>(size);
  }
  std::size_t Place(int j, int i) const {
    return static_cast<std::size_t>(j) * static_cast<std::size_t>(chain_.size()) +
           static_cast<std::size_t>(i);
  }
  Subchain& At(int j, int i) { return subchains_[Place(j, i)]; }

  void RequireRoom(std::int64_t more) const {
    if (entries_ + more <= kMaxPatternEntries) return;
    throw Error(ErrorCode::kResourceExhausted, "TOO_MANY_ENTRIES", "factors",
                "the patterns of all subchains may have more than " +
                    std::to_string(kMaxPatternEntries) + " entries; plan a shorter chain");
  }

  void Describe(ad::SparsityPattern pattern, Subchain& subchain) {
    RequireRoom(0);
    entries_ += pattern.num_entries() + pattern.rows() + pattern.columns();
    const ad::SparsityPattern transposed = pattern.Transposed();
    subchain.row_entries = CountRows(pattern);
    subchain.column_entries = CountRows(transposed);
    const auto colors = [](const ad::SparsityPattern& of) {
      return static_cast<std::uint64_t>(ad::ColorColumns(of).num_colors);
    };
    subchain.tangents = compress_ ? colors(pattern) : static_cast<std::uint64_t>(pattern.columns());
    subchain.adjoints = compress_ ? colors(transposed) : static_cast<std::uint64_t>(pattern.rows());
    subchain.pattern = std::move(pattern);
  }

  bool AdjointAllowed(int i) const { return chain_[i].edges <= rules_.tape_memory; }

  // Takes the candidate if it is cheaper than the best so far.
  void Consider(StepKind kind, int split, Cost multiply_adds, Cost of_operands, Subchain& subchain,
                bool& found) const {
    const Cost of_step = multiply_adds * Cost(rules_.weights.Of(kind));
    const Cost cost = of_step + of_operands;
    if (found && cost >= subchain.cost) return;
    found = true;
    subchain.cost = cost;
    subchain.best.step.kind = kind;
    subchain.best.step.cost = of_step;
    subchain.best.split = split;
  }

  void Choose(int j, int i, Subchain& subchain) const {
    subchain.best.step = {.kind = StepKind::kZero, .first = i, .last = j};
    if (subchain.pattern.num_entries() == 0) return;
    bool found = false;
    if (i == j && rules_.given_factors) {
      subchain.best.step.kind = StepKind::kGiven;
      return;
    }
    if (i == j) {
      const Cost edges = chain_[i].edges;
      Consider(StepKind::kAccumulateTangent, i, subchain.tangents * edges, {}, subchain, found);
      if (!AdjointAllowed(i)) return;
      Consider(StepKind::kAccumulateAdjoint, i, subchain.adjoints * edges, {}, subchain, found);
      return;
    }
    for (int k = i; k < j; ++k) {
      const Subchain& later = At(j, k + 1);
      const Subchain& earlier = At(k, i);
      Cost product;
      for (std::size_t entry = 0; entry < later.column_entries.size(); ++entry) {
        product += later.column_entries[entry] * earlier.row_entries[entry];
      }
      Consider(StepKind::kProduct, k, product, later.cost + earlier.cost, subchain, found);
    }
    if (!rules_.propagate) return;
    if (AdjointAllowed(i)) {
      Consider(StepKind::kAdjoint, i, subchain.adjoints * Cost(chain_[i].edges), At(j, i + 1).cost,
               subchain, found);
    }
    Consider(StepKind::kTangent, i, subchain.tangents * Cost(chain_[j].edges), At(j - 1, i).cost,
             subchain, found);
  }

  const JacobianChain& chain_;
  const ChainRules& rules_;
  const bool compress_;
  std::int64_t entries_ = 0;
  std::vector<Subchain> subchains_;
};

void Check(const JacobianChain& chain, const std::vector<ad::SparsityPattern>& patterns) {
  if (chain.size() > kMaxSparseFactors) {
    throw InvalidArgument("OUT_OF_RANGE", "factors",
                          "expected at most " + std::to_string(kMaxSparseFactors) +
                              " with patterns, got " + std::to_string(chain.size()));
  }
  for (int i = 0; i < chain.size(); ++i) {
    const auto index = static_cast<std::size_t>(i);
    const std::string field = "factors[" + std::to_string(i) + "].pattern";
    if (index >= patterns.size()) {
      throw InvalidArgument("MISSING", field, "expected a pattern for each factor");
    }
    const ad::SparsityPattern& pattern = patterns[index];
    if (std::cmp_equal(pattern.rows(), chain[i].m) &&
        std::cmp_equal(pattern.columns(), chain[i].n)) {
      continue;
    }
    throw InvalidArgument(
        "SHAPE_MISMATCH", field,
        "expected " + std::to_string(chain[i].m) + " rows of " + std::to_string(chain[i].n) +
            ", got " + std::to_string(pattern.rows()) + " of " + std::to_string(pattern.columns()));
  }
}

}  // namespace

ChainPlan PlanSparseChain(const JacobianChain& chain,
                          const std::vector<ad::SparsityPattern>& patterns, const ChainRules& rules,
                          bool compress, const std::stop_token& stop) {
  Check(chain, patterns);
  rules.weights.Check();
  const SparseTable table(chain, patterns, rules, compress, stop);
  return ExtractPlan(chain.size(), [&](int j, int i) { return table.At(j, i).best; });
}

HomogeneousCosts PlanSparseHomogeneous(const JacobianChain& chain,
                                       const std::vector<ad::SparsityPattern>& patterns) {
  HomogeneousCosts costs = AccumulationCosts(chain);
  costs.product =
      PlanSparseChain(chain, patterns, {.given_factors = true, .propagate = false}).cost;
  costs.preaccumulation = costs.accumulation + costs.product;
  return costs;
}

}  // namespace sobolev::chain
