#include "client/cli/sample_csv.h"

#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sobolev::cli {
namespace {

using client::Matrix;
using client::Samples;
using client::Schema;
using testing::StartsWith;

constexpr const char* kHeader = "v,a,du/db,weight,dv/da,b,u,dv/db,du/da\n";
const Schema kSchema{.inputs = {{.name = "a"}, {.name = "b"}},
                     .outputs = {{.name = "u"}, {.name = "v"}}};

std::string ErrorOf(const std::string& text, SampleCsv::Content content,
                    const Schema& schema = kSchema) {
  std::istringstream in(text);
  try {
    SampleCsv(in, "f.csv", schema, content).Read(100);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "no error";
}

std::string ErrorOf(const std::string& text) { return ErrorOf(text, SampleCsv::Content::kSamples); }

TEST(SampleCsvTest, ColumnsInAnyOrderGoWhereTheirNamesSay) {
  std::istringstream in(std::string(kHeader) + "1,2,3,4,5,6,7,8,9\n10,20,30,40,50,60,70,80,90\n");
  SampleCsv csv(in, "f.csv", kSchema, SampleCsv::Content::kSamples);
  EXPECT_TRUE(csv.has_jacobian());
  const Samples samples = csv.Read(10);
  EXPECT_EQ(samples.X, (Matrix{{2, 20}, {6, 60}}));
  EXPECT_EQ(samples.Y, (Matrix{{7, 70}, {1, 10}}));
  // Columns ∇u, ∇v of the first sample, then of the second; rows ∂/∂a, ∂/∂b.
  EXPECT_EQ(samples.jacobian, (Matrix{{9, 5, 90, 50}, {3, 8, 30, 80}}));
  EXPECT_EQ(samples.weight, (Matrix{{4}, {40}}));
}

TEST(SampleCsvTest, ALongFileIsReadInParts) {
  std::string text = "a,b,u,v\n";
  for (int i = 0; i < 10; ++i) text += std::to_string(i) + ",0,0,0\n";
  std::istringstream in(text);
  SampleCsv csv(in, "f.csv", kSchema, SampleCsv::Content::kSamples);
  EXPECT_EQ(csv.Read(4).X.row(0), (Matrix{{0, 1, 2, 3}}));
  EXPECT_EQ(csv.Read(4).X.row(0), (Matrix{{4, 5, 6, 7}}));
  const Samples last = csv.Read(4);
  EXPECT_EQ(last.X.row(0), (Matrix{{8, 9}}));
  EXPECT_EQ(last.jacobian.size(), 0);
  EXPECT_EQ(last.weight.size(), 0);
  EXPECT_EQ(csv.Read(4).X.cols(), 0);
}

TEST(SampleCsvTest, NumbersAreReadToTheLastBit) {
  std::istringstream in("a,b,u,v\n0.1,-1e-300,1.7976931348623157e308,123456789.12345679\n");
  const Samples samples = SampleCsv(in, "f.csv", kSchema, SampleCsv::Content::kSamples).Read(1);
  EXPECT_EQ(samples.X, (Matrix{{0.1}, {-1e-300}}));
  EXPECT_EQ(samples.Y, (Matrix{{1.7976931348623157e308}, {123456789.12345679}}));
}

TEST(SampleCsvTest, PointsNeedTheInputsAloneAndSkipTheRest) {
  std::istringstream in("b,u,a,weight,du/da\n1,x,2,,y\n");
  SampleCsv csv(in, "f.csv", kSchema, SampleCsv::Content::kPoints);
  EXPECT_FALSE(csv.has_jacobian());
  const Samples points = csv.Read(10);
  EXPECT_EQ(points.X, (Matrix{{2}, {1}}));
  EXPECT_EQ(ErrorOf("b,u\n1,2\n", SampleCsv::Content::kPoints),
            "f.csv:1:1: column \"a\" is missing");
}

TEST(SampleCsvTest, AVariableMayBeCalledWeight) {
  const Schema schema{.inputs = {{.name = "weight"}}, .outputs = {{.name = "u"}}};
  std::istringstream in("weight,u\n-3,4\n");
  const Samples samples = SampleCsv(in, "f.csv", schema, SampleCsv::Content::kSamples).Read(1);
  EXPECT_EQ(samples.X(0, 0), -3);
  EXPECT_EQ(samples.weight.size(), 0);
}

TEST(SampleCsvTest, HeadersThatDoNotFitTheSchemaAreRefused) {
  EXPECT_THAT(ErrorOf(""), StartsWith("f.csv:1:1: expected a header"));
  EXPECT_THAT(ErrorOf("a,b,u\n"), StartsWith("f.csv:1:1: column \"v\" is missing"));
  EXPECT_THAT(ErrorOf("a,b,u,v,w\n"), StartsWith("f.csv:1:9: unknown column \"w\""));
  EXPECT_THAT(ErrorOf("a,b,a,u,v\n"), StartsWith("f.csv:1:5: column \"a\" appears twice"));
  EXPECT_THAT(ErrorOf("a,b,u,v,du/da,dv/da,dv/db\n"),
              StartsWith("f.csv:1:1: column \"du/db\" is missing; columns d<output>/d<input>"));
}

TEST(SampleCsvTest, RowsThatDoNotFitTheHeaderAreRefused) {
  const std::string header = "a,b,u,v\n";
  EXPECT_EQ(ErrorOf(header + "1,2,3,4\n1,2,3\n"), "f.csv:3:6: expected 4 fields, got 3");
  EXPECT_EQ(ErrorOf(header + "1,2,3,4,5\n"), "f.csv:2:9: expected 4 fields, got 5");
  EXPECT_EQ(ErrorOf(header + "1,2,x3,4\n"),
            "f.csv:2:5: column \"u\": expected a number, got \"x3\"");
  EXPECT_EQ(ErrorOf(header + "1,2,3.0.0,4\n"),
            "f.csv:2:5: column \"u\": expected a number, got \"3.0.0\"");
  EXPECT_EQ(ErrorOf(header + "1,,3,4\n"),
            "f.csv:2:3: column \"b\": expected a number, got an empty field");
  EXPECT_EQ(ErrorOf(header + "1,2,3,nan\n"),
            "f.csv:2:7: column \"v\": expected a finite number, got \"nan\"");
  EXPECT_EQ(ErrorOf(header + "1,2,3,-inf\n"),
            "f.csv:2:7: column \"v\": expected a finite number, got \"-inf\"");
  EXPECT_EQ(ErrorOf(header + "1e999,2,3,4\n"),
            "f.csv:2:1: column \"a\": expected a number in the range of float64, got \"1e999\"");
}

}  // namespace
}  // namespace sobolev::cli
