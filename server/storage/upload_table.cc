#include "server/storage/upload_table.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <vector>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

void MergeRanges(const std::vector<ValueRange>& part, std::vector<ValueRange>& total) {
  if (total.empty()) total = part;
  if (part.empty()) return;
  assert(part.size() == total.size());
  for (std::size_t i = 0; i < part.size(); ++i) {
    total[i].min = std::min(total[i].min, part[i].min);
    total[i].max = std::max(total[i].max, part[i].max);
  }
}

}  // namespace

UploadRow LoadUpload(Database& db, const std::string& uid) {
  Rows rows = db.Query(
      "SELECT d.uid, d.id, d.n, d.m, u.committed_version, u.sample_count, u.jacobian_count,"
      "       u.weight_count, u.segment_bytes, u.ranges, '' "
      "FROM uploads u JOIN datasets d ON d.uid = u.dataset_uid WHERE u.uid = ?1",
      uid);
  if (!rows.Next()) {
    throw Error(ErrorCode::kNotFound, "NOT_FOUND", "upload",
                "the upload or its dataset was deleted; start the upload again");
  }
  return {.uid = uid,
          .dataset_uid = rows.Text(0),
          .dataset_id = rows.Text(1),
          .n = rows.Int(2),
          .m = rows.Int(3),
          .committed_version = rows.Int(4),
          .statistics = ReadStatistics(rows, 5, rows.Int(2))};
}

std::optional<std::uint32_t> FindBlock(Database& db, const std::string& upload_uid,
                                       std::int64_t block_id) {
  Rows rows = db.Query("SELECT wire_crc32c FROM blocks WHERE upload_uid = ?1 AND block_id = ?2",
                       upload_uid, block_id);
  if (!rows.Next()) return std::nullopt;
  return static_cast<std::uint32_t>(rows.Int(0));
}

void InsertBlock(Database& db, const std::string& upload_uid, const BlockLocation& location,
                 std::uint32_t wire_crc32c) {
  db.Run("INSERT INTO blocks VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", upload_uid,
         location.block_id, location.rows, location.has_jacobian, location.has_weight,
         location.offset, wire_crc32c, location.payload_crc32c);
}

bool UpdateOpenUpload(Database& db, const UploadRow& upload, std::int64_t now_micros) {
  const DatasetStatistics& statistics = upload.statistics;
  const std::string ranges = EncodeRanges(statistics);
  return db.Run(
             "UPDATE uploads SET sample_count = ?2, jacobian_count = ?3, weight_count = ?4,"
             "  segment_bytes = ?5, ranges = ?6, touch_micros = ?7 "
             "WHERE uid = ?1 AND committed_version = 0",
             upload.uid, statistics.sample_count, statistics.jacobian_count,
             statistics.weight_count, statistics.size_bytes, Blob{ranges}, now_micros) == 1;
}

DatasetStatistics BlockStatistics(const SampleBlockData& block, std::int64_t stored_bytes) {
  return {.sample_count = block.rows,
          .jacobian_count = block.jacobian.empty() ? 0 : block.rows,
          .weight_count = block.weight.empty() ? 0 : block.rows,
          .inputs = block.inputs,
          .outputs = block.outputs,
          .size_bytes = stored_bytes};
}

void Merge(const DatasetStatistics& part, DatasetStatistics& total) {
  total.sample_count += part.sample_count;
  total.jacobian_count += part.jacobian_count;
  total.weight_count += part.weight_count;
  total.size_bytes += part.size_bytes;
  MergeRanges(part.inputs, total.inputs);
  MergeRanges(part.outputs, total.outputs);
}

DatasetStatistics ReadStatistics(const Rows& rows, int first, std::int64_t n) {
  DatasetStatistics statistics{.sample_count = rows.Int(first),
                               .jacobian_count = rows.Int(first + 1),
                               .weight_count = rows.Int(first + 2),
                               .fingerprint = rows.Text(first + 5),
                               .size_bytes = rows.Int(first + 3)};
  const std::string bytes = rows.Text(first + 4);
  if (bytes.empty()) return statistics;
  std::vector<ValueRange> ranges(bytes.size() / sizeof(ValueRange));
  std::memcpy(ranges.data(), bytes.data(), ranges.size() * sizeof(ValueRange));
  statistics.inputs.assign(ranges.begin(), ranges.begin() + n);
  statistics.outputs.assign(ranges.begin() + n, ranges.end());
  return statistics;
}

std::string EncodeRanges(const DatasetStatistics& statistics) {
  static_assert(sizeof(ValueRange) == 2 * sizeof(double));
  std::string bytes;
  for (const std::vector<ValueRange>* ranges : {&statistics.inputs, &statistics.outputs}) {
    bytes.append(reinterpret_cast<const char*>(ranges->data()),
                 ranges->size() * sizeof(ValueRange));
  }
  return bytes;
}

}  // namespace sobolev::server
