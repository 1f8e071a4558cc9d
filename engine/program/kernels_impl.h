// The kernels of a replay, written once with vector extensions and compiled once per instruction
// set. Included by kernels_<isa>.cc only, which define
//   SOBOLEV_ISA           the namespace, and
//   SOBOLEV_VECTOR_BYTES  the size of a register.
// Nothing here may come from another header than the ones below: see opcode.h.

#ifndef SOBOLEV_ENGINE_PROGRAM_KERNELS_IMPL_H_
#define SOBOLEV_ENGINE_PROGRAM_KERNELS_IMPL_H_

#include <stddef.h>
#include <stdint.h>

#include "engine/program/interval_kernels_impl.h"
#include "engine/program/kernels.h"
#include "engine/program/vector_math.h"

namespace sobolev::program::SOBOLEV_ISA {

// ---- Loops over the instructions of a group
// ------------------------------------------------------ kRegisters is the number of registers per
// slot.

template <int kRegisters, class Function>
inline void Unary(const Group& group, const uint32_t* operands, double* slots,
                  const Function& function) {
  const uint32_t* o = operands + group.offset;
  for (uint32_t i = 0; i < group.count; ++i, o += 2) {
    double* result = slots + size_t{o[0]} * (kRegisters * kLanes);
    const double* a = slots + size_t{o[1]} * (kRegisters * kLanes);
#pragma GCC unroll 8
    for (int v = 0; v < kRegisters; ++v) {
      Store(result + v * kLanes, function(Load(a + v * kLanes)));
    }
  }
}

template <int kRegisters, class Function>
inline void Binary(const Group& group, const uint32_t* operands, double* slots,
                   const Function& function) {
  const uint32_t* o = operands + group.offset;
  for (uint32_t i = 0; i < group.count; ++i, o += 3) {
    double* result = slots + size_t{o[0]} * (kRegisters * kLanes);
    const double* a = slots + size_t{o[1]} * (kRegisters * kLanes);
    const double* b = slots + size_t{o[2]} * (kRegisters * kLanes);
#pragma GCC unroll 8
    for (int v = 0; v < kRegisters; ++v) {
      Store(result + v * kLanes, function(Load(a + v * kLanes), Load(b + v * kLanes)));
    }
  }
}

template <int kRegisters, class Function>
inline void Ternary(const Group& group, const uint32_t* operands, double* slots,
                    const Function& function) {
  const uint32_t* o = operands + group.offset;
  for (uint32_t i = 0; i < group.count; ++i, o += 4) {
    double* result = slots + size_t{o[0]} * (kRegisters * kLanes);
    const double* a = slots + size_t{o[1]} * (kRegisters * kLanes);
    const double* b = slots + size_t{o[2]} * (kRegisters * kLanes);
    const double* c = slots + size_t{o[3]} * (kRegisters * kLanes);
#pragma GCC unroll 8
    for (int v = 0; v < kRegisters; ++v) {
      Store(result + v * kLanes,
            function(Load(a + v * kLanes), Load(b + v * kLanes), Load(c + v * kLanes)));
    }
  }
}

// acc = function(acc, b), each stored.
template <int kRegisters, class Function>
inline void BinaryChain(const Group& group, const uint32_t* operands, double* slots,
                        const Function& function) {
  const uint32_t* o = operands + group.offset;
  const double* first = slots + size_t{o[1]} * (kRegisters * kLanes);
  Vec carried[kRegisters];
#pragma GCC unroll 8
  for (int v = 0; v < kRegisters; ++v) carried[v] = Load(first + v * kLanes);
  for (uint32_t i = 0; i < group.count; ++i, o += 3) {
    double* result = slots + size_t{o[0]} * (kRegisters * kLanes);
    const double* b = slots + size_t{o[2]} * (kRegisters * kLanes);
#pragma GCC unroll 8
    for (int v = 0; v < kRegisters; ++v) {
      carried[v] = function(carried[v], Load(b + v * kLanes));
      Store(result + v * kLanes, carried[v]);
    }
  }
}

// acc = function(a, b, acc), each stored.
template <int kRegisters, class Function>
inline void TernaryChain(const Group& group, const uint32_t* operands, double* slots,
                         const Function& function) {
  const uint32_t* o = operands + group.offset;
  const double* first = slots + size_t{o[3]} * (kRegisters * kLanes);
  Vec carried[kRegisters];
#pragma GCC unroll 8
  for (int v = 0; v < kRegisters; ++v) carried[v] = Load(first + v * kLanes);
  for (uint32_t i = 0; i < group.count; ++i, o += 4) {
    double* result = slots + size_t{o[0]} * (kRegisters * kLanes);
    const double* a = slots + size_t{o[1]} * (kRegisters * kLanes);
    const double* b = slots + size_t{o[2]} * (kRegisters * kLanes);
#pragma GCC unroll 8
    for (int v = 0; v < kRegisters; ++v) {
      carried[v] = function(Load(a + v * kLanes), Load(b + v * kLanes), carried[v]);
      Store(result + v * kLanes, carried[v]);
    }
  }
}

// The sum stays in registers over all its terms. It starts with its first term, as it is.
template <int kRegisters>
inline void SumsOfProducts(const Group& group, const uint32_t* operands, double* slots) {
  constexpr size_t kStride = kRegisters * kLanes;
  const uint32_t* o = operands + group.offset;
  for (uint32_t i = 0; i < group.count; ++i) {
    double* result = slots + size_t{*o++} * kStride;
    uint32_t runs = *o++;
    Vec sum[kRegisters];
    const auto start = [&] {
      const double* a = slots + size_t{o[2]} * kStride;
      const double* b = slots + size_t{o[3]} * kStride;
      const bool is_product = o[0] == kPlusProduct;
#pragma GCC unroll 8
      for (int v = 0; v < kRegisters; ++v) {
        sum[v] = Load(a + v * kLanes);
        if (is_product) sum[v] = sum[v] * Load(b + v * kLanes);
      }
      return is_product ? 2 : 1;
    };
    const auto products = [&](uint32_t count, auto negative) {
      for (uint32_t k = 0; k < count; ++k, o += 2) {
        const double* a = slots + size_t{o[0]} * kStride;
        const double* b = slots + size_t{o[1]} * kStride;
#pragma GCC unroll 8
        for (int v = 0; v < kRegisters; ++v) {
          const Vec factor = Load(a + v * kLanes);
          sum[v] = Fma(negative() ? -factor : factor, Load(b + v * kLanes), sum[v]);
        }
      }
    };
    const auto plain = [&](uint32_t count, auto negative) {
      for (uint32_t k = 0; k < count; ++k, ++o) {
        const double* a = slots + size_t{o[0]} * kStride;
#pragma GCC unroll 8
        for (int v = 0; v < kRegisters; ++v) {
          const Vec term = Load(a + v * kLanes);
          sum[v] = negative() ? sum[v] - term : sum[v] + term;
        }
      }
    };
    const auto yes = [] { return true; };
    const auto no = [] { return false; };
    int places = start();  // Of the first term, which is done.
    for (; runs > 0; --runs) {
      const uint32_t kind = o[0];
      const uint32_t count = o[1] - (places > 0 ? 1 : 0);
      o += 2 + places;
      places = 0;
      switch (kind) {
        case kPlus:
          plain(count, no);
          break;
        case kMinus:
          plain(count, yes);
          break;
        case kPlusProduct:
          products(count, no);
          break;
        default:
          products(count, yes);
          break;
      }
    }
#pragma GCC unroll 8
    for (int v = 0; v < kRegisters; ++v) Store(result + v * kLanes, sum[v]);
  }
}

// ---- Elementary functions, which are long: one loop for any number of registers
// ------------------

template <class Function>
[[gnu::noinline]] void LongUnary(const Group& group, const BlockRun& run,
                                 const Function& function) {
  const uint32_t* o = run.operands + group.offset;
  const size_t stride = run.registers * kLanes;
  for (uint32_t i = 0; i < group.count; ++i, o += 2) {
    double* result = run.slots + o[0] * stride;
    const double* a = run.slots + o[1] * stride;
    for (size_t lane = 0; lane < stride; lane += kLanes) {
      Store(result + lane, function(Load(a + lane)));
    }
  }
}

template <class Function>
[[gnu::noinline]] void LongBinary(const Group& group, const BlockRun& run,
                                  const Function& function) {
  const uint32_t* o = run.operands + group.offset;
  const size_t stride = run.registers * kLanes;
  for (uint32_t i = 0; i < group.count; ++i, o += 3) {
    double* result = run.slots + o[0] * stride;
    const double* a = run.slots + o[1] * stride;
    const double* b = run.slots + o[2] * stride;
    for (size_t lane = 0; lane < stride; lane += kLanes) {
      Store(result + lane, function(Load(a + lane), Load(b + lane)));
    }
  }
}

[[gnu::noinline]] inline void SinesAndCosines(const Group& group, const BlockRun& run) {
  const uint32_t* o = run.operands + group.offset;
  const size_t stride = run.registers * kLanes;
  for (uint32_t i = 0; i < group.count; ++i, o += 3) {
    double* sine = run.slots + o[0] * stride;
    double* cosine = run.slots + o[1] * stride;
    const double* a = run.slots + o[2] * stride;
    for (size_t lane = 0; lane < stride; lane += kLanes) {
      const SinCosVec pair = SinCos(Load(a + lane));
      Store(sine + lane, pair.sin);
      Store(cosine + lane, pair.cos);
    }
  }
}

// Strict arithmetic: lane by lane with the functions of the C library.
[[gnu::noinline]] inline void ApplyLanes(const Group& group, const BlockRun& run, int arity) {
  const uint32_t* o = run.operands + group.offset;
  const size_t stride = run.registers * kLanes;
  for (uint32_t i = 0; i < group.count; ++i, o += arity + 1) {
    double* result = run.slots + o[0] * stride;
    const double* a = run.slots + o[1] * stride;
    const double* b = arity > 1 ? run.slots + o[2] * stride : a;
    for (size_t lane = 0; lane < stride; ++lane) {
      result[lane] = run.apply(group.op, a[lane], b[lane], 0.0);
    }
  }
}

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
    default:
      return SineAndCosineFunction();
  }
}

