// Pages that hold machine code: written first, then executable, never both at once.

#ifndef SOBOLEV_ENGINE_PROGRAM_EXECUTABLE_MEMORY_H_
#define SOBOLEV_ENGINE_PROGRAM_EXECUTABLE_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace sobolev::program {

class ExecutableMemory {
 public:
  // Whether the operating system lets a process make pages executable. Constant for a process.
  static bool IsAvailable();

  // Writable pages for `size` bytes. Throws std::bad_alloc.
  explicit ExecutableMemory(std::size_t size);
  ~ExecutableMemory();
  ExecutableMemory(const ExecutableMemory&) = delete;
  ExecutableMemory& operator=(const ExecutableMemory&) = delete;

  // Aligned to a page.
  std::uint8_t* data() { return data_; }
  const std::uint8_t* data() const { return data_; }
  // Makes the pages executable, and no longer writable. False if that is not allowed.
  bool Seal();

 private:
  std::size_t size_;
  std::uint8_t* data_;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_EXECUTABLE_MEMORY_H_
