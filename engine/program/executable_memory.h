// Pages that hold machine code: written first, then executable, never both at once.

#ifndef SOBOLEV_ENGINE_PROGRAM_EXECUTABLE_MEMORY_H_
#define SOBOLEV_ENGINE_PROGRAM_EXECUTABLE_MEMORY_H_

#include <cstddef>
#include <cstdint>

namespace sobolev::program {

class ExecutableMemory {
 public:
  // Whether the operating system lets this process make pages executable. That it does is
  // remembered; a refusal may pass, as one for lack of memory does, and is not. Thread-safe.
  static bool IsAvailable();

  // Writable pages for `size` bytes. data() is null if the operating system refuses them, as it
  // does beyond its limits on memory and on the number of mappings.
  explicit ExecutableMemory(std::size_t size);
  ~ExecutableMemory();
  ExecutableMemory(const ExecutableMemory&) = delete;
  ExecutableMemory& operator=(const ExecutableMemory&) = delete;

  // Aligned to a page.
  std::uint8_t* data() { return data_; }
  const std::uint8_t* data() const { return data_; }
  // Makes the pages executable, and no longer writable. False if that is refused, or if there are
  // none.
  bool Seal();

 private:
  std::size_t size_;
  std::uint8_t* data_ = nullptr;
};

}  // namespace sobolev::program

#endif  // SOBOLEV_ENGINE_PROGRAM_EXECUTABLE_MEMORY_H_