// ---- The replay
// ----------------------------------------------------------------------------------

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

// ---- Points to lanes and back
// --------------------------------------------------------------------

// Where lane i of a register comes from when blocks of kHalf lanes change places between the two
// registers of a pair: the first register keeps its even blocks, the second its odd ones.
template <int kHalf>
constexpr int ExchangedLane(bool is_second, int i) {
  return ((i / kHalf) % 2 != 0 ? kLanes - kHalf : 0) + i + (is_second ? kHalf : 0);
}

template <int kHalf, bool kIsSecond>
inline Vec Exchange(Vec a, Vec b) {
  constexpr auto kLane = [](int i) { return ExchangedLane<kHalf>(kIsSecond, i); };
#if SOBOLEV_VECTOR_BYTES == 64
  return __builtin_shufflevector(a, b, kLane(0), kLane(1), kLane(2), kLane(3), kLane(4), kLane(5),
                                 kLane(6), kLane(7));
#elif SOBOLEV_VECTOR_BYTES == 32
  return __builtin_shufflevector(a, b, kLane(0), kLane(1), kLane(2), kLane(3));
#else
  return __builtin_shufflevector(a, b, kLane(0), kLane(1));
#endif
}

// Transposes a square of kLanes registers: in each stage, blocks of kHalf×kHalf change places.
template <int kHalf = 1>
inline void Transpose(Vec (&rows)[kLanes]) {
  if constexpr (kHalf < kLanes) {
#pragma GCC unroll 8
    for (int pair = 0; pair < kLanes / 2; ++pair) {
      const int r = pair / kHalf * (2 * kHalf) + pair % kHalf;
      const Vec a = rows[r];
      const Vec b = rows[r + kHalf];
      rows[r] = Exchange<kHalf, false>(a, b);
      rows[r + kHalf] = Exchange<kHalf, true>(a, b);
    }
    Transpose<2 * kHalf>(rows);
  }
}

