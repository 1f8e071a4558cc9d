#include "server/storage/io_env.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include <climits>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "server/base/log.h"

namespace sobolev::server {
namespace {

constexpr mode_t kFileMode = 0600;
constexpr mode_t kDirectoryMode = 0700;

[[noreturn]] void Throw(int error_number, const std::string& what) {
  throw std::system_error(error_number, std::generic_category(), what);
}

// Repeats `call` while it is interrupted; throws if it fails.
template <class Call>
auto Check(const std::string& what, const Call& call) {
  while (true) {
    const auto result = call();
    if (result >= 0) return result;
    if (errno != EINTR) Throw(errno, what);
  }
}

bool IsDiskFull(int error_number) {
  return error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
}

template <class Sync>
void DieOnFailure(const Sync& sync) {
  try {
    sync();
  } catch (const std::system_error& error) {
    if (IsDiskFull(error.code().value())) throw;
    FailStop(error.what());
  }
}

}  // namespace

FileDescriptor::~FileDescriptor() {
  if (fd_ >= 0) close(fd_);
}

FileDescriptor PosixIoEnv::Open(const std::string& path, int flags) {
  return FileDescriptor(
      Check("open " + path, [&] { return open(path.c_str(), flags | O_CLOEXEC, kFileMode); }));
}

std::size_t PosixIoEnv::Write(const FileDescriptor& file, std::span<const iovec> parts,
                              std::int64_t offset) {
  const int count = static_cast<int>(std::min<std::size_t>(parts.size(), IOV_MAX));
  const ssize_t written =
      Check("write", [&] { return pwritev(file.get(), parts.data(), count, offset); });
  if (written == 0) Throw(ENOSPC, "write");
  return static_cast<std::size_t>(written);
}

std::size_t PosixIoEnv::Read(const FileDescriptor& file, std::span<std::byte> bytes,
                             std::int64_t offset) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = Check("read", [&] {
      return pread(file.get(), bytes.data() + done, bytes.size() - done,
                   offset + static_cast<std::int64_t>(done));
    });
    if (count == 0) break;
    done += static_cast<std::size_t>(count);
  }
  return done;
}

void PosixIoEnv::SyncData(const FileDescriptor& file) {
  Check("fdatasync", [&] { return fdatasync(file.get()); });
}

void PosixIoEnv::Sync(const FileDescriptor& file) {
  Check("fsync", [&] { return fsync(file.get()); });
}

void PosixIoEnv::Truncate(const FileDescriptor& file, std::int64_t size) {
  Check("ftruncate", [&] { return ftruncate(file.get(), size); });
}

void PosixIoEnv::Allocate(const FileDescriptor& file, std::int64_t size) {
  // posix_fallocate returns the error instead of setting errno.
  const int error_number = posix_fallocate(file.get(), 0, size);
  if (error_number != 0) Throw(error_number, "fallocate");
}

std::int64_t PosixIoEnv::Size(const FileDescriptor& file) {
  struct stat status = {};
  Check("fstat", [&] { return fstat(file.get(), &status); });
  return status.st_size;
}

MappedBytes PosixIoEnv::Map(const FileDescriptor& file, std::size_t size) {
  void* const address = mmap(nullptr, size, PROT_READ, MAP_SHARED, file.get(), 0);
  if (address == MAP_FAILED) Throw(errno, "mmap");
  return {static_cast<const std::byte*>(address),
          [size](const std::byte* bytes) { munmap(const_cast<std::byte*>(bytes), size); }};
}

bool PosixIoEnv::TryLock(const FileDescriptor& file) {
  while (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) Throw(errno, "flock");
  }
  return true;
}

void PosixIoEnv::Rename(const std::string& from, const std::string& to) {
  Check("rename " + from, [&] { return rename(from.c_str(), to.c_str()); });
}

void PosixIoEnv::Remove(const std::string& path) {
  std::error_code error;
  std::filesystem::remove(path, error);
  if (error) Throw(error.value(), "remove " + path);
}

void PosixIoEnv::MakeDirectory(const std::string& path) {
  const std::filesystem::path directory(path);
  if (directory.has_parent_path() && !std::filesystem::exists(directory.parent_path())) {
    MakeDirectory(directory.parent_path());
  }
  if (mkdir(path.c_str(), kDirectoryMode) != 0 && errno != EEXIST) Throw(errno, "mkdir " + path);
}

std::vector<std::string> PosixIoEnv::List(const std::string& path) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(path)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::int64_t PosixIoEnv::FreeBytes(const std::string& path) {
  struct statvfs status = {};
  Check("statvfs " + path, [&] { return statvfs(path.c_str(), &status); });
  return static_cast<std::int64_t>(status.f_bavail * status.f_frsize);
}

void WriteFully(IoEnv& env, const FileDescriptor& file, std::vector<iovec> parts,
                std::int64_t offset) {
  std::span<iovec> rest(parts);
  while (!rest.empty()) {
    std::size_t written = env.Write(file, rest, offset);
    offset += static_cast<std::int64_t>(written);
    while (!rest.empty() && written >= rest.front().iov_len) {
      written -= rest.front().iov_len;
      rest = rest.subspan(1);
    }
    if (written > 0) {
      rest.front().iov_base = static_cast<std::byte*>(rest.front().iov_base) + written;
      rest.front().iov_len -= written;
    }
  }
}

void SyncDataOrDie(IoEnv& env, const FileDescriptor& file) {
  DieOnFailure([&] { env.SyncData(file); });
}

void SyncDirectoryOrDie(IoEnv& env, const std::string& path) {
  const FileDescriptor directory = env.Open(path, O_RDONLY | O_DIRECTORY);
  DieOnFailure([&] { env.Sync(directory); });
}

void FailStop(const std::string& what) {
  LogError("stable storage failed; stopping so that the next start reads what is really there",
           {{"what", what}});
  std::abort();
}

Error ToError(const std::system_error& error) {
  LogWarning("file operation failed", {{"what", error.what()}});
  if (IsDiskFull(error.code().value())) {
    return {ErrorCode::kResourceExhausted, "DISK_FULL", "",
            "the server's disk is full; nothing was changed; free some space, for example by "
            "deleting datasets, and try again"};
  }
  return {ErrorCode::kInternal, "IO_ERROR", "",
          "the server could not access its storage (" + error.code().message() +
              "); nothing was changed; the server's log says more"};
}

}  // namespace sobolev::server
