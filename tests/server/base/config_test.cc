#include "server/base/config.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

using ::testing::AllOf;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;

// Sets a variable of the environment for the length of a scope.
class ScopedVariable {
 public:
  ScopedVariable(std::string name, const std::string& value) : name_(std::move(name)) {
    setenv(name_.c_str(), value.c_str(), 1);
  }
  ~ScopedVariable() { unsetenv(name_.c_str()); }
  ScopedVariable(const ScopedVariable&) = delete;
  ScopedVariable& operator=(const ScopedVariable&) = delete;

 private:
  std::string name_;
};

struct Parsed {
  std::variant<ServerConfig, int> result;
  std::string out;
  std::string err;

  const ServerConfig& config() const { return std::get<ServerConfig>(result); }
  int exit_code() const { return std::get<int>(result); }
};

Parsed Parse(const std::vector<std::string>& arguments) {
  std::vector<const char*> argv = {"sobolev-server"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  std::ostringstream out;
  std::ostringstream err;
  std::variant<ServerConfig, int> result =
      ParseConfig(static_cast<int>(argv.size()), argv.data(), out, err);
  return {std::move(result), out.str(), err.str()};
}

class ConfigTest : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  std::string WriteFile(const std::string& text) const {
    std::ofstream(path_) << text;
    return path_;
  }

  const std::string path_ = ::testing::TempDir() + "/config_test_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name() +
                            ".conf";
};

TEST_F(ConfigTest, DefaultsListenOnLoopbackOnly) {
  const Parsed parsed = Parse({});
  EXPECT_EQ(parsed.config().listen.ToString(), "127.0.0.1:50551");
  EXPECT_EQ(parsed.config().metrics.ToString(), "127.0.0.1:9464");
  EXPECT_EQ(parsed.config().gateway.ToString(), "127.0.0.1:4242");
  EXPECT_FALSE(parsed.config().insecure);
  EXPECT_EQ(parsed.err, "");
}

TEST_F(ConfigTest, DataGoesToTheUsersDataFolderUnlessToldOtherwise) {
  const ScopedVariable xdg("XDG_DATA_HOME", "/xdg");
  EXPECT_EQ(Parse({}).config().data_dir, "/xdg/sobolev");
  EXPECT_EQ(Parse({"--data-dir", "/srv/data"}).config().data_dir, "/srv/data");
}

TEST_F(ConfigTest, FlagsWinOverTheEnvironmentAndTheEnvironmentOverTheFile) {
  const std::string file =
      WriteFile("max-block-rows = 1\nmax-predict-rows = 2\nmax-running-jobs = 3\n");
  const ScopedVariable rows("SOBOLEV_MAX_BLOCK_ROWS", "10");
  const ScopedVariable predict_rows("SOBOLEV_MAX_PREDICT_ROWS", "20");
  const Parsed parsed = Parse({"--config", file, "--max-block-rows=100"});
  EXPECT_EQ(parsed.config().max_block_rows, 100);
  EXPECT_EQ(parsed.config().max_predict_rows, 20);
  EXPECT_EQ(parsed.config().max_running_jobs, 3);
  EXPECT_EQ(parsed.config().max_message_bytes, 64 * ServerConfig::kMiB);
}

TEST_F(ConfigTest, SizesTakeBinaryUnits) {
  EXPECT_EQ(Parse({"--job-memory-bytes", "3GiB"}).config().job_memory_bytes,
            3 * ServerConfig::kGiB);
  EXPECT_EQ(Parse({"--job-memory-bytes", "5000000"}).config().job_memory_bytes, 5000000);
}

TEST_F(ConfigTest, SwitchesAreSetByNameAndUnsetByValue) {
  EXPECT_TRUE(Parse({"--insecure"}).config().insecure);
  EXPECT_FALSE(Parse({"--reflection=false"}).config().reflection);
}

TEST_F(ConfigTest, WhatPrintConfigPrintsIsAFileThatGivesTheSameSettings) {
  const Parsed printed = Parse({"--print-config", "--listen=[::1]:0", "--max-message-bytes=80MiB",
                                "--drain-grace-seconds=0.25", "--log-level=error", "--threads=3",
                                "--port-file=/run/a port file", "--reflection=false"});
  EXPECT_EQ(printed.exit_code(), 0);
  const Parsed again = Parse({"--config", WriteFile(printed.out), "--print-config"});
  EXPECT_EQ(again.exit_code(), 0) << again.err;
  EXPECT_EQ(again.out, printed.out);
  EXPECT_THAT(
      again.out,
      AllOf(HasSubstr("listen = [::1]:0\n"), HasSubstr("max-message-bytes = 80MiB\n"),
            HasSubstr("drain-grace-seconds = 0.25\n"), HasSubstr("log-level = error\n"),
            HasSubstr("port-file = /run/a port file\n"), HasSubstr("reflection = false\n")));
}

