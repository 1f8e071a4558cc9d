#include "server/storage/upload_table.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstring>
#include <tuple>
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

// What is counted, in uploads and dataset_versions alike.
constexpr std::array<const char*, 10> kCountColumns = {
    "sample_count",        "jacobian_count",
    "weight_count",        "tangent_count",
    "adjoint_count",       "hvp_count",
    "y_variance_count",    "jacobian_variance_count",
    "missing_value_count", "missing_derivative_count"};

// Where the counts are, in the order of the columns.
template <class Statistics>
auto CountsOf(Statistics& statistics) {
  auto& labels = statistics.labels;
  return std::array{&statistics.sample_count,   &labels.jacobians,          &labels.weights,
                    &labels.tangents,           &labels.adjoints,           &labels.hvps,
                    &labels.y_variances,        &labels.jacobian_variances, &labels.missing_values,
                    &labels.missing_derivatives};
}

// The count columns, each as `make(name, i)` says, separated by commas.
template <class Make>
std::string ListCounts(const Make& make) {
  std::string list;
  for (std::size_t i = 0; i < kCountColumns.size(); ++i) {
    if (i > 0) list += ", ";
    list += make(kCountColumns[i], i);
  }
  return list;
}

std::string SelectList(const std::string& alias, const char* size_column,
                       const std::string& fingerprint) {
  return ListCounts([&](const char* name, std::size_t) { return alias + "." + name; }) + ", " +
         alias + "." + size_column + ", " + alias + ".ranges, " + fingerprint;
}

// The column `ranges`: empty without samples.
std::string EncodeRanges(const DatasetStatistics& statistics) {
  static_assert(sizeof(ValueRange) == 2 * sizeof(double));
  std::string bytes;
  for (const std::vector<ValueRange>* ranges : {&statistics.inputs, &statistics.outputs}) {
    bytes.append(reinterpret_cast<const char*>(ranges->data()),
                 ranges->size() * sizeof(ValueRange));
  }
  return bytes;
}

}  // namespace

UploadRow LoadUpload(Database& db, const std::string& uid) {
  static const std::string kSql =
      "SELECT d.uid, d.id, d.n, d.m, u.committed_version, " +
      SelectList("u", "segment_bytes", "''") +
      " FROM uploads u JOIN datasets d ON d.uid = u.dataset_uid WHERE u.uid = ?1";
  Rows rows = db.Query(kSql, uid);
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

StoredBlock ReadBlock(const Rows& rows) {
  return {.wire_crc32c = static_cast<std::uint32_t>(rows.Int(0)),
          .rows = rows.Int(1),
          .layout = ReadLayout(rows, 2)};
}

std::optional<StoredBlock> FindBlock(Database& db, const std::string& upload_uid,
                                     std::int64_t block_id) {
  Rows rows = db.Query(
      "SELECT wire_crc32c, row_count, arrays, num_tangents, num_adjoints, num_hvps "
      "FROM blocks WHERE upload_uid = ?1 AND block_id = ?2",
      upload_uid, block_id);
  if (!rows.Next()) return std::nullopt;
  return ReadBlock(rows);
}

BlockLayout ReadLayout(const Rows& rows, int first) {
  const auto number = [&](int i) { return static_cast<std::uint32_t>(rows.Int(first + i)); };
  return {.arrays = number(0),
          .num_tangents = number(1),
          .num_adjoints = number(2),
          .num_hvps = number(3)};
}

void InsertBlock(Database& db, const std::string& upload_uid, const BlockLocation& location,
                 std::uint32_t wire_crc32c) {
  const BlockLayout& layout = location.layout;
  db.Run(
      "INSERT INTO blocks (upload_uid, block_id, row_count, segment_offset, wire_crc32c,"
      "  payload_crc32c, arrays, num_tangents, num_adjoints, num_hvps) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
      upload_uid, location.block_id, location.rows, location.offset, wire_crc32c,
      location.payload_crc32c, layout.arrays, layout.num_tangents, layout.num_adjoints,
      layout.num_hvps);
}

bool UpdateOpenUpload(Database& db, const UploadRow& upload, std::int64_t now_micros) {
  static const std::string kSql =
      "UPDATE uploads SET segment_bytes = ?2, ranges = ?3,"
      "  touch_micros = ?4, " +
      ListCounts([](const char* name, std::size_t i) {
        return std::string(name) + " = ?" + std::to_string(i + 5);
      }) +
      " WHERE uid = ?1 AND committed_version = 0";
  const DatasetStatistics& statistics = upload.statistics;
  const std::string ranges = EncodeRanges(statistics);
  return std::apply(
             [&](const auto*... counts) {
               return db.Run(kSql, upload.uid, statistics.size_bytes, Blob{ranges}, now_micros,
                             *counts...);
             },
             CountsOf(statistics)) == 1;
}

DatasetStatistics BlockStatistics(const SampleBlockData& block, std::int64_t stored_bytes) {
  return {.sample_count = block.rows,
          .labels = block.counts,
          .inputs = block.inputs,
          .outputs = block.outputs,
          .size_bytes = stored_bytes};
}

void Merge(const DatasetStatistics& part, DatasetStatistics& total) {
  const auto part_counts = CountsOf(part);
  const auto total_counts = CountsOf(total);
  for (std::size_t i = 0; i < total_counts.size(); ++i) *total_counts[i] += *part_counts[i];
  total.size_bytes += part.size_bytes;
  MergeRanges(part.inputs, total.inputs);
  MergeRanges(part.outputs, total.outputs);
}

void InsertVersion(Database& db, const std::string& dataset_uid, std::int64_t version,
                   const DatasetStatistics& statistics) {
  static const std::string kSql =
      "INSERT INTO dataset_versions (dataset_uid, version, size_bytes, ranges, fingerprint, " +
      ListCounts([](const char* name, std::size_t) { return std::string(name); }) +
      ") VALUES (?1, ?2, ?3, ?4, ?5, " +
      ListCounts([](const char*, std::size_t i) { return "?" + std::to_string(i + 6); }) + ")";
  const std::string ranges = EncodeRanges(statistics);
  std::apply(
      [&](const auto*... counts) {
        db.Run(kSql, dataset_uid, version, statistics.size_bytes, Blob{ranges},
               statistics.fingerprint, *counts...);
      },
      CountsOf(statistics));
}

std::string StatisticsColumns(const std::string& alias) {
  return SelectList(alias, "size_bytes", alias + ".fingerprint");
}

DatasetStatistics ReadStatistics(const Rows& rows, int first, std::int64_t n) {
  DatasetStatistics statistics;
  int column = first;
  for (std::int64_t* count : CountsOf(statistics)) *count = rows.Int(column++);
  statistics.size_bytes = rows.Int(column++);
  const std::string bytes = rows.Text(column++);
  statistics.fingerprint = rows.Text(column);
  if (bytes.empty()) return statistics;
  std::vector<ValueRange> ranges(bytes.size() / sizeof(ValueRange));
  std::memcpy(ranges.data(), bytes.data(), ranges.size() * sizeof(ValueRange));
  statistics.inputs.assign(ranges.begin(), ranges.begin() + n);
  statistics.outputs.assign(ranges.begin() + n, ranges.end());
  return statistics;
}

}  // namespace sobolev::server
