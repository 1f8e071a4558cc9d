#include "client/cli/files.h"

#include <algorithm>
#include <cstddef>
#include <iostream>
#include <iterator>
#include <string_view>
#include <system_error>

#include <unistd.h>

#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

namespace fs = std::filesystem;

// The length of the character that `text` begins with, or 0 if it begins with none: UTF-8 as in
// Unicode 15, table 3-7, which admits no surrogates and no longer form than needed.
std::size_t CharacterBytes(std::string_view text) {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0);
  const unsigned second = byte(1);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    const bool fits = !(first == 0xE0 && second < 0xA0) && !(first == 0xED && second > 0x9F);
    return fits && follows(1) && follows(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    const bool fits = !(first == 0xF0 && second < 0x90) && !(first == 0xF4 && second > 0x8F);
    return fits && follows(1) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

void RequireUtf8(std::string_view text, const std::string& name) {
  std::size_t place = 0;
  while (place < text.size()) {
    const std::size_t bytes = CharacterBytes(text.substr(place));
    if (bytes == 0) break;
    place += bytes;
  }
  if (place == text.size()) return;
  const std::string_view before = text.substr(0, place);
  const std::size_t newline = before.rfind('\n');
  const std::size_t column = newline == std::string_view::npos ? place + 1 : place - newline;
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(text[place]);
  throw UsageError(name + ": source: line " +
                   std::to_string(std::count(before.begin(), before.end(), '\n') + 1) +
                   ", column " + std::to_string(column) +
                   ": expected text in UTF-8, got the byte 0x" + kHex[byte >> 4U] +
                   kHex[byte & 15U] + "; convert the file, for example with iconv");
}

}  // namespace

InputFile::InputFile(const std::string& name)
    : name_(name == "-" ? "stdin" : name), is_stdin_(name == "-") {
  if (is_stdin_) return;
  std::error_code error;
  if (fs::is_directory(name, error)) {
    throw UsageError(name + ": expected a file, got a directory");
  }
  file_.open(name, std::ios::binary);
  if (!file_) throw UsageError(name + ": cannot be opened");
}

std::istream& InputFile::stream() { return is_stdin_ ? std::cin : file_; }

std::string ReadText(const std::string& name) {
  InputFile file(name);
  std::string text{std::istreambuf_iterator<char>(file.stream()), {}};
  if (file.stream().bad()) throw UsageError(file.name() + ": cannot be read");
  RequireUtf8(text, file.name());
  return text;
}

OutputFile::OutputFile(const std::string& name) : name_(name) {
  std::error_code error;
  if (fs::is_directory(name, error)) {
    throw UsageError(name + ": expected a file, got a directory");
  }
  target_ = fs::weakly_canonical(name, error);  // A link stays one.
  if (error) target_ = name;
  const bool is_special = fs::exists(target_, error) && !fs::is_regular_file(target_, error);
  written_ = target_;
  if (!is_special) written_ += ".part-" + std::to_string(getpid());
  file_.open(written_, std::ios::binary);
  if (!file_) throw UsageError(name + ": cannot be written");
}

OutputFile::~OutputFile() {
  file_.close();
  std::error_code error;
  if (written_ != target_) fs::remove(written_, error);
}

void OutputFile::Commit() {
  file_.close();
  std::error_code error;
  if (file_ && written_ != target_) {
    const fs::file_status status = fs::status(target_, error);
    if (fs::exists(status)) fs::permissions(written_, status.permissions(), error);
    fs::rename(written_, target_, error);
  }
  if (!file_ || error) throw UsageError(name_ + ": cannot be written");
  written_ = target_;
}

}  // namespace sobolev::cli
