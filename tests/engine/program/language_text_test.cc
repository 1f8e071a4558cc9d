// Sources as editors leave them: line ends of other systems and byte order marks.

#include <string>
#include <string_view>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/program/definition.h"
#include "tests/engine/program/reference.h"

namespace sobolev::program {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

TEST(LanguageTextTest, DescriptionsEndWithTheirLineWhateverEndsIt) {
  const Definition program =
      Parse("input x in [0, 1] ## Of x. \r\ninput z ##\r\noutput y = x * z ## Of y.\r\n");
  EXPECT_EQ(program.inputs.at(0).description, "Of x.");
  EXPECT_EQ(program.inputs.at(1).description, "");
  EXPECT_EQ(program.outputs.at(0).description, "Of y.");
  EXPECT_EQ(Parse("input x\r\noutput y = x ## Last").outputs.at(0).description, "Last");
}

TEST(LanguageTextTest, ByteOrderMarksInFrontAreSkipped) {
  const std::string source = std::string(kByteOrderMark) + "input x\noutput y = 2 * x\n";
  EXPECT_THAT(ReferenceValue(source, {3}), ElementsAre(6));
  try {
    Parse(std::string(kByteOrderMark) + "input 3");
    FAIL() << "expected an Error";
  } catch (const Error& error) {  // Columns are those that an editor shows.
    EXPECT_THAT(error.what(), StartsWith("source: line 1, column 7:"));
  }
  EXPECT_THROW(Parse("input x\noutput y = x" + std::string(kByteOrderMark)), Error);
}

}  // namespace
}  // namespace sobolev::program
