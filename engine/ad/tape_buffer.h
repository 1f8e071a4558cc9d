// A growing array of trivially copyable numbers whose fresh elements are not initialised.
//
// Tapes write each element before they read it; clearing large arrays first would touch all their
// pages. Growing keeps the elements and lets the allocator move whole pages instead of bytes.

#ifndef SOBOLEV_ENGINE_AD_TAPE_BUFFER_H_
#define SOBOLEV_ENGINE_AD_TAPE_BUFFER_H_

#include <cstddef>
#include <cstdlib>
#include <new>
#include <type_traits>

namespace sobolev::ad {

template <class T>
class TapeBuffer {
 public:
  static_assert(std::is_trivially_copyable_v<T> && alignof(T) <= alignof(std::max_align_t));

  constexpr TapeBuffer() = default;
  constexpr ~TapeBuffer() {
    if (data_ != nullptr) std::free(data_);
  }
  TapeBuffer(const TapeBuffer&) = delete;
  TapeBuffer& operator=(const TapeBuffer&) = delete;

  T* data() { return data_; }
  const T* data() const { return data_; }
  std::size_t capacity() const { return capacity_; }
  std::size_t bytes() const { return capacity_ * sizeof(T); }

  // Room for `capacity` elements or more. Throws std::bad_alloc, and then nothing changed.
  void Reserve(std::size_t capacity) {
    if (capacity <= capacity_) return;
    void* const grown = std::realloc(static_cast<void*>(data_), capacity * sizeof(T));
    if (grown == nullptr) throw std::bad_alloc();
    data_ = static_cast<T*>(grown);
    capacity_ = capacity;
  }

 private:
  T* data_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_TAPE_BUFFER_H_
