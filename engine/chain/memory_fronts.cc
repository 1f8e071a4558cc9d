#include "engine/chain/memory_fronts.h"

#include <algorithm>
#include <utility>

#include "engine/base/stop.h"

namespace sobolev::chain {
namespace {

using Point = MemoryFronts::Point;
using Front = MemoryFronts::Front;
using Rule = MemoryFronts::Rule;
using Start = MemoryFronts::Start;

// Points of a front; beyond, every other one between the ends is left out until they fit.
constexpr std::size_t kMaxPoints = 32;

}  // namespace

// Gathers the ways to make one F'_{j,i}.
class MemoryFronts::Collector {
 public:
  void Add(const Point& point) { points_.push_back(point); }

  // All of `operand`, with so much more held meanwhile, at least `least` afterwards.
  void AddOne(const Front& operand, std::uint64_t held, std::uint64_t least, std::uint64_t cost,
              Rule rule) {
    for (std::size_t p = 0; p < operand.size(); ++p) {
      Add({.memory = std::max(operand[p].memory + held, least),
           .cost = operand[p].cost + cost,
           .rule = rule,
           .split = 0,
           .later = static_cast<std::int16_t>(p),
           .earlier = static_cast<std::int16_t>(p)});
    }
  }

  // All pairs that are worth it: for each memory the cheapest of both.
  void AddTwo(const Front& later, std::uint64_t held_later, const Front& earlier,
              std::uint64_t held_earlier, std::uint64_t least, std::uint64_t cost, Rule rule,
              int split) {
    std::size_t a = 0;
    std::size_t b = 0;
    std::uint64_t memory =
        std::max({later[0].memory + held_later, earlier[0].memory + held_earlier, least});
    while (true) {
      while (a + 1 < later.size() && later[a + 1].memory + held_later <= memory) ++a;
      while (b + 1 < earlier.size() && earlier[b + 1].memory + held_earlier <= memory) ++b;
      Add({.memory = memory,
           .cost = later[a].cost + earlier[b].cost + cost,
           .rule = rule,
           .split = static_cast<std::int16_t>(split),
           .later = static_cast<std::int16_t>(a),
           .earlier = static_cast<std::int16_t>(b)});
      std::uint64_t next = UINT64_MAX;
      if (a + 1 < later.size()) next = later[a + 1].memory + held_later;
      if (b + 1 < earlier.size()) next = std::min(next, earlier[b + 1].memory + held_earlier);
      if (next == UINT64_MAX) return;
      memory = next;
    }
  }

  Front Take() {
    std::ranges::stable_sort(points_, {},
                             [](const Point& p) { return std::pair(p.memory, p.cost); });
    Front front;
    for (const Point& point : points_) {
      if (front.empty() || point.cost < front.back().cost) front.push_back(point);
    }
    while (front.size() > kMaxPoints) {
      Front thinner;
      for (std::size_t p = 0; p < front.size(); ++p) {
        if (p % 2 == 0 || p + 1 == front.size()) thinner.push_back(front[p]);
      }
      front = std::move(thinner);
    }
    return front;
  }

