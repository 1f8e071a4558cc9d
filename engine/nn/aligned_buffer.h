// Zero-filled memory aligned for the kernels.

#ifndef SOBOLEV_ENGINE_NN_ALIGNED_BUFFER_H_
#define SOBOLEV_ENGINE_NN_ALIGNED_BUFFER_H_

#include <cstddef>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

// `count` rounded up to a multiple of `factor`.
constexpr Index RoundUp(Index count, Index factor) {
  return (count + factor - 1) / factor * factor;
}

// Elements of T in one alignment unit; arrays that start at multiples of it are aligned.
template <class T>
inline constexpr Index kAlignedElements = kAlignment / static_cast<Index>(sizeof(T));

// A fixed number of elements of T, aligned to kAlignment bytes.
template <class T>
class AlignedBuffer {
 public:
  explicit AlignedBuffer(Index size = 0)
      : size_(size),
        lines_(static_cast<std::size_t>(RoundUp(size, kAlignedElements<T>) / kAlignedElements<T>)) {
  }

  T* data() { return reinterpret_cast<T*>(lines_.data()); }
  const T* data() const { return reinterpret_cast<const T*>(lines_.data()); }
  Index size() const { return size_; }

 private:
  struct alignas(kAlignment) Line {
    T elements[kAlignedElements<T>];
  };

  Index size_;
  std::vector<Line> lines_;
};

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_ALIGNED_BUFFER_H_
