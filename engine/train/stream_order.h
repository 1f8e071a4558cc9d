// The order in which an epoch visits samples that are read while they are used.
//
// Positions 0 … N − 1 are cut into blocks of neighbours. An epoch shuffles the blocks; a window is
// what a few steps take of them, in ascending order for reading, and in random order for the steps.

#ifndef SOBOLEV_ENGINE_TRAIN_STREAM_ORDER_H_
#define SOBOLEV_ENGINE_TRAIN_STREAM_ORDER_H_

#include <cstdint>
#include <span>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev::train {

// Thread-safe.
class StreamOrder {
 public:
  // N = `num_samples` in `num_steps` steps of an epoch, `steps_per_window` of them in a window, in
  // blocks of `block_samples`.
  StreamOrder(Index num_samples, Index num_steps, Index steps_per_window, Index block_samples,
              std::uint64_t seed);

  Index NumWindows() const;
  Index WindowOfStep(Index step) const { return step / steps_per_window_; }
  // The largest number of positions in a window.
  Index MostPositions() const;
  // Where the step begins in the order of its window, and how many positions it takes.
  Index FirstInWindow(Index step) const;
  Index SizeOfStep(Index step) const;

  // The blocks in the order of an epoch.
  std::vector<std::uint32_t> BlocksOf(Index epoch) const;
  // The positions of a window, ascending, and the order in which its steps take them. `blocks` are
  // those of the epoch.
  void Window(Index epoch, Index window, std::span<const std::uint32_t> blocks,
              std::vector<std::uint32_t>& positions, std::vector<std::uint32_t>& order) const;

 private:
  Index FirstOfStep(Index step) const;
  Index FirstOfWindow(Index window) const;

  const Index num_samples_;
  const Index num_steps_;
  const Index steps_per_window_;
  const Index block_samples_;
  const std::uint64_t seed_;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_STREAM_ORDER_H_
