// What to train and how, with the defaults and the limits.

#ifndef SOBOLEV_ENGINE_TRAIN_OPTIONS_H_
#define SOBOLEV_ENGINE_TRAIN_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/network.h"

namespace sobolev::train {

enum class DerivativeScale {
  kPerOutput,  // One scale per output: the RMS of its scaled gradient over samples and inputs.
  kPerInput,   // λ_j of Huge and Savine: one per output and input. A dead input weighs 0.
};

enum class Precision { kFloat32, kFloat64 };

// Unset options get the defaults named here, by ResolveOptions.
struct Options {
  std::vector<Index> hidden = {20, 20, 20, 20};
  nn::Activation activation = nn::Activation::kSoftplus;
  std::optional<double> alpha;  // 1/(1+n), or 1 without Jacobians.
  std::optional<double> beta;   // n/(1+n), or 0 without Jacobians.
  DerivativeScale derivative_scale = DerivativeScale::kPerOutput;
  std::optional<Index> epochs;          // 100, or what makes 1600 steps if that is more.
  std::optional<Index> batch_size;      // max(256, samples/16); at most the training samples.
  std::optional<double> learning_rate;  // Peak; 0.1, times 32/width beyond width 32.
  double validation_fraction = 0.1;
  std::optional<Index> patience;  // Epochs without improvement; 0: never stop. max(10, epochs/3).
  std::uint64_t seed = 1;
  Precision precision = Precision::kFloat32;
};

// The checks that need only the sizes: throws Error(kInvalidArgument) naming "spec.<field>" for a
// bad option, Error(kFailedPrecondition) naming "dataset" when there are too few samples for the
// split or "spec.beta" when there are no Jacobians to fit, and Error(kResourceExhausted) when
// MemoryBytes passes `memory_limit`. Returns the options with every optional filled in; resolved
// options resolve to themselves.
Options ResolveOptions(const Options& options, Index n, Index m, Index num_samples,
                       Index num_jacobians, std::size_t memory_limit);

// An estimate from above of what a Trainer with these resolved options holds.
std::size_t MemoryBytes(const Options& resolved, Index n, Index m, Index num_samples);

// Steps of the optimiser in an epoch of resolved options.
Index StepsPerEpoch(const Options& resolved, Index num_samples);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_OPTIONS_H_
