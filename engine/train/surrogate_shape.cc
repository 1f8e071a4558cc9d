#include "engine/train/surrogate_shape.h"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network_surrogate.h"
#include "engine/nn/proven_shape.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/output_map.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::train {

namespace {

using nn::Convexity;
using nn::ShapeConstraints;
using nn::Slope;

// What a sum of all has.
ShapeConstraints ShapeOfEnsemble(const EnsembleSurrogate& ensemble) {
  ShapeConstraints shape = ProvenShape(*ensemble.members().front());
  for (const auto& member : ensemble.members()) {
    const ShapeConstraints other = ProvenShape(*member);
    if (other.convexity != shape.convexity) shape.convexity = Convexity::kFree;
    if (other.slopes.empty()) shape.slopes.clear();
    for (std::size_t j = 0; j < shape.slopes.size(); ++j) {
      if (other.slopes[j] != shape.slopes[j]) shape.slopes[j] = Slope::kFree;
    }
  }
  return shape;
}

// Whether a feature is an increasing function of a single input.
bool Increases(const FeatureMap::Feature& feature) {
  const FeatureFactor& factor = feature.front();
  const bool power =
      factor.kind == FeatureFactor::Kind::kPower || factor.kind == FeatureFactor::Kind::kLogPower;
  return feature.size() == 1 && power && factor.degree == 1 && factor.scale > 0;
}

bool DependsOn(const FeatureMap::Feature& feature, Index input) {
  return std::ranges::any_of(feature,
                             [&](const FeatureFactor& factor) { return factor.input == input; });
}

bool WingsAgree(const Wings& wings, Index input, Slope slope) {
  if (wings.Empty()) return true;
  const auto sign = static_cast<double>(slope);
  return (sign * wings.below.col(input)).minCoeff() >= 0 &&
         (sign * wings.above.col(input)).minCoeff() >= 0;
}

// Clamps, logarithms and the maps of outputs increase, too.
Slope SlopeIn(Index input, const Composition& composition, const std::vector<Slope>& core) {
  const std::vector<FeatureMap::Feature>& features = composition.features.features();
  Slope slope = Slope::kFree;
  for (std::size_t a = 0; a < features.size(); ++a) {
    if (!DependsOn(features[a], input)) continue;
    if (slope != Slope::kFree && slope != core[a]) return Slope::kFree;
    slope = core[a];
    if (slope == Slope::kFree || !Increases(features[a])) return Slope::kFree;
  }
  return WingsAgree(composition.wings, input, slope) ? slope : Slope::kFree;
}

// Whether only standardisation is around the core.
bool IsAffine(const Composition& composition) {
  const auto is_affine = [](const FeatureMap::Feature& feature) {
    return Increases(feature) && feature.front().kind == FeatureFactor::Kind::kPower;
  };
  return std::ranges::all_of(composition.features.features(), is_affine) &&
         std::ranges::all_of(composition.features.clamps(),
                             [](const SoftClamp& clamp) { return clamp.width == 0; }) &&
         std::ranges::all_of(composition.outputs, &OutputMap::IsIdentity);
}

ShapeConstraints ShapeOfComposed(const ComposedSurrogate& composed) {
  const Composition& composition = composed.composition();
  const ShapeConstraints core = ProvenShape(composed.core());
  ShapeConstraints shape;
  if (IsAffine(composition)) shape.convexity = core.convexity;
  if (core.slopes.empty()) return shape;
  shape.slopes.reserve(static_cast<std::size_t>(composed.n()));
  for (Index j = 0; j < composed.n(); ++j) {
    shape.slopes.push_back(SlopeIn(j, composition, core.slopes));
  }
  return shape;
}

}  // namespace

ShapeConstraints ProvenShape(const Surrogate& surrogate) {
  switch (surrogate.kind()) {
    case SurrogateKind::kNetwork: {
      const auto& network = static_cast<const nn::NetworkSurrogate&>(surrogate);
      return nn::ProvenShape(network.architecture(), network.theta());
    }
    case SurrogateKind::kEnsemble:
      return ShapeOfEnsemble(static_cast<const EnsembleSurrogate&>(surrogate));
    case SurrogateKind::kComposed:
      return ShapeOfComposed(static_cast<const ComposedSurrogate&>(surrogate));
    case SurrogateKind::kPolynomial:
    case SurrogateKind::kGaussianProcess:
    case SurrogateKind::kProgram:
    case SurrogateKind::kPipeline:
    case SurrogateKind::kLocalTaylor:
      break;
  }
  return {};
}

}  // namespace sobolev::train
