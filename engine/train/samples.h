// Training samples as views of memory owned by somebody else, such as mapped files.

#ifndef SOBOLEV_ENGINE_TRAIN_SAMPLES_H_
#define SOBOLEV_ENGINE_TRAIN_SAMPLES_H_

#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/stop.h"
#include "engine/nn/row_layout.h"

namespace sobolev::train {

// `rows` samples; the pointers may be unaligned to more than 8 bytes. A null pointer: these samples
// carry no such label. Of y, jacobian, jvp, vjp and hvp entries that are NaN are missing; all other
// numbers are finite, but for variances of what is missing.
struct SampleBlock {
  Index rows = 0;
  Index num_tangents = 0;  // p, of each sample; 0 without jvp.
  Index num_adjoints = 0;  // q, of each sample; 0 without vjp.
  Index num_hvps = 0;      // h, of each sample; 0 without hvp.

  const double* x = nullptr;                  // n×rows, never null
  const double* y = nullptr;                  // m×rows
  const double* jacobian = nullptr;           // n×(m·rows)
  const double* weight = nullptr;             // rows, all > 0; null: each weighs 1.
  const double* tangents = nullptr;           // ẋ: n×(p·rows)
  const double* jvp = nullptr;                // ẏ = J ẋ: m×(p·rows)
  const double* adjoints = nullptr;           // ȳ: m×(q·rows)
  const double* vjp = nullptr;                // x̄ = Jᵀ ȳ: n×(q·rows)
  const double* hvp_adjoints = nullptr;       // ȳ of hvp: m×(h·rows); null: 1, and m = 1.
  const double* hvp_tangents = nullptr;       // ẋ of hvp: n×(h·rows)
  const double* hvp = nullptr;                // Σ_i ȳ_i ∇²y_i ẋ: n×(h·rows)
  const double* y_variance = nullptr;         // m×rows, > 0 where y is known
  const double* jacobian_variance = nullptr;  // n×(m·rows), > 0 where jacobian is known
};

struct SampleSet {
  Index n = 0;
  Index m = 0;
  std::vector<SampleBlock> blocks;

  Index NumSamples() const;
  // Whether a value is known.
  bool HasValues() const;
  // Samples with a Jacobian of which at least one entry is known.
  Index NumJacobians() const;
  // Directions, over all samples, whose jvp, vjp or hvp has at least one known entry.
  Index NumTangents() const;
  Index NumAdjoints() const;
  Index NumHvps() const;
};

// Rows with room for every label of a sample.
nn::RowLayout LayoutOfLabels(const SampleSet& samples);

// What a training needs to know of samples before it reads them.
struct SampleShape {
  nn::RowLayout layout;  // LayoutOfLabels
  Index num_samples = 0;
  Index num_derivatives = 0;  // Labels of first derivatives with at least one known entry.
  bool has_values = true;     // Whether a value is known.
  Index num_hvps = 0;         // Hessian-vector labels likewise.
};
SampleShape ShapeOf(const SampleSet& samples);

// One of them, as in SampleBlock.
struct Sample {
  const double* x;         // n
  const double* y;         // m, or null
  const double* jacobian;  // m×n row-major, or null
  double weight;

  Index num_tangents = 0;
  Index num_adjoints = 0;
  Index num_hvps = 0;
  const double* tangents = nullptr;           // p×n row-major
  const double* jvp = nullptr;                // p×m row-major
  const double* adjoints = nullptr;           // q×m row-major
  const double* vjp = nullptr;                // q×n row-major
  const double* hvp_adjoints = nullptr;       // h×m row-major
  const double* hvp_tangents = nullptr;       // h×n row-major
  const double* hvp = nullptr;                // h×n row-major
  const double* y_variance = nullptr;         // m
  const double* jacobian_variance = nullptr;  // m×n row-major
};

// Row `row` of a block of a set with these n and m.
Sample SampleAt(const SampleBlock& block, Index row, Index n, Index m);

// Whether the sample may have labels of first derivatives.
bool HasDerivatives(const Sample& sample);

// Loops over samples ask the stop token once in so many.
inline constexpr Index kSamplesPerStopCheck = 256;

// Calls visit(number, sample) in order of number = 0, 1, … Throws Error(kCancelled) soon after
// `stop` fires.
template <class Visit>
void ForEachSample(const SampleSet& samples, const std::stop_token& stop, const Visit& visit) {
  Index number = 0;
  for (const SampleBlock& block : samples.blocks) {
    for (Index row = 0; row < block.rows; ++row, ++number) {
      if (number % kSamplesPerStopCheck == 0) ThrowIfStopped(stop);
      visit(number, SampleAt(block, row, samples.n, samples.m));
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
