// Every file operation of the store, as an interface so that tests can make the n-th one fail.
//
// SQLite does its own file operations.

#ifndef SOBOLEV_SERVER_STORAGE_IO_ENV_H_
#define SOBOLEV_SERVER_STORAGE_IO_ENV_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/uio.h>

#include "engine/base/error.h"

namespace sobolev::server {

// Owns a file descriptor.
class FileDescriptor {
 public:
  explicit FileDescriptor(int fd) : fd_(fd) {}
  ~FileDescriptor();
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }

 private:
  int fd_;
};

// A file mapped for reading; unmapped when the last owner lets go.
using MappedBytes = std::shared_ptr<const std::byte>;

// The methods throw std::system_error with the errno and, in what(), operation and path;
// interrupted calls are repeated. Thread-safe.
class IoEnv {
 public:
  virtual ~IoEnv() = default;

  // `flags` as of open(2); close-on-exec; a new file is readable by its owner alone.
  virtual FileDescriptor Open(const std::string& path, int flags) = 0;
  // Writes at `offset` and returns how much, at least one byte.
  virtual std::size_t Write(const FileDescriptor& file, std::span<const iovec> parts,
                            std::int64_t offset) = 0;
  // Fills `bytes` from `offset` on; returns fewer only at the end of the file.
  virtual std::size_t Read(const FileDescriptor& file, std::span<std::byte> bytes,
                           std::int64_t offset) = 0;
  // The bytes of the file, and what is needed to find them again, are on stable storage.
  virtual void SyncData(const FileDescriptor& file) = 0;
  // The same, and all that is known about the file; of a directory, its entries.
  virtual void Sync(const FileDescriptor& file) = 0;
  virtual void Truncate(const FileDescriptor& file, std::int64_t size) = 0;
  // Reserves blocks of the disk for the first `size` bytes.
  virtual void Allocate(const FileDescriptor& file, std::int64_t size) = 0;
  virtual std::int64_t Size(const FileDescriptor& file) = 0;
  // `size` > 0 bytes from the start; the file must be that long.
  virtual MappedBytes Map(const FileDescriptor& file, std::size_t size) = 0;
  // Takes the lock on the file that ends with the process, or returns false if another has it.
  virtual bool TryLock(const FileDescriptor& file) = 0;

  virtual void Rename(const std::string& from, const std::string& to) = 0;
  // A missing file is not an error. Directories must be empty.
  virtual void Remove(const std::string& path) = 0;
  // An existing directory is not an error; parents are made too. Only the owner may enter.
  virtual void MakeDirectory(const std::string& path) = 0;
  // Names of the entries, sorted.
  virtual std::vector<std::string> List(const std::string& path) = 0;
  // Bytes that this process may still write to the file system of `path`.
  virtual std::int64_t FreeBytes(const std::string& path) = 0;
};

class PosixIoEnv : public IoEnv {
 public:
  FileDescriptor Open(const std::string& path, int flags) override;
  std::size_t Write(const FileDescriptor& file, std::span<const iovec> parts,
                    std::int64_t offset) override;
  std::size_t Read(const FileDescriptor& file, std::span<std::byte> bytes,
                   std::int64_t offset) override;
  void SyncData(const FileDescriptor& file) override;
  void Sync(const FileDescriptor& file) override;
  void Truncate(const FileDescriptor& file, std::int64_t size) override;
  void Allocate(const FileDescriptor& file, std::int64_t size) override;
  std::int64_t Size(const FileDescriptor& file) override;
  MappedBytes Map(const FileDescriptor& file, std::size_t size) override;
  bool TryLock(const FileDescriptor& file) override;
  void Rename(const std::string& from, const std::string& to) override;
  void Remove(const std::string& path) override;
  void MakeDirectory(const std::string& path) override;
  std::vector<std::string> List(const std::string& path) override;
  std::int64_t FreeBytes(const std::string& path) override;
};

// Writes all of `parts`, one after another, from `offset` on. Throws std::system_error; some bytes
// may then have been written.
void WriteFully(IoEnv& env, const FileDescriptor& file, std::vector<iovec> parts,
                std::int64_t offset);

// Sync a file, or the entries of a directory. A failed sync ends the process unless the disk is
// full: the kernel may have dropped the unwritten pages and report success the next time
// ("fsyncgate"), so the only way to know what is stored is to start again and read it.
void SyncDataOrDie(IoEnv& env, const FileDescriptor& file);
void SyncDirectoryOrDie(IoEnv& env, const std::string& path);

// Logs and aborts.
[[noreturn]] void FailStop(const std::string& what);

// What callers of the store see of a failed file operation, the paths staying in the log:
// kResourceExhausted DISK_FULL or kInternal IO_ERROR.
Error ToError(const std::system_error& error);

// Calls `work`; a std::system_error leaves as Error.
template <class Work>
auto TranslateIoErrors(const Work& work) {
  try {
    return work();
  } catch (const std::system_error& error) {
    throw ToError(error);
  }
}

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_IO_ENV_H_
