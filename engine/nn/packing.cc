#include "engine/nn/packing.h"

#include <string>

#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

namespace {

void RequireSupported(Isa isa) {
  if (isa <= BestIsa()) return;
  throw InvalidArgument("UNSUPPORTED_ISA", "isa",
                        "expected at most " + std::string(Name(BestIsa())) + ", got " +
                            std::string(Name(isa)) + "; this processor lacks it");
}

// Calls visit.operator()<kRows>(first_row) for every tile of a packed matrix: the rows are dealt
// evenly to as few tiles as kMaxTileRows allows, larger tiles first.
template <class Visit>
void ForEachTile(Index rows, const Visit& visit) {
  const Index num_tiles = (rows + kMaxTileRows - 1) / kMaxTileRows;
  Index row = 0;
  for (Index tile = 0; tile < num_tiles; ++tile) {
    const Index size = rows / num_tiles + (tile < rows % num_tiles ? 1 : 0);
    switch (size) {
      case 1:
        visit.template operator()<1>(row);
        break;
      case 2:
        visit.template operator()<2>(row);
        break;
      case 3:
        visit.template operator()<3>(row);
        break;
      case 4:
        visit.template operator()<4>(row);
        break;
      case 5:
        visit.template operator()<5>(row);
        break;
      default:
        visit.template operator()<6>(row);
    }
    row += size;
  }
}

}  // namespace

template <>
const Kernels<float>& KernelsFor<float>(Isa isa) {
  RequireSupported(isa);
  switch (isa) {
    case Isa::kAvx512:
      return kAvx512KernelsF32;
    case Isa::kAvx2:
      return kAvx2KernelsF32;
    case Isa::kSse2:
      break;
  }
  return kSse2KernelsF32;
}

template <>
const Kernels<double>& KernelsFor<double>(Isa isa) {
  RequireSupported(isa);
  switch (isa) {
    case Isa::kAvx512:
      return kAvx512KernelsF64;
    case Isa::kAvx2:
      return kAvx2KernelsF64;
    case Isa::kSse2:
      break;
  }
  return kSse2KernelsF64;
}

template <class T>
void PackWeights(const T* W, Index rows, Index cols, T* packed) {
  ForEachTile(rows, [=]<Index kRows>(Index row) {
    const T* const from = W + row * cols;
    T* tile = packed + row * cols;
    for (Index k = 0; k < cols; ++k, tile += kRows) {
      for (Index r = 0; r < kRows; ++r) tile[r] = from[r * cols + k];
    }
  });
}

template <class T>
void PackTransposed(const T* W, Index stride, Index rows, Index cols, T* packed) {
  ForEachTile(cols, [=]<Index kRows>(Index row) {
    const T* from = W + row;
    T* tile = packed + row * rows;
    for (Index k = 0; k < rows; ++k, from += stride, tile += kRows) {
      for (Index r = 0; r < kRows; ++r) tile[r] = from[r];
    }
  });
}

template void PackWeights(const float*, Index, Index, float*);
template void PackWeights(const double*, Index, Index, double*);
template void PackTransposed(const float*, Index, Index, Index, float*);
template void PackTransposed(const double*, Index, Index, Index, double*);

}  // namespace sobolev::nn
