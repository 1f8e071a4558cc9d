// Points to lanes and back, for one instruction set. Part of kernels_impl.h, which says how to
// include it.
//
// A point is a row in memory, and a lane of every slot: to load points is to transpose. Elements
// that are neighbours in their rows are moved together, as squares of a register's lanes or pairs.

#ifndef SOBOLEV_ENGINE_PROGRAM_ROWS_IMPL_H_
#define SOBOLEV_ENGINE_PROGRAM_ROWS_IMPL_H_

#include <stddef.h>
#include <stdint.h>

#include "engine/program/kernels.h"
#include "engine/program/vector_types.h"

namespace sobolev::program::SOBOLEV_ISA {

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

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_PROGRAM_ROWS_IMPL_H_
