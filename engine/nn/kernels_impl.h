// The kernels, written once with vector extensions and compiled once per instruction set. Included
// by kernels_<isa>.cc only, which define
//   SOBOLEV_ISA           the namespace, and
//   SOBOLEV_VECTOR_BYTES  the size of a register,
//   SOBOLEV_CHUNK_VECTORS registers per feature of a chunk.
// Nothing here may come from another header than the ones below: see kernels.h.

#ifndef SOBOLEV_ENGINE_NN_KERNELS_IMPL_H_
#define SOBOLEV_ENGINE_NN_KERNELS_IMPL_H_

#include <stddef.h>
#include <stdint.h>

#include "engine/nn/activation.h"
#include "engine/nn/kernel_sums.h"
#include "engine/nn/kernels.h"
#include "engine/nn/vector_math.h"

namespace sobolev::nn::SOBOLEV_ISA {

// ---- Activations -------------------------------------------------------------------------------

template <class T, class Phi>
void Activate(T* z, T* p, T* h, ptrdiff_t count) {
  if (h != nullptr) {
    for (ptrdiff_t i = 0; i < count; i += kWidth<T>) {
      const Jet<T> jet = Phi::template At<T>(Load(z + i));
      Store(z + i, jet.a);
      Store(p + i, jet.p);
      Store(h + i, jet.h);
    }
  } else if (p != nullptr) {
    for (ptrdiff_t i = 0; i < count; i += kWidth<T>) {
      const Jet<T> jet = Phi::template At<T>(Load(z + i));
      Store(z + i, jet.a);
      Store(p + i, jet.p);
    }
  } else {
    for (ptrdiff_t i = 0; i < count; i += kWidth<T>) {
      Store(z + i, Phi::template At<T>(Load(z + i)).a);
    }
  }
}

template <class T, class Phi>
void ActivateThird(T* z, T* p, T* h, T* k, ptrdiff_t count) {
  for (ptrdiff_t i = 0; i < count; i += kWidth<T>) {
    const Jet<T> jet = Phi::template At<T>(Load(z + i));
    Store(z + i, jet.a);
    Store(p + i, jet.p);
    Store(h + i, jet.h);
    Store(k + i, jet.k);
  }
}

// ---- Products ----------------------------------------------------------------------------------

// kRows rows of a packed product stay in registers over all columns; `finish` then takes each
// register of the result with its offset in the output.
template <class T, int kRows, class Finish>
inline void MultiplyTile(const T* weights, const T* in, ptrdiff_t cols, const T* bias,
                         ptrdiff_t first_row, const Finish& finish) {
  Vec<T> acc[kRows][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
    const Vec<T> start = bias == nullptr ? Vec<T>{} : Broadcast(bias[first_row + r]);
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) acc[r][v] = start;
  }
  for (ptrdiff_t k = 0; k < cols; ++k) {
    Vec<T> x[kVectors];
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) x[v] = Load(in + v * kWidth<T>);
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec<T> w = Broadcast(weights[r]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[r][v] += w * x[v];
    }
    in += kLanes<T>;
    weights += kRows;
  }
#pragma GCC unroll 8
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 8
    for (int v = 0; v < kVectors; ++v) {
      finish((first_row + r) * kLanes<T> + v * kWidth<T>, acc[r][v]);
    }
  }
}

// Whole groups of kRows rows from `row` on, which are summed up side by side, since few sums would
// wait for each other. Adds up in the order of a dense product, so that leaving out zeros leaves
// the bits of finite sums.
template <class T, int kRows, class Finish>
inline void MultiplySparseRows(const Product<T>& product, const T* bias, ptrdiff_t& row,
                               const Finish& finish) {
  for (; row + kRows <= product.rows; row += kRows) {
    Vec<T> acc[kRows][kVectors];
    const uint32_t* const starts = product.starts + row;
    uint32_t common = starts[1] - starts[0];
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      const Vec<T> start = bias == nullptr ? Vec<T>{} : Broadcast(bias[row + r]);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[r][v] = start;
      const uint32_t size = starts[r + 1] - starts[r];
      common = size < common ? size : common;
    }
    const auto add = [&](int r, uint32_t k) {
      const T* const x = product.in + product.columns[k] * kLanes<T>;
      const Vec<T> w = product.weights[k] - Vec<T>{};
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) acc[r][v] += w * Load(x + v * kWidth<T>);
    };
    for (uint32_t i = 0; i < common; ++i) {
#pragma GCC unroll 8
      for (int r = 0; r < kRows; ++r) add(r, starts[r] + i);
    }
#pragma GCC unroll 8
    for (int r = 0; r < kRows; ++r) {
      for (uint32_t k = starts[r] + common; kRows > 1 && k < starts[r + 1]; ++k) add(r, k);
#pragma GCC unroll 8
      for (int v = 0; v < kVectors; ++v) {
        finish((row + r) * kLanes<T> + v * kWidth<T>, acc[r][v]);
      }
    }
  }
}

