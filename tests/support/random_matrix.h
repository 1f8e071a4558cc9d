// Matrices of random numbers, and how they are handed to surrogates.

#ifndef SOBOLEV_TESTS_SUPPORT_RANDOM_MATRIX_H_
#define SOBOLEV_TESTS_SUPPORT_RANDOM_MATRIX_H_

#include <cstdint>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"

namespace sobolev {

// Of normal numbers.
inline Matrix RandomMatrix(Index rows, Index cols, std::uint64_t seed) {
  Rng rng(seed);
  Matrix random(rows, cols);
  for (double& entry : random.reshaped()) entry = rng.Normal();
  return random;
}

// Between 0.4 and 1.6.
inline Matrix RandomPoints(Index n, Index count, std::uint64_t seed = 20) {
  Rng rng(seed);
  Matrix X(n, count);
  for (double& entry : X.reshaped()) entry = 0.4 + 1.2 * rng.Uniform();
  return X;
}

inline ConstMatrixMap View(const Matrix& matrix) {
  return {matrix.data(), matrix.rows(), matrix.cols()};
}

}  // namespace sobolev

#endif  // SOBOLEV_TESTS_SUPPORT_RANDOM_MATRIX_H_
