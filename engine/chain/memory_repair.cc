#include "engine/chain/memory_repair.h"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "engine/base/stop.h"
#include "engine/chain/memory_remainder.h"

namespace sobolev::chain {
namespace {

using Kind = MemoryMove::Kind;
using Block = MemoryRemainder::Block;

// What is held.
struct Held {
  std::vector<Block> blocks;
  std::vector<bool> values;  // Of z_0 … z_{D−1}.
  std::uint64_t numbers = 0;
};

// The factor through which a step takes directions; −1 of products.
int FactorOf(const PlannedMove& step) {
  if (step.step == StepKind::kProduct) return -1;
  return step.step == StepKind::kTangent ? step.last : step.first;
}

bool IsAdjoint(const PlannedMove& move) {
  return move.kind == Kind::kStep &&
         (move.step == StepKind::kAdjoint || move.step == StepKind::kAccumulateAdjoint);
}

class Walk {
 public:
  Walk(const MemorySizes& sizes, std::uint64_t memory, bool later_first,
       const std::stop_token& stop)
      : sizes_(sizes),
        memory_(memory),
        later_first_(later_first),
        stop_(stop),
        held_(Nothing(sizes)),
        remainder_(sizes, held_.blocks) {}

  std::optional<PlannedMoves> Go() {
    while (held_.blocks.size() > 1 || !held_.blocks[0].made) {
      ThrowIfStopped(stop_);
      const PlannedMove step = remainder_.NextStep(later_first_);
      const int factor = FactorOf(step);
      int source = std::max(factor, 0);
      while (!Has(held_, source)) --source;
      const PlannedMove move =
          source < factor ? PlannedMove{.kind = Kind::kEvaluate, .factor = source} : step;
      if (Fits(move)) {
        Make(move);
      } else if (!MakeRoom(move, source)) {
        return std::nullopt;
      }
    }
    for (int v = 1; v < sizes_.size(); ++v) {
      if (Has(held_, v)) Make({.kind = Kind::kDrop, .factor = v});
    }
    return std::move(done_);
  }

 private:
  static Held Nothing(const MemorySizes& sizes) {
    Held held;
    held.values.assign(static_cast<std::size_t>(sizes.size()), false);
    held.values[0] = true;
    held.blocks.reserve(held.values.size());
    for (int i = 0; i < sizes.size(); ++i) held.blocks.push_back({i, i, false});
    return held;
  }

  static bool Has(const Held& held, int value) {
    return held.values[static_cast<std::size_t>(value)];
  }

  // Held at the end of the move beside all that is held before.
  std::uint64_t Result(const PlannedMove& move) const {
    switch (move.kind) {
      case Kind::kEvaluate:
        return sizes_.m(move.factor);
      case Kind::kDrop:
        return 0;
      case Kind::kStep:
        return sizes_.Jacobian(move.last, move.first);
    }
    return 0;
  }

  std::uint64_t Memory(const PlannedMove& move) const {
    return held_.numbers + Result(move) + (IsAdjoint(move) ? sizes_.edges(move.first) : 0);
  }
  bool Fits(const PlannedMove& move) const { return Memory(move) <= memory_; }

  std::uint64_t CostOf(const PlannedMove& move) const {
    if (move.kind == Kind::kEvaluate) return sizes_.Evaluation(move.factor, move.factor);
    if (move.kind == Kind::kDrop) return 0;
    switch (move.step) {
      case StepKind::kAccumulateTangent:
        return sizes_.AccumulateByTangents(move.first);
      case StepKind::kAccumulateAdjoint:
        return sizes_.AccumulateByAdjoints(move.first);
      case StepKind::kTangent:
        return sizes_.n(move.first) * sizes_.Tangent(move.last);
      case StepKind::kAdjoint:
        return sizes_.m(move.last) * sizes_.Adjoint(move.first);
      case StepKind::kProduct:
        return sizes_.Product(move.last, move.split, move.first);
      case StepKind::kZero:
      case StepKind::kGiven:
        break;
    }
    return 0;
  }

