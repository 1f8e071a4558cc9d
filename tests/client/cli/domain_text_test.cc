#include "client/cli/domain_text.h"

#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Matrix;
using client::Vector;
using sampling::Domain;
using sampling::InputKind;
using sampling::Scale;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr const char* kDomain = R"({
  "inputs": [
    {"name": "rate", "min": 0.1, "max": 10, "scale": "log",
     "measure": {"normal": {"mean": 0, "standard_deviation": 1}}},
    {"name": "blades", "kind": "integer", "min": 2, "max": 5},
    {"name": "alloy", "kind": "categorical", "levels": ["steel", "titanium, pure"]},
    {"name": "g", "fixed": 9.81}],
  "constraints": {
    "linear": [{"coefficients": {"blades": 2, "rate": 1}, "bound": 9}],
    "program": "input r\ninput b\ninput a\ninput g\noutput c = r - b"}})";

template <class Call>
std::string ErrorOf(Call&& call) {
  try {
    call();
  } catch (const UsageError& error) {
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

TEST(DomainTextTest, ALineSaysWhatTheInputsAre) {
  const Domain domain = ParseInputs("x=-1:1,rate=1e-3:10:log,k=1:8:int,g=9.81,alloy=a|b|c");
  ASSERT_EQ(domain.n(), 5);
  EXPECT_EQ(domain.inputs()[0].min, -1);
  EXPECT_EQ(domain.inputs()[1].scale, Scale::kLogarithmic);
  EXPECT_EQ(domain.inputs()[2].kind, InputKind::kInteger);
  EXPECT_EQ(domain.inputs()[3].fixed, 9.81);
  EXPECT_THAT(domain.inputs()[4].levels, ElementsAre("a", "b", "c"));
}

TEST(DomainTextTest, AFileSaysMore) {
  const Domain domain = ParseDomain(kDomain);
  EXPECT_EQ(domain.num_free(), 3);
  Matrix X(4, 4);
  X.col(0) << 1, 2, 0, 9.81;
  X.col(1) << 2.5, 2, 0, 9.81;  // The program.
  X.col(2) << 1, 5, 0, 9.81;    // The sum.
  X.col(3) << 1, 4, 1, 9.81;
  EXPECT_THAT(domain.Feasible(X, {}), ElementsAre(1, 0, 0, 1));
  // The median of a log-normal measure.
  EXPECT_NEAR(domain.ToUser(Matrix::Constant(3, 1, 0.5))(0, 0), 1, 1e-12);
}

TEST(DomainTextTest, PointsSurviveAFile) {
  const Domain domain = ParseDomain(kDomain);
  Matrix X(4, 2);
  X.col(0) << 0.1, 2, 1, 9.81;
  X.col(1) << 1.0 / 3, 3, 0, 9.81;
  std::ostringstream out;
  WritePoints(out, domain, X);
  EXPECT_EQ(out.str(),
            "rate,blades,alloy,g\n"
            "0.1,2,\"titanium, pure\",9.81\n"
            "0.3333333333333333,3,steel,9.81\n");
  std::istringstream in(out.str());
  EXPECT_EQ(ReadPoints(in, "p.csv", domain), X);
  std::istringstream other("y,g,alloy,blades,rate\n5,9.81,steel,2,0.5\n");
  EXPECT_EQ(ReadPoints(other, "p.csv", domain), (Vector{{0.5, 2, 0, 9.81}}));
}

TEST(DomainTextTest, ErrorsNameWhatIsWrong) {
  const auto line = [](const char* text) { return ErrorOf([&] { ParseInputs(text); }); };
  for (const char* const text : {"x", "=1:2", "x=1:2:3", "x=a", "x=1:b", "x=1:2:log:int", ""}) {
    EXPECT_THAT(line(text),
                HasSubstr("--inputs: \"" + std::string(text) + "\": expected NAME=LOWER:UPPER"));
  }
  EXPECT_EQ(line("x=2:1"), "inputs[0]: expected min < max, got [2, 1]; swap them");

  const auto file = [](const char* text) { return ErrorOf([&] { ParseDomain(text); }); };
  EXPECT_EQ(file("{"), "domain: expected JSON");
  EXPECT_EQ(file("[]"), "domain: expected an object");
  EXPECT_EQ(file("{}"), "inputs: expected an array");
  EXPECT_THAT(file(R"({"input": []})"), HasSubstr("domain: expected the keys inputs constraints"));
  EXPECT_EQ(file(R"({"inputs": [{"name": "x", "max": 1}]})"), "inputs[0].min: expected a number");
  EXPECT_EQ(file(R"({"inputs": [{"min": 0, "max": 1}]})"), "inputs[0].name: expected a text");
  EXPECT_THAT(file(R"({"inputs": [{"name": "x", "min": 0, "max": 1, "scale": "cubic"}]})"),
              HasSubstr("inputs[0].scale: expected linear, log, got \"cubic\""));
  EXPECT_THAT(file(R"({"inputs": [{"name": "x", "min": 0, "max": 1, "measure": {"cauchy": {}}}]})"),
              HasSubstr("inputs[0].measure: expected the keys uniform normal"));
  EXPECT_EQ(
      file(
          R"({"inputs": [{"name": "x", "min": 0, "max": 1, "measure": {"normal": {"mean": 0}}}]})"),
      "inputs[0].measure.standard_deviation: expected a number");
  EXPECT_EQ(file(R"({"inputs": [{"name": "x", "min": 0, "max": 1}],
                     "constraints": {"linear": [{"coefficients": {"y": 1}, "bound": 1}]}})"),
            "constraints.linear[0].coefficients.y: there is no such input");
  EXPECT_THAT(file(R"({"inputs": [{"name": "x", "min": 0, "max": 1}],
                       "constraints": {"program": "input x\noutput y ="}})"),
              HasSubstr("constraints.program: source: line 2"));

  const Domain domain = ParseInputs("x=0:1,c=a|b");
  const auto points = [&](const char* text) {
    std::istringstream in(text);
    return ErrorOf([&] { ReadPoints(in, "p.csv", domain); });
  };
  EXPECT_EQ(points(""), "p.csv: expected a header with names of inputs");
  EXPECT_EQ(points("x,d\n"), "p.csv:1:1: expected a column \"c\"");
  EXPECT_EQ(points("x,c\n1\n"), "p.csv:2:2: expected 2 fields, got 1");
  EXPECT_EQ(points("x,c\n1,z\n"), "p.csv:2:3: expected a value of \"c\", got \"z\"");
  EXPECT_EQ(points("x,c\n,a\n"), "p.csv:2:1: expected a value of \"x\", got \"\"");
}

}  // namespace
}  // namespace sobolev::cli
