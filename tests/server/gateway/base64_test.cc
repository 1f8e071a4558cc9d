#include "server/gateway/base64.h"

#include <string>

#include <gtest/gtest.h>

namespace sobolev::server {
namespace {

std::string Encoded(const std::string& bytes) {
  std::string text;
  AppendBase64(bytes, text);
  return text;
}

// RFC 4648, section 10.
TEST(Base64Test, TheVectorsOfTheStandard) {
  EXPECT_EQ(Encoded(""), "");
  EXPECT_EQ(Encoded("f"), "Zg==");
  EXPECT_EQ(Encoded("fo"), "Zm8=");
  EXPECT_EQ(Encoded("foo"), "Zm9v");
  EXPECT_EQ(Encoded("foob"), "Zm9vYg==");
  EXPECT_EQ(Encoded("fooba"), "Zm9vYmE=");
  EXPECT_EQ(Encoded("foobar"), "Zm9vYmFy");
}

TEST(Base64Test, EveryByteComesBack) {
  std::string bytes;
  for (int i = 0; i < 600; ++i) {
    EXPECT_EQ(DecodeBase64(Encoded(bytes)), bytes);
    bytes += static_cast<char>(i * 7 % 256);
  }
}

TEST(Base64Test, OtherTextIsNoBase64) {
  for (const char* text : {"Zg", "Zg=", "Zg===", "=Zg=", "Z===", "====", "Zm9v\n", "Zm 9", "Zm9-",
                           "Zm9_", "Zm9v=", "Z=9v", "Zh==", "Zm9=", "\x80mmm"}) {
    EXPECT_FALSE(DecodeBase64(text)) << text;
  }
}

}  // namespace
}  // namespace sobolev::server
