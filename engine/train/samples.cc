#include "engine/train/samples.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <stop_token>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/rng.h"
#include "engine/train/random_streams.h"

namespace sobolev::train {

Index SampleSet::NumSamples() const {
  Index count = 0;
  for (const SampleBlock& block : blocks) count += block.rows;
  return count;
}

Index SampleSet::NumJacobians() const {
  Index count = 0;
  for (const SampleBlock& block : blocks) count += block.jacobian == nullptr ? 0 : block.rows;
  return count;
}

void ThrowIfStopped(const std::stop_token& stop) {
  if (stop.stop_requested()) {
    throw Error(ErrorCode::kCancelled, "CANCELLED", "", "training was stopped by its caller");
  }
}

Index NumHeldOut(Index num_samples, double validation_fraction) {
  const double share = validation_fraction * static_cast<double>(num_samples);
  return std::max<Index>(1, static_cast<Index>(std::llround(share)));
}

Split SplitSamples(Index num_samples, double validation_fraction, std::uint64_t seed) {
  const auto count = static_cast<std::size_t>(num_samples);
  const auto num_held_out = static_cast<std::size_t>(NumHeldOut(num_samples, validation_fraction));
  std::vector<std::uint32_t> order(count);
  std::iota(order.begin(), order.end(), 0U);
  Rng rng(seed, kSplitStream);
  Shuffle(std::span(order), rng);

  Split split;
  split.held_out.assign(count, false);
  for (std::size_t i = 0; i < num_held_out; ++i) split.held_out[order[i]] = true;
  split.training.reserve(count - num_held_out);
  split.validation.reserve(num_held_out);
  for (std::uint32_t number = 0; number < count; ++number) {
    (split.held_out[number] ? split.validation : split.training).push_back(number);
  }
  return split;
}

}  // namespace sobolev::train
