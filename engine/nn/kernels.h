// The inner loops of the sweeps, as one table of functions per instruction set.
//
// Layout. A chunk is [feature][lane]: a fixed number of samples side by side, so that every product
// is a broadcast of a weight against contiguous lanes. Packed weights of a rows×cols matrix are
// [tile][k][r]: the rows are dealt evenly to tiles of at most kMaxTileRows, and a tile holds, for
// each column k, its rows' weights next to each other (PackWeights in packing.h). A gradient is
// held as kTile×kTile blocks in row-major order of blocks, each block row-major.
//
// A single point has no samples to fill lanes with; there the features lie in lanes (`apply`).
//
// All pointers to chunks are aligned to kAlignment bytes. Functions neither allocate nor throw and
// may run on any thread. Outputs may be the same array as an input of the same shape, unless it is
// the `in` of a product.
//
// This header includes nothing that has inline functions: the files that implement the tables are
// compiled for processors that the rest of the program may not run on, and an inline function
// compiled there could be the copy that the linker keeps.

#ifndef SOBOLEV_ENGINE_NN_KERNELS_H_
#define SOBOLEV_ENGINE_NN_KERNELS_H_

#include <stddef.h>
#include <stdint.h>

namespace sobolev::nn {

inline constexpr ptrdiff_t kMaxTileRows = 6;
inline constexpr ptrdiff_t kTile = 4;
inline constexpr ptrdiff_t kAlignment = 64;
inline constexpr ptrdiff_t kMaxRightSides = 4;
inline constexpr int kNumActivations = 5;

// acc = W in, where W is packed, rows×cols, and in is [cols][lane]. A sparse W has `starts`; then
// row i has weights[k] in column columns[k] for starts[i] <= k < starts[i + 1], and else zeros.
template <class T>
struct Product {
  const T* weights;
  ptrdiff_t rows;
  ptrdiff_t cols;
  const T* in;
  const uint32_t* starts = nullptr;
  const uint32_t* columns = nullptr;
};

// One term Σ_samples left·rightᵀ over the chunks of a shard; strides lead from chunk to chunk.
template <class T>
struct OuterTerm {
  const T* left;
  ptrdiff_t left_stride;
  const T* right;
  ptrdiff_t right_stride;
};

template <class T>
struct ResidualSums {
  T weighted;  // Σ w λ² (predicted − target)²
  T plain;     // Σ_{w > 0} (predicted − target)², whatever the entry's own weight
};

template <class T>
struct Kernels {
  ptrdiff_t lanes;  // Samples in a chunk.
  ptrdiff_t width;  // Elements of a vector register.

  // Indexed by Activation. In place over `count` elements, a multiple of `width`: z becomes φ(z);
  // φ′(z) goes to p and φ″(z) to h. h may be null, and p too if h is.
  void (*activate[kNumActivations])(T* z, T* p, T* h, ptrdiff_t count);
  // The same with φ‴(z) in k; none is null.
  void (*activate_third[kNumActivations])(T* z, T* p, T* h, T* k, ptrdiff_t count);

  // out = acc + bias; bias may be null.
  void (*affine)(const Product<T>& product, const T* bias, T* out);
  // out = p·acc.
  void (*scaled)(const Product<T>& product, const T* p, T* out);
  // g = p·acc, c = h·acc.
  void (*adjoint)(const Product<T>& product, const T* p, const T* h, T* g, T* c);
  // g = p·w, c = h·w for the weight w of each feature: the first adjoint step of an output. h may
  // be null, and c then too.
  void (*first_adjoint)(const T* w, ptrdiff_t features, const T* p, const T* h, T* g, T* c);
  // sum += acc.
  void (*accumulate)(const Product<T>& product, T* sum);
  // t = p·acc, q = c·acc.
  void (*tangent)(const Product<T>& product, const T* p, const T* c, T* t, T* q);
  // t = p·acc, q += c·acc.
  void (*tangent_add)(const Product<T>& product, const T* p, const T* c, T* t, T* q);
  // z_bar = p·acc + q.
  void (*reverse)(const Product<T>& product, const T* p, const T* q, T* z_bar);

  // Elementwise over `count` elements, a multiple of `width`: sum += x.
  void (*add)(const T* x, ptrdiff_t count, T* sum);
  // Likewise: out = p·x + q; q may be null.
  void (*blend)(const T* p, const T* x, const T* q, ptrdiff_t count, T* out);

  // Lane by lane, sums[i·num + j] += Σ_features c·z_i·z_j for j <= i < num, where z_i [features] is
  // at z + i·stride.
  void (*weighted_squares)(const T* z, ptrdiff_t stride, ptrdiff_t num, const T* c,
                           ptrdiff_t features, T* sums);

  // tiles += Σ_terms Σ_chunks Σ_lanes left·rightᵀ, a rows×cols matrix in blocks.
  void (*outer)(const OuterTerm<T>* terms, ptrdiff_t num_terms, ptrdiff_t num_chunks,
                ptrdiff_t rows, ptrdiff_t cols, T* tiles);
  // Row r of the chunks, summed over chunks and lanes, is added to
  // out[(r / kTile)·out_stride + r % kTile], for r up to the next multiple of kTile.
  void (*row_sums)(const T* in, ptrdiff_t stride, ptrdiff_t num_chunks, ptrdiff_t rows, T* out,
                   ptrdiff_t out_stride);

  // v = factor·w·λ²·(predicted − target), with a weight w per lane and a λ² per feature; 0 where
  // the target is NaN.
  ResidualSums<T> (*residual)(const T* predicted, const T* target, const T* weight,
                              const T* lambda_squared, ptrdiff_t features, T factor, T* v);

  // The same with a weight w·entry_weight, one of them per feature and lane.
  ResidualSums<T> (*weighted_residual)(const T* predicted, const T* target, const T* weight,
                                       const T* entry_weight, ptrdiff_t features, T factor, T* v);

  // Columns to lanes: out[f][lane] = rows[index·stride + f], index = indices[lane], or = lane if
  // `indices` is null. Lanes from `count` on become 0.
  void (*gather)(const T* rows, ptrdiff_t stride, const uint32_t* indices, ptrdiff_t count,
                 ptrdiff_t features, T* out);
  // The inverse: out[lane·stride + f] = in[f][lane] for the first `count` lanes.
  void (*scatter)(const T* in, ptrdiff_t features, ptrdiff_t count, T* out, ptrdiff_t stride);

  // Features in lanes, for `sides` <= kMaxRightSides right-hand sides at once: row i of
  // out (stride out_stride) = W·in_i (+ bias) (·p). W is [cols][padded rows], the rows padded to a
  // multiple of `width`, as are the rows of out, bias and p. bias and p may be null.
  void (*apply)(const T* weights, ptrdiff_t padded_rows, ptrdiff_t cols, const T* in,
                ptrdiff_t in_stride, ptrdiff_t sides, const T* bias, const T* p, T* out,
                ptrdiff_t out_stride);
};

// The tables; calling a function of one that the processor does not support is undefined.
extern const Kernels<float> kSse2KernelsF32;
extern const Kernels<double> kSse2KernelsF64;
extern const Kernels<float> kAvx2KernelsF32;
extern const Kernels<double> kAvx2KernelsF64;
extern const Kernels<float> kAvx512KernelsF32;
extern const Kernels<double> kAvx512KernelsF64;

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_KERNELS_H_
