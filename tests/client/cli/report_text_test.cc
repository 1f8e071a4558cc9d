#include "client/cli/report_text.h"

#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "client/cli/json_format.h"

namespace sobolev::cli {
namespace {

client::ErrorReport Errors(double value, double jacobian) {
  return {.value_rmse = {value},
          .value_relative = value,
          .jacobian_rmse = {jacobian},
          .jacobian_relative = jacobian};
}

// A cheap polynomial won over a network with a slightly better score; a third recipe failed.
client::TrainingReport Report() {
  client::TrainingReport report;
  report.beta = 0.5;
  report.validation = Errors(0.02, 0.04);
  report.leaderboard = {
      {.recipe = "network 20-20 tanh, lm",
       .state = client::Trial::State::kFinished,
       .validation = Errors(0.0199, 0.0399)},
      {.recipe = "polynomial",
       .state = client::Trial::State::kFinished,
       .validation = report.validation},
      {.recipe = "gaussian process", .state = client::Trial::State::kFailed, .validation = {}}};
  report.learning_curve = {{.sample_count = 25, .validation = Errors(0.2, 0.4)}};
  report.value_only = {.sample_count = 100, .validation = Errors(0.1, 0.02)};
  report.warnings = {{.input = "a", .output = "u", .message = "the labels of du/da are odd"}};
  return report;
}

std::string Text(const client::TrainingReport& report) {
  std::ostringstream out;
  PrintSelection(out, report);
  return out.str();
}

TEST(ReportTextTest, TheWinnerIsTheTrialOfTheModelAndNotTheOneWithTheBestScore) {
  const client::TrainingReport report = Report();
  ASSERT_NE(report.Winner(), nullptr);
  EXPECT_EQ(report.Winner()->recipe, "polynomial");
  EXPECT_EQ(client::TrainingReport().Winner(), nullptr);
}

TEST(ReportTextTest, ASelectionIsShownAsTablesAndWarnings) {
  EXPECT_EQ(Text(Report()),
            "\n"
            "tried                   value error  Jacobian error  state\n"
            "network 20-20 tanh, lm  1.99%        3.99%           finished\n"
            "polynomial              2%           4%              winner\n"
            "gaussian process        -            -               failed\n"
            "\n"
            "winner trained on             value error  Jacobian error\n"
            "25 samples                    20%          40%\n"
            "all but the held-out samples  2%           4%\n"
            "their values alone            10%          2%\n"
            "derivatives are worth: value error 5 times lower, Jacobian error 2 times higher\n"
            "\n"
            "warning: the labels of du/da are odd\n");
}

TEST(ReportTextTest, ATrainingWithoutSelectionShowsNothingOfIt) {
  client::TrainingReport report;
  report.validation = Errors(0.1, 0.2);
  EXPECT_EQ(Text(report), "");
}

TEST(ReportTextTest, DerivativesThatWereNotThereAreWorthNothingToReport) {
  client::TrainingReport report = Report();
  report.beta = 0;
  EXPECT_EQ(WorthOfDerivatives(report), "");
  EXPECT_EQ(Text(report).find("values alone"), std::string::npos);
  report.gamma = 0.1;
  report.value_only->validation.hvp_relative = 0.3;
  report.validation.hvp_relative = 0.1;
  EXPECT_EQ(WorthOfDerivatives(report),
            "value error 5 times lower, Jacobian error 2 times higher, Hessian product error 3 "
            "times lower");
  // The winner made no model of values alone, so that nothing can be compared.
  report.beta = 0.5;
  report.value_only->validation = {};
  EXPECT_EQ(WorthOfDerivatives(report), "");
  report.value_only.reset();
  EXPECT_EQ(WorthOfDerivatives(report), "");
}

TEST(ReportTextTest, ErrorsOfExactFitsAreComparedWhereTheyCanBe) {
  client::TrainingReport report = Report();
  report.validation = Errors(0, 0.5);
  report.value_only->validation = Errors(0, 1);
  EXPECT_EQ(WorthOfDerivatives(report), "Jacobian error 2 times lower");
}

TEST(ReportTextTest, JsonSaysAllThatTheReportSays) {
  client::ModelVersion version;
  version.kind = client::ModelKind::kPolynomial;
  version.report = Report();
  version.report.stop_reason = client::StopReason::kTimeLimit;
  version.report.warnings[0].kind = client::LabelWarning::Kind::kSign;
  version.report.warnings[0].factor = -1;
  const Json json = ToJson(version);
  EXPECT_EQ(json["kind"], "polynomial");
  EXPECT_FALSE(json.contains("network"));
  const Json& report = json["report"];
  EXPECT_EQ(report["winner"], "polynomial");
  EXPECT_EQ(report["stop_reason"], "time_limit");
  EXPECT_EQ(report["leaderboard"][1]["validation"]["value_relative"], 0.02);
  EXPECT_FALSE(report["leaderboard"][2].contains("validation"));
  EXPECT_EQ(report["learning_curve"][0]["sample_count"], 25);
  EXPECT_EQ(report["value_only"]["validation"]["jacobian_rmse"], Json({0.02}));
  EXPECT_EQ(report["warnings"][0], Json({{"input", "a"},
                                         {"output", "u"},
                                         {"kind", "sign"},
                                         {"factor", -1.0},
                                         {"message", "the labels of du/da are odd"}}));
}

}  // namespace
}  // namespace sobolev::cli
