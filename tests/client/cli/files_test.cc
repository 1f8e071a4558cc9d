#include "client/cli/files.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

namespace fs = std::filesystem;
using testing::EndsWith;
using testing::HasSubstr;

// A directory of its own for each test.
class FilesTest : public testing::Test {
 public:
  FilesTest()
      : directory_(fs::path(testing::TempDir()) /
                   testing::UnitTest::GetInstance()->current_test_info()->name()) {
    fs::remove_all(directory_);
    fs::create_directory(directory_);
  }
  ~FilesTest() override { fs::remove_all(directory_); }

 protected:
  std::string Path(const std::string& name) const { return directory_ / name; }

  void Write(const std::string& name, const std::string& bytes) const {
    std::ofstream(Path(name), std::ios::binary) << bytes;
  }
  std::string Read(const std::string& name) const {
    std::ifstream file(Path(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // What ReadText refuses the bytes with.
  std::string Refusal(const std::string& bytes) const {
    Write("text", bytes);
    try {
      ReadText(Path("text"));
    } catch (const UsageError& error) {
      return error.what();
    }
    return "";
  }
  std::ptrdiff_t CountFiles() const {
    return std::distance(fs::directory_iterator(directory_), fs::directory_iterator());
  }

 private:
  fs::path directory_;
};

TEST_F(FilesTest, TextsOfAllLengthsOfCharactersAreRead) {
  const std::string text =
      "a \xC3\xA4 \xE2\x82\xAC \xED\x9F\xBF \xF0\x9F\x98\x80 \xF4\x8F\xBF\xBF\n";
  Write("text", text);
  EXPECT_EQ(ReadText(Path("text")), text);
  EXPECT_EQ(Refusal(""), "");
  EXPECT_EQ(Refusal(std::string("a\0b", 3)), "");
}

TEST_F(FilesTest, TextsThatAreNotUtf8AreRefusedWithTheirPlace) {
  EXPECT_THAT(Refusal("input x\r\n# \xE4rger\n"),
              HasSubstr("source: line 2, column 3: expected text in UTF-8, got the byte 0xe4"));
  // A continuation without a beginning, longer than needed, a surrogate, beyond Unicode, cut off.
  for (const std::string bytes :
       {"\x80", "\xC0\xAF", "\xE0\x80\xAF", "\xED\xA0\x80", "\xF0\x80\x80\xAF", "\xF4\x90\x80\x80",
        "\xF5\x80\x80\x80", "\xC3", "\xE2\x82", "\xFF"}) {
    EXPECT_THAT(Refusal(bytes), HasSubstr("line 1, column 1: expected text in UTF-8"));
    EXPECT_THAT(Refusal("ab" + bytes), HasSubstr("line 1, column 3: expected text in UTF-8"));
  }
}

TEST_F(FilesTest, DirectoriesAndMissingFilesAreNamed) {
  EXPECT_THROW(ReadText(Path("none")), UsageError);
  for (const bool reads : {true, false}) {
    try {
      if (reads) {
        ReadText(Path(""));
      } else {
        OutputFile file(Path(""));
      }
      FAIL() << "expected a UsageError";
    } catch (const UsageError& error) {
      EXPECT_THAT(error.what(), EndsWith("expected a file, got a directory"));
      EXPECT_THAT(error.what(), HasSubstr(Path("")));
    }
  }
  EXPECT_THROW(OutputFile(Path("none/file")), UsageError);
}

TEST_F(FilesTest, AFileIsReplacedAsAWholeOrStaysAsItWas) {
  Write("kept", "old");
  {
    OutputFile file(Path("kept"));
    file.stream() << "new";
  }
  EXPECT_EQ(Read("kept"), "old");
  EXPECT_EQ(CountFiles(), 1);
  fs::permissions(Path("kept"), fs::perms::owner_read | fs::perms::owner_write);
  fs::create_symlink("kept", Path("link"));
  {
    OutputFile file(Path("link"));
    file.stream() << "new";
    file.Commit();
  }
  EXPECT_TRUE(fs::is_symlink(Path("link")));
  EXPECT_EQ(Read("kept"), "new");
  EXPECT_EQ(fs::status(Path("kept")).permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_EQ(CountFiles(), 2);
}

TEST_F(FilesTest, WhatIsNoRegularFileIsWrittenDirectly) {
  OutputFile file("/dev/null");
  file.stream() << "gone";
  EXPECT_NO_THROW(file.Commit());
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

}  // namespace
}  // namespace sobolev::cli
