#include "engine/program/executable_memory.h"

#include <new>

#include <sys/mman.h>

namespace sobolev::program {

bool ExecutableMemory::IsAvailable() {
  static const bool is_available = [] {
    try {
      return ExecutableMemory(1).Seal();
    } catch (const std::bad_alloc&) {
      return false;
    }
  }();
  return is_available;
}

ExecutableMemory::ExecutableMemory(std::size_t size) : size_(size) {
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<std::uint8_t*>(pages);
}

ExecutableMemory::~ExecutableMemory() { munmap(data_, size_); }

bool ExecutableMemory::Seal() { return mprotect(data_, size_, PROT_READ | PROT_EXEC) == 0; }

}  // namespace sobolev::program
