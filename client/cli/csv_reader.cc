#include "client/cli/csv_reader.h"

#include <cstdio>
#include <utility>

namespace sobolev::cli {
namespace {

constexpr std::size_t kMaxFieldBytes = 1 << 20;

bool IsBlank(int c) { return c == ' ' || c == '\t'; }

}  // namespace

CsvReader::CsvReader(std::istream& in, std::string file_name)
    : in_(in), file_name_(std::move(file_name)) {}

bool CsvReader::Next() {
  if (std::exchange(at_start_, false) && Peek() == 0xEF) {
    for (const int expected : {0xEF, 0xBB, 0xBF}) {
      if (Get() != expected) throw ErrorAt({}, "expected text, got a broken byte order mark");
    }
    here_ = {};
  }
  const Position empty_line = here_;
  bool skipped = false;
  while (SkipLineEnd()) skipped = true;
  if (Peek() == EOF) {
    if (in_.bad()) throw UsageError(file_name_ + ": cannot be read");
    return false;
  }
  if (skipped) throw ErrorAt(empty_line, "expected a record, got an empty line");

  record_.clear();
  fields_.clear();
  while (ReadField() == End::kField) {
  }
  return true;
}

UsageError CsvReader::ErrorAt(const Position& position, const std::string& message) const {
  return UsageError(file_name_ + ":" + std::to_string(position.line) + ":" +
                    std::to_string(position.column) + ": " + message);
}

int CsvReader::Peek() { return in_.rdbuf()->sgetc(); }

int CsvReader::Get() {
  const int c = in_.rdbuf()->sbumpc();
  if (c == '\n') {
    ++here_.line;
    here_.column = 1;
  } else if (c != EOF) {
    ++here_.column;
  }
  return c;
}

bool CsvReader::SkipLineEnd() {
  if (Peek() == '\n') {
    Get();
    return true;
  }
  if (Peek() != '\r') return false;
  const Position position = here_;
  Get();
  if (Get() != '\n') {
    throw ErrorAt(position, "expected a line end, got a carriage return without a line feed");
  }
  return true;
}

void CsvReader::SkipBlanks() {
  while (IsBlank(Peek())) Get();
}

CsvReader::End CsvReader::ReadField() {
  SkipBlanks();
  fields_.push_back({.begin = record_.size(), .position = here_});
  if (Peek() == '"') return ReadQuotedField();
  while (Peek() != ',' && Peek() != '\n' && Peek() != '\r' && Peek() != EOF) {
    if (Peek() == '"') {
      throw ErrorAt(here_,
                    "got a quote inside a field; put the whole field in quotes and double it");
    }
    Push(Get());
  }
  Field& field = fields_.back();
  while (field.size > 0 && IsBlank(record_.back())) {
    record_.pop_back();
    --field.size;
  }
  return ReadSeparator();
}

CsvReader::End CsvReader::ReadQuotedField() {
  const Position opening = here_;
  Get();
  while (true) {
    const int c = Get();
    if (c == EOF) throw ErrorAt(opening, "this quote is never closed");
    if (c == '"') {
      if (Peek() != '"') break;
      Get();
    }
    Push(c);
  }
  SkipBlanks();
  return ReadSeparator();
}

CsvReader::End CsvReader::ReadSeparator() {
  record_end_ = here_;
  if (Peek() == ',') {
    Get();
    return End::kField;
  }
  if (Peek() != EOF && !SkipLineEnd()) {
    throw ErrorAt(here_, "expected a comma or a line end behind the closing quote");
  }
  return End::kRecord;
}

void CsvReader::Push(int c) {
  Field& field = fields_.back();
  if (field.size == kMaxFieldBytes) {
    throw ErrorAt(field.position, "expected a field of at most 1 MiB; is a closing quote missing?");
  }
  record_ += static_cast<char>(c);
  ++field.size;
}

}  // namespace sobolev::cli
