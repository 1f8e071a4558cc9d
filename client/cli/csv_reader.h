// Comma-separated values as in RFC 4180, strictly, record by record.
//
// Fields are separated by commas, records by LF or CRLF. A field in double quotes may hold commas,
// line ends and, doubled, quotes. Blanks around a field without quotes do not count. A UTF-8 byte
// order mark in front and empty lines at the end are skipped.

#ifndef SOBOLEV_CLIENT_CLI_CSV_READER_H_
#define SOBOLEV_CLIENT_CLI_CSV_READER_H_

#include <cstddef>
#include <cstdint>
#include <istream>
#include <string>
#include <string_view>
#include <vector>

#include "client/cli/usage_error.h"

namespace sobolev::cli {

// A place in a file, both from 1; `column` counts bytes.
struct Position {
  std::int64_t line = 1;
  std::int64_t column = 1;
};

// Holds one record in memory at a time. Not thread-safe.
class CsvReader {
 public:
  // `in` outlives the reader. `file_name` is for messages.
  CsvReader(std::istream& in, std::string file_name);

  // Moves to the next record; false at the end of the file. Throws UsageError "file:line:column:
  // ..." for a quote inside a field, text behind a closing quote, a quote that is never closed, a
  // stray carriage return, an empty line between records, and a field beyond 1 MiB.
  bool Next();

  // Of the current record, valid until the next call of Next.
  std::size_t size() const { return fields_.size(); }
  std::string_view text(std::size_t i) const {
    return std::string_view(record_).substr(fields_[i].begin, fields_[i].size);
  }
  // Where field i begins; at i = size(), where the record ends.
  Position position(std::size_t i) const {
    return i < fields_.size() ? fields_[i].position : record_end_;
  }

  // "file:line:column: message".
  UsageError ErrorAt(const Position& position, const std::string& message) const;

 private:
  struct Field {
    std::size_t begin = 0;  // In record_.
    std::size_t size = 0;
    Position position;
  };
  enum class End { kField, kRecord };

  int Peek();
  int Get();
  // Consumes a line end, if there is one.
  bool SkipLineEnd();
  void SkipBlanks();
  End ReadField();
  End ReadQuotedField();
  // Consumes what may follow a field: a comma, a line end or the end of the file.
  End ReadSeparator();
  void Push(int c);

  std::istream& in_;
  const std::string file_name_;
  Position here_;  // Of the next byte.
  bool at_start_ = true;
  std::string record_;  // The text of all fields, one after another.
  std::vector<Field> fields_;
  Position record_end_;
};

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_CSV_READER_H_
