// Saved states: what is refused, and that refusal leaves no trace.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/rng.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/trainer.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

Options Small() { return {.hidden = {3}, .epochs = 4, .batch_size = 20, .patience = 0}; }

// The reason with which it is refused, or "" if it is not.
std::string Refusal(Trainer& trainer, std::string_view state) {
  try {
    trainer.LoadState(state);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDataLoss);
    return error.reason();
  }
}

class StateTest : public ::testing::Test {
 protected:
  StateTest() : samples_(Smooth::Sample(50, 1)), trainer_(samples_.View(), Small()) {
    while (trainer_.History().size() < 2) trainer_.Advance({}, 1);
    trainer_.Advance({}, 1);
    state_ = trainer_.SaveState();
  }

  OwnedSamples samples_;
  Trainer trainer_;
  std::string state_;  // In the midst of the third epoch.
};

TEST_F(StateTest, SavingIsRepeatableAndLoadingRestoresEverything) {
  EXPECT_EQ(trainer_.SaveState(), state_);
  Trainer other(samples_.View(), Small());
  other.LoadState(state_);
  EXPECT_EQ(other.SaveState(), state_);
  EXPECT_EQ(other.SamplesSeen(), trainer_.SamplesSeen());
  EXPECT_EQ(other.BestEpoch(), trainer_.BestEpoch());
  EXPECT_EQ(other.History().size(), 2U);
  EXPECT_EQ(other.MakeSurrogate().theta(), trainer_.MakeSurrogate().theta());
}

TEST_F(StateTest, EveryTruncationIsRefused) {
  for (std::size_t size = 0; size < state_.size(); ++size) {
    ASSERT_EQ(Refusal(trainer_, std::string_view(state_).substr(0, size)), "BYTES_DAMAGED") << size;
  }
  EXPECT_EQ(Refusal(trainer_, state_ + '\0'), "BYTES_DAMAGED");
}

TEST_F(StateTest, EveryFlippedBitIsRefused) {
  for (std::size_t bit = 0; bit < 8 * state_.size(); ++bit) {
    std::string damaged = state_;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    ASSERT_EQ(Refusal(trainer_, damaged), "BYTES_DAMAGED") << bit;
  }
}

TEST_F(StateTest, GarbageIsRefused) {
  Rng rng(1);
  for (int trial = 0; trial < 1000; ++trial) {
    std::string garbage(static_cast<std::size_t>(rng.Below(2000)), '\0');
    for (char& byte : garbage) byte = static_cast<char>(rng.Below(256));
    ASSERT_EQ(Refusal(trainer_, garbage), "BYTES_DAMAGED");
  }
}

TEST_F(StateTest, AWholeStateOfAnotherTrainingIsRefused) {
  std::vector<Options> others(9, Small());
  others[0].hidden = {4};
  others[1].activation = nn::Activation::kTanh;
  others[2].alpha = 0.5;
  others[3].derivative_scale = DerivativeScale::kPerOutput;
  others[4].epochs = 5;
  others[5].batch_size = 19;
  others[6].learning_rate = 0.04;
  others[7].seed = 2;
  others[8].precision = Precision::kFloat64;
  for (const Options& options : others) {
    Trainer other(samples_.View(), options);
    EXPECT_EQ(Refusal(other, state_), "STATE_MISMATCH");
  }
  const OwnedSamples other_samples = Smooth::Sample(50, 2);
  Trainer other(other_samples.View(), Small());
  EXPECT_EQ(Refusal(other, state_), "STATE_MISMATCH");
}

TEST_F(StateTest, ARefusedStateChangesNothing) {
  std::string damaged = state_;
  damaged[damaged.size() / 2] ^= 1;
  Trainer other(samples_.View(), Small());
  const std::string before = other.SaveState();
  EXPECT_NE(Refusal(other, damaged), "");
  EXPECT_EQ(other.SaveState(), before);
}

TEST(StateCodecTest, ReadingPastTheEndIsRefused) {
  ByteWriter writer;
  writer.Write(std::uint32_t{7});
  const std::string bytes = std::move(writer).Finish();
  ByteReader reader(bytes);
  EXPECT_THROW(reader.ReadAll<double>(std::size_t{1} << 62), Error);
  EXPECT_THROW(reader.Read<std::uint64_t>(), Error);
  EXPECT_EQ(reader.Read<std::uint32_t>(), 7U);
  EXPECT_THROW(reader.Read<char>(), Error);
}

TEST(HasherTest, EveryByteAndTheLengthCount) {
  const auto hash = [](std::string_view text) {
    Hasher hasher;
    hasher.Add(text.data(), text.size());
    return hasher.Finish();
  };
  EXPECT_EQ(hash("differential"), hash("differential"));
  EXPECT_NE(hash("differential"), hash("differentiam"));
  EXPECT_NE(hash("differential"), hash("eifferential"));
  EXPECT_NE(hash("differential"), hash(std::string_view("differential\0", 13)));
  EXPECT_NE(hash(""), hash(std::string_view("\0", 1)));
}

}  // namespace
}  // namespace sobolev::train
