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
namespace {

bool IsMissing(double number) { return std::isnan(number); }

// `count` labels of `width` numbers each, one after another; null: none.
struct Labels {
  const double* numbers;
  Index count;
  Index width;
};

// The labels, over all blocks, of which at least one number is known.
template <class LabelsOf>
Index CountKnown(const SampleSet& samples, const LabelsOf& labels_of) {
  Index known = 0;
  for (const SampleBlock& block : samples.blocks) {
    const Labels labels = labels_of(block);
    if (labels.numbers == nullptr) continue;
    for (Index k = 0; k < labels.count; ++k) {
      const double* label = labels.numbers + k * labels.width;
      known += std::all_of(label, label + labels.width, IsMissing) ? 0 : 1;
    }
  }
  return known;
}

}  // namespace

Index SampleSet::NumSamples() const {
  Index count = 0;
  for (const SampleBlock& block : blocks) count += block.rows;
  return count;
}

bool SampleSet::HasValues() const {
  return std::ranges::any_of(blocks, [this](const SampleBlock& block) {
    return block.y != nullptr && !std::all_of(block.y, block.y + block.rows * m, IsMissing);
  });
}

Index SampleSet::NumJacobians() const {
  return CountKnown(*this, [this](const SampleBlock& block) {
    return Labels{.numbers = block.jacobian, .count = block.rows, .width = m * n};
  });
}

Index SampleSet::NumTangents() const {
  return CountKnown(*this, [this](const SampleBlock& block) {
    return Labels{.numbers = block.jvp, .count = block.rows * block.num_tangents, .width = m};
  });
}

Index SampleSet::NumAdjoints() const {
  return CountKnown(*this, [this](const SampleBlock& block) {
    return Labels{.numbers = block.vjp, .count = block.rows * block.num_adjoints, .width = n};
  });
}

Index SampleSet::NumHvps() const {
  return CountKnown(*this, [this](const SampleBlock& block) {
    return Labels{.numbers = block.hvp, .count = block.rows * block.num_hvps, .width = n};
  });
}

nn::RowLayout LayoutOfLabels(const SampleSet& samples) {
  nn::RowLayout layout{.n = samples.n, .m = samples.m};
  bool jacobian = false;
  for (const SampleBlock& block : samples.blocks) {
    jacobian = jacobian || block.jacobian != nullptr;
    layout.entry_weights =
        layout.entry_weights || block.y_variance != nullptr || block.jacobian_variance != nullptr;
    layout.num_tangents = std::max(layout.num_tangents, block.num_tangents);
    layout.num_adjoints = std::max(layout.num_adjoints, block.num_adjoints);
  }
  // Rows of values alone have an empty Jacobian.
  layout.jacobian = jacobian || layout.NumDirections() == 0;
  return layout;
}

SampleShape ShapeOf(const SampleSet& samples) {
  return {.layout = LayoutOfLabels(samples),
          .num_samples = samples.NumSamples(),
          .num_derivatives = samples.NumJacobians() + samples.NumTangents() + samples.NumAdjoints(),
          .has_values = samples.HasValues(),
          .num_hvps = samples.NumHvps()};
}

bool HasDerivatives(const Sample& sample) {
  return sample.jacobian != nullptr || sample.num_tangents > 0 || sample.num_adjoints > 0;
}

Sample SampleAt(const SampleBlock& block, Index row, Index n, Index m) {
  const auto at = [row](const double* numbers, Index width) {
    return numbers == nullptr ? nullptr : numbers + row * width;
  };
  const Index p = block.num_tangents;
  const Index q = block.num_adjoints;
  const Index h = block.num_hvps;
  return {.x = at(block.x, n),
          .y = at(block.y, m),
          .jacobian = at(block.jacobian, m * n),
          .weight = block.weight == nullptr ? 1.0 : block.weight[row],
          .num_tangents = p,
          .num_adjoints = q,
          .num_hvps = h,
          .tangents = at(block.tangents, p * n),
          .jvp = at(block.jvp, p * m),
          .adjoints = at(block.adjoints, q * m),
          .vjp = at(block.vjp, q * n),
          .hvp_adjoints = at(block.hvp_adjoints, h * m),
          .hvp_tangents = at(block.hvp_tangents, h * n),
          .hvp = at(block.hvp, h * n),
          .y_variance = at(block.y_variance, m),
          .jacobian_variance = at(block.jacobian_variance, m * n)};
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
