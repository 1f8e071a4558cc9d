// The embedded store: SQLite for metadata, segment files for samples, files for weights and
// checkpoints, in one directory (data_directory.h). No other process may use the directory.

#ifndef SOBOLEV_SERVER_STORAGE_SQLITE_STORE_H_
#define SOBOLEV_SERVER_STORAGE_SQLITE_STORE_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "server/base/clock.h"
#include "server/storage/io_env.h"
#include "server/storage/store.h"

namespace sobolev::server {

struct StoreOptions {
  std::string directory;         // Made if missing.
  const Clock* clock = nullptr;  // Required; outlives the store.
  IoEnv* env = nullptr;          // Required; outlives the store.

  // New data is refused (kResourceExhausted DISK_LOW) when less would stay free.
  std::int64_t min_free_bytes = std::int64_t{1} << 30;
  // Kept so that a full disk can still be cleaned up.
  std::int64_t ballast_bytes = std::int64_t{64} << 20;
  // Blocks that are made durable together, unless one alone is larger.
  std::size_t max_group_bytes = std::size_t{16} << 20;
  // Progress events are durable after this at the latest.
  std::chrono::milliseconds event_flush_interval{500};
  // Of one job; older progress events are thinned.
  std::int64_t max_job_events = 4096;
  // A job that was running in so many crashes in a row, without saving a checkpoint in between, has
  // probably caused them: it fails with CRASH_LOOP.
  std::int64_t max_job_crashes = 20;
};

// Opens the store and recovers it: jobs that were running are queued again, what a crash left
// behind is removed, datasets with missing bytes are marked damaged. The snapshots it gives must
// not outlive it; its destructor waits for blocks under way.
//
// Throws kFailedPrecondition: DATA_DIR_LOCKED if another server uses the directory,
// DATA_DIR_UNUSABLE if it cannot be written, STORE_TOO_NEW if a newer server wrote it.
std::unique_ptr<Store> OpenSqliteStore(const StoreOptions& options);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_SQLITE_STORE_H_