// How many of `indices` are neighbours: kLanes, or 2, or 1.
inline ptrdiff_t CountNeighbours(const uint32_t* indices, ptrdiff_t count) {
  const auto are_neighbours = [&](uint32_t size) {
    bool are = size <= count;
    for (uint32_t i = 1; are && i < size; ++i) are = indices[i] == indices[0] + i;
    return are;
  };
  return are_neighbours(kLanes) ? kLanes : are_neighbours(2) ? 2 : 1;
}

#if SOBOLEV_VECTOR_BYTES > 16

// Two doubles in memory, not aligned.
using Pair __attribute__((vector_size(16), may_alias, aligned(8))) = double;

inline Pair LoadPair(const double* from) { return *reinterpret_cast<const Pair*>(from); }

// Pair i of a register.
template <int kPair>
inline void StorePair(double* to, Vec value) {
  *reinterpret_cast<Pair*>(to) = __builtin_shufflevector(value, value, 2 * kPair, 2 * kPair + 1);
}

// A pair of every other row.
inline Vec LoadPairs(const double* const* rows, ptrdiff_t index) {
  const auto quad = [&](int row) {
    return __builtin_shufflevector(LoadPair(rows[row] + index), LoadPair(rows[row + 2] + index), 0,
                                   1, 2, 3);
  };
#if SOBOLEV_VECTOR_BYTES == 64
  return __builtin_shufflevector(quad(0), quad(4), 0, 1, 2, 3, 4, 5, 6, 7);
#else
  return quad(0);
#endif
}

