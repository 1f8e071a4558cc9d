#include "client/cli/process.h"

#include <chrono>
#include <csignal>
#include <fstream>
#include <stop_token>
#include <string>
#include <thread>

#include <gtest/gtest.h>
#include <pthread.h>

namespace sobolev::cli {
namespace {

using End = ProcessResult::End;

ProcessResult Run(const std::string& command, const std::string& input = "") {
  return RunProcess(command, input, std::nullopt, {});
}

class ProcessTest : public testing::Test {
 protected:
  ProcessTest() {
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  }
};

TEST_F(ProcessTest, InputGoesInAndOutputComesOut) {
  const ProcessResult result = Run("cat; echo more >&2; exit 7", "text");
  EXPECT_EQ(result.end, End::kExited);
  EXPECT_EQ(result.code, 7);
  EXPECT_EQ(result.out, "text");
  EXPECT_EQ(result.error_tail, "more\n");
}

TEST_F(ProcessTest, NothingOfTheInputIsRunByTheShell) {
  EXPECT_EQ(Run("cat", "$(exit 3); `echo x`").out, "$(exit 3); `echo x`");
}

TEST_F(ProcessTest, MoreThanPipesHoldPassesThrough) {
  const std::string input(5'000'000, 'x');
  EXPECT_EQ(Run("cat", input).out, input);
}

TEST_F(ProcessTest, WhoReadsNothingMayEndWell) {
  const ProcessResult result = Run("exec <&-; echo done", std::string(5'000'000, 'x'));
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "done\n");
}

TEST_F(ProcessTest, OnlyTheEndOfStandardErrorIsKept) {
  const ProcessResult result = Run("head -c 100000 /dev/zero | tr '\\0' a >&2; printf end >&2");
  EXPECT_EQ(result.error_tail.size(), kErrorTailBytes);
  EXPECT_TRUE(result.error_tail.ends_with("aaaend"));
}

TEST_F(ProcessTest, SignalsAreTold) {
  const ProcessResult result = Run("kill -9 $$");
  EXPECT_EQ(result.end, End::kSignalled);
  EXPECT_EQ(result.code, SIGKILL);
}

TEST_F(ProcessTest, ATimeoutEndsTheWholeGroup) {
  const ProcessResult result =
      RunProcess("sleep 1000 & echo $!; wait", "", std::chrono::duration<double>(0.2), {});
  EXPECT_EQ(result.end, End::kTimedOut);
  // The orphan is gone as soon as somebody has reaped it, or is a zombie until then.
  const std::string status = "/proc/" + result.out.substr(0, result.out.find('\n')) + "/status";
  std::ifstream file(status);
  std::string line;
  while (std::getline(file, line)) {
    if (line.starts_with("State:")) EXPECT_NE(line.find('Z'), std::string::npos) << line;
  }
}

TEST_F(ProcessTest, WhoIgnoresTheFirstSignalGetsAnother) {
  const ProcessResult result = RunProcess("trap '' TERM; while :; do sleep 0.1; done", "",
                                          std::chrono::duration<double>(0.2), {});
  EXPECT_EQ(result.end, End::kTimedOut);
}

TEST_F(ProcessTest, ATokenEndsIt) {
  std::stop_source stop;
  const std::jthread stopper([&] { stop.request_stop(); });
  EXPECT_EQ(RunProcess("sleep 1000", "", std::nullopt, stop.get_token()).end, End::kStopped);
}

TEST_F(ProcessTest, WhatItLeavesBehindIsNotWaitedFor) {
  EXPECT_EQ(Run("sleep 5 & echo done").out, "done\n");
}

TEST_F(ProcessTest, EndlessOutputEndsIt) { EXPECT_EQ(Run("cat /dev/zero").end, End::kFlooded); }

}  // namespace
}  // namespace sobolev::cli
