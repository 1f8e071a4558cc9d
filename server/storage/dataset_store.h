// Datasets, their uploads and snapshots, in the embedded store.

#ifndef SOBOLEV_SERVER_STORAGE_DATASET_STORE_H_
#define SOBOLEV_SERVER_STORAGE_DATASET_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "server/storage/store_core.h"
#include "server/storage/upload_table.h"

namespace sobolev::server {

// The methods are those of Store. Thread-safe.
class DatasetStore {
 public:
  // Makes files and rows agree after a crash. `core` outlives this.
  explicit DatasetStore(StoreCore& core);

  DatasetRecord Create(const std::string& id, const std::string& schema, std::int64_t n,
                       std::int64_t m);
  DatasetRecord Get(const std::string& id);
  std::vector<DatasetRecord> List(const std::string& after, std::int64_t limit);
  void Delete(const std::string& id);

  UploadState OpenUpload(const std::string& dataset_id, const std::string& upload_id);
  std::int64_t CommitUpload(const std::string& upload_uid, std::int64_t block_count,
                            std::int64_t sample_count, std::uint32_t crc32c);
  void DropStaleUploads(std::int64_t before_micros);

  std::shared_ptr<const Snapshot> OpenSnapshot(const std::string& dataset_id, std::int64_t version);

  // Records that a dataset is damaged; what was recorded first stays. Throws kNotFound.
  void MarkDamaged(const std::string& dataset_uid, const std::string& damage);

 private:
  // Recovery: removes files of nobody, cuts segments to what counts, marks datasets whose segments
  // are too short.
  void RemoveForeignFiles();
  void CutSegments();
  // The block that a segment of so many bytes does not hold wholly.
  std::int64_t FirstMissingBlock(const std::string& upload_uid, std::int64_t segment_bytes);

  StoreCore& core_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_DATASET_STORE_H_
