// Sets of multivariate polynomials Π_j φ_{α_j}(t_j) of orthonormal Legendre polynomials
// φ_k = √(2k+1) P_k on [−1, 1].
//
// Legendre and not Hermite: labels are points of a box more often than a Gaussian cloud, and on the
// box of the data Legendre products are bounded and least squares with them are well conditioned,
// while Hermite polynomials grow beyond all bounds at its corners.

#ifndef SOBOLEV_ENGINE_REGRESSION_TERMS_H_
#define SOBOLEV_ENGINE_REGRESSION_TERMS_H_

#include <compare>
#include <cstdint>
#include <vector>

#include "engine/base/matrix.h"

namespace sobolev::regression {

struct Factor {
  std::int32_t axis = 0;
  std::int32_t degree = 0;  // >= 1

  // clang-tidy 14 takes the generated code for a null pointer.
  auto operator<=>(const Factor&) const = default;  // NOLINT(modernize-use-nullptr)
};

// Ascending by axis; the empty product is the constant.
using Term = std::vector<Factor>;
using Terms = std::vector<Term>;

// All terms with Σ_j α_j^q <= degree^q: the total degree for q = 1, and hyperbolic sets, which
// favour terms of few inputs, below. Empty if they are more than `most`.
Terms HyperbolicTerms(Index n, Index degree, double q, Index most);

// What can join a downward closed set such that it stays so: terms outside of it all of whose
// divisors are within it. At most `most` of them, the lowest total degrees first.
Terms Neighbours(const Terms& terms, Index n, Index max_degree, Index most);

// Terms outside of any set that are one or two degrees higher in one input than a term of it: of an
// odd function, a⁵b next to a³b, though a⁴b and a⁵ mean nothing to it. At most `most` of them, the
// lowest total degrees first.
Terms FarNeighbours(const Terms& terms, Index n, Index max_degree, Index most);

Index TotalDegree(const Term& term);

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_TERMS_H_
