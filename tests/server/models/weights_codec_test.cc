#include "server/models/weights_codec.h"

#include <string>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/nn/network.h"

namespace sobolev::server {
namespace {

nn::Surrogate MakeSurrogate() {
  nn::Architecture architecture{
      .n = 3, .m = 2, .hidden = {5, 4}, .activation = nn::Activation::kGelu};
  nn::Scaling scaling{.x_mean = Vector::Random(3),
                      .x_scale = Vector::Constant(3, 2.5),
                      .y_mean = Vector::Random(2),
                      .y_scale = Vector::Constant(2, 0.25)};
  Vector theta = nn::InitialParameters(architecture, 7);
  return nn::Surrogate(std::move(architecture), std::move(scaling), std::move(theta));
}

TEST(WeightsCodecTest, ASurrogateComesBackBitForBit) {
  const nn::Surrogate surrogate = MakeSurrogate();
  const nn::Surrogate decoded = DecodeSurrogate(EncodeSurrogate(surrogate));
  EXPECT_EQ(decoded.architecture(), surrogate.architecture());
  EXPECT_EQ(decoded.theta(), surrogate.theta());
  EXPECT_EQ(decoded.scaling().x_mean, surrogate.scaling().x_mean);
  EXPECT_EQ(decoded.scaling().x_scale, surrogate.scaling().x_scale);
  EXPECT_EQ(decoded.scaling().y_mean, surrogate.scaling().y_mean);
  EXPECT_EQ(decoded.scaling().y_scale, surrogate.scaling().y_scale);
}

TEST(WeightsCodecTest, EveryTruncationAndExtensionIsDataLoss) {
  const std::string bytes = EncodeSurrogate(MakeSurrogate());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THROW(DecodeSurrogate(bytes.substr(0, size)), Error) << size;
  }
  EXPECT_THROW(DecodeSurrogate(bytes + '\0'), Error);
}

// A damaged header must never lead to a huge allocation or a crash.
TEST(WeightsCodecTest, DamagedHeadersAreRefusedOrDecodeToALegalNetwork) {
  const std::string bytes = EncodeSurrogate(MakeSurrogate());
  constexpr std::size_t kHeaderBytes = 56;
  for (std::size_t i = 0; i < kHeaderBytes; ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      try {
        nn::Validate(DecodeSurrogate(damaged).architecture());
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ErrorCode::kDataLoss) << "byte " << i << ", bit " << bit;
      }
    }
  }
}

}  // namespace
}  // namespace sobolev::server
