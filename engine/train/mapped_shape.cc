#include "engine/train/mapped_shape.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/nn/constraints.h"
#include "engine/surrogate/feature_map.h"
#include "engine/train/composition.h"
#include "engine/train/fit.h"
#include "engine/train/folds.h"

namespace sobolev::train {

namespace {

void CheckSlopes(const nn::ShapeConstraints& shape, const CompositionOptions& options) {
  if (options.degree > 1) {
    throw InvalidArgument("CONFLICT", "spec.feature_degree",
                          "expected no products of inputs in a monotone surrogate, got degree " +
                              std::to_string(options.degree) +
                              "; unset feature_degree or spec.monotone");
  }
  for (std::size_t j = 0; j < std::min(options.inputs.size(), shape.slopes.size()); ++j) {
    if (!options.inputs[j].period || shape.slopes[j] == nn::Slope::kFree) continue;
    throw InvalidArgument("CONFLICT", "spec.input_maps",
                          "expected no period of input '" + options.inputs[j].name +
                              "', in which the surrogate is monotone; unset the period or the "
                              "entry of spec.monotone");
  }
}

void CheckConvexity(const CompositionOptions& options) {
  const auto refuse = [](const char* field, const char* what) {
    std::string message = "expected unset, because ";
    message.append(what).append(" make no surrogate convex or concave; unset it or ");
    message.append("spec.convexity");
    throw InvalidArgument("CONFLICT", field, message);
  };
  const auto is_mapped = [](const InputMapping& input) {
    return input.period || input.logarithmic;
  };
  if (std::ranges::any_of(options.inputs, is_mapped)) {
    refuse("spec.input_maps", "periods and logarithms of inputs");
  }
  if (!std::ranges::all_of(options.outputs, &OutputMapping::IsIdentity)) {
    refuse("spec.output_maps", "bounds and logarithms of outputs");
  }
  if (options.degree > 1) refuse("spec.feature_degree", "products of inputs");
  if (options.extrapolation != Extrapolation::kOwn) {
    refuse("spec.extrapolation", "clamped inputs");
  }
}

}  // namespace

void CheckMappedShape(const nn::ShapeConstraints& shape, const CompositionOptions& options) {
  if (shape.IsMonotone()) CheckSlopes(shape, options);
  if (shape.convexity != nn::Convexity::kFree) CheckConvexity(options);
}

bool AllowsLogarithms(const nn::ShapeConstraints& shape) {
  return shape.convexity == nn::Convexity::kFree;
}

nn::ShapeConstraints ShapeOfCore(const nn::ShapeConstraints& shape, const FeatureMap& features) {
  nn::ShapeConstraints core{.slopes = {}, .convexity = shape.convexity};
  if (!shape.IsMonotone()) return core;
  core.slopes.reserve(features.features().size());
  for (const FeatureMap::Feature& feature : features.features()) {
    core.slopes.push_back(shape.slopes[static_cast<std::size_t>(feature.front().input)]);
  }
  return core;
}

void Constrain(const nn::ShapeConstraints& shape, FoldedData& data) {
  data.all.shape = shape;
  for (FitData& fold : data.folds) fold.shape = shape;
}

}  // namespace sobolev::train
