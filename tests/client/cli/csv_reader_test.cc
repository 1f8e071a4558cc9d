#include "client/cli/csv_reader.h"

#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sobolev::cli {
namespace {

using testing::ElementsAre;

std::vector<std::vector<std::string>> Read(const std::string& text) {
  std::istringstream in(text);
  CsvReader reader(in, "f.csv");
  std::vector<std::vector<std::string>> records;
  while (reader.Next()) {
    std::vector<std::string> record;
    for (std::size_t i = 0; i < reader.size(); ++i) record.emplace_back(reader.text(i));
    records.push_back(record);
  }
  return records;
}

std::string ErrorOf(const std::string& text) {
  try {
    Read(text);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "no error";
}

TEST(CsvReaderTest, LinesMayEndInEitherWayAndTheLastOneNotAtAll) {
  for (const std::string text :
       {"a,b\n1,2\n", "a,b\r\n1,2\r\n", "a,b\n1,2", "a,b\r\n1,2\n\n\r\n"}) {
    EXPECT_THAT(Read(text), ElementsAre(ElementsAre("a", "b"), ElementsAre("1", "2")));
  }
}

TEST(CsvReaderTest, AnEmptyFileHasNoRecords) {
  EXPECT_TRUE(Read("").empty());
  EXPECT_TRUE(Read("\xEF\xBB\xBF").empty());
}

TEST(CsvReaderTest, QuotedFieldsHoldCommasQuotesAndLineEnds) {
  EXPECT_THAT(Read("\"a,b\",\"say \"\"x\"\"\",\"two\nlines\"\n"),
              ElementsAre(ElementsAre("a,b", "say \"x\"", "two\nlines")));
}

TEST(CsvReaderTest, BlanksAroundFieldsDoNotCountButInQuotesTheyDo) {
  EXPECT_THAT(Read(" a ,\tb,\" c \" ,\n"), ElementsAre(ElementsAre("a", "b", " c ", "")));
}

TEST(CsvReaderTest, AByteOrderMarkIsSkippedAndDoesNotMoveColumns) {
  std::istringstream in("\xEF\xBB\xBFx,y\n");
  CsvReader reader(in, "f.csv");
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.text(0), "x");
  EXPECT_EQ(reader.position(0).column, 1);
  EXPECT_EQ(reader.position(1).column, 3);
}

TEST(CsvReaderTest, PositionsCountLinesInsideQuotes) {
  std::istringstream in("\"a\nb\",c\nd,  e\n");
  CsvReader reader(in, "f.csv");
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.position(0).line, 1);
  EXPECT_EQ(reader.position(1).line, 2);
  EXPECT_EQ(reader.position(1).column, 4);
  ASSERT_TRUE(reader.Next());
  EXPECT_EQ(reader.position(1).line, 3);
  EXPECT_EQ(reader.position(1).column, 5);
}

TEST(CsvReaderTest, MalformedTextIsRefusedWithItsPlace) {
  EXPECT_EQ(ErrorOf("a,b\n1,\"2\n3"), "f.csv:2:3: this quote is never closed");
  EXPECT_THAT(ErrorOf("a,b\n1,2\"3\n"), testing::StartsWith("f.csv:2:4: got a quote inside"));
  EXPECT_THAT(ErrorOf("\"a\"b\n"), testing::StartsWith("f.csv:1:4: expected a comma"));
  EXPECT_THAT(ErrorOf("a\n\n1\n"), testing::StartsWith("f.csv:2:1: expected a record"));
  EXPECT_THAT(ErrorOf("a\r1\n"), testing::StartsWith("f.csv:1:2: expected a line end"));
  EXPECT_THAT(ErrorOf("\xEF\xBBx"), testing::StartsWith("f.csv:1:1: "));
  EXPECT_THAT(ErrorOf("a,\"" + std::string(2 << 20, 'x')),
              testing::StartsWith("f.csv:1:3: expected a field of at most 1 MiB"));
}

}  // namespace
}  // namespace sobolev::cli
