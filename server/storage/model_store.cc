#include "server/storage/model_store.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/error.h"
#include "server/base/stored_id.h"

namespace sobolev::server {
namespace {

// Models with their newest version, as `rest` (a WHERE clause and what follows) selects.
std::string SelectModels(const char* rest) {
  return "SELECT v.model_id, v.version, v.description, v.blob_sha256, v.create_micros,"
         "       m.version_count, m.create_micros, m.update_micros "
         "FROM models m JOIN model_versions v ON v.model_id = m.id AND v.version = "
         "m.version_count " +
         std::string(rest);
}

std::string SelectVersions(const char* rest) {
  return "SELECT model_id, version, description, blob_sha256, create_micros FROM model_versions " +
         std::string(rest);
}

ModelVersionRecord ReadVersion(const Rows& rows) {
  return {.model_id = rows.Text(0),
          .version = rows.Int(1),
          .description = rows.Text(2),
          .blob_sha256 = rows.Text(3),
          .create_micros = rows.Int(4)};
}

ModelRecord ReadModel(const Rows& rows) {
  return {.id = rows.Text(0),
          .version_count = rows.Int(5),
          .create_micros = rows.Int(6),
          .update_micros = rows.Int(7),
          .latest = ReadVersion(rows)};
}

std::optional<ModelVersionRecord> FindNewest(Database& db, const std::string& model_id) {
  Rows rows = db.Query(SelectModels("WHERE m.id = ?1"), model_id);
  if (!rows.Next()) return std::nullopt;
  return ReadVersion(rows);
}

void RequireModel(Database& db, const std::string& id) {
  Rows rows = db.Query("SELECT 1 FROM models WHERE id = ?1", id);
  if (!rows.Next()) throw NotFound("model", LocalId(id));
}

// For messages.
std::string VersionName(const std::string& model_id, std::int64_t version) {
  return LocalId(model_id) + "/versions/" + std::to_string(version);
}

}  // namespace

ModelRecord ModelStore::Get(const std::string& id) {
  StoreCore::Reader reader(core_);
  Rows rows = reader.db().Query(SelectModels("WHERE m.id = ?1"), id);
  if (!rows.Next()) throw NotFound("model", LocalId(id));
  return ReadModel(rows);
}

std::vector<ModelRecord> ModelStore::List(const std::string& after, std::int64_t limit) {
  StoreCore::Reader reader(core_);
  Rows rows =
      reader.db().Query(SelectModels("WHERE m.id > ?1 ORDER BY m.id LIMIT ?2"), after, limit);
  std::vector<ModelRecord> models;
  while (rows.Next()) models.push_back(ReadModel(rows));
  return models;
}

void ModelStore::Delete(const std::string& id) {
  core_.directory.DropBallastIfLow();
  std::vector<std::string> blobs;
  {
    StoreCore::Writer writer(core_);
    RequireModel(writer.db(), id);
    {
      Rows rows = writer.db().Query("SELECT blob_file FROM model_versions WHERE model_id = ?1", id);
      while (rows.Next()) blobs.push_back(rows.Text(0));
    }
    writer.db().Run("DELETE FROM models WHERE id = ?1", id);
    writer.Commit();
  }
  for (const std::string& blob : blobs) core_.blobs.Remove(blob);
  core_.directory.RestoreBallast();
}

ModelVersionRecord ModelStore::GetVersion(const std::string& model_id, std::int64_t version) {
  StoreCore::Reader reader(core_);
  Rows rows =
      reader.db().Query(SelectVersions("WHERE model_id = ?1 AND version = ?2"), model_id, version);
  if (!rows.Next()) throw NotFound("model", VersionName(model_id, version));
  return ReadVersion(rows);
}

std::vector<ModelVersionRecord> ModelStore::ListVersions(const std::string& model_id,
                                                         std::int64_t after, std::int64_t limit) {
  StoreCore::Reader reader(core_);
  RequireModel(reader.db(), model_id);
  Rows rows = reader.db().Query(
      SelectVersions("WHERE model_id = ?1 AND version > ?2 ORDER BY version LIMIT ?3"), model_id,
      after, limit);
  std::vector<ModelVersionRecord> versions;
  while (rows.Next()) versions.push_back(ReadVersion(rows));
  return versions;
}

ModelVersionRecord ModelStore::AddVersion(
    const std::string& model_id, std::string_view weights, const std::string& description,
    const std::function<bool(const ModelVersionRecord& newest)>& is_same) {
  core_.directory.RequireRoom(static_cast<std::int64_t>(weights.size() + description.size()));
  const BlobRef blob = core_.blobs.Write(weights);
  try {
    StoreCore::Writer writer(core_);
    const std::optional<ModelVersionRecord> newest = FindNewest(writer.db(), model_id);
    if (newest && is_same(*newest)) {
      core_.blobs.Remove(blob.file);
      return *newest;
    }
    ModelVersionRecord version = PublishModelVersion(
        writer.db(), model_id, blob,
        [&](std::int64_t, const ModelVersionRecord*) { return description; },
        core_.clock.WallMicros());
    writer.Commit();
    return version;
  } catch (...) {
    core_.blobs.Remove(blob.file);
    throw;
  }
}

std::string ModelStore::LoadWeights(const ModelVersionRecord& version) {
  const std::string name = VersionName(version.model_id, version.version);
  BlobRef blob{.sha256 = version.blob_sha256};
  {
    StoreCore::Reader reader(core_);
    // The checksum as well: the model may have been deleted and made anew.
    Rows rows = reader.db().Query(
        "SELECT blob_file FROM model_versions "
        "WHERE model_id = ?1 AND version = ?2 AND blob_sha256 = ?3",
        version.model_id, version.version, version.blob_sha256);
    if (!rows.Next()) throw NotFound("model", name);
    blob.file = rows.Text(0);
  }
  return core_.blobs.Read(blob, "model \"" + name + "\"");
}

ModelVersionRecord PublishModelVersion(Database& db, const std::string& model_id,
                                       const BlobRef& weights, const DescribeVersion& describe,
                                       std::int64_t now_micros) {
  const std::optional<ModelVersionRecord> newest = FindNewest(db, model_id);
  std::int64_t number = 0;
  {
    Rows rows = db.Query(
        "INSERT INTO models VALUES (?1, 1, ?2, ?2) ON CONFLICT (id) DO UPDATE SET "
        "  version_count = version_count + 1, update_micros = excluded.update_micros "
        "RETURNING version_count",
        model_id, now_micros);
    rows.Next();
    number = rows.Int(0);
  }
  ModelVersionRecord version{.model_id = model_id,
                             .version = number,
                             .description = describe(number, newest ? &*newest : nullptr),
                             .blob_sha256 = weights.sha256,
                             .create_micros = now_micros};
  db.Run("INSERT INTO model_versions VALUES (?1, ?2, ?3, ?4, ?5, ?6)", model_id, number,
         Blob{version.description}, weights.file, weights.sha256, now_micros);
  return version;
}

}  // namespace sobolev::server