TEST_F(ConfigTest, CheckConfigSaysNothingWhenAllIsWell) {
  const Parsed parsed = Parse({"--check-config"});
  EXPECT_EQ(parsed.exit_code(), 0);
  EXPECT_EQ(parsed.out + parsed.err, "");
}

TEST_F(ConfigTest, HelpNamesEverySettingWithItsDefault) {
  const Parsed parsed = Parse({"--help"});
  EXPECT_EQ(parsed.exit_code(), 0);
  EXPECT_THAT(parsed.out,
              AllOf(ContainsRegex("--listen HOST:PORT +gRPC[^\n]*\\[127.0.0.1:50551\\]"),
                    ContainsRegex("--max-message-bytes SIZE +[^\n]*\\[64MiB\\]"),
                    ContainsRegex("--log-format auto.json.text "), HasSubstr("SOBOLEV_")));
  std::istringstream lines(parsed.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 100U) << line;
}

TEST_F(ConfigTest, VersionNamesTheProgram) {
  const Parsed parsed = Parse({"--version"});
  EXPECT_EQ(parsed.exit_code(), 0);
  EXPECT_EQ(parsed.out, "sobolev-server " + std::string(Version()) + "\n");
}

TEST_F(ConfigTest, AnUnknownSettingInTheFileIsNamedWithItsLineAndTheNearestOne) {
  const std::string file = WriteFile("# Ours.\n\nmax-mesage-bytes = 1MiB\n");
  const Parsed parsed = Parse({"--config", file});
  EXPECT_EQ(parsed.exit_code(), 2);
  EXPECT_THAT(parsed.err, AllOf(HasSubstr(file + ":3"), HasSubstr("'max-mesage-bytes'"),
                                HasSubstr("did you mean 'max-message-bytes'?")));
}

TEST_F(ConfigTest, ALineThatIsNoAssignmentIsAnError) {
  const std::string file = WriteFile("listen 127.0.0.1:1\n");
  EXPECT_THAT(Parse({"--config", file}).err,
              HasSubstr(file + ":1: expected 'name = value', got 'listen 127.0.0.1:1'"));
}

TEST_F(ConfigTest, ASettingGivenTwiceInTheFileIsAnError) {
  const std::string file = WriteFile("threads = 1\nthreads = 2\n");
  EXPECT_THAT(Parse({"--config", file}).err,
              HasSubstr(file + ":2: 'threads' is set a second time"));
}

TEST_F(ConfigTest, AMissingFileIsAnError) {
  EXPECT_THAT(Parse({"--config", path_}).err, HasSubstr("cannot read '" + path_ + "'"));
}

TEST_F(ConfigTest, AnUnknownFlagIsAnError) {
  const Parsed parsed = Parse({"--lisen=127.0.0.1:1"});
  EXPECT_EQ(parsed.exit_code(), 2);
  EXPECT_THAT(parsed.err, HasSubstr("--lisen"));
}

TEST_F(ConfigTest, BadValuesAreNamedWithWhatWasExpected) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--threads=-1", "--threads: expected a whole number from 0 to 4096, got '-1'"},
      {"--threads=2x", "got '2x'"},
      {"--max-running-jobs=0", "a whole number from 1 to 1024, got '0'"},
      {"--max-block-rows=99999999999999999999", "got '99999999999999999999'"},
      {"--max-message-bytes=1", "a size from 64KiB to 1GiB"},
      {"--max-program-bytes=0", "a size from 1 to 16MiB"},
      {"--max-program-operations=0", "a whole number from 1 to"},
      {"--program-cache-bytes=1", "a size from 1MiB"},
      {"--job-memory-bytes=9000000000TiB", "got '9000000000TiB'"},
      {"--checkpoint-interval-seconds=nan", "seconds from 0.01"},
      {"--drain-grace-seconds=-1", "got '-1'"},
      {"--log-level=loud", "--log-level: expected debug|info|warning|error, got 'loud'"},
      {"--reflection=maybe", "--reflection"},
      {"--listen=127.0.0.1", "--listen: expected HOST:PORT"},
      {"--data-dir=", "data-dir"},
      {"--request-memory-bytes=8MiB", "at least max-message-bytes (64MiB), got 8MiB"},
      {"--max-predict-reply-bytes=128MiB", "at most max-message-bytes (64MiB), got 128MiB"},
  };
  for (const auto& [flag, message] : cases) {
    const Parsed parsed = Parse({flag});
    ASSERT_TRUE(std::holds_alternative<int>(parsed.result)) << flag;
    EXPECT_EQ(parsed.exit_code(), 2) << flag;
    EXPECT_THAT(parsed.err, HasSubstr(message)) << flag;
  }
}

