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

// The long functions, for WithFunction.
template <Vec (*kFunction)(Vec)>
struct UnaryFunction {};
template <Vec (*kFunction)(Vec, Vec)>
struct BinaryFunction {};
struct SineAndCosine {};
struct NoFunction {};

// What visit(function) returns for the function of an operation; NoFunction for those that are
// instructions of the processor, or a few.
template <class Visit>
inline auto WithFunction(Op op, const Visit& visit) {
  switch (op) {
    case Op::kSign:
      return visit(UnaryFunction<Sign>());
    case Op::kCbrt:
      return visit(UnaryFunction<Cbrt>());
    case Op::kExp:
      return visit(UnaryFunction<Exp>());
    case Op::kExpm1:
      return visit(UnaryFunction<Expm1>());
    case Op::kLog:
      return visit(UnaryFunction<Log>());
    case Op::kLog1p:
      return visit(UnaryFunction<Log1p>());
    case Op::kSin:
      return visit(UnaryFunction<Sin>());
    case Op::kCos:
      return visit(UnaryFunction<Cos>());
    case Op::kTan:
      return visit(UnaryFunction<Tan>());
    case Op::kAsin:
      return visit(UnaryFunction<Asin>());
    case Op::kAcos:
      return visit(UnaryFunction<Acos>());
    case Op::kAtan:
      return visit(UnaryFunction<Atan>());
    case Op::kSinh:
      return visit(UnaryFunction<Sinh>());
    case Op::kCosh:
      return visit(UnaryFunction<Cosh>());
    case Op::kTanh:
      return visit(UnaryFunction<Tanh>());
    case Op::kAsinh:
      return visit(UnaryFunction<Asinh>());
    case Op::kAcosh:
      return visit(UnaryFunction<Acosh>());
    case Op::kAtanh:
      return visit(UnaryFunction<Atanh>());
    case Op::kErf:
      return visit(UnaryFunction<Erf>());
    case Op::kErfc:
      return visit(UnaryFunction<Erfc>());
    case Op::kNormalCdf:
      return visit(UnaryFunction<NormalCdf>());
    case Op::kSigmoid:
      return visit(UnaryFunction<Sigmoid>());
    case Op::kSoftplus:
      return visit(UnaryFunction<Softplus>());
    case Op::kPow:
      return visit(BinaryFunction<Pow>());
    case Op::kAtan2:
      return visit(BinaryFunction<Atan2>());
    case Op::kHypot:
      return visit(BinaryFunction<Hypot>());
    case Op::kSinCos:
      return visit(SineAndCosine());
    default:
      return visit(NoFunction());
  }
}

// Applies a function to the instructions of a group.
struct GroupRunner {
  const Group& group;
  const BlockRun& run;

  template <Vec (*kFunction)(Vec)>
  void operator()(UnaryFunction<kFunction> /*function*/) const {
    LongUnary(group, run, [](Vec x) { return kFunction(x); });
  }
  template <Vec (*kFunction)(Vec, Vec)>
  void operator()(BinaryFunction<kFunction> /*function*/) const {
    LongBinary(group, run, [](Vec a, Vec b) { return kFunction(a, b); });
  }
  void operator()(SineAndCosine /*function*/) const { SinesAndCosines(group, run); }
  void operator()(NoFunction /*function*/) const {}
};

// The function as machine code calls it.
struct FunctionPointer {
  template <Vec (*kFunction)(Vec)>
  RegisterFunction operator()(UnaryFunction<kFunction> /*function*/) const {
    return reinterpret_cast<RegisterFunction>(+[](Vec x) { return kFunction(x); });
  }
  template <Vec (*kFunction)(Vec, Vec)>
  RegisterFunction operator()(BinaryFunction<kFunction> /*function*/) const {
    return reinterpret_cast<RegisterFunction>(+[](Vec a, Vec b) { return kFunction(a, b); });
  }
  RegisterFunction operator()(SineAndCosine /*function*/) const {
    return reinterpret_cast<RegisterFunction>(+[](Vec x, double* results) {
      const SinCosVec pair = SinCos(x);
      Store(results, pair.sin);
      Store(results + kLanes, pair.cos);
    });
  }
  RegisterFunction operator()(NoFunction /*function*/) const { return nullptr; }
};

inline void LongFunction(const Group& group, const BlockRun& run) {
  WithFunction(group.op, GroupRunner{group, run});
}

// Null for whatever machine code must have instructions for (register_plan.cc).
inline RegisterFunction FunctionOf(Op op) { return WithFunction(op, FunctionPointer()); }

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
