// Orthonormal Legendre polynomials φ_k = √(2k+1) P_k on [−1, 1] and their derivatives.

#ifndef SOBOLEV_ENGINE_REGRESSION_LEGENDRE_H_
#define SOBOLEV_ENGINE_REGRESSION_LEGENDRE_H_

#include <cmath>

#include "engine/base/matrix.h"

namespace sobolev::regression {

// φ_k, φ_k′ and φ_k″ at kLanes numbers t for k = 0 … degree, each as [k][lane].
//
// (k+1) P_{k+1} = (2k+1) t P_k − k P_{k−1} and P′_{k+1} = P′_{k−1} + (2k+1) P_k, and again for P″,
// with the norms √(2k+1) multiplied in.
template <Index kLanes>
void EvaluateLegendre(const double* t, Index degree, double* value, double* first, double* second) {
  for (Index lane = 0; lane < kLanes; ++lane) {
    value[lane] = 1;
    first[lane] = 0;
    second[lane] = 0;
  }
  if (degree < 1) return;
  for (Index lane = 0; lane < kLanes; ++lane) {
    value[kLanes + lane] = std::sqrt(3.0) * t[lane];
    first[kLanes + lane] = std::sqrt(3.0);
    second[kLanes + lane] = 0;
  }
  for (Index k = 1; k < degree; ++k) {
    const auto number = static_cast<double>(k);
    const double norm = std::sqrt(2 * number + 3);
    const double from_now = norm / std::sqrt(2 * number + 1);
    const double from_before = norm / std::sqrt(2 * number - 1);
    const double rise = (2 * number + 1) / (number + 1) * from_now;
    const double fall = number / (number + 1) * from_before;
    const double growth = (2 * number + 1) * from_now;
    const Index before = (k - 1) * kLanes;
    const Index now = k * kLanes;
    const Index next = (k + 1) * kLanes;
    for (Index lane = 0; lane < kLanes; ++lane) {
      value[next + lane] = rise * t[lane] * value[now + lane] - fall * value[before + lane];
      first[next + lane] = from_before * first[before + lane] + growth * value[now + lane];
      second[next + lane] = from_before * second[before + lane] + growth * first[now + lane];
    }
  }
}

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_LEGENDRE_H_
