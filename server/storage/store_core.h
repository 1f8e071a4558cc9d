// What the parts of the embedded store share: the directory, the one writing connection and the
// reading ones.

#ifndef SOBOLEV_SERVER_STORAGE_STORE_CORE_H_
#define SOBOLEV_SERVER_STORAGE_STORE_CORE_H_

#include <memory>
#include <mutex>
#include <vector>

#include "server/storage/blob_files.h"
#include "server/storage/data_directory.h"
#include "server/storage/sqlite.h"
#include "server/storage/sqlite_store.h"

namespace sobolev::server {

// Thread-safe.
class StoreCore {
 public:
  explicit StoreCore(const StoreOptions& store_options);

  // A write transaction; others wait for its end. Rolls back unless committed.
  class Writer {
   public:
    explicit Writer(StoreCore& core) : lock_(core.write_mutex_), db_(core.writer_), work_(db_) {}
    Database& db() { return db_; }
    void Commit() { work_.Commit(); }

   private:
    std::lock_guard<std::mutex> lock_;
    Database& db_;
    Transaction work_;
  };

  // A read transaction: one moment of the store, neither blocked by writers nor blocking them.
  class Reader {
   public:
    explicit Reader(StoreCore& core);
    ~Reader();
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;
    Database& db() { return *db_; }

   private:
    StoreCore& core_;
    std::unique_ptr<Database> db_;
    std::unique_ptr<Transaction> work_;
  };

  const StoreOptions options;
  IoEnv& env;
  const Clock& clock;
  DataDirectory directory;
  BlobFiles blobs;

 private:
  std::mutex write_mutex_;
  Database writer_;  // Guarded by write_mutex_. Closed last, which checkpoints.
  std::mutex idle_mutex_;
  std::vector<std::unique_ptr<Database>> idle_readers_;  // Guarded by idle_mutex_.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_STORE_CORE_H_
