// Zero-filled memory aligned for the kernels.

#ifndef SOBOLEV_ENGINE_NN_ALIGNED_BUFFER_H_
#define SOBOLEV_ENGINE_NN_ALIGNED_BUFFER_H_

#include <cstddef>
#include <memory>
#include <new>

#include "engine/base/matrix.h"
#include "engine/nn/kernels.h"

namespace sobolev::nn {

// A fixed number of elements of T, aligned to kAlignment bytes.
template <class T>
class AlignedBuffer {
 public:
  explicit AlignedBuffer(Index size = 0) : size_(size) {
    const auto count = static_cast<std::size_t>(size);
    data_.reset(static_cast<T*>(
        ::operator new(count * sizeof(T), std::align_val_t{static_cast<std::size_t>(kAlignment)})));
    std::uninitialized_value_construct_n(data_.get(), count);
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  Index size() const { return size_; }

 private:
  struct Free {
    void operator()(T* data) const {
      ::operator delete(data, std::align_val_t{static_cast<std::size_t>(kAlignment)});
    }
  };

  Index size_;
  std::unique_ptr<T, Free> data_;
};

// `count` rounded up to a multiple of `factor`.
constexpr Index RoundUp(Index count, Index factor) {
  return (count + factor - 1) / factor * factor;
}

// Elements of T in one alignment unit; arrays that start at multiples of it are aligned.
template <class T>
inline constexpr Index kAlignedElements = kAlignment / static_cast<Index>(sizeof(T));

}  // namespace sobolev::nn

#endif  // SOBOLEV_ENGINE_NN_ALIGNED_BUFFER_H_
