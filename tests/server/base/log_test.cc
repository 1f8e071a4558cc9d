#include "server/base/log.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

using ::testing::MatchesRegex;
using Json = nlohmann::json;

// The lines that `write` leaves on stderr.
std::vector<std::string> Lines(const std::function<void()>& write) {
  ::testing::internal::CaptureStderr();
  write();
  std::istringstream text(::testing::internal::GetCapturedStderr());
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

TEST(LogTest, AJsonLineHasTimeLevelMessageAndTypedFields) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kJson);
  const std::vector<std::string> lines = Lines([] {
    LogInfo("job started",
            {{"job", std::string("j1")}, {"samples", 8192}, {"share", 0.5}, {"resumed", true}});
  });
  ASSERT_EQ(lines.size(), 1U);
  const Json line = Json::parse(lines[0]);
  EXPECT_EQ(line["level"], "info");
  EXPECT_EQ(line["msg"], "job started");
  EXPECT_EQ(line["job"], "j1");
  EXPECT_EQ(line["samples"], 8192);
  EXPECT_EQ(line["share"], 0.5);
  EXPECT_EQ(line["resumed"], true);
  EXPECT_THAT(line["time"].get<std::string>(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z"));
}

TEST(LogTest, ATextLineReadsLikeASentence) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kText);
  const std::vector<std::string> lines = Lines([] {
    LogWarning("disk nearly full", {{"free_bytes", 12}, {"dir", "/a b"}});
  });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_THAT(lines[0], MatchesRegex("[-0-9]+T[:.0-9]+Z warning disk nearly full free_bytes=12 "
                                     "dir=\"/a b\""));
}

TEST(AuditLogTest, AFileGetsALineForEachChangeAndKeepsThemAcrossRestarts) {
  const std::string path = ::testing::TempDir() + "/audit_log_test";
  std::filesystem::remove(path);
  for (const char* who : {"ann", "bob"}) {
    AuditLog audit(path);
    EXPECT_TRUE(audit.is_on());
    audit.Write({{"principal", std::string(who)}, {"object", std::string("a\nb")}, {"code", 5}});
  }
  std::ifstream file(path);
  std::vector<Json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(Json::parse(line));
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0]["msg"], "audit");
  EXPECT_EQ(lines[0]["principal"], "ann");
  EXPECT_EQ(lines[1]["principal"], "bob");
  EXPECT_EQ(lines[1]["object"], "a\nb");
  EXPECT_EQ(lines[1]["code"], 5);
  // The tests may run with any umask.
  EXPECT_EQ(std::filesystem::status(path).permissions() & std::filesystem::perms(0077),
            std::filesystem::perms::none);
  std::filesystem::remove(path);
}

TEST(AuditLogTest, ItMayGoToTheLogOrNowhere) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kJson);
  const std::vector<std::string> lines = Lines([] { AuditLog("-").Write({{"principal", "ann"}}); });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_EQ(Json::parse(lines[0])["msg"], "audit");
  AuditLog off("");
  EXPECT_FALSE(off.is_on());
  EXPECT_TRUE(Lines([&off] { off.Write({{"principal", "ann"}}); }).empty());
}

TEST(AuditLogTest, AFileThatCannotBeWrittenStopsTheStart) {
  try {
    AuditLog audit("/nowhere/audit");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.reason(), "CANNOT_WRITE");
    EXPECT_EQ(error.field(), "audit-log");
  }
}

TEST(LogTest, HostileValuesCannotBreakALineOrForgeOne) {
  const std::string hostile = "x\"\n{\"level\":\"info\"}\r\x01\xff y=1";
  for (const LogFormat format : {LogFormat::kJson, LogFormat::kText}) {
    ConfigureLog(LogLevel::kInfo, format);
    const std::vector<std::string> lines = Lines([&] { LogInfo(hostile, {{"value", hostile}}); });
    ASSERT_EQ(lines.size(), 1U);
    if (format == LogFormat::kJson) {
      EXPECT_EQ(Json::parse(lines[0])["level"], "info");
      EXPECT_EQ(Json::parse(lines[0])["value"], Json::parse(lines[0])["msg"]);
    } else {
      EXPECT_EQ(lines[0].find('\r'), std::string::npos);
      EXPECT_NE(lines[0].find("value=\"x\\\"\\n"), std::string::npos) << lines[0];
    }
  }
}

TEST(LogTest, NumbersThatJsonLacksBecomeNull) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kJson);
  const std::vector<std::string> lines = Lines([] {
    LogInfo("loss", {{"value", std::numeric_limits<double>::quiet_NaN()}});
  });
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(Json::parse(lines[0])["value"].is_null());
}

TEST(LogTest, LevelsBelowTheConfiguredOneAreSilent) {
  ConfigureLog(LogLevel::kWarning, LogFormat::kJson);
  const std::vector<std::string> lines = Lines([] {
    LogDebug("a");
    LogInfo("b");
    LogWarning("c");
    LogError("d");
  });
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(Json::parse(lines[0])["level"], "warning");
  EXPECT_EQ(Json::parse(lines[1])["level"], "error");
}

TEST(LogTest, LinesOfManyThreadsDoNotMix) {
  ConfigureLog(LogLevel::kInfo, LogFormat::kJson);
  constexpr int kThreads = 4;
  constexpr int kLines = 200;
  const std::vector<std::string> lines = Lines([] {
    std::vector<std::jthread> threads;
    threads.reserve(kThreads);
    for (int t = 0; t < kThreads; ++t) {
      threads.emplace_back([t] {
        for (int i = 0; i < kLines; ++i) LogInfo("tick", {{"thread", t}, {"i", i}});
      });
    }
  });
  ASSERT_EQ(lines.size(), std::size_t{kThreads} * kLines);
  std::vector<int> next(kThreads, 0);
  for (const std::string& line : lines) {
    const Json event = Json::parse(line);
    EXPECT_EQ(event["i"], next[event["thread"].get<std::size_t>()]++);
  }
}

}  // namespace
}  // namespace sobolev::server
