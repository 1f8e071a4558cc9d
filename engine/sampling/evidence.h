// What is known of an expensive function: points of the unit cube with values and derivatives,
// points that are being evaluated, and points where the evaluation failed.

#ifndef SOBOLEV_ENGINE_SAMPLING_EVIDENCE_H_
#define SOBOLEV_ENGINE_SAMPLING_EVIDENCE_H_

#include "engine/base/matrix.h"

namespace sobolev::sampling {

// Points are columns, with coordinates on [0, 1]; derivatives are by these coordinates. What is NaN
// is not known. Empty matrices stand for none.
struct Evidence {
  Matrix X;        // n×N, in the order in which they became known.
  Matrix Y;        // m×N
  Matrix J;        // n×(m·N), or empty: no derivatives.
  Matrix pending;  // n×P: handed out, the answer is still to come.
  Matrix failed;   // n×F: there is no value here.

  Index n() const { return X.rows(); }
  Index m() const { return Y.rows(); }
  Index NumSamples() const { return X.cols(); }
  bool HasDerivatives() const { return J.size() > 0; }
};

// Throws Error(kInvalidArgument) naming the part unless n >= 1, m >= 1, sizes agree, points are in
// the unit cube and no value or derivative is infinite.
void RequireEvidence(const Evidence& evidence);

// For every output the standard deviation of its known values, or 1 if it has no spread.
Vector OutputScales(const Evidence& evidence);

}  // namespace sobolev::sampling

#endif  // SOBOLEV_ENGINE_SAMPLING_EVIDENCE_H_
