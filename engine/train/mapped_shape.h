// What the composition around a core (composition.h) means for monotone and convex surrogates.
//
// Logarithms and soft clamps of inputs, wings and all maps of outputs increase, so that a surrogate
// is monotone in an input if its core is in the feature of that input. Sines and products of inputs
// have no such sign, and of convex cores only the identity makes convex surrogates for sure.

#ifndef SOBOLEV_ENGINE_TRAIN_MAPPED_SHAPE_H_
#define SOBOLEV_ENGINE_TRAIN_MAPPED_SHAPE_H_

#include "engine/nn/constraints.h"
#include "engine/surrogate/feature_map.h"
#include "engine/train/composition.h"
#include "engine/train/folds.h"

namespace sobolev::train {

// Throws Error(kInvalidArgument) naming "spec.input_maps", "spec.output_maps",
// "spec.feature_degree" or "spec.extrapolation" if no core makes a surrogate of that shape.
void CheckMappedShape(const nn::ShapeConstraints& shape, const CompositionOptions& options);

// Whether the logarithms of variables leave a way to obey.
bool AllowsLogarithms(const nn::ShapeConstraints& shape);

// What a core that sees these features has to obey: `shape`, which has passed the check.
nn::ShapeConstraints ShapeOfCore(const nn::ShapeConstraints& shape, const FeatureMap& features);

// Every fit to the data obeys.
void Constrain(const nn::ShapeConstraints& shape, FoldedData& data);

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_MAPPED_SHAPE_H_
