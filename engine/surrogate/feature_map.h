// What a core sees of the inputs: φ(x) = features of softly clamped inputs, ℝⁿ → ℝʳ.
//
// A feature is a product of factors, each a function of one input: φ_a(x) = Π_k h_k(s(x_jk)). So
// its derivatives are sparse, and are kept as the entries that are not always 0.

#ifndef SOBOLEV_ENGINE_SURROGATE_FEATURE_MAP_H_
#define SOBOLEV_ENGINE_SURROGATE_FEATURE_MAP_H_

#include <cstddef>
#include <vector>

#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"

namespace sobolev {

// A value with its first and second derivative.
struct ScalarJet {
  double value = 0;
  double first = 0;
  double second = 0;
};

// s(x) = x within [lower, upper], upper + w tanh((x − upper)/w) above, and the same below: twice
// continuously differentiable, and never beyond [lower − w, upper + w].
struct SoftClamp {
  double lower = 0;
  double upper = 0;
  double width = 0;  // w; 0: s(x) = x everywhere.

  ScalarJet Evaluate(double x) const;
};

// h of one input, for z = (x − offset)·scale, or z = (log x − offset)·scale.
struct FeatureFactor {
  // The numbers are stored.
  enum class Kind {
    kPower = 1,     // z^degree
    kLogPower = 2,  // z^degree of the logarithm
    kSine = 3,      // sin z
    kCosine = 4,    // cos z
  };

  Index input = 0;
  Kind kind = Kind::kPower;
  Index degree = 1;
  double offset = 0;
  double scale = 1;

  ScalarJet Evaluate(double x) const;
};

// Immutable, so thread-safe.
class FeatureMap {
 public:
  static constexpr Index kMaxFactors = 8;

  // A product of factors of different inputs.
  using Feature = std::vector<FeatureFactor>;
  struct GradientEntry {
    Index feature;
    Index input;
  };
  struct HessianEntry {
    Index feature;
    Index row;     // <= column
    Index column;  // Inputs.
  };

  // φ(x) = x for n inputs.
  explicit FeatureMap(Index n);
  // One clamp for each input, at least one feature. Throws Error(kInvalidArgument) naming
  // "features" or "clamps" unless inputs exist, numbers are finite, scales not 0, degrees 1 to 16,
  // and every feature has 1 to kMaxFactors factors of different inputs.
  FeatureMap(std::vector<Feature> features, std::vector<SoftClamp> clamps);

  Index n() const { return static_cast<Index>(clamps_.size()); }
  Index r() const { return static_cast<Index>(features_.size()); }
  // Whether r = n and feature j is a function of input j alone.
  bool Diagonal() const { return diagonal_; }
  const std::vector<Feature>& features() const { return features_; }
  const std::vector<SoftClamp>& clamps() const { return clamps_; }

  // Derivatives that are not always 0, in order of features: ∂φ_a/∂x_j and ∂²φ_a/∂x_j∂x_k.
  const std::vector<GradientEntry>& gradient_entries() const { return gradient_entries_; }
  const std::vector<HessianEntry>& hessian_entries() const { return hessian_entries_; }

  // φ (r) at x (n) and, unless null, its derivatives in order of the entries.
  void Evaluate(const double* x, double* phi, double* gradient, double* hessian) const;

  std::size_t SizeBytes() const;
  void Save(ByteWriter& writer) const;
  // Throws Error(kDataLoss) or, as the constructor, Error(kInvalidArgument).
  static FeatureMap Load(ByteReader& reader);

 private:
  std::vector<Feature> features_;
  std::vector<SoftClamp> clamps_;
  std::vector<GradientEntry> gradient_entries_;
  std::vector<HessianEntry> hessian_entries_;
  bool diagonal_ = false;
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_FEATURE_MAP_H_
