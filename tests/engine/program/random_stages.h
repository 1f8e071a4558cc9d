// Random functions over all operations, for differential tests. A seed names one for ever.
//
// They are defined everywhere: log only sees 1 + a², asin only 0.9 sin a, and so on, or else the
// operation stands in a branch of a select that is taken where it is defined. What grows is bent
// back by a sine, judged at a few points of the cube [−2, 2]ⁿ from which the tests draw theirs.

#ifndef SOBOLEV_TESTS_ENGINE_PROGRAM_RANDOM_STAGES_H_
#define SOBOLEV_TESTS_ENGINE_PROGRAM_RANDOM_STAGES_H_

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/rng.h"
#include "tests/engine/program/interpret.h"

namespace sobolev::program {

class RandomStage {
 public:
  // A stage of n inputs, m outputs and about that many nodes.
  RandomStage(Index n, Index m, Index num_nodes, bool has_counter, Rng& rng) : rng_(rng) {
    stage_.state_size = n;
    stage_.has_counter = has_counter;
    for (Index i = 0; i < n + (has_counter ? 1 : 0); ++i) {
      std::array<double, kProbes> values{};
      for (double& value : values) value = 4 * rng.Uniform() - 2;
      Push({.op = Op::kInput, .a = static_cast<NodeId>(i)}, values);
    }
    while (std::ssize(stage_.nodes) < num_nodes) Grow();
    for (Index i = 0; i < m; ++i) stage_.outputs.push_back(Output());
  }

  // As the step of an evolution: Φᵢ(z) = zᵢ/2 + sin(vᵢ)/2 stays in the cube for ever.
  void MakeStep(Index repeat, Index first_count) {
    stage_.repeat = repeat;
    stage_.first_count = first_count;
    for (std::size_t i = 0; i < stage_.outputs.size(); ++i) {
      const NodeId half = Constant(0.5);
      stage_.outputs[i] = Append(Op::kAdd, Append(Op::kMultiply, half, static_cast<NodeId>(i)),
                                 Append(Op::kMultiply, Append(Op::kSin, stage_.outputs[i]), half));
    }
  }

  PlainStage Take() { return std::move(stage_); }

 private:
  static constexpr std::size_t kProbes = 3;
  static constexpr double kLargest = 20;

  NodeId Append(Op op, NodeId a, NodeId b = kNoNode, NodeId c = kNoNode) {
    std::array<double, kProbes> values{};
    for (std::size_t k = 0; k < kProbes; ++k) {
      const auto value = [&](NodeId id) { return id == kNoNode ? 0.0 : probes_[id][k]; };
      values[k] = Apply(op, value(a), value(b), value(c));
    }
    return Push({.op = op, .a = a, .b = b, .c = c}, values);
  }

  NodeId Constant(double value) {
    const auto bits = std::bit_cast<std::uint64_t>(value);
    std::array<double, kProbes> values{};
    values.fill(value);
    return Push(
        {.op = Op::kConstant, .a = static_cast<NodeId>(bits), .b = static_cast<NodeId>(bits >> 32)},
        values);
  }

  NodeId Push(const Node& node, const std::array<double, kProbes>& values) {
    stage_.nodes.push_back(node);
    probes_.push_back(values);
    usable_.push_back(static_cast<NodeId>(stage_.nodes.size() - 1));
    return usable_.back();
  }

  bool Chance(double probability) { return rng_.Uniform() < probability; }
  Index Below(Index bound) {
    return static_cast<Index>(rng_.Below(static_cast<std::uint64_t>(bound)));
  }

  // An operand: often one of the last, so that chains grow; sometimes a constant.
  NodeId Any() {
    if (Chance(0.08)) return SomeConstant();
    const Index size = std::ssize(usable_);
    const Index window = Chance(0.6) ? std::min<Index>(size, 6) : size;
    const NodeId id = usable_[static_cast<std::size_t>(size - 1 - Below(window))];
    const bool is_small = std::all_of(probes_[id].begin(), probes_[id].end(),
                                      [](double v) { return std::abs(v) < kLargest; });
    return is_small ? id : Append(Op::kSin, id);
  }

  // Those that identities know, and others.
  NodeId SomeConstant() {
    constexpr std::array kSpecial = {0.0, -0.0, 1.0, -1.0, 2.0, 0.5, -4.0, 3.0};
    if (Chance(0.5)) return Constant(kSpecial[rng_.Below(kSpecial.size())]);
    return Constant(rng_.Normal());
  }

  NodeId Positive(NodeId a) { return Append(Op::kAdd, Append(Op::kSquare, a), Constant(1)); }
  NodeId Unit(NodeId a) { return Append(Op::kMultiply, Append(Op::kSin, a), Constant(0.9)); }

  // A mask: a comparison, or some put together.
  NodeId Mask() {
    constexpr std::array kComparisons = {Op::kLess, Op::kLessEqual, Op::kEqual};
    const NodeId mask = Append(kComparisons[rng_.Below(3)], Any(), Any());
    switch (Below(6)) {
      case 0:
        return Append(Op::kMin, mask, Append(Op::kLess, Any(), Any()));
      case 1:
        return Append(Op::kMax, mask, Append(Op::kLessEqual, Any(), Any()));
      case 2:
        return Append(Op::kSubtract, Constant(1), mask);
      default:
        return mask;
    }
  }

