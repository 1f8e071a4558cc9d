// The kernels that only Gauss-Newton matrices need (gram_sweep.h), as one table of functions per
// instruction set. Chunks are laid out as in kernels.h, with the same number of lanes; so are the
// rules for what this header may include.

#ifndef SOBOLEV_ENGINE_NN_GRAM_KERNELS_H_
#define SOBOLEV_ENGINE_NN_GRAM_KERNELS_H_

#include <stddef.h>

namespace sobolev::nn {

// Σ_{i < count} left_i[p]·right_i[q] in every lane; array i starts i strides further.
struct PairSum {
  const double* left;
  ptrdiff_t left_stride;
  const double* right;
  ptrdiff_t right_stride;
  ptrdiff_t count;
};

struct GramKernels {
  ptrdiff_t lanes;

  // out = x·y over `count` elements, a multiple of the lanes; y starts anywhere.
  void (*multiply)(const double* x, const double* y, ptrdiff_t count, double* out);
  // out = p·(x + y) + c·s over `count` elements; without p, x + y, and without c, no c·s.
  void (*combine)(const double* p, const double* x, const double* y, const double* c,
                  const double* s, ptrdiff_t count, double* out);
  // out[f][lane] = weight[lane]·in[f][lane].
  void (*scale)(const double* weight, const double* in, ptrdiff_t features, double* out);
  // out[f][lane] = column[f·stride]·weight[lane].
  void (*spread)(const double* column, ptrdiff_t stride, const double* weight, ptrdiff_t features,
                 double* out);
  // out = weight·(predicted − target) over features of lanes; returns Σ out².
  double (*residual)(const double* predicted, const double* target, const double* weight,
                     ptrdiff_t features, double* out);

  // out[q − first][lane] = Σ_sums Σ_i left_i[0][lane]·right_i[q][lane] for first <= q < end.
  void (*pairs)(const PairSum* sums, ptrdiff_t num_sums, ptrdiff_t first, ptrdiff_t end,
                double* out);
  // Row u of `in`, u < rows, becomes row first + u of panels of `width` rows (a multiple of 4)
  // that are `stride` elements apart: panel[lane·width + row].
  void (*pack)(const double* in, ptrdiff_t rows, ptrdiff_t first, ptrdiff_t width, ptrdiff_t stride,
               double* panels);
};

extern const GramKernels kSse2GramKernels;
extern const GramKernels kAvx2GramKernels;
extern const GramKernels kAvx512GramKernels;

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_GRAM_KERNELS_H_
