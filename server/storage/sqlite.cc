#include "server/storage/sqlite.h"

#include <cerrno>
#include <exception>
#include <system_error>
#include <utility>

#include <sqlite3.h>

#include "engine/base/error.h"
#include "server/base/log.h"
#include "server/storage/io_env.h"

namespace sobolev::server {

Rows::Rows(Database& db, std::string sql) : db_(db), sql_(std::move(sql)) {
  const auto idle = db_.idle_statements_.find(sql_);
  if (idle != db_.idle_statements_.end()) {
    statement_ = idle->second;
    db_.idle_statements_.erase(idle);
  } else {
    db_.Check(sqlite3_prepare_v3(db_.db_, sql_.data(), static_cast<int>(sql_.size()),
                                 SQLITE_PREPARE_PERSISTENT, &statement_, nullptr));
  }
}

Rows::~Rows() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
  const bool kept = db_.idle_statements_.emplace(std::move(sql_), statement_).second;
  if (!kept) sqlite3_finalize(statement_);
}

bool Rows::Next() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) db_.Fail(code);
  return false;
}

std::int64_t Rows::Int(int column) const { return sqlite3_column_int64(statement_, column); }

double Rows::Real(int column) const { return sqlite3_column_double(statement_, column); }

std::string Rows::Text(int column) const {
  const void* bytes = sqlite3_column_blob(statement_, column);
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_, column));
  return size == 0 ? std::string() : std::string(static_cast<const char*>(bytes), size);
}

void Rows::Bind(int index, std::int64_t value) {
  db_.Check(sqlite3_bind_int64(statement_, index, value));
}

void Rows::Bind(int index, double value) {
  db_.Check(sqlite3_bind_double(statement_, index, value));
}

void Rows::Bind(int index, std::string_view value) {
  db_.Check(sqlite3_bind_text64(statement_, index, value.empty() ? "" : value.data(), value.size(),
                                SQLITE_STATIC, SQLITE_UTF8));
}

void Rows::Bind(int index, Blob value) {
  db_.Check(sqlite3_bind_blob64(statement_, index, value.bytes.empty() ? "" : value.bytes.data(),
                                value.bytes.size(), SQLITE_STATIC));
}

Database::Database(const std::string& path, Mode mode) {
  const int access =
      mode == Mode::kReadOnly ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(path.c_str(), &db_,
                                   access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  try {
    Check(code);
    sqlite3_busy_timeout(db_, 5000);
    Check(sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr));
    Execute("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;");
    if (mode == Mode::kReadOnly) {
      Execute("PRAGMA wal_autocheckpoint = 0;");
    } else {
      Execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;");
    }
  } catch (...) {
    sqlite3_close_v2(db_);
    throw;
  }
}

Database::~Database() {
  for (const auto& [sql, statement] : idle_statements_) sqlite3_finalize(statement);
  sqlite3_close_v2(db_);
}

void Database::Execute(const std::string& script) {
  Check(sqlite3_exec(db_, script.c_str(), nullptr, nullptr, nullptr));
}

bool Database::InTransaction() const { return sqlite3_get_autocommit(db_) == 0; }

std::int64_t Database::Changes() const { return sqlite3_changes64(db_); }

void Database::Check(int code) const {
  if (code != SQLITE_OK) Fail(code);
}

void Database::Fail(int code) const {
  const std::string what = db_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(db_);
  if (code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC) FailStop("SQLite: " + what);
  LogWarning("metadata store failed", {{"code", code}, {"what", what}});
  switch (code & 0xff) {
    case SQLITE_FULL:
      throw ToError(std::system_error(ENOSPC, std::generic_category(), "SQLite: " + what));
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      throw Error(ErrorCode::kDataLoss, "STORE_CORRUPT", "",
                  "the metadata store is damaged (" + what + "); restore it from a backup");
    default:
      throw Error(ErrorCode::kInternal, "STORE_ERROR", "",
                  "the metadata store failed (" + what + "); nothing was changed");
  }
}

Transaction::Transaction(Database& db, bool immediate) : db_(db) {
  db_.Run(immediate ? "BEGIN IMMEDIATE" : "BEGIN");
}

Transaction::~Transaction() {
  // A failed COMMIT may have rolled back by itself.
  if (!db_.InTransaction()) return;
  try {
    db_.Run("ROLLBACK");
  } catch (const std::exception& error) {
    FailStop(error.what());
  }
}

void Transaction::Commit() { db_.Run("COMMIT"); }

}  // namespace sobolev::server
