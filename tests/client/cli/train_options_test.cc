#include "client/cli/train_options.h"

#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

// The spec of a command line of these options.
client::TrainingSpec SpecOf(const std::vector<std::string>& arguments) {
  CLI::App app;
  SpecArguments spec;
  AddSpecOptions(app, spec);
  app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  return ReadSpec(spec);
}

// The message with which the parser refuses them.
std::string RefusalOf(const std::vector<std::string>& arguments) {
  try {
    SpecOf(arguments);
  } catch (const CLI::ParseError& error) {
    return error.what();
  }
  return "";
}

TEST(TrainOptionsTest, WhatIsNotTypedIsUnset) {
  const client::TrainingSpec spec = SpecOf({});
  EXPECT_FALSE(spec.kind || spec.optimizer || spec.activation || spec.skip || spec.residual);
  EXPECT_THAT(spec.hidden, IsEmpty());
  EXPECT_THAT(spec.monotone, IsEmpty());
}

TEST(TrainOptionsTest, AFlagCanBeTurnedOff) {
  for (const char* const on : {"", "=true"}) {
    EXPECT_EQ(SpecOf({"--skip" + std::string(on)}).skip, true);
    EXPECT_EQ(SpecOf({"--residual" + std::string(on)}).residual, true);
  }
  EXPECT_EQ(SpecOf({"--skip=false"}).skip, false);
  EXPECT_EQ(SpecOf({"--residual=false"}).residual, false);
  EXPECT_EQ(RefusalOf({"--skip=perhaps"}), "--skip: expected true or false, got \"perhaps\"");
  EXPECT_EQ(RefusalOf({"--residual=?"}), "--residual: expected true or false, got \"?\"");
  EXPECT_EQ(RefusalOf({"--skip=99999999999999999999"}),
            "--skip: expected true or false, got \"99999999999999999999\"");
}

TEST(TrainOptionsTest, AWordThatIsNoneOfTheAllowedOnesIsRefusedWithThese) {
  EXPECT_EQ(SpecOf({"--kind", "gaussian-process"}).kind, client::TrainingKind::kGaussianProcess);
  EXPECT_EQ(SpecOf({"--kind", "local-taylor"}).kind, client::TrainingKind::kLocalTaylor);
  EXPECT_EQ(SpecOf({"--taylor-base", "constant"}).taylor_base, client::TaylorBase::kConstant);
  EXPECT_EQ(SpecOf({"--taylor-order", "2"}).taylor_order, 2);
  EXPECT_EQ(SpecOf({"--optimizer", "lbfgs"}).optimizer, client::Optimizer::kLbfgs);
  EXPECT_EQ(RefusalOf({"--kind", "gp"}),
            "--kind: expected auto, gaussian-process, local-taylor, network or polynomial, got \"gp\"");
  EXPECT_EQ(RefusalOf({"--precision", "0"}), "--precision: expected float32 or float64, got \"0\"");
}

TEST(TrainOptionsTest, ListsAreSeparatedByCommas) {
  EXPECT_THAT(SpecOf({"--hidden", "8,4"}).hidden, ElementsAre(8, 4));
  EXPECT_THAT(
      SpecOf({"--derivative-weights=1,0", "--derivative-weights=2.5e-1"}).derivative_weights,
      ElementsAre(1, 0, 0.25));
  EXPECT_THAT(SpecOf({"--increasing", "a,b", "--decreasing", "c"}).monotone,
              UnorderedElementsAre(Pair("a", client::Slope::kIncreasing),
                                   Pair("b", client::Slope::kIncreasing),
                                   Pair("c", client::Slope::kDecreasing)));
  const client::TrainingSpec spec = SpecOf({"--period", "a=2,b=3"});
  ASSERT_EQ(spec.input_maps.size(), 2U);
  EXPECT_EQ(spec.input_maps[1].period, 3);
}

TEST(TrainOptionsTest, AnEmptyItemOfAListIsRefused) {
  for (const char* const text : {"8,,8", "8,", ",8", "", "8.5", "8 8", "8x"}) {
    EXPECT_EQ(RefusalOf({"--hidden=" + std::string(text)}).find("--hidden"), 0U) << text;
  }
  EXPECT_EQ(RefusalOf({"--hidden", "8,,8"}),
            "--hidden: expected whole numbers with a comma between two, got \"8,,8\"");
  EXPECT_THAT(RefusalOf({"--increasing", "a,,b"}), HasSubstr("expected names"));
  EXPECT_THAT(RefusalOf({"--output-weights", "1,x"}), HasSubstr("expected numbers"));
}

TEST(TrainOptionsTest, HelpShowsTheCommas) {
  CLI::App app;
  SpecArguments spec;
  AddSpecOptions(app, spec);
  const std::string help = app.help();
  EXPECT_THAT(help, HasSubstr("--increasing NAME,..."));
  EXPECT_THAT(help, HasSubstr("--hidden UNITS,..."));
  EXPECT_THAT(help, Not(HasSubstr("TEXT ...")));
  EXPECT_THAT(help, Not(HasSubstr("INT ...")));
}

TEST(TrainOptionsTest, AnInputDoesNotBothRiseAndFall) {
  EXPECT_THROW(SpecOf({"--increasing", "a", "--decreasing", "b,a"}), UsageError);
}

}  // namespace
}  // namespace sobolev::cli
