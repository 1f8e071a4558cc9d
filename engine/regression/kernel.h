// Stationary covariances k = h(u) of u = |z − z′|²/2, with the derivatives of h that covariances of
// derivatives and their sensitivities need.

#ifndef SOBOLEV_ENGINE_REGRESSION_KERNEL_H_
#define SOBOLEV_ENGINE_REGRESSION_KERNEL_H_

#include <cmath>

namespace sobolev::regression {

// The numbers are stored.
enum class KernelKind { kSquaredExponential = 1, kMatern52 = 2 };

// h, h′, h″ and h‴ at u. h‴ of Matérn 5/2 is unbounded at 0, where it is only ever multiplied by
// z − z′ = 0; it is 0 here.
struct KernelValues {
  double h0;
  double h1;
  double h2;
  double h3;
};

inline KernelValues EvaluateKernel(KernelKind kind, double u) {
  if (kind == KernelKind::kSquaredExponential) {
    const double h = std::exp(-u);
    return {h, -h, h, -h};
  }
  // h = (1 + a + a²/3) e^{−a} with a = √5 r, r = √(2u); d/du = d/dr / r.
  const double a = std::sqrt(10 * u);
  const double e = std::exp(-a);
  return {(1 + a + a * a / 3) * e, -(5.0 / 3) * (1 + a) * e, (25.0 / 3) * e,
          a > 1e-8 ? -(125.0 / 3) * e / a : 0};
}

// −h′(0): the variance of a derivative along a unit vector.
inline double DerivativeVariance(KernelKind kind) {
  return kind == KernelKind::kSquaredExponential ? 1 : 5.0 / 3;
}

}  // namespace sobolev::regression

#endif  // SOBOLEV_ENGINE_REGRESSION_KERNEL_H_
