#include "engine/chain/chain_planner.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <vector>

#include <oneapi/tbb/parallel_for.h>

#include "engine/base/isa.h"
#include "engine/base/stop.h"
#include "engine/chain/min_plus_kernels.h"
#include "engine/chain/plan_extraction.h"

namespace sobolev::chain {
namespace {

constexpr int kTile = static_cast<int>(kMinPlusTile);
constexpr std::size_t kCells = std::size_t{kMinPlusTile} * kMinPlusTile;

const MinPlusKernels& Kernels() {
  switch (BestIsa()) {
    case Isa::kAvx512:
      return kAvx512MinPlusKernels;
    case Isa::kAvx2:
      return kAvx2MinPlusKernels;
    case Isa::kSse2:
      return kSse2MinPlusKernels;
  }
  return kSse2MinPlusKernels;
}

// The rows and columns of a tile, and its least costs so far.
template <class T>
struct Tile {
  std::array<const T*, kTile> left;
  std::array<const T*, kTile> right;
  std::array<T, kCells> scales;
  std::array<T, kCells> best;
};

void Relax(std::ptrdiff_t count, const std::int64_t* widths, Tile<std::int64_t>& tile) {
  static const MinPlusKernels& kernels = Kernels();
  kernels.relax(count, tile.left.data(), tile.right.data(), widths, tile.scales.data(),
                tile.best.data());
}

void Relax(std::ptrdiff_t count, const Cost* widths, Tile<Cost>& tile) {
  for (std::size_t cell = 0; cell < tile.best.size(); ++cell) {
    const Cost* const left = tile.left[cell / kTile];
    const Cost* const right = tile.right[cell % kTile];
    for (std::ptrdiff_t k = 0; k < count; ++k) {
      tile.best[cell] =
          std::min(tile.best[cell], left[k] + right[k] + widths[k] * tile.scales[cell]);
    }
  }
}

// f_{j,i} of all subchains. T is Cost, or std::int64_t where Fits says so.
//
// Tiles of 4×4 subchains are solved together, shortest first: what lies between the factors of a
// tile's rows and columns is the same range of k for all of them, and is taken from rows that are
// complete. Both (j, i) and (i, j) hold f_{j,i}, so that both operands are read in order of k.
// Factors of size 1 without edges fill the last tile.
template <class T>
class SubchainCosts {
 public:
  SubchainCosts(const JacobianChain& chain, const ChainRules& rules, const std::stop_token& stop)
      : rules_(rules), size_((chain.size() + kTile - 1) / kTile * kTile) {
    for (int i = 0; i < size_; ++i) {
      const ChainFactor factor = i < chain.size() ? chain[i] : ChainFactor{1, 1, 0};
      n_.emplace_back(factor.n);
      m_.emplace_back(factor.m);
      tangent_.push_back(T(factor.edges) * T(rules.weights.tangent));
      adjoint_.push_back(T(factor.edges) * T(rules.weights.adjoint));
      adjoint_allowed_.push_back(factor.edges <= rules.tape_memory);
    }
    const auto length = static_cast<std::size_t>(size_);
    costs_ = std::make_unique_for_overwrite<T[]>(length * length);
    const int num_tiles = size_ / kTile;
    for (int distance = 0; distance < num_tiles; ++distance) {
      const auto solve = [&](int tile) {
        if (stop.stop_requested()) return;
        SolveTile((tile + distance) * kTile, tile * kTile);
      };
      tbb::parallel_for(0, num_tiles - distance, solve);
      ThrowIfStopped(stop);
    }
  }

  T At(int j, int i) const { return Row(j)[i]; }

  // The step that makes F'_{j,i}.
  BestStep Best(int j, int i) const {
    PlanStep step{.first = i, .last = j};
    if (i == j) {
      step.kind = rules_.given_factors      ? StepKind::kGiven
                  : AccumulateByTangents(i) ? StepKind::kAccumulateTangent
                                            : StepKind::kAccumulateAdjoint;
      step.cost = Cost(At(i, i));
      return {.step = step};
    }
    for (int k = i; k < j; ++k) {
      const T product = Scale(j, i) * m_[k];
      if (At(j, k + 1) + At(k, i) + product != At(j, i)) continue;
      step.kind = StepKind::kProduct;
      step.cost = Cost(product);
      return {.step = step, .split = k};
    }
    const bool adjoint = adjoint_allowed_[i] && At(j, i + 1) + m_[j] * adjoint_[i] == At(j, i);
    step.kind = adjoint ? StepKind::kAdjoint : StepKind::kTangent;
    step.cost = Cost(adjoint ? m_[j] * adjoint_[i] : n_[i] * tangent_[j]);
    return {.step = step};
  }

