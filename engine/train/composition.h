// What the user says about inputs and outputs that no core has to learn: periods, logarithms,
// products of inputs, bounds of outputs, and how to go on outside the box of the samples. Turned
// into the Composition (surrogate/composed_surrogate.h) that is put around any core.

#ifndef SOBOLEV_ENGINE_TRAIN_COMPOSITION_H_
#define SOBOLEV_ENGINE_TRAIN_COMPOSITION_H_

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/recipe.h"
#include "engine/train/samples.h"

namespace sobolev::train {

// What the core sees of an input instead of the input itself.
struct InputMapping {
  std::string name;              // For messages.
  std::optional<double> period;  // P > 0: sin 2πkx/P and cos 2πkx/P for k = 1 … harmonics.
  Index harmonics = 1;           // 1 to 8
  bool logarithmic = false;      // log x; every sample has x > 0.

  friend bool operator==(const InputMapping&, const InputMapping&) = default;
};

// What an output never leaves, whatever the core says.
struct OutputMapping {
  std::string name;  // For messages.
  std::optional<double> lower;
  std::optional<double> upper;
  // The core is fitted to log(y − lower), lower being 0 unless given: errors count relative to y.
  bool logarithmic = false;

  bool IsIdentity() const { return !lower && !upper && !logarithmic; }
  friend bool operator==(const OutputMapping&, const OutputMapping&) = default;
};

enum class Extrapolation {
  kOwn,       // As the core does.
  kConstant,  // Inputs outside the box are softly clamped: the core is never far outside.
  kLinear,    // And its mean slope at the edge goes on.
};

struct CompositionOptions {
  std::vector<InputMapping> inputs;    // n, or none
  std::vector<OutputMapping> outputs;  // m, or none
  // More than 1: products of powers of the inputs without period, of total degree 2 up to it, are
  // appended.
  Index degree = 1;
  Extrapolation extrapolation = Extrapolation::kOwn;

  // Whether the core is to see anything but the user's inputs and outputs.
  bool MapsSamples() const;
  // Whether there is nothing to compose.
  bool IsIdentity() const { return !MapsSamples() && extrapolation == Extrapolation::kOwn; }

  friend bool operator==(const CompositionOptions&, const CompositionOptions&) = default;
};

// What predictions depend on; names do not count.
void Add(const CompositionOptions& options, Hasher& hasher);

// The logarithms that are worth trying: none unless WithLogarithms changes an output.
Logarithms PromisingLogarithms(const CompositionOptions& options, const SampleSet& samples,
                               const std::stop_token& stop = {});

// The options with the logarithm of every output that is positive throughout and has no other
// constraint, and, if so asked, of those LogarithmicInputs that have no period. Equal to them if
// there is no such output.
CompositionOptions WithLogarithms(const CompositionOptions& options, Logarithms logarithms,
                                  const SampleSet& samples, const std::stop_token& stop = {});

// Throws Error(kInvalidArgument) naming "spec.input_maps", "spec.output_maps" or
// "spec.feature_degree" and the variable for numbers out of range and contradictions.
void CheckComposition(const CompositionOptions& options, Index n);

// The features of n inputs for what needs no more than their number and kinds: offsets and scales
// are 0 and 1, and nothing is clamped. The options have passed the check.
FeatureMap NominalFeatures(const CompositionOptions& options, Index n);

// The composition, without wings, for these samples, which `scaling` standardises: the box is
// theirs. Throws Error(kFailedPrecondition) naming the sample if an input cannot be mapped.
Composition MakeComposition(const CompositionOptions& options, const SampleSet& samples,
                            const nn::Scaling& scaling, const std::stop_token& stop = {});

// The composition around `core`, with the slopes at the anchors (n×…) as wings; no anchors, no
// wings.
std::shared_ptr<const Surrogate> Around(const Composition& composition,
                                        std::shared_ptr<const Surrogate> core,
                                        const Matrix& anchors, const std::stop_token& stop = {});

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_COMPOSITION_H_
