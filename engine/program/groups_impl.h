// The loops over the instructions of a group, for one instruction set. Part of kernels_impl.h,
// which says how to include it.
//
// kRegisters is the number of registers per slot. Elementary functions are long: one loop serves
// any number of registers.

#ifndef SOBOLEV_ENGINE_PROGRAM_GROUPS_IMPL_H_
#define SOBOLEV_ENGINE_PROGRAM_GROUPS_IMPL_H_

#include <stddef.h>
#include <stdint.h>

#include "engine/program/kernels.h"
#include "engine/program/vector_math.h"

namespace sobolev::program::SOBOLEV_ISA {

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

// ---- Elementary functions

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

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_PROGRAM_GROUPS_IMPL_H_