inline void StorePairs(Vec pairs, ptrdiff_t index, double* const* rows) {
  StorePair<0>(rows[0] + index, pairs);
  StorePair<1>(rows[2] + index, pairs);
#if SOBOLEV_VECTOR_BYTES == 64
  StorePair<2>(rows[4] + index, pairs);
  StorePair<3>(rows[6] + index, pairs);
#endif
}

#else

// Two neighbours are a square.
inline Vec LoadPairs(const double* const* rows, ptrdiff_t index) { return Load(rows[0] + index); }
inline void StorePairs(Vec pairs, ptrdiff_t index, double* const* rows) {
  Store(rows[0] + index, pairs);
}

#endif

inline void LoadRows(const RowRun& run, const double* const* rows, double* slots) {
  for (ptrdiff_t k = 0; k < run.count;) {
    const ptrdiff_t neighbours = CountNeighbours(run.indices + k, run.count - k);
    const ptrdiff_t index = run.indices[k];
    for (ptrdiff_t lane = 0; lane < run.lanes; lane += kLanes) {
      const double* const* from = rows + lane;
      double* to = slots + k * run.stride + lane;
      if (neighbours == kLanes) {
        Vec square[kLanes];
#pragma GCC unroll 8
        for (int i = 0; i < kLanes; ++i) square[i] = Load(from[i] + index);
        Transpose(square);
#pragma GCC unroll 8
        for (int i = 0; i < kLanes; ++i) Store(to + i * run.stride, square[i]);
      } else if (neighbours == 2) {
        const Vec even = LoadPairs(from, index);
        const Vec odd = LoadPairs(from + 1, index);
        Store(to, Exchange<1, false>(even, odd));
        Store(to + run.stride, Exchange<1, true>(even, odd));
      } else {
        Vec column;
#pragma GCC unroll 8
        for (int i = 0; i < kLanes; ++i) column[i] = from[i][index];
        Store(to, column);
      }
    }
    k += neighbours;
  }
}

inline void StoreRows(const RowRun& run, const double* base, const uint32_t* slot_of,
                      ptrdiff_t points, double* const* rows) {
  for (ptrdiff_t k = 0; k < run.count;) {
    const ptrdiff_t neighbours = CountNeighbours(run.indices + k, run.count - k);
    const ptrdiff_t index = run.indices[k];
    const auto column = [&](ptrdiff_t i) { return base + ptrdiff_t{slot_of[k + i]} * run.stride; };
    ptrdiff_t lane = 0;
    for (; lane + kLanes <= points; lane += kLanes) {
      double* const* to = rows + lane;
      if (neighbours == kLanes) {
        Vec square[kLanes];
#pragma GCC unroll 8
        for (int i = 0; i < kLanes; ++i) square[i] = Load(column(i) + lane);
        Transpose(square);
#pragma GCC unroll 8
        for (int i = 0; i < kLanes; ++i) Store(to[i] + index, square[i]);
      } else if (neighbours == 2) {
        const Vec first = Load(column(0) + lane);
        const Vec second = Load(column(1) + lane);
        StorePairs(Exchange<1, false>(first, second), index, to);
        StorePairs(Exchange<1, true>(first, second), index, to + 1);
      } else {
        for (int i = 0; i < kLanes; ++i) to[i][index] = column(0)[lane + i];
      }
    }
    for (; lane < points; ++lane) {
      for (ptrdiff_t i = 0; i < neighbours; ++i) rows[lane][index + i] = column(i)[lane];
    }
    k += neighbours;
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