template <class T, class Finish>
inline void MultiplySparse(const Product<T>& product, const T* bias, const Finish& finish) {
  ptrdiff_t row = 0;
  MultiplySparseRows < T, kVectors<4 ? 4 : 2>(product, bias, row, finish);
  MultiplySparseRows<T, 1>(product, bias, row, finish);
}

template <class T, class Finish>
inline void Multiply(const Product<T>& product, const T* bias, const Finish& finish) {
  if (product.starts != nullptr) {
    MultiplySparse<T>(product, bias, finish);
    return;
  }
  const ptrdiff_t num_tiles = (product.rows + kMaxTileRows - 1) / kMaxTileRows;
  const ptrdiff_t rows_each = product.rows / num_tiles;
  const ptrdiff_t num_larger = product.rows % num_tiles;
  const T* weights = product.weights;
  ptrdiff_t row = 0;
  for (ptrdiff_t tile = 0; tile < num_tiles; ++tile) {
    const ptrdiff_t rows = rows_each + (tile < num_larger ? 1 : 0);
    switch (rows) {
      case 1:
        MultiplyTile<T, 1>(weights, product.in, product.cols, bias, row, finish);
        break;
      case 2:
        MultiplyTile<T, 2>(weights, product.in, product.cols, bias, row, finish);
        break;
      case 3:
        MultiplyTile<T, 3>(weights, product.in, product.cols, bias, row, finish);
        break;
      case 4:
        MultiplyTile<T, 4>(weights, product.in, product.cols, bias, row, finish);
        break;
      case 5:
        MultiplyTile<T, 5>(weights, product.in, product.cols, bias, row, finish);
        break;
      default:
        MultiplyTile<T, 6>(weights, product.in, product.cols, bias, row, finish);
    }
    row += rows;
    weights += rows * product.cols;
  }
}

template <class T>
void Affine(const Product<T>& product, const T* bias, T* out) {
  Multiply<T>(product, bias, [=](ptrdiff_t i, Vec<T> acc) { Store(out + i, acc); });
}

template <class T>
void Scaled(const Product<T>& product, const T* p, T* out) {
  Multiply<T>(product, nullptr,
              [=](ptrdiff_t i, Vec<T> acc) { Store<T>(out + i, Load(p + i) * acc); });
}

template <class T>
void Adjoint(const Product<T>& product, const T* p, const T* h, T* g, T* c) {
  Multiply<T>(product, nullptr, [=](ptrdiff_t i, Vec<T> acc) {
    const Vec<T> c_i = Load(h + i) * acc;
    Store<T>(g + i, Load(p + i) * acc);
    Store<T>(c + i, c_i);
  });
}

template <class T>
void FirstAdjoint(const T* w, ptrdiff_t features, const T* p, const T* h, T* g, T* c) {
  for (ptrdiff_t f = 0; f < features; ++f) {
    for (ptrdiff_t i = f * kLanes<T>; i < (f + 1) * kLanes<T>; i += kWidth<T>) {
      Store<T>(g + i, Load(p + i) * w[f]);
      if (h != nullptr) Store<T>(c + i, Load(h + i) * w[f]);
    }
  }
}

template <class T>
void Accumulate(const Product<T>& product, T* sum) {
  Multiply<T>(product, nullptr,
              [=](ptrdiff_t i, Vec<T> acc) { Store<T>(sum + i, Load(sum + i) + acc); });
}

template <class T>
void Tangent(const Product<T>& product, const T* p, const T* c, T* t, T* q) {
  Multiply<T>(product, nullptr, [=](ptrdiff_t i, Vec<T> acc) {
    const Vec<T> q_i = Load(c + i) * acc;
    Store<T>(t + i, Load(p + i) * acc);
    Store<T>(q + i, q_i);
  });
}

template <class T>
void TangentAdd(const Product<T>& product, const T* p, const T* c, T* t, T* q) {
  Multiply<T>(product, nullptr, [=](ptrdiff_t i, Vec<T> acc) {
    const Vec<T> q_i = Load(q + i) + Load(c + i) * acc;
    Store<T>(t + i, Load(p + i) * acc);
    Store<T>(q + i, q_i);
  });
}

template <class T>
void Reverse(const Product<T>& product, const T* p, const T* q, T* z_bar) {
  Multiply<T>(product, nullptr, [=](ptrdiff_t i, Vec<T> acc) {
    Store<T>(z_bar + i, Load(p + i) * acc + Load(q + i));
  });
}

// ---- Elementwise -------------------------------------------------------------------------------

template <class T>
void AddElements(const T* x, ptrdiff_t count, T* sum) {
  for (ptrdiff_t i = 0; i < count; i += kWidth<T>) Store<T>(sum + i, Load(sum + i) + Load(x + i));
}

