#include "server/storage/dataset_snapshot.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>

#include "engine/base/error.h"
#include "server/base/stored_id.h"
#include "server/storage/upload_table.h"

namespace sobolev::server {
namespace {

[[noreturn]] void ThrowDamaged(const std::string& damage) {
  throw Error(ErrorCode::kDataLoss, "DATASET_DAMAGED", "dataset",
              damage + "; upload the samples again into a new dataset");
}

}  // namespace

SnapshotContents LoadSnapshotContents(Database& db, const DatasetRecord& dataset,
                                      std::int64_t version) {
  if (!dataset.damage.empty()) ThrowDamaged(dataset.damage);
  SnapshotContents contents{.dataset = dataset,
                            .version = version == 0 ? dataset.version : version};
  {
    Rows rows = db.Query("SELECT " + StatisticsColumns("v") +
                             " FROM dataset_versions v WHERE v.dataset_uid = ?1 AND v.version = ?2",
                         dataset.uid, contents.version);
    if (!rows.Next()) {
      throw Error(ErrorCode::kNotFound, "NOT_FOUND", "dataset_version",
                  "expected a version up to " + std::to_string(dataset.version) + " of \"" +
                      LocalId(dataset.id) + "\", got " + std::to_string(version));
    }
    contents.statistics = ReadStatistics(rows, 0, dataset.n);
  }
  Rows rows = db.Query(
      "SELECT u.uid, u.segment_bytes, b.block_id, b.row_count, b.segment_offset,"
      "       b.payload_crc32c, b.arrays, b.num_tangents, b.num_adjoints, b.num_hvps "
      "FROM uploads u JOIN blocks b ON b.upload_uid = u.uid "
      "WHERE u.dataset_uid = ?1 AND u.committed_version BETWEEN 1 AND ?2 "
      "ORDER BY u.committed_version, b.block_id",
      dataset.uid, contents.version);
  while (rows.Next()) {
    if (contents.uploads.empty() || contents.uploads.back().uid != rows.Text(0)) {
      contents.uploads.push_back({.uid = rows.Text(0), .segment_bytes = rows.Int(1)});
    }
    contents.uploads.back().blocks.push_back(
        {.block_id = rows.Int(2),
         .rows = rows.Int(3),
         .layout = ReadLayout(rows, 6),
         .offset = rows.Int(4),
         .payload_crc32c = static_cast<std::uint32_t>(rows.Int(5))});
  }
  return contents;
}

std::string DescribeMissingBlock(const std::string& dataset_id, const std::string& upload_uid,
                                 std::int64_t block_id) {
  return "dataset \"" + LocalId(dataset_id) + "\": block " + std::to_string(block_id) +
         " of upload " + upload_uid + " is missing on disk";
}

DatasetSnapshot::DatasetSnapshot(IoEnv& env, const DataDirectory& directory,
                                 SnapshotContents contents, MarkDamagedFn mark_damaged)
    : contents_(std::move(contents)), mark_damaged_(std::move(mark_damaged)) {
  samples_.n = contents_.dataset.n;
  samples_.m = contents_.dataset.m;
  for (const SnapshotContents::Upload& upload : contents_.uploads) {
    const SegmentView& segment = segments_.emplace_back(OpenSegment(env, directory, upload));
    for (std::size_t block = 0; block < upload.blocks.size(); ++block) {
      samples_.blocks.push_back(segment.Samples(upload.blocks[block]));
      places_.push_back({.upload = segments_.size() - 1, .block = block});
    }
  }
}

SegmentView DatasetSnapshot::OpenSegment(IoEnv& env, const DataDirectory& directory,
                                         const SnapshotContents::Upload& upload) const {
  const DatasetRecord& dataset = contents_.dataset;
  std::int64_t actual = 0;
  try {
    const FileDescriptor file = env.Open(directory.SegmentPath(dataset.uid, upload.uid), O_RDONLY);
    actual = env.Size(file);
    // A mapping beyond the end of the file would kill the process when it is read.
    if (actual >= upload.segment_bytes) {
      return SegmentView(env, file, upload.segment_bytes, dataset.n, dataset.m);
    }
  } catch (const std::system_error& error) {
    if (error.code().value() != ENOENT) throw;
  }
  // The first block that is not whole is the last one that starts before the end.
  const BlockLocation* missing = nullptr;
  for (const BlockLocation& block : upload.blocks) {
    if (block.offset <= actual && (missing == nullptr || block.offset > missing->offset)) {
      missing = &block;
    }
  }
  ReportDamage(DescribeMissingBlock(dataset.id, upload.uid, missing->block_id));
}

void DatasetSnapshot::Verify(std::size_t index) const {
  const Place place = places_.at(index);
  const SnapshotContents::Upload& upload = contents_.uploads[place.upload];
  const BlockLocation& location = upload.blocks[place.block];
  if (segments_[place.upload].IsIntact(location)) return;
  ReportDamage("dataset \"" + LocalId(contents_.dataset.id) + "\": block " +
               std::to_string(location.block_id) + " of upload " + upload.uid +
               " failed its checksum");
}

void DatasetSnapshot::ReportDamage(const std::string& damage) const {
  mark_damaged_(contents_.dataset.uid, damage);
  ThrowDamaged(damage);
}

}  // namespace sobolev::server
