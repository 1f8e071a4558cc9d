// Counts what passes through operator new, which it replaces: for one file of a program.

#ifndef SOBOLEV_TESTS_SUPPORT_COUNTING_NEW_H_
#define SOBOLEV_TESTS_SUPPORT_COUNTING_NEW_H_

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace sobolev {

inline std::atomic<int> num_allocations = 0;
inline std::atomic<std::size_t> num_bytes = 0;

inline void* CountedAllocation(std::size_t size, std::size_t alignment) {
  ++num_allocations;
  num_bytes += size;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  if (void* const memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded)) {
    return memory;
  }
  throw std::bad_alloc();
}

}  // namespace sobolev

void* operator new(std::size_t size) {
  return sobolev::CountedAllocation(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return sobolev::CountedAllocation(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}

#endif  // SOBOLEV_TESTS_SUPPORT_COUNTING_NEW_H_
