// The replay on intervals: every lane is a box. Included by kernels_impl.h only.
//
// A slot holds the lower bounds of all lanes, then the upper bounds. Intervals cost several times
// what numbers do, so one loop serves any number of registers.

#ifndef SOBOLEV_ENGINE_PROGRAM_INTERVAL_KERNELS_IMPL_H_
#define SOBOLEV_ENGINE_PROGRAM_INTERVAL_KERNELS_IMPL_H_

#include <stddef.h>
#include <stdint.h>

#include "engine/program/interval_math.h"
#include "engine/program/kernels.h"

namespace sobolev::program::SOBOLEV_ISA {

// The slots of a block, as intervals.
struct IntervalSlots {
  const BlockRun& run;
  ptrdiff_t half = run.registers * kLanes;  // From lower to upper bounds.

  IVec Get(ptrdiff_t slot, ptrdiff_t lane) const {
    const double* from = run.slots + slot * 2 * half + lane;
    return {Load(from), Load(from + half)};
  }
  void Put(ptrdiff_t slot, ptrdiff_t lane, const IVec& x) const {
    double* to = run.slots + slot * 2 * half + lane;
    Store(to, x.lo);
    Store(to + half, x.hi);
  }
};

template <class Function>
[[gnu::noinline]] void IntervalUnary(const Group& group, const BlockRun& run,
                                     const Function& function) {
  const IntervalSlots slots{run};
  const uint32_t* o = run.operands + group.offset;
  for (uint32_t i = 0; i < group.count; ++i, o += 2) {
    for (ptrdiff_t lane = 0; lane < slots.half; lane += kLanes) {
      slots.Put(o[0], lane, function(slots.Get(o[1], lane)));
    }
  }
}

template <class Function>
[[gnu::noinline]] void IntervalBinary(const Group& group, const BlockRun& run,
                                      const Function& function) {
  const IntervalSlots slots{run};
  const uint32_t* o = run.operands + group.offset;
  for (uint32_t i = 0; i < group.count; ++i, o += 3) {
    for (ptrdiff_t lane = 0; lane < slots.half; lane += kLanes) {
      slots.Put(o[0], lane, function(slots.Get(o[1], lane), slots.Get(o[2], lane)));
    }
  }
}

[[gnu::noinline]] inline void IntervalSelect(const Group& group, const BlockRun& run) {
  const IntervalSlots slots{run};
  const uint32_t* o = run.operands + group.offset;
  for (uint32_t i = 0; i < group.count; ++i, o += 4) {
    for (ptrdiff_t lane = 0; lane < slots.half; lane += kLanes) {
      slots.Put(o[0], lane,
                Select(slots.Get(o[1], lane), slots.Get(o[2], lane), slots.Get(o[3], lane)));
    }
  }
}

// Functions without a vector form: the scalar enclosure, lane by lane.
using UnaryEnclosure = ad::Bounds (*)(const ad::Bounds&);
using BinaryEnclosure = ad::Bounds (*)(const ad::Bounds&, const ad::Bounds&);

// Those that have poles or NaN among their arguments, as IEEE 754 has them: interval_extended.h.
inline UnaryEnclosure UnaryEnclosureOf(Op op) {
  switch (op) {
    case Op::kSign:
      return &ad::enclose::Sign;
    case Op::kCbrt:
      return &ad::enclose::Cbrt;
    case Op::kExpm1:
      return &ad::enclose::Expm1;
    case Op::kLog1p:
      return &ad::enclose::extended::Log1p;
    case Op::kTan:
      return &ad::enclose::Tan;
    case Op::kAsin:
      return &ad::enclose::Asin;
    case Op::kAcos:
      return &ad::enclose::Acos;
    case Op::kAtan:
      return &ad::enclose::Atan;
    case Op::kSinh:
      return &ad::enclose::Sinh;
    case Op::kCosh:
      return &ad::enclose::Cosh;
    case Op::kAsinh:
      return &ad::enclose::Asinh;
    case Op::kAcosh:
      return &ad::enclose::Acosh;
    case Op::kAtanh:
      return &ad::enclose::extended::Atanh;
    case Op::kErf:
      return &ad::enclose::Erf;
    case Op::kErfc:
      return &ad::enclose::Erfc;
    case Op::kNormalCdf:
      return &ad::enclose::NormalCdf;
    case Op::kSigmoid:
      return &ad::enclose::Sigmoid;
    default:
      return &ad::enclose::Softplus;
  }
}

inline BinaryEnclosure BinaryEnclosureOf(Op op) {
  switch (op) {
    case Op::kPow:
      return &ad::enclose::extended::Pow;
    case Op::kAtan2:
      return &ad::enclose::extended::Atan2;
    default:
      return &ad::enclose::extended::Hypot;
  }
}

inline void RunIntervalGroup(const Group& group, const BlockRun& run) {
  const auto unary = [&](auto function) { IntervalUnary(group, run, function); };
  const auto binary = [&](auto function) { IntervalBinary(group, run, function); };
  switch (group.op) {
    case Op::kNegate:
      unary([](const IVec& a) { return Negate(a); });
      break;
    case Op::kSquare:
      unary([](const IVec& a) { return Square(a); });
      break;
    case Op::kReciprocal:
      unary([](const IVec& a) { return Reciprocal(a); });
      break;
    case Op::kAbs:
      unary([](const IVec& a) { return Abs(a); });
      break;
    case Op::kFloor:
      unary([](const IVec& a) { return Floor(a); });
      break;
    case Op::kSqrt:
      unary([](const IVec& a) { return Sqrt(a); });
      break;
    case Op::kExp:
      unary([](const IVec& a) { return Exp(a); });
      break;
    case Op::kLog:
      unary([](const IVec& a) { return Log(a); });
      break;
    case Op::kSin:
      unary([](const IVec& a) { return Sin(a); });
      break;
    case Op::kCos:
      unary([](const IVec& a) { return Cos(a); });
      break;
    case Op::kTanh:
      unary([](const IVec& a) { return Tanh(a); });
      break;
    case Op::kAdd:
      binary([](const IVec& a, const IVec& b) { return Add(a, b); });
      break;
    case Op::kSubtract:
      binary([](const IVec& a, const IVec& b) { return Subtract(a, b); });
      break;
    case Op::kMultiply:
      binary([](const IVec& a, const IVec& b) { return Multiply(a, b); });
      break;
    case Op::kSeedMultiply:
      binary([](const IVec& a, const IVec& b) { return SeedMultiply(a, b); });
      break;
    case Op::kDivide:
      binary([](const IVec& a, const IVec& b) { return Divide(a, b); });
      break;
    case Op::kMin:
      binary([](const IVec& a, const IVec& b) { return Min(a, b); });
      break;
    case Op::kMax:
      binary([](const IVec& a, const IVec& b) { return Max(a, b); });
      break;
    case Op::kLess:
      binary([](const IVec& a, const IVec& b) { return Less(a, b); });
      break;
    case Op::kLessEqual:
      binary([](const IVec& a, const IVec& b) { return LessEqual(a, b); });
      break;
    case Op::kEqual:
      binary([](const IVec& a, const IVec& b) { return Equal(a, b); });
      break;
    case Op::kSelect:
      IntervalSelect(group, run);
      break;
    case Op::kPow:
    case Op::kAtan2:
    case Op::kHypot:
      binary([function = BinaryEnclosureOf(group.op)](const IVec& a, const IVec& b) {
        return LaneByLane(function, a, b);
      });
      break;
    default:
      unary([function = UnaryEnclosureOf(group.op)](const IVec& a) {
        return LaneByLane(function, a);
      });
      break;
  }
}

// ---- Doubts ------------------------------------------------------------------------------------

// The lanes in which the operation may be infinite or NaN though its arguments are numbers.
inline Mask MayBeUndefined(Op op, const IVec& a, const IVec& b) {
  switch (op) {
    case Op::kReciprocal:
      return MayBeZero(a);
    case Op::kSqrt:
      return ~(a.lo >= 0.0);
    case Op::kLog:
      return ~(a.lo > 0.0);
    case Op::kLog1p:
      return ~(a.lo > -1.0);
    case Op::kTan:
      return IsUnbounded(LaneByLane(&ad::enclose::Tan, a));
    case Op::kAsin:
    case Op::kAcos:
      return IsNotWithin(a, -1, 1);
    case Op::kAcosh:
      return ~(a.lo >= 1.0);
    case Op::kAtanh:
      return IsNotInside(a, -1, 1);
    case Op::kDivide:
      return MayBeZero(b);
    default:
      return MayPowBeUndefined(a, b);
  }
}

inline bool IsComparison(Op op) {
  return op == Op::kLess || op == Op::kLessEqual || op == Op::kEqual;
}

// A group whose operations may be undefined, or that compares what may be: instruction by
// instruction, for later ones of the group may follow from earlier ones.
[[gnu::noinline]] inline void RunWithDoubts(const Group& group, const BlockRun& run) {
  const IntervalSlots slots{run};
  const bool compares = IsComparison(group.op);
  const bool is_binary = compares || group.op == Op::kDivide || group.op == Op::kPow;
  const uint32_t operands = is_binary ? 3 : 2;
  Group single = group;
  single.count = 1;
  for (uint32_t i = 0; i < group.count; ++i, single.offset += operands) {
    const uint32_t* o = run.operands + single.offset;
    if (compares) RunIntervalGroup(single, run);
    for (ptrdiff_t lane = 0; lane < slots.half; lane += kLanes) {
      const Vec doubts = Load(run.doubts + lane);
      if (compares) {
        slots.Put(o[0], lane, Doubted(slots.Get(o[0], lane), doubts > 0.0));
      } else {
        const IVec a = slots.Get(o[1], lane);
        const Mask undefined = MayBeUndefined(group.op, a, is_binary ? slots.Get(o[2], lane) : a);
        Store(run.doubts + lane, Blend(undefined, Broadcast(1.0), doubts));
      }
    }
    if (!compares) RunIntervalGroup(single, run);
  }
}

inline void RunIntervals(const BlockRun& run) {
  for (const Group* group = run.groups; group != run.groups + run.num_groups; ++group) {
    if (__builtin_expect(group->doubts & run.scope, 0) != 0) {
      RunWithDoubts(*group, run);
    } else {
      RunIntervalGroup(*group, run);
    }
  }
}

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_PROGRAM_INTERVAL_KERNELS_IMPL_H_
