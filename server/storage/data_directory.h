// The directory of a store: its layout, its lock, its room.
//
//   LOCK               held by the one server that may use the directory
//   metadata.sqlite    with -wal and -shm beside it
//   datasets/<dataset uid>/<upload uid>.seg
//   blobs/             checkpoints and weights
//   ballast            bytes that are given back when the disk is full, so that things can be
//                      deleted

#ifndef SOBOLEV_SERVER_STORAGE_DATA_DIRECTORY_H_
#define SOBOLEV_SERVER_STORAGE_DATA_DIRECTORY_H_

#include <cstdint>
#include <string>

#include "server/storage/io_env.h"

namespace sobolev::server {

// 32 random hexadecimal digits.
std::string RandomHex();

// Thread-safe. Unless said otherwise, throws std::system_error.
class DataDirectory {
 public:
  // Makes and locks the directory. `env` outlives this. Throws Error(kFailedPrecondition): with
  // DATA_DIR_LOCKED if another server has it, with DATA_DIR_UNUSABLE if it cannot be written.
  DataDirectory(IoEnv& env, std::string path, std::int64_t min_free_bytes,
                std::int64_t ballast_bytes);

  std::string MetadataPath() const { return path_ + "/metadata.sqlite"; }
  std::string BlobsPath() const { return path_ + "/blobs"; }
  std::string DatasetsPath() const { return path_ + "/datasets"; }
  std::string DatasetPath(const std::string& uid) const { return DatasetsPath() + "/" + uid; }
  std::string SegmentPath(const std::string& dataset_uid, const std::string& upload_uid) const {
    return DatasetPath(dataset_uid) + "/" + upload_uid + ".seg";
  }

  // Throws Error(kResourceExhausted DISK_LOW) if fewer than min_free_bytes would be left after
  // writing `bytes`.
  void RequireRoom(std::int64_t bytes) const;
  // Gives the ballast back if the disk is low: before deletions, which need room of their own.
  void DropBallastIfLow();
  // Takes ballast again once there is room. Never throws.
  void RestoreBallast();

  // Removes the directory or file with what is in it. Failures are logged: recovery tries again.
  void RemoveDataset(const std::string& uid);
  void RemoveSegment(const std::string& dataset_uid, const std::string& upload_uid);

 private:
  std::string BallastPath() const { return path_ + "/ballast"; }

  IoEnv& env_;
  const std::string path_;
  const std::int64_t min_free_bytes_;
  const std::int64_t ballast_bytes_;
  FileDescriptor lock_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_DATA_DIRECTORY_H_