TEST_F(ConfigTest, ABadValueInTheEnvironmentIsNamedByItsVariable) {
  const ScopedVariable threads("SOBOLEV_TRAIN_THREADS", "many");
  EXPECT_THAT(Parse({}).err, HasSubstr("SOBOLEV_TRAIN_THREADS: expected a whole number"));
}

TEST_F(ConfigTest, TheGatewayCanBeTurnedOff) {
  EXPECT_EQ(Parse({"--gateway", "off"}).config().gateway.host, "");
  EXPECT_THAT(Parse({"--gateway", "off", "--print-config"}).out, HasSubstr("gateway = off"));
  EXPECT_THAT(Parse({"--gateway", "on"}).err, HasSubstr("--gateway: expected HOST:PORT"));
}

TEST_F(ConfigTest, TheGatewaysPortComesFromPortUnlessASettingSaysMore) {
  {
    const ScopedVariable port("PORT", "4300");
    EXPECT_EQ(Parse({}).config().gateway.ToString(), "127.0.0.1:4300");
    EXPECT_EQ(Parse({"--gateway", "localhost:1"}).config().gateway.ToString(), "localhost:1");
    EXPECT_EQ(Parse({"--gateway", "off"}).config().gateway.host, "");
  }
  const ScopedVariable port("PORT", "many");
  EXPECT_THAT(Parse({}).err, HasSubstr("PORT: expected"));
}

TEST_F(ConfigTest, AListenerBeyondLoopbackNeedsInsecure) {
  for (const std::string flag : {"--listen", "--metrics", "--gateway"}) {
    for (const std::string address : {"0.0.0.0:50551", "[::]:50551", "192.0.2.1:50551",
                                      "127.0.0.1.example.org:50551", "example.org:50551"}) {
      const Parsed parsed = Parse({flag, address});
      ASSERT_TRUE(std::holds_alternative<int>(parsed.result)) << address;
      EXPECT_THAT(parsed.err, HasSubstr("give --insecure")) << address;
      EXPECT_TRUE(Parse({flag, address, "--insecure"}).config().insecure) << address;
    }
  }
}

TEST_F(ConfigTest, MutualTlsOpensOtherAddressesForCallsAlone) {
  const std::vector<std::string> tls = {"--tls-cert=c.pem", "--tls-key=k.pem"};
  const auto with = [&tls](std::vector<std::string> flags) {
    flags.insert(flags.end(), tls.begin(), tls.end());
    return Parse(flags);
  };
  EXPECT_EQ(with({"--listen=0.0.0.0:1", "--tls-client-ca=a.pem"}).config().tls_client_ca, "a.pem");
  EXPECT_THAT(with({"--listen=0.0.0.0:1"}).err, HasSubstr("set auth-tokens or tls-client-ca"));
  EXPECT_THAT(with({"--metrics=0.0.0.0:1", "--tls-client-ca=a.pem"}).err, HasSubstr("metrics"));
}

TEST_F(ConfigTest, CertificateAndKeyComeTogether) {
  EXPECT_THAT(Parse({"--tls-cert=c.pem"}).err, HasSubstr("tls-key: expected a file"));
  EXPECT_THAT(Parse({"--tls-key=k.pem"}).err, HasSubstr("tls-cert: expected a file"));
  EXPECT_THAT(Parse({"--tls-client-ca=a.pem"}).err, HasSubstr("expected tls-cert and tls-key"));
}

TEST(EndpointTest, ReadsNamesAddressesAndBracketedIpv6) {
  EXPECT_EQ(ParseEndpoint("localhost:80", "f").host, "localhost");
  EXPECT_EQ(ParseEndpoint("127.0.0.1:0", "f").port, 0);
  EXPECT_EQ(ParseEndpoint("[::1]:65535", "f").host, "::1");
  EXPECT_EQ(ParseEndpoint("[::1]:65535", "f").ToString(), "[::1]:65535");
}

TEST(EndpointTest, RejectsEverythingElse) {
  for (const char* text : {"", ":", "host", "host:", ":80", "host:65536", "host:-1", "host:8o",
                           "::1:80", "[]:80", "[host]:80", "[::1]80", "host:80 "}) {
    EXPECT_THROW(ParseEndpoint(text, "f"), Error) << text;
  }
}

}  // namespace
}  // namespace sobolev::server
