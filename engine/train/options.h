// What to train and how, with the defaults and the limits.

#ifndef SOBOLEV_ENGINE_TRAIN_OPTIONS_H_
#define SOBOLEV_ENGINE_TRAIN_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/samples.h"

namespace sobolev::train {

// How the entries of a Jacobian are weighted; λ is in scaling.h.
enum class DerivativeScale {
  kBalanced,   // λ_j of Huge and Savine, none above ten times the output's smallest.
  kPerOutput,  // One λ per output. Right for exact labels; fits the noise of noisy ones.
  kPerInput,   // λ_j of Huge and Savine. Collapses when an input barely matters.
};

enum class Precision { kFloat32, kFloat64 };

// Unset options get the defaults named here, by ResolveOptions.
struct Options {
  std::vector<Index> hidden = {20, 20, 20, 20};
  nn::Activation activation = nn::Activation::kSoftplus;
  bool skip = false;           // As in nn::Architecture.
  bool residual = false;       // Likewise.
  nn::ShapeConstraints shape;  // Of the network.
  // A network of the same architecture to start from, such as a pruned one; null: initial
  // parameters by the seed.
  std::shared_ptr<const nn::NetworkSurrogate> start;
  std::optional<double> alpha;  // 1/(1+n), or 1 if β = 0.
  std::optional<double> beta;   // n/(1+n), or 0 without Jacobians.
  double gamma = 0;             // Of Hessian-vector labels; 0 leaves them out.
  DerivativeScale derivative_scale = DerivativeScale::kBalanced;
  std::optional<Index> epochs;          // 100, or what makes 1600 steps if that is more.
  std::optional<Index> batch_size;      // max(256, samples/16); at most the training samples.
  std::optional<double> learning_rate;  // Peak; 0.05, times 32/width beyond width 32.
  double validation_fraction = 0.1;
  std::optional<Index> patience;  // See Trainer; 0: never stop. max(10, epochs/3).
  std::uint64_t seed = 1;
  Precision precision = Precision::kFloat32;
  // Outputs whose rows of the Jacobian a step fits, drawn anew for every sample and epoch
  // (standard_rows.h); 0: all of them. 0 for up to kManyOutputs outputs, else kSketchedOutputs.
  std::optional<Index> derivative_sketch;
  // Whether rows are made of the samples while they are needed (batches.h). Set by ResolveOptions
  // when there is a sketch, or when rows of all samples would pass the memory limit.
  bool streamed = false;
};

inline constexpr Index kManyOutputs = 16;
inline constexpr Index kSketchedOutputs = 4;

// The checks that need only the shape of the samples: throws Error(kInvalidArgument) naming
// "spec.<field>" for a bad option, Error(kFailedPrecondition) naming "dataset" when there are too
// few samples for the split, "spec.beta" when there are no derivatives to fit or "spec.gamma" when
// there are no Hessian-vector labels to fit,
// Error(kInvalidArgument) naming "spec.start" when the network to start from is another one, and
// Error(kResourceExhausted) when even a streamed training passes `memory_limit`. Returns the
// options with every optional filled in; resolved options resolve to themselves.
Options ResolveOptions(const Options& options, const SampleShape& shape, std::size_t memory_limit);

// Throws Error(kFailedPrecondition) naming "dataset" if a Trainer with these resolved options would
// have nothing to fit.
void RequireLabels(const Options& resolved, const SampleShape& shape);

// About what a Trainer with these resolved options holds.
std::size_t MemoryBytes(const Options& resolved, const SampleShape& shape);

// The network of these options.
nn::Architecture ArchitectureOf(const Options& options, Index n, Index m);

// Steps of the optimiser in an epoch of resolved options.
Index StepsPerEpoch(const Options& resolved, Index num_training);

// Where step `step` begins in the order of an epoch. The batches of an epoch differ in size by one
// sample at most: a small last one would be noise at the full learning rate.
Index FirstOfStep(Index step, Index steps_per_epoch, Index num_training);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_OPTIONS_H_
