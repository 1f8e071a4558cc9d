#include "engine/train/surrogate_codec.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::train {
namespace {

nn::NetworkSurrogate MakeSurrogate() {
  nn::Architecture architecture{
      .n = 3, .m = 2, .hidden = {5, 4}, .activation = nn::Activation::kGelu};
  nn::Scaling scaling{.x_mean = Vector::Random(3),
                      .x_scale = Vector::Constant(3, 2.5),
                      .y_mean = Vector::Random(2),
                      .y_scale = Vector::Constant(2, 0.25)};
  Vector theta = nn::InitialParameters(architecture, 7);
  return nn::NetworkSurrogate(std::move(architecture), std::move(scaling), std::move(theta));
}

TEST(SurrogateCodecTest, ASurrogateComesBackBitForBit) {
  const nn::NetworkSurrogate surrogate = MakeSurrogate();
  const std::shared_ptr<const Surrogate> any = DecodeSurrogate(EncodeSurrogate(surrogate));
  ASSERT_EQ(any->kind(), SurrogateKind::kNetwork);
  const auto& decoded = static_cast<const nn::NetworkSurrogate&>(*any);
  EXPECT_EQ(decoded.architecture(), surrogate.architecture());
  EXPECT_EQ(decoded.theta(), surrogate.theta());
  EXPECT_EQ(decoded.scaling().x_mean, surrogate.scaling().x_mean);
  EXPECT_EQ(decoded.scaling().x_scale, surrogate.scaling().x_scale);
  EXPECT_EQ(decoded.scaling().y_mean, surrogate.scaling().y_mean);
  EXPECT_EQ(decoded.scaling().y_scale, surrogate.scaling().y_scale);
}

TEST(SurrogateCodecTest, EveryFormOfNetworkComesBack) {
  for (const auto& [skip, residual] : {std::pair(true, false), {false, true}, {true, true}}) {
    nn::Architecture architecture = MakeSurrogate().architecture();
    architecture.hidden = {4, 4};
    architecture.skip = skip;
    architecture.residual = residual;
    const nn::NetworkSurrogate surrogate(architecture, MakeSurrogate().scaling(),
                                         nn::InitialParameters(architecture, 8));
    const std::shared_ptr<const Surrogate> any = DecodeSurrogate(EncodeSurrogate(surrogate));
    const auto& decoded = static_cast<const nn::NetworkSurrogate&>(*any);
    EXPECT_EQ(decoded.architecture(), architecture);
    EXPECT_EQ(decoded.theta(), surrogate.theta());
  }
}

// The form in which networks without skips and residual layers have always been stored.
TEST(SurrogateCodecTest, APlainNetworkIsStoredAsBeforeThereWereOthers) {
  const nn::NetworkSurrogate surrogate = MakeSurrogate();
  ByteWriter writer;
  writer.Write(std::uint64_t{0x324c444d564c4253});
  // Kind, activation, n, m, hidden layers and their widths.
  for (const std::int64_t number : {1, 3, 3, 2, 2, 5, 4}) writer.Write(number);
  const nn::Scaling& scaling = surrogate.scaling();
  for (const Vector& numbers :
       {scaling.x_mean, scaling.x_scale, scaling.y_mean, scaling.y_scale, surrogate.theta()}) {
    writer.WriteVector(numbers);
  }
  EXPECT_EQ(std::move(writer).Finish(), EncodeSurrogate(surrogate));
}

TEST(SurrogateCodecTest, EveryTruncationExtensionAndDamageIsDataLoss) {
  const std::string bytes = EncodeSurrogate(MakeSurrogate());
  const auto expect_data_loss = [](const std::string& damaged, const std::string& what) {
    try {
      DecodeSurrogate(damaged);
      ADD_FAILURE() << what;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kDataLoss) << what;
    }
  };
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    expect_data_loss(bytes.substr(0, size), "size " + std::to_string(size));
  }
  expect_data_loss(bytes + '\0', "a byte too many");
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = bytes;
      damaged[i] = static_cast<char>(damaged[i] ^ (1 << bit));
      expect_data_loss(damaged, "byte " + std::to_string(i) + ", bit " + std::to_string(bit));
    }
  }
}

}  // namespace
}  // namespace sobolev::train
