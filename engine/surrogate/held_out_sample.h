// What a fit made of a sample that it had not seen.

#ifndef SOBOLEV_ENGINE_SURROGATE_HELD_OUT_SAMPLE_H_
#define SOBOLEV_ENGINE_SURROGATE_HELD_OUT_SAMPLE_H_

#include "engine/base/matrix.h"

namespace sobolev {

// Squared errors are standardised and weighted: summed over the outputs and over the entries of the
// Jacobian; 0 where there is no label.
struct HeldOutSample {
  Index number = 0;  // Of the sample.
  double value = 0;
  double jacobian = 0;
  double labels = 0;  // Squares of the entries that are labelled, likewise; NaN: none is.
};

}  // namespace sobolev

#endif  // SOBOLEV_ENGINE_SURROGATE_HELD_OUT_SAMPLE_H_
