#include "engine/chain/model_chain.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "engine/chain/cost.h"
#include "engine/chain/pipeline.h"
#include "engine/nn/jacobian_plan.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/local_taylor.h"

namespace sobolev::chain {
namespace {

std::uint64_t Size(Index size) { return static_cast<std::uint64_t>(size); }

const char* KindName(SurrogateKind kind) {
  switch (kind) {
    case SurrogateKind::kNetwork:
      return "network";
    case SurrogateKind::kPolynomial:
      return "polynomial";
    case SurrogateKind::kGaussianProcess:
      return "gaussian process";
    case SurrogateKind::kEnsemble:
      return "ensemble";
    case SurrogateKind::kComposed:
      return "composed";
    case SurrogateKind::kProgram:
      return "program";
    case SurrogateKind::kPipeline:
      return "pipeline";
    case SurrogateKind::kLocalTaylor:
      return "local Taylor models";
  }
  return "";
}

std::vector<ModelFactor> LayersOf(const nn::NetworkSurrogate& network) {
  const nn::Architecture& architecture = network.architecture();
  std::vector<ModelFactor> factors;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const std::uint64_t rows = Size(architecture.Rows(l));
    const std::uint64_t cols = Size(architecture.Cols(l));
    factors.push_back({"affine " + std::to_string(l), {cols, rows, Size(network.NumEdges(l))}});
    if (l == architecture.Depth()) continue;
    factors.push_back({std::string(nn::Name(architecture.activation)) + " " + std::to_string(l),
                       {rows, rows, rows}});
  }
  return factors;
}

// Of one more direction: through all that the base is made of, and times the slopes of the local
// models, which all directions share.
std::uint64_t EdgesOfLocalTaylor(const LocalTaylorSurrogate& local) {
  Cost edges = Size(local.n() * local.m());
  for (const ModelFactor& factor : FactorsOf(local.base())) edges += Cost(factor.factor.edges);
  return std::min(edges, Cost(JacobianChain::kMaxSize)).To64();
}

}  // namespace

std::vector<ModelFactor> FactorsOf(const Surrogate& surrogate) {
  if (surrogate.kind() == SurrogateKind::kNetwork) {
    const auto& network = static_cast<const nn::NetworkSurrogate&>(surrogate);
    const nn::Architecture& architecture = network.architecture();
    if (!architecture.skip && !architecture.residual) return LayersOf(network);
  }
  if (surrogate.kind() == SurrogateKind::kPipeline) {
    const auto& pipeline = static_cast<const Pipeline&>(surrogate);
    if (pipeline.AsChain()) {
      std::vector<ModelFactor> factors;
      for (std::size_t k = 0; k < pipeline.stages().size(); ++k) {
        for (ModelFactor& factor : FactorsOf(*pipeline.stages()[k].function)) {
          factor.label = "stage " + std::to_string(k + 1) + ", " + factor.label;
          factors.push_back(std::move(factor));
        }
      }
      if (factors.size() <= kMaxModelFactors) return factors;
    }
  }
  const std::uint64_t edges =
      surrogate.kind() == SurrogateKind::kLocalTaylor
          ? EdgesOfLocalTaylor(static_cast<const LocalTaylorSurrogate&>(surrogate))
          : EdgesOf(surrogate);
  return {{KindName(surrogate.kind()), {Size(surrogate.n()), Size(surrogate.m()), edges}}};
}

std::string JacobianMethod(const Surrogate& surrogate) {
  if (surrogate.kind() == SurrogateKind::kNetwork) {
    const nn::JacobianPlan& plan =
        static_cast<const nn::NetworkSurrogate&>(surrogate).jacobian_plan();
    switch (plan.mode) {
      case nn::JacobianPlan::Mode::kTangents:
        return "tangents";
      case nn::JacobianPlan::Mode::kAdjoints:
        return "adjoints";
      case nn::JacobianPlan::Mode::kWaist:
        return "waist " + std::to_string(plan.layer);
    }
  }
  if (surrogate.kind() == SurrogateKind::kPipeline) {
    const auto& pipeline = static_cast<const Pipeline&>(surrogate);
    if (pipeline.jacobian_plan()) return "stages";
    return pipeline.jacobian_by_tangents() ? "tangents" : "adjoints";
  }
  if (surrogate.kind() == SurrogateKind::kEnsemble) {
    const auto& ensemble = static_cast<const EnsembleSurrogate&>(surrogate);
    return JacobianMethod(*ensemble.members().front()) + " of each member";
  }
  if (surrogate.kind() == SurrogateKind::kComposed) {
    return JacobianMethod(static_cast<const ComposedSurrogate&>(surrogate).core()) + " of the core";
  }
  if (surrogate.kind() == SurrogateKind::kLocalTaylor) {
    return JacobianMethod(static_cast<const LocalTaylorSurrogate&>(surrogate).base()) +
           " of the base";
  }
  return "closed form";
}

}  // namespace sobolev::chain