  Held After(const PlannedMove& move) const {
    Held next = held_;
    next.numbers += Result(move);
    switch (move.kind) {
      case Kind::kEvaluate:
        next.values[static_cast<std::size_t>(move.factor) + 1] = true;
        break;
      case Kind::kDrop:
        next.values[static_cast<std::size_t>(move.factor)] = false;
        next.numbers -= sizes_.Value(move.factor);
        break;
      case Kind::kStep: {
        const auto begin = std::ranges::find(next.blocks, move.first, &Block::first);
        const auto end = std::ranges::find(next.blocks, move.last, &Block::last) + 1;
        for (auto block = begin; block != end; ++block) {
          if (block->made) next.numbers -= sizes_.Jacobian(block->last, block->first);
        }
        *begin = {move.first, move.last, true};
        next.blocks.erase(begin + 1, end);
        break;
      }
    }
    return next;
  }

  // Of all values that are needed, if each is evaluated at most once more.
  std::uint64_t Evaluation(const Held& held) const {
    std::uint64_t cost = 0;
    bool needed = false;
    for (auto block = held.blocks.rbegin(); block != held.blocks.rend(); ++block) {
      for (int i = block->last; i >= std::max(block->first, 1); --i) {
        needed = (needed || !block->made) && !Has(held, i);
        if (needed) cost += sizes_.Evaluation(i - 1, i - 1);
      }
    }
    return cost;
  }

  void Make(const PlannedMove& move) {
    done_.cost += CostOf(move);
    done_.memory = std::max(done_.memory, Memory(move));
    done_.moves.push_back(move);
    held_ = After(move);
    if (move.kind == Kind::kStep) remainder_ = MemoryRemainder(sizes_, held_.blocks);
  }

  // Makes what is cheapest of all that helps the move to fit, if anything does. z_source is needed
  // for it.
  bool MakeRoom(const PlannedMove& move, int source) {
    std::optional<PlannedMove> best;
    std::uint64_t least = UINT64_MAX;
    const auto consider = [&](const PlannedMove& remedy) {
      const Held after = After(remedy);
      const std::uint64_t left = remedy.kind == Kind::kStep
                                     ? MemoryRemainder(sizes_, after.blocks).cost()
                                     : remainder_.cost();
      const std::uint64_t cost = CostOf(remedy) + left + Evaluation(after);
      if (cost >= least) return;
      least = cost;
      best = remedy;
    };
    for (int v = 1; v < sizes_.size(); ++v) {
      if (v != source && Has(held_, v)) consider({.kind = Kind::kDrop, .factor = v});
    }
    for (const PlannedMove& step : Shrinking()) consider(step);
    if (IsAdjoint(move)) {
      const PlannedMove tangents{.kind = Kind::kStep,
                                 .step = StepKind::kAccumulateTangent,
                                 .first = move.first,
                                 .last = move.first};
      if (Fits(tangents)) consider(tangents);
    }
    if (best) Make(*best);
    return best.has_value();
  }

  // Steps that fit, and after which less is held.
  std::vector<PlannedMove> Shrinking() const {
    std::vector<PlannedMove> steps;
    const auto add = [&](StepKind kind, int last, int first, int split) {
      const PlannedMove step{
          .kind = Kind::kStep, .step = kind, .first = first, .last = last, .split = split};
      if (Fits(step) && After(step).numbers < held_.numbers) steps.push_back(step);
    };
    for (std::size_t b = 0; b + 1 < held_.blocks.size(); ++b) {
      const Block& earlier = held_.blocks[b];
      const Block& later = held_.blocks[b + 1];
      if (earlier.made && later.made) {
        add(StepKind::kProduct, later.last, earlier.first, earlier.last);
      } else if (earlier.made && Has(held_, later.first)) {
        add(StepKind::kTangent, later.last, earlier.first, 0);
      } else if (later.made && Has(held_, earlier.first)) {
        add(StepKind::kAdjoint, later.last, earlier.first, 0);
      }
    }
    return steps;
  }

  const MemorySizes& sizes_;
  const std::uint64_t memory_;
  const bool later_first_;
  const std::stop_token& stop_;
  Held held_;
  MemoryRemainder remainder_;  // Of what is held.
  PlannedMoves done_;
};

}  // namespace

std::optional<PlannedMoves> RepairPlan(const MemorySizes& sizes, std::uint64_t memory,
                                       const std::stop_token& stop) {
  std::optional<PlannedMoves> earlier = Walk(sizes, memory, false, stop).Go();
  std::optional<PlannedMoves> later = Walk(sizes, memory, true, stop).Go();
  if (!earlier || (later && later->cost < earlier->cost)) return later;
  return earlier;
}

}  // namespace sobolev::chain
