// Checkpoints and weights: one file each, written once.

#ifndef SOBOLEV_SERVER_STORAGE_BLOB_FILES_H_
#define SOBOLEV_SERVER_STORAGE_BLOB_FILES_H_

#include <set>
#include <string>
#include <string_view>

#include "server/storage/io_env.h"

namespace sobolev::server {

// Where a blob is and what it must be.
struct BlobRef {
  std::string file;  // Empty: none.
  std::string sha256;
};

// A blob counts once the metadata store refers to it. Thread-safe. Throws std::system_error unless
// said otherwise.
class BlobFiles {
 public:
  // `env` outlives this. Makes the directory.
  BlobFiles(IoEnv& env, std::string directory);

  // The blob is durable when this returns.
  BlobRef Write(std::string_view bytes);
  // Throws Error(kDataLoss CORRUPT_BLOB) naming `what` if the file is missing or not what was
  // written.
  std::string Read(const BlobRef& blob, const std::string& what);
  // Failures are logged: the next Collect tries again.
  void Remove(const std::string& file);
  // Removes every file but these.
  void Collect(const std::set<std::string>& referenced);

 private:
  std::string Path(const std::string& file) const { return directory_ + "/" + file; }

  IoEnv& env_;
  const std::string directory_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_BLOB_FILES_H_
