// Uploads, their blocks and the statistics of their samples, as rows of the metadata store.

#ifndef SOBOLEV_SERVER_STORAGE_UPLOAD_TABLE_H_
#define SOBOLEV_SERVER_STORAGE_UPLOAD_TABLE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/storage/segment_file.h"
#include "server/storage/sqlite.h"
#include "server/storage/store.h"

namespace sobolev::server {

struct UploadRow {
  std::string uid;
  std::string dataset_uid;
  std::string dataset_id;
  std::int64_t n = 0;
  std::int64_t m = 0;
  std::int64_t committed_version = 0;
  // Of the stored blocks; size_bytes is the part of the segment file that counts.
  DatasetStatistics statistics;
};

// Throws kNotFound.
UploadRow LoadUpload(Database& db, const std::string& uid);

// What tells blocks of the same id apart: the checksum says nothing of how its bytes are divided.
struct StoredBlock {
  std::uint32_t wire_crc32c = 0;
  std::int64_t rows = 0;
  BlockLayout layout;

  bool operator==(const StoredBlock&) const = default;
};

// The columns wire_crc32c, row_count and those of ReadLayout.
StoredBlock ReadBlock(const Rows& rows);
// The block if it is stored.
std::optional<StoredBlock> FindBlock(Database& db, const std::string& upload_uid,
                                     std::int64_t block_id);
// The columns arrays, num_tangents, num_adjoints, num_hvps of a block, the first of which is
// `first`.
BlockLayout ReadLayout(const Rows& rows, int first);
void InsertBlock(Database& db, const std::string& upload_uid, const BlockLocation& location,
                 std::uint32_t wire_crc32c);
// Writes statistics and time of an upload. False if it was dropped or committed meanwhile.
bool UpdateOpenUpload(Database& db, const UploadRow& upload, std::int64_t now_micros);

// The statistics of one block, which takes `stored_bytes` on disk.
DatasetStatistics BlockStatistics(const SampleBlockData& block, std::int64_t stored_bytes);
// Adds counts, bytes and ranges of `part`; the fingerprint stays.
void Merge(const DatasetStatistics& part, DatasetStatistics& total);

// Writes the statistics of a snapshot.
void InsertVersion(Database& db, const std::string& dataset_uid, std::int64_t version,
                   const DatasetStatistics& statistics);

// The columns of dataset_versions `alias` that ReadStatistics reads, for a SELECT.
std::string StatisticsColumns(const std::string& alias);
// The statistics in these columns, the first of which is `first`; of a dataset with n inputs.
DatasetStatistics ReadStatistics(const Rows& rows, int first, std::int64_t n);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_UPLOAD_TABLE_H_