 private:
  T* Row(int j) { return costs_.get() + static_cast<std::ptrdiff_t>(j) * size_; }
  const T* Row(int j) const { return costs_.get() + static_cast<std::ptrdiff_t>(j) * size_; }

  bool AccumulateByTangents(int i) const {
    return n_[i] * tangent_[i] <= m_[i] * adjoint_[i] || !adjoint_allowed_[i];
  }

  // Of a product, for each row of its earlier operand.
  T Scale(int j, int i) const { return m_[j] * n_[i] * T(rules_.weights.product); }

  T Accumulation(int i) const {
    if (rules_.given_factors) return T(0);
    return AccumulateByTangents(i) ? n_[i] * tangent_[i] : m_[i] * adjoint_[i];
  }

  void Set(int j, int i, T cost) {
    Row(j)[i] = cost;
    Row(i)[j] = cost;
  }

  // All subchains of a first factor in [i0, i0 + 4) and a last one in [j0, j0 + 4).
  void SolveTile(int j0, int i0) {
    Tile<T> tile;
    if (i0 < j0) {
      const int k0 = i0 + kTile - 1;
      for (int a = 0; a < kTile; ++a) {
        tile.left[a] = Row(j0 + a) + k0 + 1;
        tile.right[a] = Row(i0 + a) + k0;
        for (int b = 0; b < kTile; ++b) {
          tile.scales[a * kTile + b] = Scale(j0 + a, i0 + b);
          // Some way that is always there.
          tile.best[a * kTile + b] =
              At(j0 + a, k0 + 1) + At(k0, i0 + b) + m_[k0] * tile.scales[a * kTile + b];
        }
      }
      Relax(j0 - k0, m_.data() + k0, tile);
    }
    for (int j = j0; j < j0 + kTile; ++j) {
      for (int i = std::min(j, i0 + kTile - 1); i >= i0; --i) {
        Set(j, i, i == j ? Accumulation(i) : Finish(j, i, j0, i0, tile));
      }
    }
  }

  // What is left: splits within the tile, and propagations.
  T Finish(int j, int i, int j0, int i0, const Tile<T>& tile) const {
    const T scale = Scale(j, i);
    const auto product = [&](int k) { return At(j, k + 1) + At(k, i) + m_[k] * scale; };
    T best = i0 < j0 ? tile.best[(j - j0) * kTile + i - i0] : product(i);
    const int first_done = i0 < j0 ? i0 + kTile - 1 : j;
    for (int k = i; k < first_done; ++k) best = std::min(best, product(k));
    for (int k = std::max(j0, first_done); k < j; ++k) best = std::min(best, product(k));
    if (!rules_.propagate) return best;
    best = std::min(best, At(j - 1, i) + n_[i] * tangent_[j]);
    if (adjoint_allowed_[i]) best = std::min(best, At(j, i + 1) + m_[j] * adjoint_[i]);
    return best;
  }

  const ChainRules& rules_;
  const int size_;
  std::vector<T> n_;
  std::vector<T> m_;
  // E_i times the weights.
  std::vector<T> tangent_;
  std::vector<T> adjoint_;
  std::vector<bool> adjoint_allowed_;
  std::unique_ptr<T[]> costs_;
};

// Whether no sum of costs can reach 2⁶³ and no product of sizes and weights 2³².
bool Fits(const JacobianChain& chain, const ChainWeights& weights) {
  const Cost size = chain.MaxSize();
  return size * size * Cost(weights.product) <= Cost(UINT32_MAX) &&
         Cost(4 * (chain.size() + 1)) * chain.StepBound() * Cost(weights.Largest()) <
             Cost(INT64_MAX);
}

template <class T>
ChainPlan Solve(const JacobianChain& chain, const ChainRules& rules, const std::stop_token& stop) {
  const SubchainCosts<T> costs(chain, rules, stop);
  return ExtractPlan(chain.size(), [&](int j, int i) { return costs.Best(j, i); });
}

}  // namespace

ChainPlan PlanChain(const JacobianChain& chain, const ChainRules& rules,
                    const std::stop_token& stop) {
  rules.weights.Check();
  if (Fits(chain, rules.weights)) return Solve<std::int64_t>(chain, rules, stop);
  return Solve<Cost>(chain, rules, stop);
}

}  // namespace sobolev::chain
