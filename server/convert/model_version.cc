#include "server/convert/model_version.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/activation.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/local_taylor.h"
#include "engine/surrogate/output_map.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/surrogate_shape.h"

namespace sobolev::server {
namespace {

using Version = v1::ModelVersion;

v1::Network::Activation ToProto(nn::Activation activation) {
  switch (activation) {
    case nn::Activation::kSoftplus:
      return v1::Network::ACTIVATION_SOFTPLUS;
    case nn::Activation::kTanh:
      return v1::Network::ACTIVATION_TANH;
    case nn::Activation::kSilu:
      return v1::Network::ACTIVATION_SILU;
    case nn::Activation::kGelu:
      return v1::Network::ACTIVATION_GELU;
    case nn::Activation::kSin:
      return v1::Network::ACTIVATION_SIN;
  }
  return v1::Network::ACTIVATION_UNSPECIFIED;
}

v1::Network ToProto(const nn::Architecture& architecture) {
  v1::Network proto;
  for (const Index width : architecture.hidden) proto.add_hidden(static_cast<std::int32_t>(width));
  proto.set_activation(ToProto(architecture.activation));
  if (architecture.skip) proto.set_skip(true);
  proto.set_residual(architecture.residual);
  return proto;
}

Version::Kind ToProto(SurrogateKind kind) {
  switch (kind) {
    case SurrogateKind::kNetwork:
      return Version::KIND_NETWORK;
    case SurrogateKind::kPolynomial:
      return Version::KIND_POLYNOMIAL;
    case SurrogateKind::kGaussianProcess:
      return Version::KIND_GAUSSIAN_PROCESS;
    case SurrogateKind::kEnsemble:
      return Version::KIND_ENSEMBLE;
    case SurrogateKind::kComposed:
      return Version::KIND_COMPOSED;
    case SurrogateKind::kPipeline:
      return Version::KIND_PIPELINE;
    case SurrogateKind::kLocalTaylor:
      return Version::KIND_LOCAL_TAYLOR;
    case SurrogateKind::kProgram:  // Only served within a pipeline.
      break;
  }
  return Version::KIND_UNSPECIFIED;
}

void DescribeShape(const nn::ShapeConstraints& shape, Version& version) {
  for (std::size_t j = 0; j < shape.slopes.size(); ++j) {
    if (shape.slopes[j] == nn::Slope::kFree) continue;
    const bool increasing = shape.slopes[j] == nn::Slope::kIncreasing;
    (*version.mutable_monotone())[version.schema().inputs(static_cast<int>(j)).name()] =
        increasing ? Version::SLOPE_INCREASING : Version::SLOPE_DECREASING;
  }
  if (shape.convexity == nn::Convexity::kConvex) version.set_convexity(Version::CONVEXITY_CONVEX);
  if (shape.convexity == nn::Convexity::kConcave) {
    version.set_convexity(Version::CONVEXITY_CONCAVE);
  }
}

// One map for each input: features of a single factor tell its period and its logarithm, and the
// others the degree.
void DescribeFeatures(const FeatureMap& features, Version& version) {
  std::vector<v1::InputMap> maps(static_cast<std::size_t>(features.n()));
  Index degree = 1;
  for (const FeatureMap::Feature& feature : features.features()) {
    Index total = 0;
    for (const FeatureFactor& factor : feature) total += factor.degree;
    degree = std::max(degree, total);
    const FeatureFactor& factor = feature.front();
    v1::InputMap& map = maps[static_cast<std::size_t>(factor.input)];
    if (factor.kind == FeatureFactor::Kind::kLogPower) map.set_logarithmic(true);
    if (factor.kind != FeatureFactor::Kind::kSine) continue;
    map.set_period(std::max(map.period(), 2 * std::numbers::pi / factor.scale));
    map.set_harmonics(map.harmonics() + 1);
  }
  version.set_feature_degree(static_cast<std::int32_t>(degree));
  for (std::size_t j = 0; j < maps.size(); ++j) {
    if (!maps[j].has_period() && !maps[j].logarithmic()) continue;
    maps[j].set_input(version.schema().inputs(static_cast<int>(j)).name());
    *version.add_input_maps() = maps[j];
  }
}

void DescribeOutputs(const std::vector<OutputMap>& outputs, Version& version) {
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const OutputMap& output = outputs[i];
    if (output.IsIdentity()) continue;
    v1::OutputMap& map = *version.add_output_maps();
    map.set_output(version.schema().outputs(static_cast<int>(i)).name());
    if (output.kind != OutputMap::Kind::kBelow) map.set_lower(output.lower);
    if (output.kind == OutputMap::Kind::kBelow || output.kind == OutputMap::Kind::kBetween) {
      map.set_upper(output.upper);
    }
    map.set_logarithmic(output.kind == OutputMap::Kind::kExponential);
  }
}

Version::Extrapolation ExtrapolationOf(const Composition& composition) {
  const auto is_open = [](const SoftClamp& clamp) { return clamp.width == 0; };
  if (std::ranges::all_of(composition.features.clamps(), is_open)) {
    return Version::EXTRAPOLATION_OWN;
  }
  return composition.wings.Empty() ? Version::EXTRAPOLATION_CONSTANT
                                   : Version::EXTRAPOLATION_LINEAR;
}

// What is within ensembles, whose members are alike, and maps, of which there are at most one
// around the other.
void DescribeCore(const Surrogate& surrogate, Version& version) {
  switch (surrogate.kind()) {
    case SurrogateKind::kEnsemble:
      DescribeCore(*static_cast<const EnsembleSurrogate&>(surrogate).members().front(), version);
      return;
    case SurrogateKind::kComposed: {
      const auto& composed = static_cast<const ComposedSurrogate&>(surrogate);
      DescribeFeatures(composed.composition().features, version);
      DescribeOutputs(composed.composition().outputs, version);
      version.set_extrapolation(ExtrapolationOf(composed.composition()));
      DescribeCore(composed.core(), version);
      return;
    }
    case SurrogateKind::kLocalTaylor: {
      const auto& local = static_cast<const LocalTaylorSurrogate&>(surrogate);
      v1::LocalTaylor& proto = *version.mutable_local_taylor();
      proto.set_base_kind(ToProto(local.base().kind()));
      proto.set_order(local.patches().order);
      proto.set_centre_count(local.patches().Count());
      DescribeCore(local.base(), version);
      break;
    }
    case SurrogateKind::kNetwork:
      *version.mutable_network() =
          ToProto(static_cast<const nn::NetworkSurrogate&>(surrogate).architecture());
      break;
    case SurrogateKind::kPolynomial:
    case SurrogateKind::kGaussianProcess:
    case SurrogateKind::kProgram:
    case SurrogateKind::kPipeline:
      break;
  }
  version.set_core_kind(ToProto(surrogate.kind()));
}

}  // namespace

void Describe(const Surrogate& surrogate, Version& version) {
  version.set_parameter_count(surrogate.NumParameters());
  if (surrogate.kind() == SurrogateKind::kNetwork) {
    const auto& network = static_cast<const nn::NetworkSurrogate&>(surrogate);
    version.set_nonzero_weights(nn::NumNonzeroWeights(network.architecture(), network.theta()));
  }
  version.set_kind(ToProto(surrogate.kind()));
  version.set_feature_degree(1);
  version.set_extrapolation(Version::EXTRAPOLATION_OWN);
  DescribeCore(surrogate, version);
  DescribeShape(train::ProvenShape(surrogate), version);
}

}  // namespace sobolev::server
