#include "engine/program/executable_memory.h"

#include <atomic>

#include <sys/mman.h>

namespace sobolev::program {

bool ExecutableMemory::IsAvailable() {
  static std::atomic<bool> was_available = false;
  if (!was_available && ExecutableMemory(1).Seal()) was_available = true;
  return was_available;
}

ExecutableMemory::ExecutableMemory(std::size_t size) : size_(size) {
  void* pages = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages != MAP_FAILED) data_ = static_cast<std::uint8_t*>(pages);
}

ExecutableMemory::~ExecutableMemory() {
  if (data_ != nullptr) munmap(data_, size_);
}

bool ExecutableMemory::Seal() {
  return data_ != nullptr && mprotect(data_, size_, PROT_READ | PROT_EXEC) == 0;
}

}  // namespace sobolev::program