 private:
  std::vector<Point> points_;
};

MemoryFronts::MemoryFronts(const MemorySizes& sizes, const std::stop_token& stop) : sizes_(sizes) {
  for (std::vector<Front>& fronts : fronts_) fronts.resize(Cell(sizes.size(), 0));
  for (int distance = 0; distance < sizes.size(); ++distance) {
    for (int i = 0; i + distance < sizes.size(); ++i) {
      ThrowIfStopped(stop);
      const int j = i + distance;
      fronts_[static_cast<std::size_t>(Start::kKept)][Cell(j, i)] = Kept(j, i);
      fronts_[static_cast<std::size_t>(Start::kAlone)][Cell(j, i)] = Alone(j, i);
      if (j + 1 == sizes.size()) continue;
      fronts_[static_cast<std::size_t>(Start::kPassing)][Cell(j, i)] = Passing(j, i);
    }
  }
}

Front MemoryFronts::Kept(int j, int i) const {
  const MemorySizes& s = sizes_;
  const std::uint64_t result = s.Jacobian(j, i);
  Collector collector;
  if (i == j) {
    collector.Add({.memory = result, .cost = s.AccumulateByTangents(i), .rule = Rule::kTangents});
    collector.Add({.memory = result + s.edges(i),
                   .cost = s.AccumulateByAdjoints(i),
                   .rule = Rule::kAdjoints});
    return collector.Take();
  }
  for (int k = i; k < j; ++k) {
    const std::uint64_t later = s.Jacobian(j, k + 1);
    const std::uint64_t earlier = s.Jacobian(k, i);
    const std::uint64_t least = later + earlier + result;
    collector.AddTwo(At(Start::kKept, j, k + 1), s.Values(i + 1, k + 1), At(Start::kKept, k, i),
                     later, least, s.Product(j, k, i), Rule::kLaterFirst, k);
    collector.AddTwo(At(Start::kKept, j, k + 1), earlier + s.Value(k + 1), At(Start::kKept, k, i),
                     s.Values(k + 1, j), least, s.Product(j, k, i), Rule::kEarlierFirst, k);
  }
  collector.AddOne(At(Start::kKept, j, i + 1), s.Value(i + 1),
                   s.Jacobian(j, i + 1) + result + s.edges(i), s.m(j) * s.Adjoint(i),
                   Rule::kAdjoint);
  collector.AddOne(At(Start::kKept, j - 1, i), s.Value(j),
                   s.Jacobian(j - 1, i) + s.Value(j) + result, s.n(i) * s.Tangent(j),
                   Rule::kTangent);
  return collector.Take();
}

Front MemoryFronts::Alone(int j, int i) const {
  if (i == j) return At(Start::kKept, j, i);
  const MemorySizes& s = sizes_;
  const std::uint64_t result = s.Jacobian(j, i);
  Collector collector;
  collector.AddOne(At(Start::kKept, j, i), 0, 0, s.Evaluation(i, j - 1), Rule::kKeepAll);
  for (int k = i; k < j; ++k) {
    const std::uint64_t later = s.Jacobian(j, k + 1);
    const std::uint64_t earlier = s.Jacobian(k, i);
    const std::uint64_t least = later + earlier + result;
    const std::uint64_t cost = s.Product(j, k, i);
    const std::uint64_t evaluation = s.Evaluation(i, k);
    collector.AddTwo(At(Start::kAlone, j, k + 1), s.Value(k + 1), At(Start::kAlone, k, i), later,
                     std::max(least, s.Rolling(i, k)), cost + evaluation, Rule::kLaterFirst, k);
    collector.AddTwo(At(Start::kAlone, j, k + 1), s.Values(i + 1, k + 1), At(Start::kKept, k, i),
                     later, least, cost + evaluation, Rule::kLaterFirstKeep, k);
    collector.AddTwo(At(Start::kAlone, j, k + 1), earlier + s.Value(k + 1),
                     At(Start::kPassing, k, i), 0, least, cost, Rule::kEarlierFirst, k);
  }
  collector.AddOne(At(Start::kAlone, j, i + 1), s.Value(i + 1),
                   s.Jacobian(j, i + 1) + result + s.edges(i),
                   s.m(j) * s.Adjoint(i) + s.Evaluation(i, i), Rule::kAdjoint);
  collector.AddOne(At(Start::kPassing, j - 1, i), 0, s.Jacobian(j - 1, i) + s.Value(j) + result,
                   s.n(i) * s.Tangent(j), Rule::kTangent);
  return collector.Take();
}

Front MemoryFronts::Passing(int j, int i) const {
  const MemorySizes& s = sizes_;
  const std::uint64_t result = s.Jacobian(j, i);
  const std::uint64_t passed = s.Value(j + 1);
  Collector collector;
  collector.AddOne(At(Start::kKept, j, i), passed, 0, s.Evaluation(i, j), Rule::kKeepAll);
  collector.AddOne(At(Start::kAlone, j, i), 0, result + s.Rolling(i, j), s.Evaluation(i, j),
                   Rule::kEvaluateAfter);
  collector.AddOne(At(Start::kAlone, j, i), passed, s.Rolling(i, j), s.Evaluation(i, j),
                   Rule::kEvaluateBefore);
  if (i == j) return collector.Take();
  for (int k = i; k < j; ++k) {
    const std::uint64_t later = s.Jacobian(j, k + 1);
    const std::uint64_t earlier = s.Jacobian(k, i);
    collector.AddTwo(At(Start::kPassing, j, k + 1), earlier + s.Value(k + 1),
                     At(Start::kPassing, k, i), 0, later + earlier + result + passed,
                     s.Product(j, k, i), Rule::kEarlierFirst, k);
  }
  collector.AddOne(At(Start::kPassing, j, i + 1), s.Value(i + 1),
                   s.Jacobian(j, i + 1) + result + s.edges(i) + passed,
                   s.m(j) * s.Adjoint(i) + s.Evaluation(i, i), Rule::kAdjoint);
  collector.AddOne(At(Start::kPassing, j - 1, i), 0,
                   s.Value(j) + result + std::max(s.Jacobian(j - 1, i), passed),
                   s.n(i) * s.Tangent(j) + s.Evaluation(j, j), Rule::kTangent);
  return collector.Take();
}

// Writes down what points stand for.
class MemoryFronts::Writer {
 public:
  explicit Writer(const MemoryFronts& fronts) : fronts_(fronts) {}

