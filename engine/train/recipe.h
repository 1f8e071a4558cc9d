// A recipe says how to fit a surrogate: a family of functions, its size, and the optimiser.

#ifndef SOBOLEV_ENGINE_TRAIN_RECIPE_H_
#define SOBOLEV_ENGINE_TRAIN_RECIPE_H_

#include <string>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/activation.h"
#include "engine/nn/network.h"

namespace sobolev::train {

enum class Family {
  kPolynomial,
  kGaussianProcess,
  kNetwork,
  kConstant,  // The means of the outputs, with local Taylor models around them.
};

// What is replaced by its logarithm before the fit (train/composition.h): outputs that are positive
// throughout, also inputs that are.
enum class Logarithms { kNone, kOutputs, kInputsAndOutputs };

// Multiply-adds of a search for the terms of a polynomial.
inline constexpr double kShortSearch = 4e9;
inline constexpr double kLongSearch = 5e10;

struct Recipe {
  Family family = Family::kNetwork;
  // Directions that differential principal components keep; 0: all inputs, untouched.
  Index rank = 0;
  // Whether derivative labels are fitted; without them the recipe is a value-only comparison.
  bool derivatives = true;
  // Factor of the weight of the gradient loss, in parts of that of the value loss, where the
  // options say neither (loss_weights.h).
  double balance = 1;
  Logarithms logarithms = Logarithms::kNone;

  // Of local Taylor models of what the family misses at the samples, 1 to 3; 0: none. The order is
  // less where the samples do not determine it (sampling/local_taylor_fit.h).
  Index taylor_order = 0;

  // Of polynomials: multiply-adds of the search for terms.
  double search = kShortSearch;

  // Of networks.
  std::vector<Index> hidden;
  nn::Activation activation = nn::Activation::kTanh;
  bool skip = false;            // As in nn::Architecture.
  bool residual = false;        // Likewise.
  Index adam_steps = 0;         // First, on a one-cycle schedule.
  Index lbfgs_steps = 0;        // Then, at most, of limited-memory BFGS.
  Index newton_iterations = 0;  // Then, at most, of Levenberg-Marquardt.
  // Whether the labels get weights from the errors of their neighbours, once a fit without has
  // found them (local_variance.h).
  bool local_variance = false;
  Index restart = 0;  // From other initial weights for each number.

  // Whether the network ends with steps that take all labels at once (full_batch.h), until held-out
  // points say stop.
  bool TakesAllLabels() const { return lbfgs_steps > 0 || newton_iterations > 0; }

  friend bool operator==(const Recipe&, const Recipe&) = default;
};

// The network of a recipe.
nn::Architecture ArchitectureOf(const Recipe& recipe, Index n, Index m);

// In words, different for different recipes: "polynomial", "gaussian process, 2 directions",
// "network 16-16 tanh, lbfgs 200 + lm 100" (at most so many iterations), "…, adam 1600" (steps),
// "…, adam 800 + lm 40", "network 16-16 tanh skip residual, …", "…, derivatives x10",
// "…, local variances", "polynomial, log outputs", "…, local taylor 2"; "local taylor 2" alone.
std::string Name(const Recipe& recipe);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_RECIPE_H_
