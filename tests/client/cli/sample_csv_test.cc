#include "client/cli/sample_csv.h"

#include <cmath>
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

TEST(SampleCsvTest, DirectionsAreNumberedAndNamedByVariables) {
  std::istringstream in(
      "a,b,u,v,tangent2:b,tangent1:a,tangent1:b,tangent2:a,jvp1:u,jvp1:v,jvp2:v,jvp2:u,"
      "adjoint1:u,adjoint1:v,vjp1:b,vjp1:a,hvp_tangent1:a,hvp_tangent1:b,hvp_adjoint1:u,"
      "hvp_adjoint1:v,hvp1:a,hvp1:b,variance:v,variance:u\n"
      "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24\n"
      "1,2,3,4,50,60,70,80,90,100,110,120,13,14,15,16,17,18,19,20,21,22,23,24\n");
  SampleCsv csv(in, "f.csv", kSchema, SampleCsv::Content::kSamples);
  EXPECT_EQ(csv.num_tangents(), 2);
  EXPECT_EQ(csv.num_adjoints(), 1);
  EXPECT_EQ(csv.num_hvps(), 1);
  EXPECT_EQ(csv.row_bytes(), 24 * 8);
  const Samples samples = csv.Read(10);
  EXPECT_EQ(samples.tangents, (Matrix{{6, 8, 60, 80}, {7, 5, 70, 50}}));
  EXPECT_EQ(samples.jvp, (Matrix{{9, 12, 90, 120}, {10, 11, 100, 110}}));
  EXPECT_EQ(samples.adjoints, (Matrix{{13, 13}, {14, 14}}));
  EXPECT_EQ(samples.vjp, (Matrix{{16, 16}, {15, 15}}));
  EXPECT_EQ(samples.hvp_tangents, (Matrix{{17, 17}, {18, 18}}));
  EXPECT_EQ(samples.hvp_adjoints, (Matrix{{19, 19}, {20, 20}}));
  EXPECT_EQ(samples.hvp, (Matrix{{21, 21}, {22, 22}}));
  EXPECT_EQ(samples.y_variance, (Matrix{{24, 24}, {23, 23}}));
}

TEST(SampleCsvTest, WithOneOutputHessianVectorProductsNeedNoAdjoints) {
  const Schema schema{.inputs = {{.name = "a"}}, .outputs = {{.name = "u"}}};
  std::istringstream in("a,u,hvp_tangent1:a,hvp1:a,variance:du/da,du/da\n1,2,3,4,5,6\n");
  const Samples samples = SampleCsv(in, "f.csv", schema, SampleCsv::Content::kSamples).Read(1);
  EXPECT_EQ(samples.hvp(0, 0), 4);
  EXPECT_EQ(samples.hvp_adjoints.size(), 0);
  EXPECT_EQ(samples.jacobian_variance(0, 0), 5);
}

TEST(SampleCsvTest, MissingLabelsAreEmptyOrNanOrWithoutColumn) {
  Schema schema = kSchema;
  schema.outputs[1].allow_missing = true;
  schema.allow_missing_derivatives = true;
  const auto read = [&](const std::string& text) {
    std::istringstream in(text);
    return SampleCsv(in, "f.csv", schema, SampleCsv::Content::kSamples).Read(10);
  };
  const Samples samples = read("a,b,u,v,du/da,dv/db\n1,2,3,,5,NaN\n1,2,3,nan,,6\n");
  EXPECT_EQ(samples.Y(0, 1), 3);
  EXPECT_TRUE(std::isnan(samples.Y(1, 0)) && std::isnan(samples.Y(1, 1)));
  EXPECT_EQ(samples.jacobian(0, 0), 5);
  EXPECT_TRUE(std::isnan(samples.jacobian(1, 0)));  // du/db has no column.
  EXPECT_TRUE(std::isnan(samples.jacobian(1, 1)));
  EXPECT_TRUE(std::isnan(samples.jacobian(0, 2)));
  EXPECT_EQ(samples.jacobian(1, 3), 6);
  EXPECT_TRUE(std::isnan(read("a,b,u\n1,2,3\n").Y(1, 0)));

  const auto content = SampleCsv::Content::kSamples;
  EXPECT_EQ(ErrorOf("a,b,u,v\n1,2,,4\n", content, schema),
            "f.csv:2:5: column \"u\": expected a number, got an empty field");
  EXPECT_EQ(ErrorOf("a,b,u,v\n1,2,3,inf\n", content, schema),
            "f.csv:2:7: column \"v\": expected a finite number, got \"inf\"");
  EXPECT_EQ(ErrorOf("a,b,u,v\n1,,3,4\n", content, schema),
            "f.csv:2:3: column \"b\": expected a number, got an empty field");
}

TEST(SampleCsvTest, DirectionsInPartAreRefused) {
  EXPECT_THAT(ErrorOf("a,b,u,v,tangent1:a,jvp1:u,jvp1:v\n"),
              StartsWith("f.csv:1:1: column \"tangent1:b\" is missing; directions and their"));
  EXPECT_THAT(ErrorOf("a,b,u,v,tangent2:a,tangent2:b,jvp2:u,jvp2:v\n"),
              StartsWith("f.csv:1:1: column \"tangent1:a\" is missing"));
  EXPECT_THAT(ErrorOf("a,b,u,v,adjoint1:u,adjoint1:v,vjp1:a\n"),
              StartsWith("f.csv:1:1: column \"vjp1:b\" is missing"));
  EXPECT_THAT(ErrorOf("a,b,u,v,hvp1:a,hvp1:b,hvp_tangent1:a,hvp_tangent1:b\n"),
              StartsWith("f.csv:1:1: column \"hvp_adjoint1:u\" is missing"));
  EXPECT_THAT(ErrorOf("a,b,u,v,variance:u\n"),
              StartsWith("f.csv:1:1: column \"variance:v\" is missing"));
  for (const char* unknown : {"tangent0:a", "tangent65:a", "tangent01:a", "tangent:a", "jvp1:a",
                              "vjp1:u", "tangent1:", "variance:a", "variance:weight"}) {
    EXPECT_THAT(ErrorOf("a,b,u,v," + std::string(unknown) + "\n"),
                StartsWith("f.csv:1:9: unknown column \"" + std::string(unknown) + "\""));
  }
}

}  // namespace
}  // namespace sobolev::cli
