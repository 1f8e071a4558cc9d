// Training samples as views of memory owned by somebody else, such as mapped files.

#ifndef SOBOLEV_ENGINE_TRAIN_SAMPLES_H_
#define SOBOLEV_ENGINE_TRAIN_SAMPLES_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev::train {

// `rows` samples; the pointers may be unaligned to more than 8 bytes.
struct SampleBlock {
  Index rows = 0;
  const double* x = nullptr;         // n×rows
  const double* y = nullptr;         // m×rows
  const double* jacobian = nullptr;  // n×(m·rows), or null: these samples carry none.
  const double* weight = nullptr;    // rows, all > 0, or null: each weighs 1.
};

// Every number is finite.
struct SampleSet {
  Index n = 0;
  Index m = 0;
  std::vector<SampleBlock> blocks;

  Index NumSamples() const;
  // Samples with a Jacobian.
  Index NumJacobians() const;
};

// One of them.
struct Sample {
  const double* x;         // n
  const double* y;         // m
  const double* jacobian;  // m×n row-major, or null
  double weight;
};

// Throws Error(kCancelled) if `stop` has fired.
void ThrowIfStopped(const std::stop_token& stop);

// Calls visit(number, sample) in order of number = 0, 1, … Throws Error(kCancelled) soon after
// `stop` fires.
template <class Visit>
void ForEachSample(const SampleSet& samples, const std::stop_token& stop, const Visit& visit) {
  constexpr Index kSamplesPerStopCheck = 256;
  const Index n = samples.n;
  const Index m = samples.m;
  Index number = 0;
  for (const SampleBlock& block : samples.blocks) {
    for (Index row = 0; row < block.rows; ++row, ++number) {
      if (number % kSamplesPerStopCheck == 0) ThrowIfStopped(stop);
      visit(number,
            Sample{.x = block.x + row * n,
                   .y = block.y + row * m,
                   .jacobian = block.jacobian == nullptr ? nullptr : block.jacobian + row * m * n,
                   .weight = block.weight == nullptr ? 1.0 : block.weight[row]});
    }
  }
}

// Which samples the optimiser sees and which are held out, by number, ascending.
struct Split {
  std::vector<std::uint32_t> training;
  std::vector<std::uint32_t> validation;
  std::vector<bool> held_out;  // One per sample.
};

// Held-out samples among `num_samples`: the nearest whole number to `validation_fraction` of them,
// at least 1.
Index NumHeldOut(Index num_samples, double validation_fraction);

// Draws them, each subset equally likely. The same arguments give the same split.
Split SplitSamples(Index num_samples, double validation_fraction, std::uint64_t seed);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SAMPLES_H_
