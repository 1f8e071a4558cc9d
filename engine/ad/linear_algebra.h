// Linear algebra at matrix level: values, tangents and adjoints of whole matrix functions.
//
// To differentiate a solve through its scalars records n³ operations; here it is one more solve
// with the factorisation at hand. Each topic has its file with the function, its Jvp and its Vjp
// together, and states its conventions where a function is not differentiable: ties, zeros,
// singular matrices.

#ifndef SOBOLEV_ENGINE_AD_LINEAR_ALGEBRA_H_
#define SOBOLEV_ENGINE_AD_LINEAR_ALGEBRA_H_

#include "engine/ad/linalg/cholesky.h"
#include "engine/ad/linalg/norms.h"
#include "engine/ad/linalg/product.h"
#include "engine/ad/linalg/solve.h"
#include "engine/ad/linalg/svd.h"
#include "engine/ad/linalg/symmetric_eigen.h"

#endif  // SOBOLEV_ENGINE_AD_LINEAR_ALGEBRA_H_
