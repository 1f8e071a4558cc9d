// What the matrix functions ask of their arguments.

#ifndef SOBOLEV_ENGINE_AD_LINALG_REQUIRE_H_
#define SOBOLEV_ENGINE_AD_LINALG_REQUIRE_H_

#include <string>

#include "engine/base/error.h"
#include "engine/base/matrix.h"

namespace sobolev::ad {

// Throws SHAPE_MISMATCH "field rows: …" or "field columns: …" unless `actual` has the shape of
// `expected`.
inline void RequireShape(const char* field, const Matrix& actual, const Matrix& expected) {
  RequireSize((field + std::string(" rows")).c_str(), actual.rows(), expected.rows());
  RequireSize((field + std::string(" columns")).c_str(), actual.cols(), expected.cols());
}

inline void RequireSquare(const char* field, const Matrix& A) {
  RequireSize((field + std::string(" columns")).c_str(), A.cols(), A.rows());
}

// Decompositions of NaN or infinity do not end, or end in nonsense: throws NOT_FINITE.
inline void RequireFinite(const char* field, const Matrix& A) {
  if (A.allFinite()) return;
  throw InvalidArgument("NOT_FINITE", field, "expected finite entries, got NaN or infinity");
}

// (A + Aᵀ) / 2. Functions of a symmetric matrix are defined on all square matrices through it, so
// that they read both triangles, take any tangent, and return symmetric adjoints.
inline Matrix SymmetricPart(const Matrix& A) { return (A + A.transpose()) / 2; }

}  // namespace sobolev::ad

#endif  // SOBOLEV_ENGINE_AD_LINALG_REQUIRE_H_
