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
                                    .remaining_seconds = 3};
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
