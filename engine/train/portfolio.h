// Which recipe to try next, given how those before fared.

#ifndef SOBOLEV_ENGINE_TRAIN_PORTFOLIO_H_
#define SOBOLEV_ENGINE_TRAIN_PORTFOLIO_H_

#include <functional>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/nn/constraints.h"
#include "engine/train/recipe.h"

namespace sobolev::train {

// What a portfolio needs to know of the labels.
struct PortfolioFacts {
  Index n = 0;                   // Inputs.
  std::vector<Index> ranks;      // PromisingRanks of the gradients.
  std::vector<Recipe> recipes;   // If any, only these are tried.
  nn::ShapeConstraints shape;    // Else recipes are made to obey these.
  Index num_points = 0;          // To fit.
  Index taylor_order = 0;        // The highest of local Taylor models; 0: none.
  double search = kShortSearch;  // Of the first polynomials.
  bool balance = false;          // Whether the recipe chooses the weight of derivatives.
  // What the signs of the samples allow; of products of powers logarithms make sums.
  Logarithms logarithms = Logarithms::kNone;
};

// Networks as they are trained unless something else is known.
Recipe NewtonRecipe();
Recipe HybridRecipe();
// For networks too large for Newton's method.
Recipe LbfgsRecipe();

struct TriedRecipe {
  Recipe recipe;
  double score;      // Lower is better; infinite if it made no model.
  Index iterations;  // After which it was best.
};

// Recipes in the order in which they should be tried that are not among `tried`: first one of each
// kind, then more of the kinds that did well, then variations of the best networks, those of little
// work first. Empty when nothing promising is left.
std::vector<Recipe> NextRecipes(const PortfolioFacts& facts, const std::vector<TriedRecipe>& tried,
                                const std::function<double(const Recipe&)>& work);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_PORTFOLIO_H_
