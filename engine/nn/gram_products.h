// The Gauss-Newton matrix as products over groups.
//
// The rows of the parameter Jacobian that belong to layer l and a pair (i, j) of seed and
// direction are √(c_i w_j)·(ḋ ⊗ a + d ⊗ ȧ), with d the adjoint g_l, a = [a_{l−1}; 1] and dots for
// tangents; those of a value are √v·d ⊗ a. Summed over j, and with all roots in d, ḋ and ȧ, the
// block of layers l <= k (primed) has the entries
//   H[(r, c), (r′, c′)] = Σ_groups  a_c a′_c′·(v d_r d′_r′ + Σ_j ḋ_r ḋ′_r′) + (Σ_j ȧ_c ȧ′_c′)·d_r
//   d′_r′
//                       + a_c d′_r′·(Σ_j ȧ′_c′ ḋ_r) + (Σ_j ȧ_c ḋ′_r′)·a′_c′ d_r.
// The first line is a product over groups of a matrix with rows (c, c′) and one with rows (r′, r);
// the second, of one with rows (c, r′) and one with rows (c′, r). Neither depends on the number of
// directions. The sums over outputs go into the factors of the first line, and are further terms
// of the product in the second. For l = k the factors of the first line are symmetric, so half of
// their rows suffice, and the two products of the second are transposes of each other.

#ifndef SOBOLEV_ENGINE_NN_GRAM_PRODUCTS_H_
#define SOBOLEV_ENGINE_NN_GRAM_PRODUCTS_H_

#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/gram_kernels.h"
#include "engine/nn/gram_layout.h"

namespace sobolev::nn {

// Rows (p, q) that are sums of products of rows p and q of arrays in a chunk.
struct GramFactor {
  enum class Form {
    kSum,      // Σ_sums Σ_i left_i[p]·right_i[q]
    kByRow,    // left[p]·right_p[q] for p < used_rows, 0 for the others
    kSquares,  // left[p]² for p = q < used_rows, 0 for the others
  };
  // Offsets from the start of the chunk.
  struct Sum {
    GramArrays left;
    GramArrays right;
    Index count;
  };

  Form form = Form::kSum;
  bool symmetric = false;  // Only rows with p <= q.
  Index left_rows = 0;
  Index right_rows = 0;
  Index used_rows = 0;
  std::vector<Sum> sums;  // At most kMaxSums.

  static constexpr Index kMaxSums = 4;

  Index NumRows() const {
    return symmetric ? left_rows * (left_rows + 1) / 2 : left_rows * right_rows;
  }
};

// Which entries of H a product holds.
struct GramBlock {
  enum class Form {
    kInputs,         // (c, c′) by (r′, r)
    kCross,          // (c, r′) by (c′, r)
    kOutputCross,    // c by (c′, r), for r′ = output of the last layer
    kOutputSquares,  // (c, c′) by r = r′, l = k the last layer
  };

  Form form;
  Index l;
  Index k;
  Index output;
  Index rows;  // Of the left factors.
  Index cols;  // Rows of the right factors.

  bool Holds(const GramBlock& other) const {
    return form == other.form && l == other.l && k == other.k && output == other.output;
  }
};

// left·rightᵀ, summed over groups and parts, goes into a block.
struct GramProduct {
  struct Part {
    GramFactor left;
    GramFactor right;
  };
  Index block = 0;
  std::vector<Part> parts;
};

// The products of groups of one kind. Blocks that are not in `blocks` yet are appended to it.
std::vector<GramProduct> MakeGramProducts(const GramNetwork& network, const GramLayout& layout,
                                          std::vector<GramBlock>& blocks);

// Rows of `factor` from the one with number `first` on, which is at (p, q), for all lanes of a
// chunk: as many whole rows p as fit into `capacity` rows (p, q), and at least one. Returns the
// next p. `count` becomes the number of rows (p, q) in `out`.
Index FillFactor(const GramKernels& kernels, const GramFactor& factor, const double* chunk, Index p,
                 Index capacity, double* out, Index& count);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_GRAM_PRODUCTS_H_
