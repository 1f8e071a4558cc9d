#include "server/storage/program_store.h"

#include <optional>
#include <utility>

#include "engine/base/error.h"
#include "server/base/stored_id.h"
#include "server/storage/sha256.h"

namespace sobolev::server {
namespace {

std::optional<ProgramRecord> FindProgram(Database& db, const std::string& id) {
  Rows rows = db.Query(
      "SELECT source, variables, overview, create_micros, source_sha256 FROM programs "
      "WHERE id = ?1",
      id);
  if (!rows.Next()) return std::nullopt;
  ProgramRecord program{.id = id,
                        .source = rows.Text(0),
                        .variables = rows.Text(1),
                        .overview = rows.Text(2),
                        .create_micros = rows.Int(3)};
  // A source with a flipped bit may well be another function.
  if (Sha256Hex(program.source) != rows.Text(4)) {
    throw Error(ErrorCode::kDataLoss, "CORRUPT_PROGRAM", "program",
                "the stored source of \"" + LocalId(id) +
                    "\" fails its checksum; delete the program and create it again");
  }
  return program;
}

}  // namespace

ProgramRecord ProgramStore::Create(ProgramRecord program) {
  core_.directory.RequireRoom(static_cast<std::int64_t>(program.source.size()));
  StoreCore::Writer writer(core_);
  if (std::optional<ProgramRecord> existing = FindProgram(writer.db(), program.id)) {
    if (existing->source == program.source) return *std::move(existing);
    throw Error(ErrorCode::kAlreadyExists, "PROGRAM_ALREADY_EXISTS", "program_id",
                "\"" + LocalId(program.id) +
                    "\" exists with another source; choose another id or delete it");
  }
  program.create_micros = core_.clock.WallMicros();
  writer.db().Run("INSERT INTO programs VALUES (?1, ?2, ?3, ?4, ?5, ?6)", program.id,
                  program.source, Sha256Hex(program.source), Blob{program.variables},
                  Blob{program.overview}, program.create_micros);
  writer.Commit();
  return program;
}

ProgramRecord ProgramStore::Get(const std::string& id) {
  StoreCore::Reader reader(core_);
  std::optional<ProgramRecord> program = FindProgram(reader.db(), id);
  if (!program) throw NotFound("program", LocalId(id));
  return *std::move(program);
}

std::vector<ProgramRecord> ProgramStore::List(const std::string& after, std::int64_t limit) {
  StoreCore::Reader reader(core_);
  Rows rows = reader.db().Query(
      "SELECT id, overview, create_micros FROM programs WHERE id > ?1 ORDER BY id LIMIT ?2", after,
      limit);
  std::vector<ProgramRecord> programs;
  while (rows.Next()) {
    programs.push_back(
        {.id = rows.Text(0), .overview = rows.Text(1), .create_micros = rows.Int(2)});
  }
  return programs;
}

void ProgramStore::Delete(const std::string& id) {
  core_.directory.DropBallastIfLow();
  {
    StoreCore::Writer writer(core_);
    if (writer.db().Run("DELETE FROM programs WHERE id = ?1", id) == 0) {
      throw NotFound("program", LocalId(id));
    }
    writer.Commit();
  }
  core_.directory.RestoreBallast();
}

}  // namespace sobolev::server