template <class T>
void Blend(const T* p, const T* x, const T* q, ptrdiff_t count, T* out) {
  for (ptrdiff_t i = 0; i < count; i += kWidth<T>) {
    Vec<T> product = Load(p + i) * Load(x + i);
    if (q != nullptr) product += Load(q + i);
    Store<T>(out + i, product);
  }
}

// ---- Between samples in memory and lanes -------------------------------------------------------

// kTile consecutive elements, wherever they start.
template <class T>
struct Quad {
  using Value __attribute__((vector_size(4 * sizeof(T)))) = T;
  using Stored __attribute__((vector_size(4 * sizeof(T)), may_alias, aligned(sizeof(T)))) = T;
};

// to[j·to_stride + i] = from[i][j] for i, j < kTile.
template <class T>
inline void TransposeQuads(const T* const (&from)[kTile], T* to, ptrdiff_t to_stride) {
  using Value = typename Quad<T>::Value;
  using Stored = typename Quad<T>::Stored;
  const Value r0 = *reinterpret_cast<const Stored*>(from[0]);
  const Value r1 = *reinterpret_cast<const Stored*>(from[1]);
  const Value r2 = *reinterpret_cast<const Stored*>(from[2]);
  const Value r3 = *reinterpret_cast<const Stored*>(from[3]);
  const Value low01 = __builtin_shufflevector(r0, r1, 0, 4, 1, 5);
  const Value low23 = __builtin_shufflevector(r2, r3, 0, 4, 1, 5);
  const Value high01 = __builtin_shufflevector(r0, r1, 2, 6, 3, 7);
  const Value high23 = __builtin_shufflevector(r2, r3, 2, 6, 3, 7);
  *reinterpret_cast<Stored*>(to) = __builtin_shufflevector(low01, low23, 0, 1, 4, 5);
  *reinterpret_cast<Stored*>(to + to_stride) = __builtin_shufflevector(low01, low23, 2, 3, 6, 7);
  *reinterpret_cast<Stored*>(to + 2 * to_stride) =
      __builtin_shufflevector(high01, high23, 0, 1, 4, 5);
  *reinterpret_cast<Stored*>(to + 3 * to_stride) =
      __builtin_shufflevector(high01, high23, 2, 3, 6, 7);
}

template <class T>
void Gather(const T* rows, ptrdiff_t stride, const uint32_t* indices, ptrdiff_t count,
            ptrdiff_t features, T* out) {
  const auto row = [=](ptrdiff_t lane) {
    return rows + (indices == nullptr ? lane : static_cast<ptrdiff_t>(indices[lane])) * stride;
  };
  const ptrdiff_t whole = features - features % kTile;
  ptrdiff_t lane = 0;
  for (; lane + kTile <= count; lane += kTile) {
    const T* from[kTile] = {row(lane), row(lane + 1), row(lane + 2), row(lane + 3)};
    T* to = out + lane;
    for (ptrdiff_t f = 0; f < whole; f += kTile) {
      TransposeQuads(from, to, kLanes<T>);
      for (const T*& pointer : from) pointer += kTile;
      to += kTile * kLanes<T>;
    }
    for (ptrdiff_t f = whole; f < features; ++f) {
      for (ptrdiff_t i = 0; i < kTile; ++i) to[(f - whole) * kLanes<T> + i] = from[i][f - whole];
    }
  }
  for (; lane < kLanes<T>; ++lane) {
    for (ptrdiff_t f = 0; f < features; ++f) {
      out[f * kLanes<T> + lane] = lane < count ? row(lane)[f] : T{0};
    }
  }
}

template <class T>
void Scatter(const T* in, ptrdiff_t features, ptrdiff_t count, T* out, ptrdiff_t stride) {
  const ptrdiff_t whole_lanes = count - count % kTile;
  const ptrdiff_t whole = features - features % kTile;
  for (ptrdiff_t lane = 0; lane < whole_lanes; lane += kTile) {
    for (ptrdiff_t f = 0; f < whole; f += kTile) {
      const T* at = in + f * kLanes<T> + lane;
      const T* from[kTile] = {at, at + kLanes<T>, at + 2 * kLanes<T>, at + 3 * kLanes<T>};
      TransposeQuads(from, out + lane * stride + f, stride);
    }
  }
  for (ptrdiff_t lane = 0; lane < count; ++lane) {
    for (ptrdiff_t f = lane < whole_lanes ? whole : 0; f < features; ++f) {
      out[lane * stride + f] = in[f * kLanes<T> + lane];
    }
  }
}

// ---- Features in lanes -------------------------------------------------------------------------

