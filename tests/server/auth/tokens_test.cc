#include "server/auth/tokens.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

using ::testing::HasSubstr;

// printf '%s' sbv_abc | sha256sum, and of sbv_def.
constexpr const char* kShaOfAbc =
    "2f7ecb0cc1ed613091451973ead3b998e74d38c29e60efa8377a53c28f63dd0c";
constexpr const char* kShaOfDef =
    "3075b933aad6b6ec61b0154d3f24c06b50bb72757c17656a0e6c24a6aba6cd1a";

std::string Line(const std::string& sha256, const std::string& rest) {
  return R"({"sha256":")" + sha256 + R"(",)" + rest + "}\n";
}

std::string WhatOf(const std::string& text) {
  try {
    ParseTokens(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

class TokenFileTest : public ::testing::Test {
 protected:
  void Write(const std::string& text) const {
    std::ofstream(path_ + ".new") << text;
    std::filesystem::rename(path_ + ".new", path_);
  }
  void TearDown() override { std::filesystem::remove(path_); }

  const std::string path_ = ::testing::TempDir() + "/tokens_test_" +
                            ::testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST(ParseTokensTest, ReadsLinesAndSkipsComments) {
  const auto entries =
      ParseTokens("# ours\n\n" +
                  Line(kShaOfAbc, R"("principal":"ann","tenant":"acme","role":"writer",)"
                                  R"("expires":"1970-01-01T00:01:00Z")") +
                  Line(kShaOfDef, R"("principal":"bob","role":"viewer")"));
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].caller->principal, "ann");
  EXPECT_EQ(entries[0].caller->tenant, "acme");
  EXPECT_EQ(entries[0].caller->role, Role::kWriter);
  EXPECT_EQ(entries[0].expires_micros, 60'000'000);
  EXPECT_EQ(entries[1].caller->tenant, "");
  EXPECT_EQ(entries[1].expires_micros, 0);
}

TEST(ParseTokensTest, NamesTheBadLineAndWhatIsWrong) {
  const std::string good = R"("principal":"ann","role":"viewer")";
  EXPECT_THAT(WhatOf(Line(kShaOfAbc, good) + "nonsense\n"), HasSubstr("line 2: expected a JSON"));
  EXPECT_THAT(WhatOf(Line("abc", good)), HasSubstr("sha256: expected 64 digits"));
  EXPECT_THAT(WhatOf(Line(kShaOfAbc, R"("principal":"ann")")), HasSubstr("expected a field role"));
  EXPECT_THAT(WhatOf(Line(kShaOfAbc, R"("principal":"ann","role":"root")")), HasSubstr("role:"));
  EXPECT_THAT(WhatOf(Line(kShaOfAbc, R"("principal":"","role":"viewer")")), HasSubstr("principal"));
  EXPECT_THAT(WhatOf(Line(kShaOfAbc, R"("tenant":"a/b",)" + good)), HasSubstr("tenant"));
  EXPECT_THAT(WhatOf(Line(kShaOfAbc, R"("expires":"soon",)" + good)), HasSubstr("expires:"));
  EXPECT_THAT(WhatOf(Line(kShaOfAbc, R"("tenant":7,)" + good)), HasSubstr("expected a string"));
  EXPECT_THAT(WhatOf(Line(kShaOfAbc, R"("certificate":"a.b",)" + good)),
              HasSubstr("expected sha256 or certificate, not both"));
  EXPECT_THAT(WhatOf("{" + good + "}"), HasSubstr("expected a field sha256"));
}

TEST_F(TokenFileTest, FindsTokensUntilTheyExpire) {
  Write(Line(kShaOfAbc, R"("principal":"ann","role":"writer","expires":"1970-01-01T00:01:00Z")"));
  const TokenFile tokens(path_, std::chrono::seconds(3600));
  using Kind = TokenAnswer::Kind;
  EXPECT_EQ(tokens.Find("sbv_abc", 59'999'999).kind, Kind::kKnown);
  EXPECT_EQ(tokens.Find("sbv_abc", 59'999'999).caller->principal, "ann");
  EXPECT_EQ(tokens.Find("sbv_abc", 60'000'000).kind, Kind::kExpired);
  EXPECT_EQ(tokens.Find("sbv_abcd", 0).kind, Kind::kUnknown);
  EXPECT_EQ(tokens.Find("", 0).kind, Kind::kUnknown);
  // The digest is no token.
  EXPECT_EQ(tokens.Find(kShaOfAbc, 0).kind, Kind::kUnknown);
}

TEST_F(TokenFileTest, FindsCertificatesByOneOfTheirNames) {
  Write(Line(kShaOfAbc, R"("principal":"ann","role":"writer")") +
        R"({"certificate":"spiffe://acme/w","principal":"w","tenant":"acme","role":"worker",)"
        R"("expires":"1970-01-01T00:01:00Z"})"
        "\n"
        R"({"certificate":"w.acme.example","principal":"w2","role":"viewer"})");
  const TokenFile tokens(path_, std::chrono::seconds(3600));
  using Kind = TokenAnswer::Kind;
  const auto find = [&tokens](const std::vector<std::string>& names, std::int64_t now) {
    return tokens.FindCertificate(names, now);
  };
  const TokenAnswer worker = find({"other", "spiffe://acme/w"}, 0);
  ASSERT_EQ(worker.kind, Kind::kKnown);
  EXPECT_EQ(worker.caller->principal, "w");
  EXPECT_EQ(worker.caller->tenant, "acme");
  EXPECT_EQ(worker.caller->role, Role::kWorker);
  EXPECT_EQ(find({"spiffe://acme/w"}, 60'000'000).kind, Kind::kExpired);
  EXPECT_EQ(find({"w.acme.example"}, 60'000'000).caller->principal, "w2");
  for (const char* name : {"", "spiffe://acme/", "W.ACME.EXAMPLE", kShaOfAbc, "sbv_abc"}) {
    EXPECT_EQ(find({name}, 0).kind, Kind::kUnknown) << name;
  }
  EXPECT_EQ(find({}, 0).kind, Kind::kUnknown);
  // The name of a certificate is no token, and neither is what its line leaves out.
  EXPECT_EQ(tokens.Find("w.acme.example", 0).kind, Kind::kUnknown);
  EXPECT_EQ(tokens.Find("", 0).kind, Kind::kUnknown);
}

TEST_F(TokenFileTest, AChangedFileIsReadAndABadOneChangesNothing) {
  const std::string rest = R"("principal":"ann","role":"writer")";
  Write(Line(kShaOfAbc, rest));
  const TokenFile tokens(path_, std::chrono::seconds(1));
  const auto knows = [&tokens](const char* token) {
    return tokens.Find(token, 0).kind == TokenAnswer::Kind::kKnown;
  };
  Write(Line(kShaOfDef, rest));
  while (!knows("sbv_def")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(knows("sbv_abc"));
  Write("nonsense");
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  EXPECT_TRUE(knows("sbv_def"));
  Write(Line(kShaOfAbc, rest));
  while (!knows("sbv_abc")) std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(knows("sbv_def"));
}

TEST_F(TokenFileTest, AMissingFileIsAnError) {
  EXPECT_THROW(TokenFile(path_ + "-none", std::chrono::seconds(1)), Error);
}

}  // namespace
}  // namespace sobolev::server
