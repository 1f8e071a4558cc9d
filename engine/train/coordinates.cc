#include "engine/train/coordinates.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <numeric>
#include <span>
#include <stop_token>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/output_map.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/composed_samples.h"
#include "engine/train/composition.h"
#include "engine/train/folds.h"
#include "engine/train/loss_weights.h"
#include "engine/train/mapped_shape.h"
#include "engine/train/options.h"
#include "engine/train/random_streams.h"
#include "engine/train/robust_errors.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"

namespace sobolev::train {

namespace {

// Points over which the slopes at an edge are averaged.
constexpr std::size_t kAnchors = 64;

// Some of the points, in the user's units; drawn, because points may lie on a grid.
Matrix AnchorsOf(const FitData& data) {
  std::vector<Index> order(static_cast<std::size_t>(data.training.NumPoints()));
  std::iota(order.begin(), order.end(), Index{0});
  Rng rng(data.seed, kAnchorStream);
  Shuffle(std::span(order), rng);
  order.resize(std::min(order.size(), kAnchors));
  return InUserUnits(data.training.X(Eigen::all, order), data.scaling);
}

}  // namespace

Coordinates::Coordinates(const SampleSet& samples, const Deal& deal, const FoldedData& user,
                         const CompositionOptions& options, const LossOptions& loss,
                         std::uint64_t seed, const std::stop_token& stop)
    : user_(user) {
  if (options.IsIdentity()) return;
  composition_ = MakeComposition(options, samples, user.all.scaling, stop);
  if (options.extrapolation == Extrapolation::kLinear) anchors_ = AnchorsOf(user.all);
  if (!options.MapsSamples()) return;
  const ComposedSamples composed(samples, deal.numbers, *composition_, options, stop);
  Deal own_deal = deal;
  std::iota(own_deal.numbers.begin(), own_deal.numbers.end(), 0U);
  Split none;
  none.held_out.assign(deal.numbers.size(), false);
  nn::Scaling scaling =
      Standardise(composed.view(), none, DerivativeScale::kPerOutput, stop).scaling;
  if (loss.huber) UseRobustSpread(composed.view(), scaling, stop);
  own_ = MakeFolds(composed.view(), own_deal, scaling, loss, seed, stop);
  Constrain(ShapeOfCore(user.all.shape, composition_->features), *own_);
}

std::shared_ptr<const Surrogate> Coordinates::Around(std::shared_ptr<const Surrogate> core,
                                                     const std::stop_token& stop) const {
  if (!composition_ || core == nullptr) return core;
  return train::Around(*composition_, std::move(core), anchors_, stop);
}

}  // namespace sobolev::train
