// SQLite without raw pointers. sqlite.cc is the only file that includes sqlite3.h.
//
//   Rows rows = db.Query("SELECT number, name FROM things WHERE size > ?1", size);
//   while (rows.Next()) Use(rows.Int(0), rows.Text(1));
//   db.Run("DELETE FROM things WHERE name = ?1", name);
//
// All throw Error: kResourceExhausted DISK_FULL, kDataLoss STORE_CORRUPT, kInternal STORE_ERROR.
// A failed fsync ends the process (io_env.h says why).

#ifndef SOBOLEV_SERVER_STORAGE_SQLITE_H_
#define SOBOLEV_SERVER_STORAGE_SQLITE_H_

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

struct sqlite3;
struct sqlite3_stmt;

namespace sobolev::server {

// An argument that is stored as a BLOB; strings are stored as TEXT.
struct Blob {
  std::string_view bytes;
};

class Database;

// The result of a query. Must not outlive its database.
class Rows {
 public:
  ~Rows();
  Rows(Rows&& other) noexcept
      : db_(other.db_),
        sql_(std::move(other.sql_)),
        statement_(std::exchange(other.statement_, nullptr)) {}
  Rows& operator=(Rows&&) = delete;

  // Goes to the next row, first to the first; false after the last.
  bool Next();
  // Columns of the row, from 0. Text serves TEXT and BLOB.
  std::int64_t Int(int column) const;
  double Real(int column) const;
  std::string Text(int column) const;

 private:
  friend class Database;
  Rows(Database& db, std::string sql);

  void Bind(int index, std::int64_t value);
  void Bind(int index, std::string_view value);
  void Bind(int index, Blob value);
  void Bind(int index, double value);
  template <std::integral Integer>
  void Bind(int index, Integer value) {
    Bind(index, static_cast<std::int64_t>(value));
  }

  Database& db_;
  std::string sql_;
  sqlite3_stmt* statement_ = nullptr;
};

// One connection. Not thread-safe.
class Database {
 public:
  enum class Mode {
    kReadOnly,  // Never checkpoints.
    kReadWrite  // Creates the file if missing. One at a time: the one that checkpoints.
  };

  Database(const std::string& path, Mode mode);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // `arguments` are bound to ?1, ?2, … and must live until the last row. Statements are compiled
  // once.
  template <class... Arguments>
  Rows Query(const std::string& sql, const Arguments&... arguments) {
    Rows rows(*this, sql);
    int index = 0;
    (rows.Bind(++index, arguments), ...);
    return rows;
  }

  // Runs a statement that gives no rows; returns how many rows it changed.
  template <class... Arguments>
  std::int64_t Run(const std::string& sql, const Arguments&... arguments) {
    Rows rows = Query(sql, arguments...);
    rows.Next();
    return Changes();
  }

  // Runs several statements without arguments.
  void Execute(const std::string& script);

  // Whether a transaction is open.
  bool InTransaction() const;

 private:
  friend class Rows;
  std::int64_t Changes() const;
  void Check(int code) const;
  [[noreturn]] void Fail(int code) const;

  sqlite3* db_ = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*> idle_statements_;
};

// Rolls back unless committed.
class Transaction {
 public:
  // Immediate: takes SQLite's write lock now.
  explicit Transaction(Database& db, bool immediate = true);
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // What was done is durable when this returns.
  void Commit();

 private:
  Database& db_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_STORAGE_SQLITE_H_
