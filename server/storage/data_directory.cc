#include "server/storage/data_directory.h"

#include <random>
#include <utility>

#include <fcntl.h>

#include "engine/base/error.h"
#include "server/base/log.h"

namespace sobolev::server {
namespace {

FileDescriptor LockDirectory(IoEnv& env, const std::string& path) {
  try {
    env.MakeDirectory(path);
    FileDescriptor lock = env.Open(path + "/LOCK", O_RDWR | O_CREAT);
    if (env.TryLock(lock)) return lock;
  } catch (const std::system_error& error) {
    throw FailedPrecondition("DATA_DIR_UNUSABLE", "data_dir",
                             "expected a directory that the server may write, but " +
                                 std::string(error.what()) +
                                 "; give another with --data-dir or change its permissions");
  }
  throw FailedPrecondition("DATA_DIR_LOCKED", "data_dir",
                           "another server uses \"" + path +
                               "\"; stop it first or give another directory with --data-dir");
}

}  // namespace

std::string RandomHex() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  constexpr int kWords = 4;
  std::random_device device;
  std::string hex;
  for (int word = 0; word < kWords; ++word) {
    const std::uint32_t bits = device();
    for (int shift = 0; shift < 32; shift += 4) hex += kDigits[(bits >> shift) & 15];
  }
  return hex;
}

DataDirectory::DataDirectory(IoEnv& env, std::string path, std::int64_t min_free_bytes,
                             std::int64_t ballast_bytes)
    : env_(env),
      path_(std::move(path)),
      min_free_bytes_(min_free_bytes),
      ballast_bytes_(ballast_bytes),
      lock_(LockDirectory(env, path_)) {
  env_.MakeDirectory(DatasetsPath());
  SyncDirectoryOrDie(env_, path_);
  RestoreBallast();
}

void DataDirectory::RequireRoom(std::int64_t bytes) const {
  const std::int64_t free_bytes = env_.FreeBytes(path_);
  if (free_bytes - bytes >= min_free_bytes_) return;
  throw Error(ErrorCode::kResourceExhausted, "DISK_LOW", "",
              "the server's disk is nearly full: expected " +
                  std::to_string(min_free_bytes_ >> 20) + " MiB to stay free, got " +
                  std::to_string((free_bytes - bytes) >> 20) +
                  " MiB; nothing was changed; free some space, for example by deleting datasets, "
                  "and try again");
}

void DataDirectory::DropBallastIfLow() {
  if (env_.FreeBytes(path_) < min_free_bytes_) env_.Remove(BallastPath());
}

void DataDirectory::RestoreBallast() {
  try {
    const FileDescriptor ballast = env_.Open(BallastPath(), O_RDWR | O_CREAT);
    if (env_.Size(ballast) == ballast_bytes_ ||
        env_.FreeBytes(path_) < min_free_bytes_ + ballast_bytes_) {
      return;
    }
    env_.Truncate(ballast, 0);
    if (ballast_bytes_ > 0) env_.Allocate(ballast, ballast_bytes_);
  } catch (const std::system_error& error) {
    LogWarning("cannot reserve ballast on the disk", {{"what", error.what()}});
  }
}

void DataDirectory::RemoveDataset(const std::string& uid) {
  try {
    for (const std::string& file : env_.List(DatasetPath(uid))) {
      env_.Remove(DatasetPath(uid) + "/" + file);
    }
    env_.Remove(DatasetPath(uid));
  } catch (const std::system_error& error) {
    LogWarning("cannot remove a dataset's files", {{"what", error.what()}});
  }
}

void DataDirectory::RemoveSegment(const std::string& dataset_uid, const std::string& upload_uid) {
  try {
    env_.Remove(SegmentPath(dataset_uid, upload_uid));
  } catch (const std::system_error& error) {
    LogWarning("cannot remove an upload's file", {{"what", error.what()}});
  }
}

}  // namespace sobolev::server