template <class T, int kSides, int kCount>
inline void ApplyTile(const T* weights, ptrdiff_t padded_rows, ptrdiff_t cols, const T* in,
                      ptrdiff_t in_stride, const T* bias, const T* p, T* out,
                      ptrdiff_t out_stride) {
  Vec<T> acc[kSides][kCount];
#pragma GCC unroll 8
  for (int v = 0; v < kCount; ++v) {
    const Vec<T> start = bias == nullptr ? Vec<T>{} : Load(bias + v * kWidth<T>);
#pragma GCC unroll 8
    for (int s = 0; s < kSides; ++s) acc[s][v] = start;
  }
  for (ptrdiff_t k = 0; k < cols; ++k) {
    Vec<T> w[kCount];
#pragma GCC unroll 8
    for (int v = 0; v < kCount; ++v) w[v] = Load(weights + v * kWidth<T>);
#pragma GCC unroll 8
    for (int s = 0; s < kSides; ++s) {
      const Vec<T> x = Broadcast(in[s * in_stride + k]);
#pragma GCC unroll 8
      for (int v = 0; v < kCount; ++v) acc[s][v] += x * w[v];
    }
    weights += padded_rows;
  }
#pragma GCC unroll 8
  for (int v = 0; v < kCount; ++v) {
    const Vec<T> slope = p == nullptr ? Broadcast(T{1}) : Load(p + v * kWidth<T>);
#pragma GCC unroll 8
    for (int s = 0; s < kSides; ++s) {
      Store<T>(out + s * out_stride + v * kWidth<T>, acc[s][v] * slope);
    }
  }
}

template <class T, int kSides>
inline void ApplySides(const T* weights, ptrdiff_t padded_rows, ptrdiff_t cols, const T* in,
                       ptrdiff_t in_stride, const T* bias, const T* p, T* out,
                       ptrdiff_t out_stride) {
  for (ptrdiff_t row = 0; row < padded_rows;) {
    const T* const bias_at = bias == nullptr ? nullptr : bias + row;
    const T* const p_at = p == nullptr ? nullptr : p + row;
    const auto tile = [&]<int kCount>(Sequence<kCount>) {
      ApplyTile<T, kSides, kCount>(weights + row, padded_rows, cols, in, in_stride, bias_at, p_at,
                                   out + row, out_stride);
      row += kCount * kWidth<T>;
    };
    const ptrdiff_t vectors_left = (padded_rows - row) / kWidth<T>;
    if (vectors_left >= 3) {
      tile(Sequence<3>{});
    } else if (vectors_left == 2) {
      tile(Sequence<2>{});
    } else {
      tile(Sequence<1>{});
    }
  }
}

template <class T>
void Apply(const T* weights, ptrdiff_t padded_rows, ptrdiff_t cols, const T* in,
           ptrdiff_t in_stride, ptrdiff_t sides, const T* bias, const T* p, T* out,
           ptrdiff_t out_stride) {
  switch (sides) {
    case 1:
      ApplySides<T, 1>(weights, padded_rows, cols, in, in_stride, bias, p, out, out_stride);
      break;
    case 2:
      ApplySides<T, 2>(weights, padded_rows, cols, in, in_stride, bias, p, out, out_stride);
      break;
    case 3:
      ApplySides<T, 3>(weights, padded_rows, cols, in, in_stride, bias, p, out, out_stride);
      break;
    default:
      ApplySides<T, 4>(weights, padded_rows, cols, in, in_stride, bias, p, out, out_stride);
  }
}

template <class T>
constexpr Kernels<T> Table() {
  return {
      .lanes = kLanes<T>,
      .width = kWidth<T>,
      .activate = {&Activate<T, Softplus>, &Activate<T, Tanh>, &Activate<T, Silu>,
                   &Activate<T, Gelu>, &Activate<T, Sin>},
      .activate_third = {&ActivateThird<T, Softplus>, &ActivateThird<T, Tanh>,
                         &ActivateThird<T, Silu>, &ActivateThird<T, Gelu>, &ActivateThird<T, Sin>},
      .affine = &Affine<T>,
      .scaled = &Scaled<T>,
      .adjoint = &Adjoint<T>,
      .first_adjoint = &FirstAdjoint<T>,
      .accumulate = &Accumulate<T>,
      .tangent = &Tangent<T>,
      .tangent_add = &TangentAdd<T>,
      .reverse = &Reverse<T>,
      .add = &AddElements<T>,
      .blend = &Blend<T>,
      .weighted_squares = &WeightedSquares<T>,
      .outer = &Outer<T>,
      .row_sums = &RowSums<T>,
      .residual = &Residual<T>,
      .weighted_residual = &WeightedResidual<T>,
      .gather = &Gather<T>,
      .scatter = &Scatter<T>,
      .apply = &Apply<T>};
}

}  // namespace sobolev::nn::SOBOLEV_ISA

#endif  // SOBOLEV_ENGINE_NN_KERNELS_IMPL_H_
