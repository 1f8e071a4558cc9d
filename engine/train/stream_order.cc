#include "engine/train/stream_order.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/train/options.h"
#include "engine/train/random_streams.h"

namespace sobolev::train {

StreamOrder::StreamOrder(Index num_samples, Index num_steps, Index steps_per_window,
                         Index block_samples, std::uint64_t seed)
    : num_samples_(num_samples),
      num_steps_(num_steps),
      steps_per_window_(steps_per_window),
      block_samples_(block_samples),
      seed_(seed) {}

Index StreamOrder::NumWindows() const {
  return (num_steps_ + steps_per_window_ - 1) / steps_per_window_;
}

Index StreamOrder::MostPositions() const {
  Index most = 0;
  for (Index window = 0; window < NumWindows(); ++window) {
    most = std::max(most, FirstOfWindow(window + 1) - FirstOfWindow(window));
  }
  return most;
}

Index StreamOrder::FirstInWindow(Index step) const {
  return FirstOfStep(step) - FirstOfWindow(WindowOfStep(step));
}

Index StreamOrder::SizeOfStep(Index step) const {
  return FirstOfStep(step + 1) - FirstOfStep(step);
}

Index StreamOrder::FirstOfStep(Index step) const {
  return train::FirstOfStep(step, num_steps_, num_samples_);
}

Index StreamOrder::FirstOfWindow(Index window) const {
  return FirstOfStep(std::min(window * steps_per_window_, num_steps_));
}

std::vector<std::uint32_t> StreamOrder::BlocksOf(Index epoch) const {
  std::vector<std::uint32_t> blocks(
      static_cast<std::size_t>((num_samples_ + block_samples_ - 1) / block_samples_));
  std::iota(blocks.begin(), blocks.end(), 0U);
  Rng rng(seed_, kFirstEpochStream + static_cast<std::uint64_t>(epoch));
  Shuffle(std::span(blocks), rng);
  return blocks;
}

void StreamOrder::Window(Index epoch, Index window, std::span<const std::uint32_t> blocks,
                         std::vector<std::uint32_t>& positions,
                         std::vector<std::uint32_t>& order) const {
  const Index first = FirstOfWindow(window);
  const Index end = FirstOfWindow(window + 1);
  positions.clear();
  Index visited = 0;
  for (const std::uint32_t block : blocks) {
    const Index from = static_cast<Index>(block) * block_samples_;
    const Index size = std::min(block_samples_, num_samples_ - from);
    for (Index k = std::max<Index>(0, first - visited); k < std::min(size, end - visited); ++k) {
      positions.push_back(static_cast<std::uint32_t>(from + k));
    }
    visited += size;
    if (visited >= end) break;
  }
  std::ranges::sort(positions);
  order.resize(positions.size());
  std::iota(order.begin(), order.end(), 0U);
  Rng of_epoch(seed_, kWindowStream + static_cast<std::uint64_t>(epoch));
  Rng rng(of_epoch.Next(), static_cast<std::uint64_t>(window));
  Shuffle(std::span(order), rng);
}

}  // namespace sobolev::train
