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

// The checksum that the client sent with the block, if it is stored.
std::optional<std::uint32_t> FindBlock(Database& db, const std::string& upload_uid,
                                       std::int64_t block_id);
void InsertBlock(Database& db, const std::string& upload_uid, const BlockLocation& location,
                 std::uint32_t wire_crc32c);
// Writes statistics and time of an upload. False if it was dropped or committed meanwhile.
bool UpdateOpenUpload(Database& db, const UploadRow& upload, std::int64_t now_micros);

// The statistics of one block, which takes `stored_bytes` on disk.
DatasetStatistics BlockStatistics(const SampleBlockData& block, std::int64_t stored_bytes);
// Adds counts, bytes and ranges of `part`; the fingerprint stays.
void Merge(const DatasetStatistics& part, DatasetStatistics& total);

// The statistics in columns `first` … of a row: sample_count, jacobian_count, weight_count,
// size_bytes, ranges, fingerprint.
DatasetStatistics ReadStatistics(const Rows& rows, int first, std::int64_t n);
// The column `ranges`: empty without samples.
std::string EncodeRanges(const DatasetStatistics& statistics);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_UPLOAD_TABLE_H_
