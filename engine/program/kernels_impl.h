// The kernels of a replay, written once with vector extensions and compiled once per instruction
// set. Included by kernels_<isa>.cc only, which define
//   SOBOLEV_ISA           the namespace, and
//   SOBOLEV_VECTOR_BYTES  the size of a register.
// Nothing here may come from another header than the ones below: see opcode.h.

#ifndef SOBOLEV_ENGINE_PROGRAM_KERNELS_IMPL_H_
#define SOBOLEV_ENGINE_PROGRAM_KERNELS_IMPL_H_

#include <stddef.h>
#include <stdint.h>

#include "engine/program/groups_impl.h"
#include "engine/program/interval_kernels_impl.h"
#include "engine/program/kernels.h"
#include "engine/program/rows_impl.h"
#include "engine/program/vector_math.h"

namespace sobolev::program::SOBOLEV_ISA {

inline void LongFunction(const Group& group, const BlockRun& run) {
  switch (group.op) {
    case Op::kCbrt:
      return LongUnary(group, run, [](Vec x) { return Cbrt(x); });
    case Op::kExp:
      return LongUnary(group, run, [](Vec x) { return Exp(x); });
    case Op::kExpm1:
      return LongUnary(group, run, [](Vec x) { return Expm1(x); });
    case Op::kLog:
      return LongUnary(group, run, [](Vec x) { return Log(x); });
    case Op::kLog1p:
      return LongUnary(group, run, [](Vec x) { return Log1p(x); });
    case Op::kSin:
      return LongUnary(group, run, [](Vec x) { return Sin(x); });
    case Op::kCos:
      return LongUnary(group, run, [](Vec x) { return Cos(x); });
    case Op::kTan:
      return LongUnary(group, run, [](Vec x) { return Tan(x); });
    case Op::kAsin:
      return LongUnary(group, run, [](Vec x) { return Asin(x); });
    case Op::kAcos:
      return LongUnary(group, run, [](Vec x) { return Acos(x); });
    case Op::kAtan:
      return LongUnary(group, run, [](Vec x) { return Atan(x); });
    case Op::kSinh:
      return LongUnary(group, run, [](Vec x) { return Sinh(x); });
    case Op::kCosh:
      return LongUnary(group, run, [](Vec x) { return Cosh(x); });
    case Op::kTanh:
      return LongUnary(group, run, [](Vec x) { return Tanh(x); });
    case Op::kAsinh:
      return LongUnary(group, run, [](Vec x) { return Asinh(x); });
    case Op::kAcosh:
      return LongUnary(group, run, [](Vec x) { return Acosh(x); });
    case Op::kAtanh:
      return LongUnary(group, run, [](Vec x) { return Atanh(x); });
    case Op::kErf:
      return LongUnary(group, run, [](Vec x) { return Erf(x); });
    case Op::kErfc:
      return LongUnary(group, run, [](Vec x) { return Erfc(x); });
    case Op::kNormalCdf:
      return LongUnary(group, run, [](Vec x) { return NormalCdf(x); });
    case Op::kSigmoid:
      return LongUnary(group, run, [](Vec x) { return Sigmoid(x); });
    case Op::kSoftplus:
      return LongUnary(group, run, [](Vec x) { return Softplus(x); });
    case Op::kPow:
      return LongBinary(group, run, [](Vec a, Vec b) { return Pow(a, b); });
    case Op::kAtan2:
      return LongBinary(group, run, [](Vec a, Vec b) { return Atan2(a, b); });
    case Op::kHypot:
      return LongBinary(group, run, [](Vec a, Vec b) { return Hypot(a, b); });
    default:
      return SinesAndCosines(group, run);
  }
}

// The functions that machine code calls.
template <Vec (*kFunction)(Vec)>
RegisterFunction UnaryFunction() {
  const auto function = +[](Vec x) { return kFunction(x); };
  return reinterpret_cast<RegisterFunction>(function);
}

template <Vec (*kFunction)(Vec, Vec)>
RegisterFunction BinaryFunction() {
  const auto function = +[](Vec a, Vec b) { return kFunction(a, b); };
  return reinterpret_cast<RegisterFunction>(function);
}

inline RegisterFunction SineAndCosineFunction() {
  const auto function = +[](Vec x, double* results) {
    const SinCosVec pair = SinCos(x);
    Store(results, pair.sin);
    Store(results + kLanes, pair.cos);
  };
  return reinterpret_cast<RegisterFunction>(function);
}

// All of them; whatever else machine code meets, it must have instructions for (register_plan.cc).
inline RegisterFunction FunctionOf(Op op) {
  switch (op) {
    case Op::kSign:
      return UnaryFunction<Sign>();
    case Op::kCbrt:
      return UnaryFunction<Cbrt>();
    case Op::kExp:
      return UnaryFunction<Exp>();
    case Op::kExpm1:
      return UnaryFunction<Expm1>();
    case Op::kLog:
      return UnaryFunction<Log>();
    case Op::kLog1p:
      return UnaryFunction<Log1p>();
    case Op::kSin:
      return UnaryFunction<Sin>();
    case Op::kCos:
      return UnaryFunction<Cos>();
    case Op::kTan:
      return UnaryFunction<Tan>();
    case Op::kAsin:
      return UnaryFunction<Asin>();
    case Op::kAcos:
      return UnaryFunction<Acos>();
    case Op::kAtan:
      return UnaryFunction<Atan>();
    case Op::kSinh:
      return UnaryFunction<Sinh>();
    case Op::kCosh:
      return UnaryFunction<Cosh>();
    case Op::kTanh:
      return UnaryFunction<Tanh>();
    case Op::kAsinh:
      return UnaryFunction<Asinh>();
    case Op::kAcosh:
      return UnaryFunction<Acosh>();
    case Op::kAtanh:
      return UnaryFunction<Atanh>();
    case Op::kErf:
      return UnaryFunction<Erf>();
    case Op::kErfc:
      return UnaryFunction<Erfc>();
    case Op::kNormalCdf:
      return UnaryFunction<NormalCdf>();
    case Op::kSigmoid:
      return UnaryFunction<Sigmoid>();
    case Op::kSoftplus:
      return UnaryFunction<Softplus>();
    case Op::kPow:
      return BinaryFunction<Pow>();
    case Op::kAtan2:
      return BinaryFunction<Atan2>();
    case Op::kHypot:
      return BinaryFunction<Hypot>();
    case Op::kSinCos:
      return SineAndCosineFunction();
    default:
      return nullptr;
  }
}

inline Vec One(Mask mask) { return Blend(mask, 1.0, 0.0); }

template <int kRegisters>
void RunChain(const Group& group, const uint32_t* operands, double* slots) {
  const auto binary = [&](auto function) {
    BinaryChain<kRegisters>(group, operands, slots, function);
  };
  const auto ternary = [&](auto function) {
    TernaryChain<kRegisters>(group, operands, slots, function);
  };
  switch (group.op) {
    case Op::kAdd:
      return binary([](Vec a, Vec b) { return a + b; });
    case Op::kSubtract:
      return binary([](Vec a, Vec b) { return a - b; });
    case Op::kMultiply:
      return binary([](Vec a, Vec b) { return a * b; });
    case Op::kMultiplyAdd:
      return ternary([](Vec a, Vec b, Vec c) { return Fma(a, b, c); });
    default:
      return ternary([](Vec a, Vec b, Vec c) { return Fma(-a, b, c); });
  }
}

template <int kRegisters, bool kStrict>
void RunBlock(const BlockRun& run) {
  const uint32_t* operands = run.operands;
  double* slots = run.slots;
  for (const Group* group = run.groups; group != run.groups + run.num_groups; ++group) {
    if (group->is_chain) {
      RunChain<kRegisters>(*group, operands, slots);
      continue;
    }
    const auto unary = [&](auto function) { Unary<kRegisters>(*group, operands, slots, function); };
    const auto binary = [&](auto function) {
      Binary<kRegisters>(*group, operands, slots, function);
    };
    const auto ternary = [&](auto function) {
      Ternary<kRegisters>(*group, operands, slots, function);
    };
    switch (group->op) {
      case Op::kNegate:
        unary([](Vec a) { return -a; });
        break;
      case Op::kSquare:
        unary([](Vec a) { return a * a; });
        break;
      case Op::kReciprocal:
        unary([](Vec a) { return 1.0 / a; });
        break;
      case Op::kAbs:
        unary([](Vec a) { return Abs(a); });
        break;
      case Op::kSign:
        unary([](Vec a) { return Sign(a); });
        break;
      case Op::kFloor:
        unary([](Vec a) { return Floor(a); });
        break;
      case Op::kSqrt:
        unary([](Vec a) { return Sqrt(a); });
        break;
      case Op::kAdd:
        binary([](Vec a, Vec b) { return a + b; });
        break;
      case Op::kSubtract:
        binary([](Vec a, Vec b) { return a - b; });
        break;
      case Op::kMultiply:
        binary([](Vec a, Vec b) { return a * b; });
        break;
      case Op::kSeedMultiply:
        binary([](Vec a, Vec b) { return Blend(a == 0.0, Vec{}, a * b); });
        break;
      case Op::kDivide:
        binary([](Vec a, Vec b) { return a / b; });
        break;
      case Op::kMin:
        binary([](Vec a, Vec b) { return Min(a, b); });
        break;
      case Op::kMax:
        binary([](Vec a, Vec b) { return Max(a, b); });
        break;
      case Op::kLess:
        binary([](Vec a, Vec b) { return One(a < b); });
        break;
      case Op::kLessEqual:
        binary([](Vec a, Vec b) { return One(a <= b); });
        break;
      case Op::kEqual:
        binary([](Vec a, Vec b) { return One(a == b); });
        break;
      case Op::kSelect:
        ternary([](Vec a, Vec b, Vec c) { return Blend(a != 0.0, b, c); });
        break;
      case Op::kMultiplyAdd:
        ternary([](Vec a, Vec b, Vec c) { return Fma(a, b, c); });
        break;
      case Op::kNegativeMultiplyAdd:
        ternary([](Vec a, Vec b, Vec c) { return Fma(-a, b, c); });
        break;
      case Op::kMultiplySubtract:
        ternary([](Vec a, Vec b, Vec c) { return Fma(a, b, -c); });
        break;
      case Op::kSumOfProducts:
        SumsOfProducts<kRegisters>(*group, operands, slots);
        break;
      default:
        if constexpr (kStrict) {
          const bool binary_op =
              group->op == Op::kPow || group->op == Op::kAtan2 || group->op == Op::kHypot;
          ApplyLanes(*group, run, binary_op ? 2 : 1);
        } else {
          LongFunction(*group, run);
        }
        break;
    }
  }
}

template <bool kStrict>
void Run(const BlockRun& run) {
  switch (run.registers) {
    case 1:
      return RunBlock<1, kStrict>(run);
    case 2:
      return RunBlock<2, kStrict>(run);
    case 4:
      return RunBlock<4, kStrict>(run);
    default:
      return RunBlock<8, kStrict>(run);
  }
}

constexpr LaneKernels Table() {
  return {.width = kLanes,
          .run_fast = Run<false>,
          .run_strict = Run<true>,
          .run_interval = RunIntervals,
          .function = FunctionOf,
          .load = LoadRows,
          .store = StoreRows};
}

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_PROGRAM_KERNELS_IMPL_H_
