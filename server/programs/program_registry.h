// The programs being served, by name.

#ifndef SOBOLEV_SERVER_PROGRAMS_PROGRAM_REGISTRY_H_
#define SOBOLEV_SERVER_PROGRAMS_PROGRAM_REGISTRY_H_

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

  // Traces of derivatives are recorded when they are first asked for, which takes a moment. Whether
  // evaluations with all these bits (the caller's) were finished before.
  bool IsRecorded(std::uint32_t bits) const { return (recorded_ & bits) == bits; }
  void SetRecorded(std::uint32_t bits) const { recorded_ |= bits; }

 private:
  const program::Program program_;
  const std::size_t size_bytes_;
  mutable std::atomic<std::uint32_t> recorded_{0};
};

// A cache over the store, bounded in bytes; the least recently used programs leave first.
// Thread-safe.
//
// A Handle keeps its program alive, so Remove and eviction never disturb a request that is already
// running.
class ProgramRegistry {
 public:
  using Handle = std::shared_ptr<const ServedProgram>;

  // `store` must outlive the registry. `limits` hold for sources that arrive; what is stored was
  // within those of its time and is compiled without.
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
