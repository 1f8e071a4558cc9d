// The programs being served, by name.

#ifndef SOBOLEV_SERVER_PROGRAMS_PROGRAM_REGISTRY_H_
#define SOBOLEV_SERVER_PROGRAMS_PROGRAM_REGISTRY_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>

#include "engine/program/program.h"
#include "server/storage/store.h"

namespace sobolev::server {

// A compiled program. Thread-safe.
class ServedProgram {
 public:
  // Throws Error(kInvalidArgument) as program::Parse does.
  ServedProgram(const std::string& source, const program::SourceLimits& limits,
                std::size_t size_bytes);

  const program::Program& program() const { return program_; }
  // A guess at the memory of all traces, of the value and of its derivatives.
  std::size_t SizeBytes() const { return size_bytes_; }

  // Traces are recorded when they are first asked for, which takes a moment: one for each
  // combination of what is asked for together. Whether an evaluation of just this combination (the
  // caller's number, below kCombinations) was finished before.
  static constexpr std::uint32_t kCombinations = 512;
  bool IsRecorded(std::uint32_t combination) const {
    return (Word(combination) >> (combination % kWordBits) & 1) != 0;
  }
  void SetRecorded(std::uint32_t combination) const {
    Word(combination) |= std::uint64_t{1} << (combination % kWordBits);
  }

 private:
  static constexpr std::uint32_t kWordBits = 64;
  std::atomic<std::uint64_t>& Word(std::uint32_t combination) const {
    return recorded_[combination / kWordBits];
  }

  const program::Program program_;
  const std::size_t size_bytes_;
  mutable std::array<std::atomic<std::uint64_t>, kCombinations / kWordBits> recorded_{};
};

// A cache over the store, bounded in bytes; the least recently used programs leave first.
// Thread-safe.
//
// A Handle keeps its program alive, so Remove and eviction never disturb a request that is already
// running.
class ProgramRegistry {
 public:
  using Handle = std::shared_ptr<const ServedProgram>;

  // `store` must outlive the registry. `limits` hold for sources that arrive. What is stored was
  // within those of its time: the server's settings may have become smaller since, so it is
  // compiled without a limit on what they limit, source and operations, and with the language's on
  // the rest.
  ProgramRegistry(Store& store, std::size_t max_bytes, const program::SourceLimits& limits);

  // A program that is not in the store. Throws Error(kInvalidArgument).
  std::unique_ptr<const program::Program> Compile(const std::string& source) const;

  // Compiles the program on first use. Throws Error(kNotFound) or Error(kDataLoss).
  Handle Get(const std::string& program_id);

  // The program if it is in memory, else null. Never waits for the store.
  Handle FindCached(const std::string& program_id);

  // The program was deleted.
  void Remove(const std::string& program_id);

  std::size_t NumPrograms() const;
  std::size_t SizeBytes() const;

 private:
  struct Entry {
    Handle program;
    // Value of `uses_` at the last Get; readers set it under the shared lock.
    std::unique_ptr<std::atomic<std::uint64_t>> last_use;
  };

  void EvictToFit(std::size_t incoming_bytes);

  Store& store_;
  const std::size_t max_bytes_;
  const program::SourceLimits limits_;
  std::atomic<std::uint64_t> uses_{0};
  mutable std::shared_mutex mutex_;
  std::map<std::string, Entry> entries_;  // Guarded by mutex_.
  std::size_t size_bytes_ = 0;            // Guarded by mutex_.
  std::uint64_t removals_ = 0;            // Guarded by mutex_.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_PROGRAMS_PROGRAM_REGISTRY_H_
