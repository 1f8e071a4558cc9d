#include "engine/nn/packing.h"

#include <algorithm>
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

// Calls visit(first_row, num_rows) for every tile of a packed matrix: the rows are dealt evenly to
// as few tiles as kMaxTileRows allows, larger tiles first.
template <class Visit>
void ForEachTile(Index rows, const Visit& visit) {
  const Index num_tiles = (rows + kMaxTileRows - 1) / kMaxTileRows;
  Index row = 0;
  for (Index tile = 0; tile < num_tiles; ++tile) {
    const Index size = rows / num_tiles + (tile < rows % num_tiles ? 1 : 0);
    visit(row, size);
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
  ForEachTile(rows, [&](Index row, Index size) {
    T* const tile = packed + row * cols;
    for (Index r = 0; r < size; ++r) {
      const T* const from = W + (row + r) * cols;
      for (Index k = 0; k < cols; ++k) tile[k * size + r] = from[k];
    }
  });
}

template <class T>
void PackTransposed(const T* W, Index rows, Index cols, T* packed) {
  ForEachTile(cols, [&](Index row, Index size) {
    T* const tile = packed + row * rows;
    for (Index k = 0; k < rows; ++k) std::copy_n(W + k * cols + row, size, tile + k * size);
  });
}

template void PackWeights(const float*, Index, Index, float*);
template void PackWeights(const double*, Index, Index, double*);
template void PackTransposed(const float*, Index, Index, float*);
template void PackTransposed(const double*, Index, Index, double*);

}  // namespace sobolev::nn
