#include "engine/bounds/enclosure_cost.h"

#include <algorithm>

#include "engine/base/matrix.h"
#include "engine/chain/pipeline.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/local_taylor.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::bounds {

namespace {

double Count(Index count) { return static_cast<double>(count); }

// Forms in the n inputs: of the units of all layers, and of the adjoints of the widest.
double NumbersOf(const nn::NetworkSurrogate& network) {
  Index units = 0;
  Index widest = network.n();
  for (const Index width : network.architecture().hidden) {
    units += width;
    widest = std::max(widest, width);
  }
  return (1 + Count(network.n())) * (Count(units) + Count(network.m()) * Count(widest));
}

}  // namespace

EnclosureCost CostOfEnclosure(const Surrogate& surrogate) {
  const double n = Count(surrogate.n());
  EnclosureCost cost{
      .multiply_adds = surrogate.Cost({.num_points = 1, .jacobian = true}),
      .numbers = n * Count(surrogate.m()),
  };
  const auto add = [&cost](const Surrogate& part) {
    const EnclosureCost of_part = CostOfEnclosure(part);
    cost.multiply_adds += of_part.multiply_adds;
    cost.numbers += of_part.numbers;
  };
  switch (surrogate.kind()) {
    case SurrogateKind::kNetwork:
      cost.multiply_adds *= 1 + n;
      cost.numbers += NumbersOf(dynamic_cast<const nn::NetworkSurrogate&>(surrogate));
      break;
    case SurrogateKind::kEnsemble:
      for (const auto& member : dynamic_cast<const EnsembleSurrogate&>(surrogate).members()) {
        add(*member);
      }
      break;
    case SurrogateKind::kComposed:
      add(dynamic_cast<const ComposedSurrogate&>(surrogate).core());
      break;
    case SurrogateKind::kPipeline: {
      const auto& pipeline = dynamic_cast<const chain::Pipeline&>(surrogate);
      cost.numbers += n * Count(pipeline.pool_size());
      for (const auto& stage : pipeline.stages()) {
        cost.multiply_adds += n * Count(stage.function->n()) * Count(stage.function->m());
        add(*stage.function);
      }
      break;
    }
    case SurrogateKind::kPolynomial:
    case SurrogateKind::kGaussianProcess:
    case SurrogateKind::kProgram:
      break;
    case SurrogateKind::kLocalTaylor: {
      // On a large box every patch counts, with its derivatives.
      const auto& local = dynamic_cast<const LocalTaylorSurrogate&>(surrogate);
      cost.multiply_adds += 4 * Count(local.patches().derivatives.size());
      add(local.base());
      break;
    }
  }
  return cost;
}

}  // namespace sobolev::bounds
