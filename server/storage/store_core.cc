#include "server/storage/store_core.h"

#include <utility>

#include "server/storage/schema.h"

namespace sobolev::server {

StoreCore::StoreCore(const StoreOptions& store_options)
    : options(store_options),
      env(*store_options.env),
      clock(*store_options.clock),
      directory(env, options.directory, options.min_free_bytes, options.ballast_bytes),
      blobs(env, directory.BlobsPath()),
      writer_(directory.MetadataPath(), Database::Mode::kReadWrite) {
  MigrateSchema(writer_);
}

StoreCore::Reader::Reader(StoreCore& core) : core_(core) {
  {
    const std::lock_guard lock(core_.idle_mutex_);
    if (!core_.idle_readers_.empty()) {
      db_ = std::move(core_.idle_readers_.back());
      core_.idle_readers_.pop_back();
    }
  }
  if (db_ == nullptr) {
    db_ = std::make_unique<Database>(core_.directory.MetadataPath(), Database::Mode::kReadOnly);
  }
  work_ = std::make_unique<Transaction>(*db_, /*immediate=*/false);
}

StoreCore::Reader::~Reader() {
  work_.reset();
  const std::lock_guard lock(core_.idle_mutex_);
  core_.idle_readers_.push_back(std::move(db_));
}

}  // namespace sobolev::server
