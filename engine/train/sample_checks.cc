#include "engine/train/sample_checks.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <stop_token>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/column_checks.h"
#include "engine/train/label_checks.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"
#include "engine/train/standard_points.h"

namespace sobolev::train {

namespace {

constexpr Index kMostSamples = 2000;
// Fewer are looked at together with samples before them,
constexpr Index kFewSamples = 200;
// and by their neighbours alone.
constexpr Index kVeryFewSamples = 20;
// Multiply-adds of fits.
constexpr double kWork = 2e9;
// Numbers that are copied.
constexpr Index kMostEntries = 1'000'000;

// `count` of the last `from`, evenly spread over their numbers, without directional labels.
SampleSet PartOf(const SampleSet& samples, Index from, Index count) {
  SampleSet part{.n = samples.n, .m = samples.m, .blocks = {}};
  part.blocks.reserve(static_cast<std::size_t>(count));
  const Index skipped = samples.NumSamples() - from;
  Index first = 0;  // Of the block.
  Index next = 0;
  for (const SampleBlock& block : samples.blocks) {
    for (; next < count; ++next) {
      const Index row = skipped + next * from / count - first;
      if (row >= block.rows) break;
      const Sample sample = SampleAt(block, row, samples.n, samples.m);
      part.blocks.push_back({.rows = 1, .x = sample.x, .y = sample.y, .jacobian = sample.jacobian});
    }
    first += block.rows;
  }
  return part;
}

}  // namespace

std::vector<SuspectLabel> FindSuspects(const LabelledPoints& points, const nn::Scaling& scaling,
                                       double work, const std::stop_token& stop) {
  std::vector<SuspectLabel> suspects = CompareWithNeighbours(points, scaling, stop);
  return suspects.empty() ? CompareWithFits(points, scaling, work, stop) : suspects;
}

std::vector<SuspectLabel> CheckLabels(const SampleSet& samples, Index count,
                                      const std::stop_token& stop) {
  const Index from = std::min(std::max(count, kFewSamples), samples.NumSamples());
  const Index affordable = kMostEntries / ((samples.n + 1) * (samples.m + 1));
  const SampleSet part = PartOf(samples, from, std::min({from, kMostSamples, affordable}));
  if (!part.HasValues() || part.NumJacobians() == 0) return {};
  try {
    const Split all{
        .training = {}, .validation = {}, .held_out = std::vector<bool>(part.blocks.size(), false)};
    const nn::Scaling scaling = Standardise(part, all, DerivativeScale::kPerOutput, stop).scaling;
    std::vector<std::uint32_t> numbers(part.blocks.size());
    std::iota(numbers.begin(), numbers.end(), 0U);
    const LabelledPoints points = StandardPoints(part, numbers, scaling, stop);
    return count < kVeryFewSamples ? CompareWithNeighbours(points, scaling, stop)
                                   : FindSuspects(points, scaling, kWork, stop);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kFailedPrecondition) throw;
    return {};
  }
}

}  // namespace sobolev::train
