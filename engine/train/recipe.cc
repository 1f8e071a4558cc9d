#include "engine/train/recipe.h"

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
  name += ",";
  if (recipe.adam_steps > 0) name += " adam " + std::to_string(recipe.adam_steps);
  if (recipe.adam_steps > 0 && recipe.newton_iterations > 0) name += " +";
  if (recipe.newton_iterations > 0) name += " lm " + std::to_string(recipe.newton_iterations);
  if (recipe.restart > 0) name += ", start " + std::to_string(recipe.restart + 1);
  return name;
}

}  // namespace

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
  }
  if (recipe.rank > 0) {
    name += ", " + std::to_string(recipe.rank) + (recipe.rank == 1 ? " direction" : " directions");
  }
  if (recipe.logarithms == Logarithms::kOutputs) name += ", log outputs";
  if (recipe.logarithms == Logarithms::kInputsAndOutputs) name += ", log inputs and outputs";
  if (!recipe.derivatives) name += ", values only";
  return name;
}

}  // namespace sobolev::train