  void Write(Start start, int j, int i, std::int16_t place) {
    const Point& point = fronts_.At(start, j, i)[static_cast<std::size_t>(place)];
    switch (point.rule) {
      case Rule::kTangents:
        return Step(StepKind::kAccumulateTangent, j, i);
      case Rule::kAdjoints:
        return Step(StepKind::kAccumulateAdjoint, j, i);
      case Rule::kKeepAll:
        for (int v = i; v < (start == Start::kPassing ? j + 1 : j); ++v) Evaluate(v);
        return Write(Start::kKept, j, i, point.later);
      case Rule::kEvaluateAfter:
        Write(Start::kAlone, j, i, point.later);
        return Roll(i, j);
      case Rule::kEvaluateBefore:
        Roll(i, j);
        return Write(Start::kAlone, j, i, point.later);
      case Rule::kLaterFirst:
      case Rule::kLaterFirstKeep:
        return WriteLaterFirst(start, j, i, point);
      case Rule::kEarlierFirst: {
        const int k = point.split;
        Write(start == Start::kKept ? start : Start::kPassing, k, i, point.earlier);
        Write(start, j, k + 1, point.later);
        Drop(k + 1);
        return Step(StepKind::kProduct, j, i, k);
      }
      case Rule::kAdjoint:
        if (start != Start::kKept) Evaluate(i);
        Write(start, j, i + 1, point.later);
        Drop(i + 1);
        return Step(StepKind::kAdjoint, j, i);
      case Rule::kTangent:
        Write(start == Start::kKept ? start : Start::kPassing, j - 1, i, point.earlier);
        Step(StepKind::kTangent, j, i);
        if (start == Start::kPassing) Evaluate(j);
        return Drop(j);
    }
  }

  std::vector<PlannedMove> Take() { return std::move(moves_); }

 private:
  void WriteLaterFirst(Start start, int j, int i, const Point& point) {
    const int k = point.split;
    const bool keep = point.rule == Rule::kLaterFirstKeep;
    if (keep) {
      for (int v = i; v <= k; ++v) Evaluate(v);
    } else if (start != Start::kKept) {
      Roll(i, k);
    }
    Write(start, j, k + 1, point.later);
    Drop(k + 1);
    Write(keep ? Start::kKept : start, k, i, point.earlier);
    Step(StepKind::kProduct, j, i, k);
  }

  void Evaluate(int factor) {
    moves_.push_back({.kind = MemoryMove::Kind::kEvaluate, .factor = factor});
  }
  void Drop(int value) { moves_.push_back({.kind = MemoryMove::Kind::kDrop, .factor = value}); }
  // z_{last+1} from z_first, without what lies between.
  void Roll(int first, int last) {
    for (int v = first; v <= last; ++v) {
      Evaluate(v);
      if (v > first) Drop(v);
    }
  }
  void Step(StepKind kind, int last, int first, int split = 0) {
    moves_.push_back({.kind = MemoryMove::Kind::kStep,
                      .step = kind,
                      .first = first,
                      .last = last,
                      .split = split});
  }

  const MemoryFronts& fronts_;
  std::vector<PlannedMove> moves_;
};

std::vector<PlannedMove> MemoryFronts::Moves(std::size_t place) const {
  Writer writer(*this);
  writer.Write(Start::kAlone, sizes_.size() - 1, 0, static_cast<std::int16_t>(place));
  return writer.Take();
}

}  // namespace sobolev::chain
