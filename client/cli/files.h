// Files that commands read and write.

#ifndef SOBOLEV_CLIENT_CLI_FILES_H_
#define SOBOLEV_CLIENT_CLI_FILES_H_

#include <filesystem>
#include <fstream>
#include <istream>
#include <string>

namespace sobolev::cli {

// A file to read, or standard input for "-". Throws UsageError for what cannot be opened and for
// directories, which open but cannot be read.
class InputFile {
 public:
  explicit InputFile(const std::string& name);

  std::istream& stream();
  // For messages.
  const std::string& name() const { return name_; }

 private:
  std::ifstream file_;
  std::string name_;
  bool is_stdin_;
};

// All of a text file. Throws UsageError naming the line if it is not UTF-8, which is what the
// server takes.
std::string ReadText(const std::string& name);

// A file that is there as a whole or not at all: it is written under another name next to its own,
// and renamed by Commit. What is no regular file, such as /dev/null or a pipe, is written directly.
class OutputFile {
 public:
  // Throws UsageError if there can be no such file.
  explicit OutputFile(const std::string& name);
  // Without Commit, the file of that name is as it was.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  std::ostream& stream() { return file_; }
  // Throws UsageError if something could not be written.
  void Commit();

 private:
  std::string name_;
  std::filesystem::path target_;
  std::filesystem::path written_;  // Where the bytes go until then.
  std::ofstream file_;
};

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_FILES_H_
