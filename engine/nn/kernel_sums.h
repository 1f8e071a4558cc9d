// Kernels that sum over samples: outer products, row sums, residuals; and one that sums products of
// three over features. Included by kernels_impl.h only.

#ifndef SOBOLEV_ENGINE_NN_KERNEL_SUMS_H_
#define SOBOLEV_ENGINE_NN_KERNEL_SUMS_H_

#include <stddef.h>

#include "engine/nn/kernels.h"
#include "engine/nn/vector_math.h"

namespace sobolev::nn::SOBOLEV_ISA {

inline constexpr int kVectors = SOBOLEV_CHUNK_VECTORS;

template <class T>
inline constexpr int kWidth = Simd<T>::kWidth;
template <class T>
inline constexpr ptrdiff_t kLanes = kVectors* kWidth<T>;

// Lane numbers for shuffles, without <utility>.
template <int... kIndex>
struct Sequence {};
template <int kCount, int... kIndex>
struct MakeSequence : MakeSequence<kCount - 1, kCount - 1, kIndex...> {};
template <int... kIndex>
struct MakeSequence<0, kIndex...> {
  using Type = Sequence<kIndex...>;
};

// Lane `lane` of half `half` of the pair (a, b) cut into blocks of kBlock lanes.
template <int kWide, int kBlock, int kHalf>
constexpr int FoldLane(int lane) {
  const int within = lane % kBlock;
  const int block = lane - within + kHalf * (kBlock / 2);
  return within < kBlock / 2 ? block + within : kWide + block + within - kBlock / 2;
}

// Folds every block of a and of b to half its length by adding its halves, and interleaves them.
template <class T, int kBlock, int... kLane>
inline Vec<T> Fold(Vec<T> a, Vec<T> b, Sequence<kLane...> /*lanes*/) {
  return __builtin_shufflevector(a, b, FoldLane<kWidth<T>, kBlock, 0>(kLane)...) +
         __builtin_shufflevector(a, b, FoldLane<kWidth<T>, kBlock, 1>(kLane)...);
}

// kCount vectors x[0], x[kStep], … become kCount blocks of one vector: block i holds partial sums
// of x[i·kStep]. With kCount = kWidth each block is one lane.
template <class T, int kCount, int kStep = 1>
inline Vec<T> SumEach(const Vec<T>* x) {
  if constexpr (kCount == 1) {
    return *x;
  } else {
    return Fold<T, 2 * kWidth<T> / kCount>(SumEach<T, kCount / 2, 2 * kStep>(x),
                                           SumEach<T, kCount / 2, 2 * kStep>(x + kStep),
                                           typename MakeSequence<kWidth<T>>::Type{});
  }
}

// The sum of the lanes of each block of kBlock lanes, in every lane of the block.
template <class T, int kBlock>
inline Vec<T> SumWithin(Vec<T> x) {
  if constexpr (kBlock == 1) {
    return x;
  } else {
    return SumWithin<T, kBlock / 2>(
        Fold<T, kBlock>(x, x, typename MakeSequence<kWidth<T>>::Type{}));
  }
}

template <class T>
inline T SumOf(Vec<T> x) {
  return SumWithin<T, kWidth<T>>(x)[0];
}

// One block of kTile columns and kRows rows.
template <class T, int kRows>
inline void OuterTile(const OuterTerm<T>* terms, ptrdiff_t num_terms, ptrdiff_t num_chunks,
                      ptrdiff_t row, ptrdiff_t col, T* tile) {
  Vec<T> acc[kTile * kTile] = {};
  for (ptrdiff_t term = 0; term < num_terms; ++term) {
    const T* left = terms[term].left + row * kLanes<T>;
    const T* right = terms[term].right + col * kLanes<T>;
    for (ptrdiff_t chunk = 0; chunk < num_chunks; ++chunk) {
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        Vec<T> y[kTile];
#pragma GCC unroll 4
        for (int j = 0; j < kTile; ++j) y[j] = Load(right + j * kLanes<T> + v * kWidth<T>);
#pragma GCC unroll 4
        for (int i = 0; i < kRows; ++i) {
          const Vec<T> x = Load(left + i * kLanes<T> + v * kWidth<T>);
#pragma GCC unroll 4
          for (int j = 0; j < kTile; ++j) acc[i * kTile + j] += x * y[j];
        }
      }
      left += terms[term].left_stride;
      right += terms[term].right_stride;
    }
  }
  constexpr int kUsed = kRows * kTile;
#pragma GCC unroll 8
  for (int i = 0; i < kUsed; i += kWidth<T>) {
    Store<T>(tile + i, Load(tile + i) + SumEach<T, kWidth<T>>(acc + i));
  }
}

template <class T>
void Outer(const OuterTerm<T>* terms, ptrdiff_t num_terms, ptrdiff_t num_chunks, ptrdiff_t rows,
           ptrdiff_t cols, T* tiles) {
  for (ptrdiff_t row = 0; row < rows; row += kTile) {
    const ptrdiff_t rows_left = rows - row;
    for (ptrdiff_t col = 0; col < cols; col += kTile) {
      if (rows_left == 1) {
        OuterTile<T, 1>(terms, num_terms, num_chunks, row, col, tiles);
      } else if (rows_left == 2) {
        OuterTile<T, 2>(terms, num_terms, num_chunks, row, col, tiles);
      } else if (rows_left == 3) {
        OuterTile<T, 3>(terms, num_terms, num_chunks, row, col, tiles);
      } else {
        OuterTile<T, 4>(terms, num_terms, num_chunks, row, col, tiles);
      }
      tiles += kTile * kTile;
    }
  }
}

