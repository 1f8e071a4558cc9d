#include "server/storage/blob_files.h"

#include <cerrno>
#include <span>
#include <utility>

#include <fcntl.h>

#include "engine/base/error.h"
#include "server/base/log.h"
#include "server/storage/data_directory.h"
#include "server/storage/sha256.h"

namespace sobolev::server {

BlobFiles::BlobFiles(IoEnv& env, std::string directory)
    : env_(env), directory_(std::move(directory)) {
  env_.MakeDirectory(directory_);
}

BlobRef BlobFiles::Write(std::string_view bytes) {
  BlobRef blob{.file = RandomHex(), .sha256 = Sha256Hex(bytes)};
  const std::string temporary = blob.file + ".tmp";
  try {
    const FileDescriptor file = env_.Open(Path(temporary), O_WRONLY | O_CREAT | O_EXCL);
    if (!bytes.empty()) {
      WriteFully(env_, file, {{const_cast<char*>(bytes.data()), bytes.size()}}, 0);
    }
    SyncDataOrDie(env_, file);
    env_.Rename(Path(temporary), Path(blob.file));
    SyncDirectoryOrDie(env_, directory_);
  } catch (const std::system_error&) {
    Remove(temporary);
    Remove(blob.file);
    throw;
  }
  return blob;
}

std::string BlobFiles::Read(const BlobRef& blob, const std::string& what) {
  std::string bytes;
  try {
    const FileDescriptor file = env_.Open(Path(blob.file), O_RDONLY);
    bytes.resize(static_cast<std::size_t>(env_.Size(file)));
    bytes.resize(env_.Read(file, std::as_writable_bytes(std::span(bytes)), 0));
  } catch (const std::system_error& error) {
    if (error.code().value() != ENOENT) throw;
  }
  if (Sha256Hex(bytes) != blob.sha256) {
    throw Error(ErrorCode::kDataLoss, "CORRUPT_BLOB", "",
                "the stored bytes of " + what + " failed their checksum");
  }
  return bytes;
}

void BlobFiles::Remove(const std::string& file) {
  if (file.empty()) return;
  try {
    env_.Remove(Path(file));
  } catch (const std::system_error& error) {
    LogWarning("cannot remove a file", {{"what", error.what()}});
  }
}

void BlobFiles::Collect(const std::set<std::string>& referenced) {
  for (const std::string& file : env_.List(directory_)) {
    if (!referenced.contains(file)) Remove(file);
  }
}

}  // namespace sobolev::server
