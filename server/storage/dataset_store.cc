#include "server/storage/dataset_store.h"

#include <cerrno>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <system_error>
#include <utility>

#include <fcntl.h>

#include "engine/base/error.h"
#include "proto/wire/crc32c.h"
#include "server/base/log.h"
#include "server/base/stored_id.h"
#include "server/storage/dataset_snapshot.h"
#include "server/storage/sha256.h"

namespace sobolev::server {
namespace {

// The records that `rest` (a WHERE clause and what follows) selects from datasets d.
std::string SelectDatasets(const char* rest) {
  return "SELECT d.id, d.uid, d.schema, d.n, d.m, d.damage, d.version, d.create_micros,"
         "       d.update_micros, " +
         StatisticsColumns("v") +
         " FROM datasets d "
         "JOIN dataset_versions v ON v.dataset_uid = d.uid AND v.version = d.version " +
         std::string(rest);
}

DatasetRecord ReadDataset(const Rows& rows) {
  return {.id = rows.Text(0),
          .uid = rows.Text(1),
          .schema = rows.Text(2),
          .n = rows.Int(3),
          .m = rows.Int(4),
          .damage = rows.Text(5),
          .version = rows.Int(6),
          .statistics = ReadStatistics(rows, 9, rows.Int(3)),
          .create_micros = rows.Int(7),
          .update_micros = rows.Int(8)};
}

std::optional<DatasetRecord> FindDataset(Database& db, const std::string& id) {
  Rows rows = db.Query(SelectDatasets("WHERE d.id = ?1"), id);
  if (!rows.Next()) return std::nullopt;
  return ReadDataset(rows);
}

DatasetRecord LoadDataset(Database& db, const std::string& id) {
  std::optional<DatasetRecord> dataset = FindDataset(db, id);
  if (!dataset) throw NotFound("dataset", LocalId(id));
  return *std::move(dataset);
}

// The fingerprint is a chain, so that a commit needs only its own blocks and equal content has an
// equal fingerprint however it was split into uploads:
// F₀ = SHA-256(schema), Fₖ₊₁ = SHA-256(Fₖ ‖ rows ‖ checksum ‖ layout of block k).
// A layout is arrays ‖ tangents ‖ adjoints ‖ hvps. It is left out of blocks with x, y and perhaps
// Jacobian and weight alone, for which the checksum was all that counted before there were others.
std::string ExtendFingerprint(const std::string& fingerprint, const StoredBlock& block) {
  constexpr std::uint32_t kValues = 0b0011;
  constexpr std::uint32_t kOptional = 0b1100;
  std::string link = fingerprint;
  const auto append = [&link](const auto& number) {
    link.append(reinterpret_cast<const char*>(&number), sizeof(number));
  };
  append(block.rows);
  append(block.wire_crc32c);
  const BlockLayout& layout = block.layout;
  if ((layout.arrays & ~kOptional) != kValues) {
    append(layout.arrays);
    append(layout.num_tangents);
    append(layout.num_adjoints);
    append(layout.num_hvps);
  }
  return Sha256Hex(link);
}

// What the client says of an upload, against what is stored.
void RequireCommitMatches(const char* field, std::int64_t stored, std::int64_t given) {
  if (stored == given) return;
  throw InvalidArgument("COMMIT_MISMATCH", field,
                        "expected " + std::to_string(stored) + " as stored, got " +
                            std::to_string(given) +
                            "; nothing was committed; call again with the same upload_id to see "
                            "which blocks are in, and send the missing ones");
}

}  // namespace

DatasetStore::DatasetStore(StoreCore& core) : core_(core) {
  RemoveForeignFiles();
  CutSegments();
}

DatasetRecord DatasetStore::Create(const std::string& id, const std::string& schema, std::int64_t n,
                                   std::int64_t m) {
  core_.directory.RequireRoom(0);
  const std::string uid = RandomHex();
  {
    StoreCore::Writer writer(core_);
    if (const std::optional<DatasetRecord> existing = FindDataset(writer.db(), id)) {
      if (existing->schema == schema) return *existing;
      throw Error(
          ErrorCode::kAlreadyExists, "DATASET_ALREADY_EXISTS", "dataset_id",
          "\"" + LocalId(id) + "\" exists with another schema; choose another id or delete it");
    }
    core_.env.MakeDirectory(core_.directory.DatasetPath(uid));
    SyncDirectoryOrDie(core_.env, core_.directory.DatasetsPath());
    const std::int64_t now = core_.clock.WallMicros();
    writer.db().Run(
        "INSERT INTO datasets (uid, id, schema, n, m, create_micros, update_micros) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)",
        uid, id, Blob{schema}, n, m, now);
    InsertVersion(writer.db(), uid, 0, {.fingerprint = Sha256Hex(schema)});
    writer.Commit();
  }
  return Get(id);
}

DatasetRecord DatasetStore::Get(const std::string& id) {
  StoreCore::Reader reader(core_);
  return LoadDataset(reader.db(), id);
}

std::vector<DatasetRecord> DatasetStore::List(const std::string& after, std::int64_t limit) {
  StoreCore::Reader reader(core_);
  Rows rows =
      reader.db().Query(SelectDatasets("WHERE d.id > ?1 ORDER BY d.id LIMIT ?2"), after, limit);
  std::vector<DatasetRecord> datasets;
  while (rows.Next()) datasets.push_back(ReadDataset(rows));
  return datasets;
}

void DatasetStore::Delete(const std::string& id) {
  core_.directory.DropBallastIfLow();
  std::string uid;
  {
    StoreCore::Writer writer(core_);
    uid = LoadDataset(writer.db(), id).uid;
    {
      Rows jobs = writer.db().Query(
          "SELECT id FROM jobs WHERE dataset_uid = ?1 AND state IN (?2, ?3) LIMIT 1", uid,
          static_cast<int>(JobState::kQueued), static_cast<int>(JobState::kRunning));
      if (jobs.Next()) {
        throw FailedPrecondition("DATASET_IN_USE", "dataset",
                                 "expected no unfinished job to read \"" + LocalId(id) +
                                     "\", but job \"" + jobs.Text(0) +
                                     "\" does; cancel it or wait for its end");
      }
    }
    writer.db().Run("DELETE FROM datasets WHERE uid = ?1", uid);
    writer.Commit();
  }
  core_.directory.RemoveDataset(uid);
  core_.directory.RestoreBallast();
}

UploadState DatasetStore::OpenUpload(const std::string& dataset_id, const std::string& upload_id) {
  core_.directory.RequireRoom(0);
  UploadState state;
  {
    StoreCore::Writer writer(core_);
    const std::string dataset_uid = LoadDataset(writer.db(), dataset_id).uid;
    writer.db().Run(
        "INSERT INTO uploads (uid, dataset_uid, upload_id, touch_micros) VALUES (?1, ?2, ?3, ?4) "
        "ON CONFLICT (dataset_uid, upload_id) DO UPDATE SET touch_micros = excluded.touch_micros",
        RandomHex(), dataset_uid, upload_id, core_.clock.WallMicros());
    {
      Rows rows = writer.db().Query(
          "SELECT uid, sample_count, committed_version FROM uploads "
          "WHERE dataset_uid = ?1 AND upload_id = ?2",
          dataset_uid, upload_id);
      rows.Next();
      state = {
          .token = rows.Text(0), .sample_count = rows.Int(1), .committed_version = rows.Int(2)};
    }
    writer.Commit();
  }
  StoreCore::Reader reader(core_);
  Rows rows = reader.db().Query(
      "SELECT block_id FROM blocks WHERE upload_uid = ?1 ORDER BY block_id", state.token);
  while (rows.Next()) {
    const std::int64_t block_id = rows.Int(0);
    if (state.stored_blocks.empty() || state.stored_blocks.back().last + 1 != block_id) {
      state.stored_blocks.push_back({.first = block_id, .last = block_id});
    } else {
      state.stored_blocks.back().last = block_id;
    }
  }
  return state;
}

std::int64_t DatasetStore::CommitUpload(const std::string& upload_uid, std::int64_t block_count,
                                        std::int64_t sample_count, std::uint32_t crc32c) {
  StoreCore::Writer writer(core_);
  Database& db = writer.db();
  const UploadRow upload = LoadUpload(db, upload_uid);
  const DatasetRecord dataset = LoadDataset(db, upload.dataset_id);
  DatasetStatistics statistics = dataset.statistics;
  std::int64_t stored_blocks = 0;
  std::uint32_t stored_crc32c = 0;
  {
    Rows rows = db.Query(
        "SELECT wire_crc32c, row_count, arrays, num_tangents, num_adjoints, num_hvps "
        "FROM blocks WHERE upload_uid = ?1 ORDER BY block_id",
        upload_uid);
    while (rows.Next()) {
      const StoredBlock block = ReadBlock(rows);
      ++stored_blocks;
      stored_crc32c = Crc32c(std::as_bytes(std::span(&block.wire_crc32c, 1)), stored_crc32c);
      statistics.fingerprint = ExtendFingerprint(statistics.fingerprint, block);
    }
  }
  RequireCommitMatches("commit.block_count", stored_blocks, block_count);
  RequireCommitMatches("commit.sample_count", upload.statistics.sample_count, sample_count);
  RequireCommitMatches("commit.crc32c", stored_crc32c, crc32c);
  if (upload.committed_version > 0) return upload.committed_version;

  Merge(upload.statistics, statistics);
  const std::int64_t version = dataset.version + 1;
  const std::int64_t now = core_.clock.WallMicros();
  InsertVersion(db, dataset.uid, version, statistics);
  db.Run("UPDATE uploads SET committed_version = ?2, touch_micros = ?3 WHERE uid = ?1", upload_uid,
         version, now);
  db.Run("UPDATE datasets SET version = ?2, update_micros = ?3 WHERE uid = ?1", dataset.uid,
         version, now);
  writer.Commit();
  return version;
}

void DatasetStore::DropStaleUploads(std::int64_t before_micros) {
  std::vector<std::pair<std::string, std::string>> dropped;
  {
    StoreCore::Writer writer(core_);
    {
      Rows rows = writer.db().Query(
          "DELETE FROM uploads WHERE committed_version = 0 AND touch_micros < ?1 "
          "RETURNING dataset_uid, uid",
          before_micros);
      while (rows.Next()) dropped.emplace_back(rows.Text(0), rows.Text(1));
    }
    writer.Commit();
  }
  for (const auto& [dataset_uid, upload_uid] : dropped) {
    core_.directory.RemoveSegment(dataset_uid, upload_uid);
  }
}

std::shared_ptr<const Snapshot> DatasetStore::OpenSnapshot(const std::string& dataset_id,
                                                           std::int64_t version) {
  SnapshotContents contents;
  {
    StoreCore::Reader reader(core_);
    contents = LoadSnapshotContents(reader.db(), LoadDataset(reader.db(), dataset_id), version);
  }
  return std::make_shared<DatasetSnapshot>(
      core_.env, core_.directory, std::move(contents),
      [this](const std::string& dataset_uid, const std::string& damage) {
        MarkDamaged(dataset_uid, damage);
      });
}

void DatasetStore::MarkDamaged(const std::string& dataset_uid, const std::string& damage) {
  StoreCore::Writer writer(core_);
  const std::int64_t found =
      writer.db().Run("UPDATE datasets SET damage = iif(damage = '', ?2, damage) WHERE uid = ?1",
                      dataset_uid, damage);
  if (found == 0) {
    throw Error(ErrorCode::kNotFound, "NOT_FOUND", "dataset", "the dataset was deleted meanwhile");
  }
  writer.Commit();
  LogError("dataset damaged", {{"dataset_uid", dataset_uid}, {"what", damage}});
}

void DatasetStore::RemoveForeignFiles() {
  std::map<std::string, std::set<std::string>> known;  // Dataset uid -> names of its files.
  {
    StoreCore::Reader reader(core_);
    Rows rows = reader.db().Query(
        "SELECT d.uid, u.uid FROM datasets d LEFT JOIN uploads u ON u.dataset_uid = d.uid");
    while (rows.Next()) known[rows.Text(0)].insert(rows.Text(1) + ".seg");
  }
  for (const std::string& uid : core_.env.List(core_.directory.DatasetsPath())) {
    const auto dataset = known.find(uid);
    if (dataset == known.end()) {
      core_.directory.RemoveDataset(uid);
      continue;
    }
    for (const std::string& file : core_.env.List(core_.directory.DatasetPath(uid))) {
      if (!dataset->second.contains(file)) {
        core_.env.Remove(core_.directory.DatasetPath(uid) + "/" + file);
      }
    }
  }
}

void DatasetStore::CutSegments() {
  struct Segment {
    std::string dataset_uid;
    std::string dataset_id;
    std::string upload_uid;
    std::int64_t size_bytes;
  };
  std::vector<Segment> segments;
  {
    StoreCore::Reader reader(core_);
    Rows rows = reader.db().Query(
        "SELECT d.uid, d.id, u.uid, u.segment_bytes "
        "FROM uploads u JOIN datasets d ON d.uid = u.dataset_uid WHERE u.segment_bytes > 0");
    while (rows.Next()) {
      segments.push_back({rows.Text(0), rows.Text(1), rows.Text(2), rows.Int(3)});
    }
  }
  for (const Segment& segment : segments) {
    std::int64_t actual = 0;
    try {
      const FileDescriptor file = core_.env.Open(
          core_.directory.SegmentPath(segment.dataset_uid, segment.upload_uid), O_RDWR);
      actual = core_.env.Size(file);
      if (actual > segment.size_bytes) core_.env.Truncate(file, segment.size_bytes);
    } catch (const std::system_error& error) {
      if (error.code().value() != ENOENT) throw;
    }
    if (actual < segment.size_bytes) {
      const std::int64_t block_id = FirstMissingBlock(segment.upload_uid, actual);
      MarkDamaged(segment.dataset_uid,
                  DescribeMissingBlock(segment.dataset_id, segment.upload_uid, block_id));
    }
  }
}

std::int64_t DatasetStore::FirstMissingBlock(const std::string& upload_uid,
                                             std::int64_t segment_bytes) {
  StoreCore::Reader reader(core_);
  Rows rows = reader.db().Query(
      "SELECT block_id FROM blocks WHERE upload_uid = ?1 AND segment_offset <= ?2 "
      "ORDER BY segment_offset DESC LIMIT 1",
      upload_uid, segment_bytes);
  rows.Next();
  return rows.Int(0);
}

}  // namespace sobolev::server
