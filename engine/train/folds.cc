#include "engine/train/folds.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/train/fit.h"
#include "engine/train/loss_weights.h"
#include "engine/train/random_streams.h"
#include "engine/train/samples.h"
#include "engine/train/standard_points.h"

namespace sobolev::train {

namespace {

// Points that are used at most; of more, a random part.
constexpr Index kMaxPoints = 20'000;
// How often a point is kept: in all points, in each fold, in a part of one, and by the fit that
// runs, which lays out its labels anew.
constexpr double kCopies = 8;
// Up to so many points every recipe is cross-validated.
constexpr Index kFewPoints = 200;
constexpr Index kFolds = 4;
// Of more points this share is held out, but never more than so many.
constexpr double kHeldOutShare = 0.2;
constexpr Index kMostHeldOut = 4000;

// The numbers outside the fold; or, with inside, only those in it.
std::vector<std::uint32_t> PartOf(const Deal& deal, Index fold, bool inside) {
  std::vector<std::uint32_t> part;
  for (std::size_t i = 0; i < deal.numbers.size(); ++i) {
    if ((deal.fold_of[i] == fold) == inside) part.push_back(deal.numbers[i]);
  }
  return part;
}

}  // namespace

Index MostPoints(const SampleSet& samples, std::size_t memory_limit) {
  const auto n = static_cast<double>(samples.n);
  const auto m = static_cast<double>(samples.m);
  double numbers = 0;  // Of the sample with the most.
  for (const SampleBlock& block : samples.blocks) {
    const double jacobian = block.jacobian == nullptr ? 0 : m * n;
    const double directions =
        static_cast<double>(block.num_tangents + block.num_adjoints) * (n + m) +
        static_cast<double>(block.num_hvps) * (2 * n + m);
    numbers = std::max(numbers, n + m + 1 + jacobian + directions);
  }
  const double bytes = std::max(1.0, kCopies * numbers * sizeof(double));
  const double most = static_cast<double>(memory_limit) / bytes;
  if (most < 1) {
    throw Error(ErrorCode::kResourceExhausted, "JOB_MEMORY", "dataset",
                "expected samples of which one takes at most " + std::to_string(memory_limit) +
                    " bytes with its copies, got some that take " +
                    std::to_string(static_cast<std::int64_t>(bytes)) +
                    "; raise the server's limit or append samples with fewer labels");
  }
  return most < static_cast<double>(kMaxPoints) ? static_cast<Index>(most) : kMaxPoints;
}

Deal DealSamples(Index num_samples, Index most, std::uint64_t seed) {
  std::vector<std::uint32_t> order(static_cast<std::size_t>(num_samples));
  std::iota(order.begin(), order.end(), 0U);
  Rng rng(seed, kSplitStream);
  Shuffle(std::span(order), rng);
  const Index used = std::min(num_samples, most);
  order.resize(static_cast<std::size_t>(used));

  // Folds by position in the shuffled order.
  const bool few = used <= kFewPoints;
  const Index num_folds = used < 2 ? 0 : few ? std::min(kFolds, used) : 1;
  const auto share = static_cast<Index>(std::lround(kHeldOutShare * static_cast<double>(used)));
  const Index num_held_out = std::min(share, kMostHeldOut);
  std::vector<std::pair<std::uint32_t, Index>> dealt;
  for (Index i = 0; i < used; ++i) {
    const Index fold = few ? (num_folds == 0 ? 1 : i % num_folds) : (i < num_held_out ? 0 : 1);
    dealt.emplace_back(order[static_cast<std::size_t>(i)], fold);
  }
  std::ranges::sort(dealt);
  Deal deal{.numbers = {}, .fold_of = {}, .num_folds = num_folds};
  deal.numbers.reserve(dealt.size());
  deal.fold_of.reserve(dealt.size());
  for (const auto& [number, fold] : dealt) {
    deal.numbers.push_back(number);
    deal.fold_of.push_back(fold);
  }
  return deal;
}

FoldedData MakeFolds(const SampleSet& samples, const Deal& deal, const nn::Scaling& scaling,
                     const LossOptions& loss, std::uint64_t seed, const std::stop_token& stop) {
  const auto data = [&](const std::vector<std::uint32_t>& training,
                        const std::vector<std::uint32_t>& validation) {
    FitData part{.scaling = scaling, .loss = loss, .seed = seed};
    part.training = StandardPoints(samples, training, scaling, stop);
    WeighLabels(loss, part.training);
    if (!validation.empty()) {
      part.validation = StandardPoints(samples, validation, scaling, stop);
      WeighLabels(loss, part.validation);
    }
    return part;
  };
  FoldedData result{.all = data(deal.numbers, {}), .folds = {}};
  for (Index fold = 0; fold < deal.num_folds; ++fold) {
    result.folds.push_back(data(PartOf(deal, fold, false), PartOf(deal, fold, true)));
  }
  if (result.folds.empty()) {
    result.folds.push_back(data(deal.numbers, {}));
    result.folds.back().validation = result.all.training;
  }
  return result;
}

FitData FirstPart(const FitData& data, double share) {
  const LabelledPoints& points = data.training;
  const Index count =
      std::max<Index>(1, std::lround(share * static_cast<double>(points.NumPoints())));
  FitData part{.scaling = data.scaling, .loss = data.loss, .shape = data.shape, .seed = data.seed};
  part.validation = data.validation;
  LabelledPoints& some = part.training;
  some.X = points.X.leftCols(count);
  some.Y = points.Y.leftCols(count);
  if (points.J.cols() > 0) some.J = points.J.leftCols(count * points.m());
  some.weight = points.weight.head(count) / points.weight.head(count).mean();
  if (points.Y_weight.cols() > 0) some.Y_weight = points.Y_weight.leftCols(count);
  if (points.J_weight.cols() > 0) some.J_weight = points.J_weight.leftCols(count * points.m());
  const auto keep = [count](const std::vector<Index>& point) {
    return std::ranges::count_if(point, [count](Index s) { return s < count; });
  };
  const Index tangents = keep(points.tangents.point);
  some.tangents = {
      .point = {points.tangents.point.begin(), points.tangents.point.begin() + tangents},
      .X_dot = points.tangents.X_dot.leftCols(tangents),
      .Y_dot = points.tangents.Y_dot.leftCols(tangents)};
  const Index adjoints = keep(points.adjoints.point);
  some.adjoints = {
      .point = {points.adjoints.point.begin(), points.adjoints.point.begin() + adjoints},
      .Y_bar = points.adjoints.Y_bar.leftCols(adjoints),
      .X_bar = points.adjoints.X_bar.leftCols(adjoints)};
  const Index curvatures = keep(points.curvatures.point);
  some.curvatures = {
      .point = {points.curvatures.point.begin(), points.curvatures.point.begin() + curvatures},
      .Y_bar = points.curvatures.Y_bar.leftCols(curvatures),
      .V = points.curvatures.V.leftCols(curvatures),
      .H_v = points.curvatures.H_v.leftCols(curvatures)};
  return part;
}

}  // namespace sobolev::train
