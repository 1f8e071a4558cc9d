#include "server/base/timeouts.h"

#include <chrono>
#include <future>
#include <optional>
#include <stop_token>
#include <thread>

#include <gtest/gtest.h>

namespace sobolev::server {
namespace {

TEST(TimeoutsTest, StopsWhatLastsTooLongAndNothingElse) {
  Timeouts timeouts(std::chrono::milliseconds(20));
  std::stop_source ended;
  std::stop_source lasts;
  std::promise<void> stopped;
  const std::stop_callback on_stop(lasts.get_token(), [&stopped] { stopped.set_value(); });
  const auto start = std::chrono::steady_clock::now();
  {
    std::optional<Timeouts::Watch> watch;
    timeouts.Start(ended, watch);
  }
  std::optional<Timeouts::Watch> watch;
  timeouts.Start(lasts, watch);
  stopped.get_future().wait();
  EXPECT_GE(std::chrono::steady_clock::now() - start, timeouts.timeout());
  // It began before and would have been stopped before.
  EXPECT_FALSE(ended.stop_requested());
}

TEST(TimeoutsTest, AStopMayEndItsOwnWatch) {
  Timeouts timeouts(std::chrono::milliseconds(1));
  std::stop_source source;
  std::optional<Timeouts::Watch> watch;
  std::promise<void> stopped;
  const std::stop_callback on_stop(source.get_token(), [&] {
    watch.reset();
    stopped.set_value();
  });
  timeouts.Start(source, watch);
  stopped.get_future().wait();
  EXPECT_FALSE(watch.has_value());
}

}  // namespace
}  // namespace sobolev::server
