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

// A register whose lane i is lane kFrom(i) of a, or of b from kLanes on.
template <ptrdiff_t (*kFrom)(ptrdiff_t)>
inline Vec Shuffle(Vec a, Vec b) {
#if SOBOLEV_VECTOR_BYTES == 64
  return __builtin_shufflevector(a, b, kFrom(0), kFrom(1), kFrom(2), kFrom(3), kFrom(4), kFrom(5),
                                 kFrom(6), kFrom(7));
#elif SOBOLEV_VECTOR_BYTES == 32
  return __builtin_shufflevector(a, b, kFrom(0), kFrom(1), kFrom(2), kFrom(3));
#else
  return __builtin_shufflevector(a, b, kFrom(0), kFrom(1));
#endif
}

// Where lane i comes from when blocks of kHalf lanes change places between the two registers of a
// pair: the first register keeps its even blocks, the second its odd ones.
template <int kHalf, bool kIsSecond>
constexpr ptrdiff_t ExchangedLane(ptrdiff_t i) {
  return ((i / kHalf) % 2 != 0 ? kLanes - kHalf : 0) + i + (kIsSecond ? kHalf : 0);
}

template <int kHalf, bool kIsSecond>
inline Vec Exchange(Vec a, Vec b) {
  return Shuffle<ExchangedLane<kHalf, kIsSecond>>(a, b);
}

// Two registers of pairs: the first or second element of each pair; and back.
template <int kElement>
constexpr ptrdiff_t LaneOfPair(ptrdiff_t i) {
  return 2 * i + kElement;
}
template <bool kIsSecond>
constexpr ptrdiff_t LaneOfElements(ptrdiff_t i) {
  return i / 2 + (kIsSecond ? kLanes / 2 : 0) + (i % 2 != 0 ? kLanes : 0);
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
template <class Rows>
inline Vec LoadPairs(const Rows& rows, ptrdiff_t index) {
  const auto quad = [&](ptrdiff_t row) {
    return __builtin_shufflevector(LoadPair(rows[row] + index), LoadPair(rows[row + 2] + index), 0,
                                   1, 2, 3);
  };
#if SOBOLEV_VECTOR_BYTES == 64
  return __builtin_shufflevector(quad(0), quad(4), 0, 1, 2, 3, 4, 5, 6, 7);
#else
  return quad(0);
#endif
}

template <class Rows>
inline void StorePairs(Vec pairs, const Rows& rows, ptrdiff_t index) {
  StorePair<0>(rows[0] + index, pairs);
  StorePair<1>(rows[2] + index, pairs);
#if SOBOLEV_VECTOR_BYTES == 64
  StorePair<2>(rows[4] + index, pairs);
  StorePair<3>(rows[6] + index, pairs);
#endif
}

#else

// Two neighbours are a square.
template <class Rows>
inline Vec LoadPairs(const Rows& rows, ptrdiff_t index) {
  return Load(rows[0] + index);
}
template <class Rows>
inline void StorePairs(Vec pairs, const Rows& rows, ptrdiff_t index) {
  Store(rows[0] + index, pairs);
}

#endif

// Rows with a pitch.
template <class T>
struct PitchedRows {
  T* first;
  ptrdiff_t pitch;
  T* operator[](ptrdiff_t lane) const { return first + lane * pitch; }
  PitchedRows operator+(ptrdiff_t lane) const { return {first + lane * pitch, pitch}; }
};

// `Rows` are PitchedRows or a pointer to pointers: rows[lane] is a row.
template <class Rows>
inline void LoadRowsFrom(const RowRun& run, const Rows& rows, double* slots) {
  for (ptrdiff_t k = 0; k < run.count;) {
    const ptrdiff_t neighbours = CountNeighbours(run.indices + k, run.count - k);
    const ptrdiff_t index = run.indices[k];
    for (ptrdiff_t lane = 0; lane < run.lanes; lane += kLanes) {
      const auto from = rows + lane;
      double* to = slots + k * run.stride + lane;
      if (neighbours == kLanes) {
        Vec square[kLanes];
#pragma GCC unroll 8
        for (int i = 0; i < kLanes; ++i) square[i] = Load(from[i] + index);
        Transpose(square);
#pragma GCC unroll 8
        for (int i = 0; i < kLanes; ++i) Store(to + i * run.stride, square[i]);
      } else if (neighbours == 2 && run.pitch == 2) {
        const Vec first = Load(from[0] + index);
        const Vec second = Load(from[0] + index + kLanes);
        Store(to, Shuffle<LaneOfPair<0>>(first, second));
        Store(to + run.stride, Shuffle<LaneOfPair<1>>(first, second));
      } else if (neighbours == 2) {
        const Vec even = LoadPairs(from, index);
        const Vec odd = LoadPairs(from + 1, index);
        Store(to, Exchange<1, false>(even, odd));
        Store(to + run.stride, Exchange<1, true>(even, odd));
      } else if (run.pitch == 1) {
        Store(to, Load(from[0] + index));
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

template <class Rows>
inline void StoreRowsTo(const RowRun& run, const double* base, const uint32_t* slot_of,
                        ptrdiff_t points, const Rows& rows) {
  for (ptrdiff_t k = 0; k < run.count;) {
    const ptrdiff_t neighbours = CountNeighbours(run.indices + k, run.count - k);
    const ptrdiff_t index = run.indices[k];
    const auto column = [&](ptrdiff_t i) { return base + ptrdiff_t{slot_of[k + i]} * run.stride; };
    ptrdiff_t lane = 0;
    for (; lane + kLanes <= points; lane += kLanes) {
      const auto to = rows + lane;
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
        if (run.pitch == 2) {
          Store(to[0] + index, Shuffle<LaneOfElements<false>>(first, second));
          Store(to[0] + index + kLanes, Shuffle<LaneOfElements<true>>(first, second));
        } else {
          StorePairs(Exchange<1, false>(first, second), to, index);
          StorePairs(Exchange<1, true>(first, second), to + 1, index);
        }
      } else if (run.pitch == 1) {
        Store(to[0] + index, Load(column(0) + lane));
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

inline void LoadRows(const RowRun& run, const double* const* rows, double* slots) {
  if (run.pitch == 0) return LoadRowsFrom(run, rows, slots);
  LoadRowsFrom(run, PitchedRows<const double>{.first = rows[0], .pitch = run.pitch}, slots);
}

inline void StoreRows(const RowRun& run, const double* base, const uint32_t* slot_of,
                      ptrdiff_t points, double* const* rows) {
  if (run.pitch == 0) return StoreRowsTo(run, base, slot_of, points, rows);
  StoreRowsTo(run, base, slot_of, points,
              PitchedRows<double>{.first = rows[0], .pitch = run.pitch});
}

}  // namespace sobolev::program::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_PROGRAM_ROWS_IMPL_H_
