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

ProcessResult RunToEnd(const std::string& command, const std::string& input = "") {
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
  const ProcessResult result = RunToEnd("cat; echo more >&2; exit 7", "text");
  EXPECT_EQ(result.end, End::kExited);
  EXPECT_EQ(result.code, 7);
  EXPECT_EQ(result.out, "text");
  EXPECT_EQ(result.error_tail, "more\n");
}

TEST_F(ProcessTest, NothingOfTheInputIsRunByTheShell) {
  EXPECT_EQ(RunToEnd("cat", "$(exit 3); `echo x`").out, "$(exit 3); `echo x`");
}

TEST_F(ProcessTest, MoreThanPipesHoldPassesThrough) {
  const std::string input(5'000'000, 'x');
  EXPECT_EQ(RunToEnd("cat", input).out, input);
}

TEST_F(ProcessTest, WhoReadsNothingMayEndWell) {
  const ProcessResult result = RunToEnd("exec <&-; echo done", std::string(5'000'000, 'x'));
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, "done\n");
}

TEST_F(ProcessTest, OnlyTheEndOfStandardErrorIsKept) {
  const ProcessResult result =
      RunToEnd("head -c 100000 /dev/zero | tr '\\0' a >&2; printf end >&2");
  EXPECT_EQ(result.error_tail.size(), kErrorTailBytes);
  EXPECT_TRUE(result.error_tail.ends_with("aaaend"));
}

TEST_F(ProcessTest, SignalsAreTold) {
  const ProcessResult result = RunToEnd("kill -9 $$");
  EXPECT_EQ(result.end, End::kSignalled);
  EXPECT_EQ(result.code, SIGKILL);
}

// Not if it is a zombie, which nobody has reaped yet.
bool IsRunning(const std::string& process) {
  std::ifstream file("/proc/" + process + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("State:")) return line.find('Z') == std::string::npos;
  }
  return false;
}

TEST_F(ProcessTest, ATimeoutEndsTheWholeGroup) {
  for (const char* command :
       {"sleep 1000 & echo $!; wait", "(trap '' TERM; sleep 1000) & echo $!; wait"}) {
    const ProcessResult result = RunProcess(command, "", std::chrono::duration<double>(0.2), {});
    EXPECT_EQ(result.end, End::kTimedOut);
    const std::string process = result.out.substr(0, result.out.find('\n'));
    while (IsRunning(process)) std::this_thread::sleep_for(std::chrono::milliseconds(10));
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
  EXPECT_EQ(RunToEnd("sleep 5 & echo done").out, "done\n");
}

TEST_F(ProcessTest, EndlessOutputEndsIt) {
  EXPECT_EQ(RunToEnd("cat /dev/zero").end, End::kFlooded);
}

}  // namespace
}  // namespace sobolev::cli
