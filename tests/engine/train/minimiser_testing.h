// What tests of minimisers do with them.

#ifndef SOBOLEV_TESTS_ENGINE_TRAIN_MINIMISER_TESTING_H_
#define SOBOLEV_TESTS_ENGINE_TRAIN_MINIMISER_TESTING_H_

#include <string>
#include <utility>

#include "engine/base/byte_codec.h"
#include "engine/train/minimiser.h"

namespace sobolev::train {

// Until it ends, or for so many steps.
inline Minimiser::Status Advance(Minimiser& fit, int max_steps) {
  for (int i = 0; i < max_steps && fit.Step({}) == Minimiser::Status::kRunning; ++i) {
  }
  return fit.status();
}

inline std::string Saved(const Minimiser& fit) {
  ByteWriter writer;
  fit.Save(writer);
  return std::move(writer).Finish();
}

}  // namespace sobolev::train

#endif  // SOBOLEV_TESTS_ENGINE_TRAIN_MINIMISER_TESTING_H_
