// Training samples as views of memory owned by somebody else, such as mapped files.

#ifndef SOBOLEV_ENGINE_TRAIN_SAMPLES_H_
#define SOBOLEV_ENGINE_TRAIN_SAMPLES_H_

#include <vector>

#include "engine/base/matrix.h"

namespace sobolev::train {

// `rows` samples; the pointers may be unaligned to more than 8 bytes.
struct SampleBlock {
  Index rows = 0;
  const double* x = nullptr;         // n×rows
  const double* y = nullptr;         // m×rows
  const double* jacobian = nullptr;  // n×(m·rows), or null: these samples carry none.
  const double* weight = nullptr;    // rows, all > 0, or null: each weighs 1.
};

struct SampleSet {
  Index n = 0;
  Index m = 0;
  std::vector<SampleBlock> blocks;

  Index NumSamples() const;
  // Samples with a Jacobian.
  Index NumJacobians() const;
};

}  // namespace sobolev::train

#endif  // SOBOLEV_ENGINE_TRAIN_SAMPLES_H_