  void Grow() {
    const double kind = rng_.Uniform();
    if (kind < 0.4) return GrowUnary();
    if (kind < 0.8) return GrowBinary();
    if (kind < 0.86) return static_cast<void>(Append(Op::kSelect, Mask(), Any(), Any()));
    if (kind < 0.9) return GrowBranch();
    if (kind < 0.97) return GrowSum();
    NodeId product = Any();
    for (Index i = 1 + Below(6); i >= 0; --i) product = Append(Op::kMultiply, product, Any());
  }

  void GrowUnary() {
    constexpr std::array kAnywhere = {Op::kNegate,    Op::kSquare,  Op::kAbs,     Op::kSign,
                                      Op::kFloor,     Op::kSin,     Op::kCos,     Op::kAtan,
                                      Op::kTanh,      Op::kAsinh,   Op::kErf,     Op::kErfc,
                                      Op::kNormalCdf, Op::kSigmoid, Op::kSoftplus};
    constexpr std::array kOnPositive = {Op::kSqrt,  Op::kLog,  Op::kLog1p,
                                        Op::kAcosh, Op::kCbrt, Op::kReciprocal};
    constexpr std::array kOnUnit = {Op::kAsin, Op::kAcos, Op::kAtanh, Op::kTan,
                                    Op::kExp,  Op::kSinh, Op::kCosh,  Op::kExpm1};
    const NodeId a = Any();
    switch (Below(3)) {
      case 0:
        Append(kAnywhere[rng_.Below(kAnywhere.size())], a);
        return;
      case 1: {
        const Op op = kOnPositive[rng_.Below(kOnPositive.size())];
        NodeId positive = Positive(a);
        // acosh has an infinite slope at 1. The cube root is away from 0 on both sides.
        if (op == Op::kAcosh) positive = Append(Op::kAdd, positive, Constant(0.5));
        if (op == Op::kCbrt && Chance(0.5)) positive = Append(Op::kNegate, positive);
        Append(op, positive);
        return;
      }
      default:
        Append(kOnUnit[rng_.Below(kOnUnit.size())], Unit(a));
    }
  }

  void GrowBinary() {
    const NodeId a = Any();
    const NodeId b = Any();
    switch (Below(14)) {
      case 0:
      case 1:
        Append(Op::kAdd, a, b);
        return;
      case 2:
      case 3:
        Append(Op::kSubtract, a, b);
        return;
      case 4:
      case 5:
      case 6:
        Append(Op::kMultiply, a, b);
        return;
      case 7:
        Append(Op::kDivide, a, Positive(b));
        return;
      case 8:
        Append(Op::kPow, Positive(a), Append(Op::kSin, b));
        return;
      case 9:
        // Small integers of any base, and exponents of all kinds of positive ones.
        if (Chance(0.5)) {
          Append(Op::kPow, a, Constant(static_cast<double>(Below(5))));
        } else {
          Append(Op::kPow, Positive(a), Constant(0.5 * static_cast<double>(Below(9) - 4)));
        }
        return;
      case 10:
        Append(Op::kAtan2, a, Positive(b));
        return;
      case 11:
        Append(Op::kHypot, a, Positive(b));
        return;
      case 12:
        Append(Op::kSeedMultiply, a, b);
        return;
      default:
        Append(Chance(0.5) ? Op::kMin : Op::kMax, a, b);
    }
  }

  // where(a > 0.1, f(a), b) with f that is defined there only.
  void GrowBranch() {
    constexpr std::array kPartial = {Op::kLog, Op::kSqrt, Op::kAcosh};
    const NodeId a = Any();
    const NodeId b = Any();
    const Op op = kPartial[rng_.Below(kPartial.size())];
    const NodeId edge = Constant(op == Op::kAcosh ? 1.1 : 0.1);
    const NodeId mask = Append(Op::kLess, edge, a);
    const std::size_t before = usable_.size();
    NodeId branch = Append(op, a);
    // Infinite and undefined numbers spread through what is regular in itself.
    if (Chance(0.5)) branch = Append(Op::kMultiply, branch, b);
    if (Chance(0.3)) branch = Append(Op::kSin, branch);
    usable_.resize(before);  // Nobody else may use them.
    Append(Op::kSelect, mask, branch, b);
  }

  void GrowSum() {
    NodeId sum = Any();
    for (Index i = 2 + Below(8); i >= 0; --i) {
      const NodeId term = Chance(0.6) ? Append(Op::kMultiply, Any(), Any()) : Any();
      sum = Append(Chance(0.6) ? Op::kAdd : Op::kSubtract, sum, term);
    }
  }

  // Mostly late nodes; sometimes an input, a constant, or an output once more.
  NodeId Output() {
    if (Chance(0.05)) return static_cast<NodeId>(Below(stage_.state_size));
    if (Chance(0.05)) return Constant(rng_.Normal());
    if (!stage_.outputs.empty() && Chance(0.1)) return stage_.outputs.front();
    return Any();
  }

  Rng& rng_;
  PlainStage stage_;
  std::vector<std::array<double, kProbes>> probes_;  // Values of the nodes there.
  std::vector<NodeId> usable_;                       // Nodes that are defined everywhere.
};

}  // namespace sobolev::program

#endif  // SOBOLEV_TESTS_ENGINE_PROGRAM_RANDOM_STAGES_H_
