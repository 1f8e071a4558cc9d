// Surrogates as chains, to plan their derivatives.

#ifndef SOBOLEV_ENGINE_CHAIN_MODEL_CHAIN_H_
#define SOBOLEV_ENGINE_CHAIN_MODEL_CHAIN_H_

#include <cstddef>
#include <string>
#include <vector>

#include "engine/chain/jacobian_chain.h"
#include "engine/surrogate/surrogate.h"

namespace sobolev::chain {

struct ModelFactor {
  std::string label;  // "affine 3", "tanh 2", "stage 1, affine 1", "polynomial".
  ChainFactor factor;
};

// Pipelines of more factors count as one.
inline constexpr std::size_t kMaxModelFactors = 1024;

// The finest chain that a surrogate is: the affine maps and activations of a network, in which E_i
// is the number of weights (nn::NetworkSurrogate::NumEdges, so that of a sparse layer only those
// that are not 0 count) or of features, and those of all stages of a pipeline that is a chain.
// Whatever else is one factor, with E_i the multiply-adds of one more direction, which leaves out
// what all directions share: of local Taylor models those of all factors of the base, and n·m for
// the slopes of the models.
std::vector<ModelFactor> FactorsOf(const Surrogate& surrogate);

// How Predict makes Jacobians: "tangents", "adjoints", "waist 3" for a product at the features of
// layer 3, "stages" for a plan over the stages of a pipeline, or "closed form"; of ensembles and
// composed surrogates and local Taylor models that of their parts, with "of each member", "of the
// core" or "of the base" behind it.
std::string JacobianMethod(const Surrogate& surrogate);

}  // namespace sobolev::chain

#endif  // SOBOLEV_ENGINE_CHAIN_MODEL_CHAIN_H_
