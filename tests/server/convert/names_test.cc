#include "server/convert/names.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

using testing::HasSubstr;

TEST(NamesTest, ResourceNamesRoundTrip) {
  EXPECT_EQ(ParseDatasetName(DatasetName("wing.v2"), "name"), "wing.v2");
  EXPECT_EQ(ParseJobName(JobName("j-1"), "name"), "j-1");
  EXPECT_EQ(ParseProgramName(ProgramName("f.2"), "name"), "f.2");
  const ModelRef newest = ParseModelName(ModelName("m_1"), "model");
  EXPECT_EQ(newest.id, "m_1");
  EXPECT_EQ(newest.version, 0);
  const ModelRef third = ParseModelName(ModelVersionName("m_1", 3), "model");
  EXPECT_EQ(third.id, "m_1");
  EXPECT_EQ(third.version, 3);
}

class BadDatasetName : public testing::TestWithParam<std::string> {};

TEST_P(BadDatasetName, IsRefusedWithTheFieldAndTheForm) {
  try {
    ParseDatasetName(GetParam(), "name");
    FAIL() << "accepted " << GetParam();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.reason(), "INVALID_NAME");
    EXPECT_EQ(error.field(), "name");
    EXPECT_THAT(error.what(), HasSubstr("datasets/{dataset}"));
  }
}

INSTANTIATE_TEST_SUITE_P(Names, BadDatasetName,
                         testing::Values("", "datasets/", "datasets", "models/a", "datasets/.",
                                         "datasets/..", "datasets/../x", "datasets/a/b",
                                         "datasets/a\\b", "datasets/a..b", "datasets/%2e%2e",
                                         "datasets/A", "datasets/-a", "datasets/a-", "datasets/a b",
                                         std::string("datasets/a\0b", 12), "datasets/a\n",
                                         std::string("datasets/\xe2\x80") + "\xae",
                                         "datasets/" + std::string(64, 'a'), "Datasets/a",
                                         " datasets/a"));

TEST(NamesTest, TheLongestIdIsAccepted) {
  const std::string id(63, 'a');
  EXPECT_EQ(ParseDatasetName("datasets/" + id, "name"), id);
}

TEST(NamesTest, MalformedVersionsAreRefused) {
  for (const std::string name :
       {"models/m/versions/0", "models/m/versions/-1", "models/m/versions/", "models/m/versions/1x",
        "models/m/versions/99999999999999999999", "models/m/1", "models/m/versions/1/2"}) {
    EXPECT_THROW(ParseModelName(name, "model"), Error) << name;
  }
}

TEST(NamesTest, PageTokensWorkOnlyForTheListingThatMadeThem) {
  const std::string token = EncodePageToken("datasets", "wing");
  EXPECT_EQ(DecodePageToken("datasets", token), "wing");
  EXPECT_EQ(DecodePageToken("datasets", ""), "");
  EXPECT_THROW(DecodePageToken("models", token), Error);
  EXPECT_THROW(DecodePageToken("datasets", "wing"), Error);
  EXPECT_THROW(DecodePageToken("datasets", "!"), Error);
}

TEST(NamesTest, PageSizesAreClampedAndNegativeOnesRefused) {
  EXPECT_EQ(PageSize(0), 100);
  EXPECT_EQ(PageSize(7), 7);
  EXPECT_EQ(PageSize(1'000'000'000), 1000);
  EXPECT_THROW(PageSize(-1), Error);
}

TEST(TenantTest, NamesMeanTheResourcesOfTheTenantAndDoNotSayWhose) {
  const std::string acme = "acme";
  EXPECT_EQ(ParseDatasetName("datasets/d", "f"), "d");
  {
    const TenantScope scope(acme);
    EXPECT_EQ(ParseDatasetName("datasets/d", "f"), "acme/d");
    EXPECT_EQ(ParseProgramName("programs/p", "f"), "acme/p");
    EXPECT_EQ(ParseModelName("models/m", "f").id, "acme/m");
    EXPECT_EQ(ParseModelName("models/m/versions/2", "f").id, "acme/m");
    EXPECT_EQ(ParseModelName("models/m/versions/2", "f").version, 2);
    EXPECT_EQ(DatasetName("acme/d"), "datasets/d");
    EXPECT_EQ(ModelVersionName("acme/m", 2), "models/m/versions/2");
    EXPECT_TRUE(IsOwn("acme/d"));
    for (const char* id : {"d", "other/d", "acme2/d", "acm/d", "/d"}) EXPECT_FALSE(IsOwn(id)) << id;
    const std::string other = "other";
    {
      const TenantScope inner(other);
      EXPECT_EQ(StoredId("d"), "other/d");
    }
    EXPECT_EQ(StoredId("d"), "acme/d");
  }
  EXPECT_TRUE(IsOwn("d"));
  EXPECT_FALSE(IsOwn("acme/d"));
}

// A name cannot lead out of the tenant.
TEST(TenantTest, AnIdWithASlashIsRefused) {
  for (const char* name : {"datasets/acme/d", "datasets//d", "datasets/../acme/d"}) {
    EXPECT_THROW(ParseDatasetName(name, "f"), Error) << name;
  }
  EXPECT_THROW(ParseModelName("models/acme/m", "f"), Error);
  EXPECT_THROW(RequireResourceId("acme/d", "f"), Error);
}

}  // namespace
}  // namespace sobolev::server
