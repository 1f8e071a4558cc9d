#include "engine/train/recipe.h"

#include <sstream>
#include <string>

#include "engine/base/matrix.h"
#include "engine/nn/network.h"

namespace sobolev::train {

namespace {

std::string NetworkName(const Recipe& recipe) {
  std::string name = "network ";
  for (const Index width : recipe.hidden) name += std::to_string(width) + "-";
  name.back() = ' ';
  name += nn::Name(recipe.activation);
  if (recipe.skip) name += " skip";
  if (recipe.residual) name += " residual";
  const char* before = ", ";
  const auto add = [&](const char* optimiser, Index steps) {
    if (steps == 0) return;
    name.append(before).append(optimiser).append(std::to_string(steps));
    before = " + ";
  };
  add("adam ", recipe.adam_steps);
  add("lbfgs ", recipe.lbfgs_steps);
  add("lm ", recipe.newton_iterations);
  if (recipe.local_variance) name += ", local variances";
  if (recipe.restart > 0) name += ", start " + std::to_string(recipe.restart + 1);
  return name;
}

}  // namespace

nn::Architecture ArchitectureOf(const Recipe& recipe, Index n, Index m) {
  return {.n = n,
          .m = m,
          .hidden = recipe.hidden,
          .activation = recipe.activation,
          .skip = recipe.skip,
          .residual = recipe.residual};
}

std::string Name(const Recipe& recipe) {
  std::string name;
  switch (recipe.family) {
    case Family::kPolynomial:
      name = recipe.search > kShortSearch ? "polynomial, long search" : "polynomial";
      break;
    case Family::kGaussianProcess:
      name = "gaussian process";
      break;
    case Family::kNetwork:
      name = NetworkName(recipe);
      break;
    case Family::kConstant:
      name = "constant";
      break;
  }
  if (recipe.rank > 0) {
    name += ", " + std::to_string(recipe.rank) + (recipe.rank == 1 ? " direction" : " directions");
  }
  if (recipe.balance != 1) {
    std::ostringstream text;
    text << ", derivatives x" << recipe.balance;
    name += text.str();
  }
  if (recipe.logarithms == Logarithms::kOutputs) name += ", log outputs";
  if (recipe.logarithms == Logarithms::kInputsAndOutputs) name += ", log inputs and outputs";
  if (recipe.taylor_order > 0) {
    const std::string models = "local taylor " + std::to_string(recipe.taylor_order);
    name = recipe.family == Family::kConstant ? models : name + ", " + models;
  }
  if (!recipe.derivatives) name += ", values only";
  return name;
}

}  // namespace sobolev::train