template <class T>
void RowSums(const T* in, ptrdiff_t stride, ptrdiff_t num_chunks, ptrdiff_t rows, T* out,
             ptrdiff_t out_stride) {
  for (ptrdiff_t row = 0; row < rows; row += kTile) {
    Vec<T> acc[kTile] = {};
    for (ptrdiff_t chunk = 0; chunk < num_chunks; ++chunk) {
      const T* from = in + chunk * stride + row * kLanes<T>;
#pragma GCC unroll 4
      for (int i = 0; i < kTile; ++i) {
#pragma GCC unroll 8
        for (int v = 0; v < kVectors; ++v) acc[i] += Load(from + i * kLanes<T> + v * kWidth<T>);
      }
    }
    constexpr int kTogether = kWidth<T> < kTile ? kWidth<T> : static_cast<int>(kTile);
    constexpr int kBlock = kWidth<T> / kTogether;
#pragma GCC unroll 4
    for (int i = 0; i < kTile; i += kTogether) {
      const Vec<T> sums = SumWithin<T, kBlock>(SumEach<T, kTogether>(acc + i));
#pragma GCC unroll 4
      for (int j = 0; j < kTogether; ++j) out[i + j] += sums[j * kBlock];
    }
    out += out_stride;
  }
}

// As many rows of a tile as leave registers for its columns.
inline constexpr ptrdiff_t kSquareRows = SOBOLEV_VECTOR_BYTES == 64 ? 4 : 2;

// Sums of rows i … and columns j …, in the vector of lanes that z, c and sums point at. Rows and
// columns beyond the last repeat it and are not stored.
template <class T>
inline void SquaresTile(const T* z, ptrdiff_t stride, ptrdiff_t num, const T* c, ptrdiff_t features,
                        ptrdiff_t i, ptrdiff_t j, T* sums) {
  const T* left[kSquareRows];
  const T* right[kTile];
  for (ptrdiff_t r = 0; r < kSquareRows; ++r)
    left[r] = z + (i + r < num ? i + r : num - 1) * stride;
  for (ptrdiff_t k = 0; k < kTile; ++k) right[k] = z + (j + k < num ? j + k : num - 1) * stride;
  Vec<T> acc[kSquareRows][kTile] = {};
  const ptrdiff_t end = features * kLanes<T>;
  for (ptrdiff_t f = 0; f < end; f += kLanes<T>) {
    Vec<T> y[kTile];
    const Vec<T> weight = Load(c + f);
#pragma GCC unroll 4
    for (int k = 0; k < kTile; ++k) y[k] = Load(right[k] + f);
#pragma GCC unroll 4
    for (int r = 0; r < kSquareRows; ++r) {
      const Vec<T> x = weight * Load(left[r] + f);
#pragma GCC unroll 4
      for (int k = 0; k < kTile; ++k) acc[r][k] += x * y[k];
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kSquareRows; ++r) {
#pragma GCC unroll 4
    for (int k = 0; k < kTile; ++k) {
      if (i + r >= num || j + k > i + r) continue;
      T* const sum = sums + ((i + r) * num + j + k) * kLanes<T>;
      Store<T>(sum, Load(sum) + acc[r][k]);
    }
  }
}

template <class T>
void WeightedSquares(const T* z, ptrdiff_t stride, ptrdiff_t num, const T* c, ptrdiff_t features,
                     T* sums) {
  for (ptrdiff_t i = 0; i < num; i += kSquareRows) {
    for (ptrdiff_t j = 0; j < i + kSquareRows && j < num; j += kTile) {
      for (ptrdiff_t lane = 0; lane < kLanes<T>; lane += kWidth<T>) {
        SquaresTile<T>(z + lane, stride, num, c + lane, features, i, j, sums + lane);
      }
    }
  }
}

// `weight_of(f, i)` is the weight of feature f at offset i, without that of the lane.
template <class T, class WeightOf>
inline ResidualSums<T> SumResiduals(const T* predicted, const T* target, const T* weight,
                                    ptrdiff_t features, T factor, T* v, const WeightOf& weight_of) {
  Vec<T> weighted = {};
  Vec<T> plain = {};
  for (ptrdiff_t f = 0; f < features; ++f) {
    for (ptrdiff_t lane = 0; lane < kLanes<T>; lane += kWidth<T>) {
      const ptrdiff_t i = f * kLanes<T> + lane;
      const Vec<T> w = Load(weight + lane);
      // A target that is NaN is missing. A prediction that is NaN must stay one.
      const Vec<T> label = Load(target + i);
      // NOLINTNEXTLINE(misc-redundant-expression): false where the label is NaN.
      const Vec<T> d = label == label ? Load(predicted + i) - label : Vec<T>{};
      const Vec<T> wd = w * weight_of(f, i) * d;
      weighted += wd * d;
      plain += w > T{0} ? d * d : Vec<T>{};
      Store<T>(v + i, wd * factor);
    }
  }
  return {SumOf<T>(weighted), SumOf<T>(plain)};
}

template <class T>
ResidualSums<T> Residual(const T* predicted, const T* target, const T* weight,
                         const T* lambda_squared, ptrdiff_t features, T factor, T* v) {
  return SumResiduals<T>(predicted, target, weight, features, factor, v,
                         [=](ptrdiff_t f, ptrdiff_t) { return lambda_squared[f]; });
}

template <class T>
ResidualSums<T> WeightedResidual(const T* predicted, const T* target, const T* weight,
                                 const T* entry_weight, ptrdiff_t features, T factor, T* v) {
  return SumResiduals<T>(predicted, target, weight, features, factor, v,
                         [=](ptrdiff_t, ptrdiff_t i) { return Load(entry_weight + i); });
}

}  // namespace sobolev::nn::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_NN_KERNEL_SUMS_H_
