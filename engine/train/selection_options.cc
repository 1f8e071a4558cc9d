#include "engine/train/selection_options.h"

#include <string>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/surrogate/ensemble.h"
#include "engine/train/composition.h"
#include "engine/train/levenberg_marquardt.h"
#include "engine/train/loss_weights.h"
#include "engine/train/mapped_shape.h"
#include "engine/train/options.h"
#include "engine/train/recipe.h"

namespace sobolev::train {

namespace {

void CheckNewton(const Recipe& recipe, const nn::Architecture& architecture) {
  const Index p = architecture.NumParameters();
  if (recipe.newton_iterations == 0 || p <= kMaxNewtonParameters) return;
  throw InvalidArgument("OUT_OF_RANGE", "spec.network.hidden",
                        "expected at most " + std::to_string(kMaxNewtonParameters) +
                            " parameters for Levenberg-Marquardt, got " + std::to_string(p) +
                            "; use narrower or fewer layers, or the optimizer lbfgs or adam");
}

}  // namespace

void CheckSelection(const SelectionOptions& options, Index n, Index m, Index num_samples) {
  CheckLoss(options.loss);
  CheckLabelWeights(options.loss, n, m);
  CheckComposition(options.composition, n);
  if (options.ensemble_size < 1 || options.ensemble_size > EnsembleSurrogate::kMaxMembers) {
    throw InvalidArgument("OUT_OF_RANGE", "spec.ensemble_size",
                          "expected 1 to " + std::to_string(EnsembleSurrogate::kMaxMembers) +
                              ", got " + std::to_string(options.ensemble_size) +
                              "; 5 is usual, 1 makes no ensemble");
  }
  nn::CheckConstraints({.n = n, .m = m}, options.shape);
  CheckMappedShape(options.shape, options.composition);
  for (const Recipe& recipe : options.recipes) {
    const bool network = recipe.family == Family::kNetwork;
    if (network) {
      const nn::Architecture architecture = ArchitectureOf(recipe, n, m);
      nn::Validate(architecture);
      nn::CheckResidual(architecture);
      CheckNewton(recipe, architecture);
      nn::CheckConstraints(architecture, options.shape);
    }
    if ((!network || recipe.taylor_order > 0) && !options.shape.IsFree()) {
      throw InvalidArgument("NOT_APPLICABLE", "spec.kind",
                            "expected auto or network, because only networks can be monotone, "
                            "convex or concave by construction, got " +
                                Name(recipe) + "; change the kind or unset the constraints");
    }
  }
  if (num_samples > 0) return;
  throw FailedPrecondition("TOO_FEW_SAMPLES", "dataset",
                           "expected at least 1 sample, got 0; append samples");
}

void Add(const SelectionOptions& options, Hasher& hasher) {
  hasher.Add(options.seed);
  hasher.Add(options.budget);
  hasher.Add(options.ensemble_size);
  for (const nn::Slope slope : options.shape.slopes) hasher.Add(slope);
  hasher.Add(options.shape.convexity);
  for (const Recipe& recipe : options.recipes) {
    const std::string name = Name(recipe);
    hasher.Add(name.data(), name.size());
  }
  hasher.Add(options.loss.alpha.value_or(-1));
  hasher.Add(options.loss.beta.value_or(-1));
  hasher.Add(options.loss.gamma.value_or(-1));
  hasher.Add(options.loss.derivatives);
  hasher.Add(options.loss.huber.value_or(0));
  hasher.Add(options.loss.derivative_scale.has_value());
  hasher.Add(options.loss.derivative_scale.value_or(DerivativeScale::kPerOutput));
  Add(options.composition, hasher);
}

}  // namespace sobolev::train
