// The table of kernels for an instruction set, and weights in the orders that kernels read.

#ifndef SOBOLEV_ENGINE_NN_PACKING_H_
#define SOBOLEV_ENGINE_NN_PACKING_H_

#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

// T is float or double. Throws Error(kInvalidArgument) unless this processor supports `isa`.
template <class T>
const Kernels<T>& KernelsFor(Isa isa);

template <>
const Kernels<float>& KernelsFor<float>(Isa isa);
template <>
const Kernels<double>& KernelsFor<double>(Isa isa);

// W (rows×cols, row-major) as Product::weights: rows·cols elements.
template <class T>
void PackWeights(const T* W, Index rows, Index cols, T* packed);

// Wᵀ (cols×rows) as Product::weights, from W (rows×cols, its rows `stride` elements apart).
template <class T>
void PackTransposed(const T* W, Index stride, Index rows, Index cols, T* packed);

extern template void PackWeights(const float*, Index, Index, float*);
extern template void PackWeights(const double*, Index, Index, double*);
extern template void PackTransposed(const float*, Index, Index, Index, float*);
extern template void PackTransposed(const double*, Index, Index, Index, double*);

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_PACKING_H_
