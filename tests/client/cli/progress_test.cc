#include "client/cli/progress.h"

#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace sobolev::cli {
namespace {

client::JobEvent ProgressEvent(int epoch) {
  client::TrainingProgress progress{.epoch = {.epoch = epoch,
                                              .value_loss = 0.25,
                                              .gradient_loss = 0.5,
                                              .validation_value_relative = 0.01,
                                              .validation_jacobian_relative = 0.02},
                                    .epochs = 40,
                                    .samples_per_second = 1e6,
                                    .remaining_seconds = 3,
                                    .leaderboard = {}};
  client::JobEvent event;
  event.state = client::JobState::kRunning;
  event.progress = progress;
  return event;
}

client::JobEvent StateEvent(client::JobState state) {
  client::JobEvent event;
  event.state = state;
  return event;
}

TEST(ProgressTest, ProgressNamesLossesErrorsAndTimeLeft) {
  EXPECT_EQ(DescribeProgress(*ProgressEvent(7).progress),
            "epoch 7/40  loss: value 0.25 + gradient 0.5  held-out error: value 1%, Jacobian 2%  "
            "1e+06 samples/s  3 s left");
}

TEST(ProgressTest, AFileGetsALineForEachTenthOfTheEpochs) {
  std::ostringstream out;
  {
    ProgressDisplay display(out, false);
    display.Show(StateEvent(client::JobState::kRunning));
    for (int epoch = 1; epoch <= 40; ++epoch) display.Show(ProgressEvent(epoch));
    display.Show(StateEvent(client::JobState::kSucceeded));
  }
  const std::string text = out.str();
  EXPECT_EQ(std::ranges::count(text, '\n'), 12);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_TRUE(text.starts_with("running\nepoch 4/40"));
  EXPECT_TRUE(text.ends_with("succeeded\n"));
}

client::JobEvent TrialEvent(int trials, double fraction) {
  client::TrainingProgress progress{
      .epoch = {}, .remaining_seconds = 3, .leaderboard = {}, .fraction = fraction};
  for (int k = 0; k < trials; ++k) {
    progress.leaderboard.push_back({.recipe = "polynomial",
                                    .state = client::Trial::State::kFinished,
                                    .validation = {.value_rmse = {1},
                                                   .value_relative = 0.01,
                                                   .jacobian_rmse = {1},
                                                   .jacobian_relative = 0.02}});
  }
  client::JobEvent event;
  event.state = client::JobState::kRunning;
  event.progress = progress;
  return event;
}

TEST(ProgressTest, APruningTellsOfItsStage) {
  client::TrainingProgress progress{.epoch = {.epoch = 7}, .epochs = 40, .leaderboard = {}};
  progress.fraction = 0.5;
  progress.stage = "retraining";
  EXPECT_EQ(DescribeProgress(progress), "retraining, epoch 7/40");
  progress.epochs = 0;
  progress.stage = "certifying";
  EXPECT_EQ(DescribeProgress(progress), "certifying");
}

TEST(ProgressTest, ASelectionTellsOfItsBestRecipe) {
  EXPECT_EQ(DescribeProgress(*TrialEvent(2, 0.4).progress),
            "40% of the effort  2 tried, best polynomial  held-out error: value 1%, Jacobian 2%  "
            "up to 3 s left");
  EXPECT_EQ(DescribeProgress(*TrialEvent(0, 0).progress), "0% of the effort  up to 3 s left");
  // Nothing is best before the first trial is judged.
  client::JobEvent running = TrialEvent(1, 0.1);
  running.progress->leaderboard[0].state = client::Trial::State::kRunning;
  EXPECT_EQ(DescribeProgress(*running.progress), "10% of the effort  1 tried  up to 3 s left");
}

TEST(ProgressTest, AFileGetsALineForEachTenthOfTheEffort) {
  std::ostringstream out;
  {
    ProgressDisplay display(out, false);
    for (int percent = 1; percent <= 100; ++percent) display.Show(TrialEvent(1, 0.01 * percent));
  }
  EXPECT_EQ(std::ranges::count(out.str(), '\n'), 10) << out.str();
}

TEST(ProgressTest, ASelectionHasABarOnATerminal) {
  std::ostringstream out;
  {
    ProgressDisplay display(out, true);
    display.Show(TrialEvent(1, 0.5));
  }
  EXPECT_NE(out.str().find("\r[##########..........] 50% of the effort"), std::string::npos)
      << out.str();
}

TEST(ProgressTest, ATerminalGetsOneLineWithABar) {
  std::ostringstream out;
  {
    ProgressDisplay display(out, true);
    display.Show(ProgressEvent(10));
    display.Show(ProgressEvent(40));
  }
  const std::string text = out.str();
  EXPECT_NE(text.find("\r[#####...............] epoch 10/40"), std::string::npos) << text;
  EXPECT_NE(text.find("\r[####################] epoch 40/40"), std::string::npos) << text;
  EXPECT_EQ(std::ranges::count(text, '\n'), 1);
}

}  // namespace
}  // namespace sobolev::cli
