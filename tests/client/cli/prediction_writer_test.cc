#include "client/cli/prediction_writer.h"

#include <sstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace sobolev::cli {
namespace {

using client::Matrix;

// Two inputs a, b, two outputs u, v, two points, one tangent and one adjoint.
const client::ModelVersion kVersion{
    .name = "models/m/versions/2",
    .hidden = {},
    .schema = {.inputs = {{.name = "a"}, {.name = "b"}}, .outputs = {{.name = "u"}, {.name = "v"}}},
    .domain = {},
    .weights_sha256 = {},
    .report = {}};
const PredictionLayout kLayout =
    LayoutOf(kVersion, {.jacobian = true, .tangents = Matrix(2, 1), .adjoints = Matrix(2, 1)});
const Matrix kX{{1, 2}, {0.1, -4}};
const client::Prediction kPrediction{.model_version = kVersion.name,
                                     .value = Matrix{{5, 6}, {7, 8}},
                                     .jacobian = Matrix{{11, 21, 31, 41}, {12, 22, 32, 42}},
                                     .hessian = {},
                                     .jvp = Matrix{{51, 53}, {52, 54}},
                                     .vjp = Matrix{{61, 63}, {62, 64}},
                                     .spread = {},
                                     .jacobian_spread = {},
                                     .in_domain = {true, false}};

std::string Write(OutputFormat format) {
  std::ostringstream out;
  PredictionWriter writer(out, format, kLayout);
  writer.Write(kX, kPrediction);
  writer.Finish();
  return out.str();
}

TEST(PredictionWriterTest, CsvHasAColumnForEachNumber) {
  EXPECT_EQ(Write(OutputFormat::kCsv),
            "a,b,u,v,du/da,du/db,dv/da,dv/db,jvp1:u,jvp1:v,vjp1:a,vjp1:b,in_domain\n"
            "1,0.1,5,7,11,12,21,22,51,52,61,62,1\n"
            "2,-4,6,8,31,32,41,42,53,54,63,64,0\n");
}

TEST(PredictionWriterTest, ABlockHasAllInputsOfThePointsAndDerivativesByItsOwn) {
  const PredictionLayout layout =
      LayoutOf(kVersion, {.jacobian = true, .hessian = true, .tangents = {}, .adjoints = {}},
               {.outputs = {1}, .inputs = {1}});
  const client::Prediction prediction{.model_version = kVersion.name,
                                      .value = Matrix{{7, 8}},
                                      .jacobian = Matrix{{22, 42}},
                                      .hessian = Matrix{{222, 422}},
                                      .jvp = {},
                                      .vjp = {},
                                      .spread = {},
                                      .jacobian_spread = {},
                                      .in_domain = {true, false}};
  std::ostringstream csv;
  PredictionWriter(csv, OutputFormat::kCsv, layout).Write(kX, prediction);
  EXPECT_EQ(csv.str(),
            "a,b,v,dv/db,d2v/dbdb,in_domain\n"
            "1,0.1,7,22,222,1\n"
            "2,-4,8,42,422,0\n");
  std::ostringstream text;
  PredictionWriter writer(text, OutputFormat::kJson, layout);
  writer.Write(kX, prediction);
  writer.Finish();
  const nlohmann::json json = nlohmann::json::parse(text.str());
  EXPECT_EQ(json["inputs"], nlohmann::json({"a", "b"}));
  EXPECT_EQ(json["outputs"], nlohmann::json({"v"}));
  EXPECT_EQ(json["derivative_inputs"], nlohmann::json({"b"}));
  EXPECT_EQ(json["points"][1], nlohmann::json::parse(R"({
    "x": [2.0, -4.0], "value": [8.0], "jacobian": [[42.0]], "hessian": [[[422.0]]],
    "in_domain": false})"));
}

TEST(PredictionWriterTest, JsonNestsTheJacobianByOutput) {
  const nlohmann::json json = nlohmann::json::parse(Write(OutputFormat::kJson));
  EXPECT_EQ(json["model_version"], "models/m/versions/2");
  EXPECT_EQ(json["inputs"], nlohmann::json({"a", "b"}));
  EXPECT_EQ(json["points"].size(), 2U);
  EXPECT_EQ(json["points"][1], nlohmann::json::parse(R"({
    "x": [2.0, -4.0], "value": [6.0, 8.0], "jacobian": [[31.0, 32.0], [41.0, 42.0]],
    "jvp": [[53.0, 54.0]], "vjp": [[63.0, 64.0]], "in_domain": false})"));
}

TEST(PredictionWriterTest, AModelAnswersHessiansAndSpreads) {
  const client::Quantities quantities{
      .hessian = true, .tangents = {}, .adjoints = {}, .spread = true, .jacobian_spread = true};
  // Columns (s·m + i)·n + j: point, output, row of its Hessian.
  const client::Prediction prediction{
      .model_version = kVersion.name,
      .value = Matrix{{5, 6}, {7, 8}},
      .jacobian = {},
      .hessian = Matrix{{111, 112, 211, 212, 311, 312, 411, 412},
                        {112, 122, 212, 222, 312, 322, 412, 422}},
      .jvp = {},
      .vjp = {},
      .spread = Matrix{{0.5, 0.6}, {0.7, 0.8}},
      .jacobian_spread = Matrix{{1.1, 2.1, 3.1, 4.1}, {1.2, 2.2, 3.2, 4.2}},
      .in_domain = {true, false}};
  std::ostringstream csv;
  PredictionWriter(csv, OutputFormat::kCsv, LayoutOf(kVersion, quantities)).Write(kX, prediction);
  EXPECT_EQ(csv.str(),
            "a,b,u,v,d2u/dada,d2u/dadb,d2u/dbdb,d2v/dada,d2v/dadb,d2v/dbdb,spread:u,spread:v,"
            "spread:du/da,spread:du/db,spread:dv/da,spread:dv/db,in_domain\n"
            "1,0.1,5,7,111,112,122,211,212,222,0.5,0.7,1.1,1.2,2.1,2.2,1\n"
            "2,-4,6,8,311,312,322,411,412,422,0.6,0.8,3.1,3.2,4.1,4.2,0\n");
  std::ostringstream json;
  PredictionWriter writer(json, OutputFormat::kJson, LayoutOf(kVersion, quantities));
  writer.Write(kX, prediction);
  writer.Finish();
  EXPECT_EQ(nlohmann::json::parse(json.str())["points"][1], nlohmann::json::parse(R"({
    "x": [2.0, -4.0], "value": [6.0, 8.0],
    "hessian": [[[311.0, 312.0], [312.0, 322.0]], [[411.0, 412.0], [412.0, 422.0]]],
    "spread": [0.6, 0.8], "jacobian_spread": [[3.1, 3.2], [4.1, 4.2]], "in_domain": false})"));
}

// One point of a program with inputs a, v.0 and output u, one tangent and two adjoints.
TEST(PredictionWriterTest, SecondDerivativesOfAProgramHaveTheirColumnsAndLists) {
  const client::Program program{.name = "programs/p",
                                .source = {},
                                .inputs = {{.name = "a"}, {.name = "v", .shape = {1}, .offset = 1}},
                                .outputs = {{.name = "u"}},
                                .statistics = {}};
  const client::Quantities quantities{
      .hessian = true, .tangents = Matrix(2, 1), .adjoints = Matrix(1, 2), .hvp = true};
  const client::Evaluation evaluation{.value = Matrix{{3}},
                                      .jacobian = {},
                                      .hessian = Matrix{{11, 12}, {12, 22}},
                                      .jvp = Matrix{{4}},
                                      .vjp = Matrix{{5, 7}, {6, 8}},
                                      .hvp = Matrix{{51, 61}, {52, 62}},
                                      .valid = {false},
                                      .reversal = {}};
  const Matrix X{{1}, {2}};
  std::ostringstream csv;
  PredictionWriter(csv, OutputFormat::kCsv, LayoutOf(program, quantities)).Write(X, evaluation);
  EXPECT_EQ(csv.str(),
            "a,v.0,u,d2u/dada,d2u/dadv.0,d2u/dv.0dv.0,jvp1:u,vjp1:a,vjp1:v.0,vjp2:a,vjp2:v.0,"
            "hvp1.1:a,hvp1.1:v.0,hvp2.1:a,hvp2.1:v.0,valid\n"
            "1,2,3,11,12,22,4,5,6,7,8,51,52,61,62,0\n");
  std::ostringstream json;
  PredictionWriter writer(json, OutputFormat::kJson, LayoutOf(program, quantities));
  writer.Write(X, evaluation);
  writer.Finish();
  const nlohmann::json answer = nlohmann::json::parse(json.str());
  EXPECT_EQ(answer["program"], "programs/p");
  EXPECT_EQ(answer["points"][0]["hessian"], nlohmann::json::parse("[[[11.0,12.0],[12.0,22.0]]]"));
  EXPECT_EQ(answer["points"][0]["hvp"], nlohmann::json::parse("[[[51.0,52.0]],[[61.0,62.0]]]"));
  EXPECT_EQ(answer["points"][0]["valid"], false);
}

TEST(PredictionWriterTest, TableColumnsLineUp) {
  std::istringstream lines(Write(OutputFormat::kTable));
  std::string header;
  std::string first;
  std::string second;
  std::getline(lines, header);
  std::getline(lines, first);
  std::getline(lines, second);
  EXPECT_EQ(first.size(), header.size());
  EXPECT_EQ(second.size(), header.size());
  EXPECT_TRUE(first.ends_with("yes"));
  EXPECT_TRUE(second.ends_with("no"));
}

TEST(PredictionWriterTest, WithoutPointsJsonIsStillWhole) {
  std::ostringstream out;
  PredictionWriter(out, OutputFormat::kJson, LayoutOf(kVersion, {})).Finish();
  EXPECT_TRUE(nlohmann::json::parse(out.str())["points"].empty());
}

// The names of the columns of a program of one number, called `input`, and one output.
std::string HeaderOf(const std::string& input, const std::string& output) {
  const client::Program program{.name = "programs/p",
                                .source = {},
                                .input_size = 1,
                                .output_size = 1,
                                .inputs = {{.name = input}},
                                .outputs = {{.name = output}},
                                .statistics = {}};
  std::ostringstream out;
  PredictionWriter writer(out, OutputFormat::kCsv, LayoutOf(program, {}));
  writer.Finish();
  return out.str();
}

TEST(PredictionWriterTest, TheFlagHasANameOfItsOwn) {
  EXPECT_EQ(HeaderOf("x", "y"), "x,y,valid\n");
  EXPECT_EQ(HeaderOf("valid", "y"), "valid,y,point:valid\n");
  EXPECT_EQ(HeaderOf("x", "valid"), "x,valid,point:valid\n");
}

TEST(PredictionWriterTest, NothingIsWrittenBeforeTheFirstAnswer) {
  for (const auto& [name, format] : OutputFormats()) {
    std::ostringstream out;
    PredictionWriter writer(out, format, kLayout);
    EXPECT_EQ(out.str(), "") << name;
    writer.Write(kX, kPrediction);
    const std::string written = out.str();
    EXPECT_NE(written, "") << name;
    writer.Finish();
    EXPECT_TRUE(out.str().starts_with(written)) << name;
  }
}

}  // namespace
}  // namespace sobolev::cli
