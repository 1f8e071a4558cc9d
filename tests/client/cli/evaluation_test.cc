#include "client/cli/evaluation.h"

#include <cmath>
#include <string>

#include <gtest/gtest.h>

#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using End = ProcessResult::End;
using Kind = Evaluation::Kind;

client::Schema TwoByTwo() {
  return {.inputs = {{.name = "a"}, {.name = "b"}}, .outputs = {{.name = "u"}, {.name = "v"}}};
}

Evaluation Read(const std::string& text, const client::Schema& schema = TwoByTwo()) {
  return ReadEvaluation(ParseJson(text), schema);
}

Evaluation Judge(End end, int code, const std::string& out, const std::string& error_tail = "") {
  return JudgeProcess({.end = end, .code = code, .out = out, .error_tail = error_tail}, TwoByTwo());
}

TEST(EvaluationTest, APointIsWrittenByPlaceAndByName) {
  const client::SamplingPoint point{.id = 7, .x = client::Vector{{0.1, 2}}, .attempt = 3, .y = {}};
  EXPECT_EQ(PointToJson(point, TwoByTwo(), true).dump(),
            R"({"point":7,"attempt":3,"x":[0.1,2.0],"inputs":{"a":0.1,"b":2.0},"jacobian":true})");
}

TEST(EvaluationTest, ValuesAndJacobiansComeByPlaceOrByName) {
  const Evaluation by_place = Read(R"({"y": [1, 2], "jacobian": [[3, 4], [5, 6]]})");
  EXPECT_EQ(by_place.kind, Kind::kValue);
  EXPECT_EQ(by_place.y, (client::Vector{{1, 2}}));
  EXPECT_EQ(by_place.jacobian, (client::Matrix{{3, 5}, {4, 6}}));
  const Evaluation by_name =
      Read(R"({"y": {"v": 2, "u": 1}, "jacobian": {"v": {"b": 6, "a": 5}, "u": [3, 4]}})");
  EXPECT_EQ(by_name.y, by_place.y);
  EXPECT_EQ(by_name.jacobian, by_place.jacobian);
}

TEST(EvaluationTest, TheJacobianMayBeLeftOut) {
  EXPECT_EQ(Read(R"({"y": [1, 2]})").jacobian.size(), 0);
  EXPECT_EQ(Read(R"({"y": [1, 2], "jacobian": null})").jacobian.size(), 0);
}

TEST(EvaluationTest, ValuesThatAreNotFiniteMakeAPointInfeasible) {
  for (const char* value : {"NaN", "-Infinity", "null", "\"Infinity\""}) {
    const Evaluation evaluation = Read(std::string(R"({"y": [1, )") + value + "]}");
    EXPECT_EQ(evaluation.kind, Kind::kInfeasible) << value;
    EXPECT_EQ(evaluation.reason, "v is not finite");
  }
}

TEST(EvaluationTest, ValuesThatMayBeMissingAre) {
  client::Schema schema = TwoByTwo();
  schema.outputs[1].allow_missing = true;
  const Evaluation one = Read(R"({"y": [1, null]})", schema);
  EXPECT_EQ(one.kind, Kind::kValue);
  EXPECT_TRUE(std::isnan(one.y[1]));
  schema.outputs[0].allow_missing = true;
  EXPECT_EQ(Read(R"({"y": [null, null]})", schema).kind, Kind::kInfeasible);
}

TEST(EvaluationTest, DerivativesThatAreNotFiniteCostTheJacobianUnlessTheyMayBeMissing) {
  const std::string text = R"({"y": [1, 2], "jacobian": [[3, NaN], [5, 6]]})";
  EXPECT_EQ(Read(text).jacobian.size(), 0);
  client::Schema schema = TwoByTwo();
  schema.allow_missing_derivatives = true;
  const Evaluation evaluation = Read(text, schema);
  EXPECT_TRUE(std::isnan(evaluation.jacobian(1, 0)));
  EXPECT_EQ(evaluation.jacobian(1, 1), 6);
}

TEST(EvaluationTest, WordsWithinStringsStay) {
  EXPECT_EQ(Read(R"({"infeasible": true, "reason": "NaN \" Infinity"})").reason, "NaN \" Infinity");
}

TEST(EvaluationTest, WhatSaysNothingIsRefusedByName) {
  const auto refusal = [](const std::string& text) -> std::string {
    try {
      Read(text);
      return "";
    } catch (const UsageError& error) {
      return error.what();
    }
  };
  EXPECT_EQ(refusal("[]"), "expected an object, got \"[]\"");
  EXPECT_EQ(refusal("{}"), "expected \"y\", got \"{}\"");
  EXPECT_EQ(refusal(R"({"y": 1})"), "y: expected 2 items in an array or by name, got \"1\"");
  EXPECT_EQ(refusal(R"({"y": [1]})"), "y: expected 2 items, got 1");
  EXPECT_EQ(refusal(R"({"y": {"u": 1, "w": 2}})"), "y: has no \"v\"");
  EXPECT_EQ(refusal(R"({"y": [1, []]})"), "y[1]: expected a number, got \"[]\"");
  EXPECT_EQ(refusal(R"({"y": [1, 2], "jacobian": [[1, 2], [3]]})"),
            "jacobian[1]: expected 2 items, got 1");
  EXPECT_EQ(refusal(R"({"infeasible": "yes"})"),
            "infeasible: expected true or false, got \"\"yes\"\"");
}

TEST(EvaluationTest, AProcessEndsWithAResultOrSaysWhyNot) {
  EXPECT_EQ(Judge(End::kExited, 0, R"({"y": [1, 2]})").kind, Kind::kValue);
  const Evaluation stall = Judge(End::kExited, 3, "", "stall\n");
  EXPECT_EQ(stall.kind, Kind::kInfeasible);
  EXPECT_EQ(stall.reason, "stall");
  EXPECT_EQ(Judge(End::kExited, 3, R"({"reason": "told"})", "log").reason, "told");
  const Evaluation failed = Judge(End::kExited, 1, R"({"y": [1, 2]})", "no licence\n");
  EXPECT_EQ(failed.kind, Kind::kFailed);
  EXPECT_EQ(failed.reason, "exit code 1; standard error ends with: no licence");
  EXPECT_EQ(Judge(End::kExited, 0, "").reason,
            "expected one JSON object on standard output, got nothing");
  EXPECT_EQ(Judge(End::kTimedOut, 0, "").reason, "took longer than --timeout");
  EXPECT_EQ(Judge(End::kSignalled, 11, "").reason, "ended by signal 11");
}

TEST(EvaluationTest, ReasonsAreShortUtf8) {
  const Evaluation bytes = Judge(End::kExited, 1, "", "caf\xE9");
  EXPECT_TRUE(bytes.reason.ends_with("caf\xEF\xBF\xBD"));
  const Evaluation wide = Judge(End::kExited, 3, "", std::string(768, '\xFF'));
  EXPECT_LE(wide.reason.size(), 1024U);
  EXPECT_NO_THROW(static_cast<void>(Json(wide.reason).dump()));
}

}  // namespace
}  // namespace sobolev::cli
