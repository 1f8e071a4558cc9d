// The elementwise map y = g(u) from what a core predicts to an output with constraints: strictly
// increasing, so that every admissible y has one u.

#ifndef SOBOLEV_ENGINE_SURROGATE_OUTPUT_MAP_H_
#define SOBOLEV_ENGINE_SURROGATE_OUTPUT_MAP_H_

#include "engine/base/byte_codec.h"
#include "engine/surrogate/feature_map.h"

namespace sobolev {

struct OutputMap {
  // The numbers are stored.
  enum class Kind {
    kIdentity = 0,     // u
    kAbove = 1,        // lower + σ log(1 + e^(u/σ)): nearly u − lower from a few σ above on
    kBelow = 2,        // upper − σ log(1 + e^(−u/σ))
    kBetween = 3,      // lower + (upper − lower)/(1 + e^(−u/σ))
    kExponential = 4,  // lower + e^u
  };

  Kind kind = Kind::kIdentity;
  double lower = 0;
  double upper = 0;
  double scale = 1;  // σ > 0

  bool IsIdentity() const { return kind == Kind::kIdentity; }
  // g(u), g′(u), g″(u).
  ScalarJet Evaluate(double u) const;
  // g⁻¹(y); NaN where there is none.
  double Inverse(double y) const;

  // Throws Error(kInvalidArgument) naming "outputs" unless the bounds and the scale are finite,
  // lower < upper where both apply, and scale > 0.
  void Validate() const;
  void Save(ByteWriter& writer) const;
  // Throws Error(kDataLoss) or, through Validate, Error(kInvalidArgument).
  static OutputMap Load(ByteReader& reader);
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_OUTPUT_MAP_H_
