// Stand-ins for expensive functions on the unit cube, with exact gradients.

#ifndef SOBOLEV_TESTS_ENGINE_SAMPLING_EXPENSIVE_H_
#define SOBOLEV_TESTS_ENGINE_SAMPLING_EXPENSIVE_H_

#include <cmath>
#include <functional>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/sobol.h"

namespace sobolev::sampling {

// Values at a point; writes the gradient.
using Expensive = std::function<double(const Vector& x, Vector& gradient)>;

// A narrow bump on a plane.
inline Expensive Bump(Index n, double width) {
  return [n, width](const Vector& x, Vector& gradient) {
    Vector offset(n);
    for (Index i = 0; i < n; ++i) offset(i) = x(i) - (i % 2 == 0 ? 0.35 : 0.65);
    const double bump = std::exp(-offset.squaredNorm() / (2 * width * width));
    gradient = (-bump / (width * width) * offset).array() + 0.2;
    return bump + 0.2 * x.sum();
  };
}

// Structure everywhere.
inline double Waves(const Vector& x, Vector& gradient) {
  double sum = 0;
  for (Index i = 0; i < x.size(); ++i) {
    const double phase = 4 * x(i) + static_cast<double>(i);
    sum += std::sin(phase);
    gradient(i) = 4 * std::cos(phase);
  }
  return sum;
}

// Adds samples of one output at the columns of X.
inline void Evaluate(const Expensive& f, const Matrix& X, Evidence& evidence) {
  const Index before = evidence.X.cols();
  const Index after = before + X.cols();
  evidence.X.conservativeResize(X.rows(), after);
  evidence.Y.conservativeResize(1, after);
  evidence.J.conservativeResize(X.rows(), after);
  Vector gradient(X.rows());
  for (Index s = 0; s < X.cols(); ++s) {
    evidence.X.col(before + s) = X.col(s);
    evidence.Y(0, before + s) = f(X.col(s), gradient);
    evidence.J.col(before + s) = gradient;
  }
}

inline Evidence Samples(const Expensive& f, const Matrix& X) {
  Evidence evidence;
  Evaluate(f, X, evidence);
  return evidence;
}

inline Evidence SobolSamples(const Expensive& f, Index n, Index count, std::uint64_t seed = 1) {
  return Samples(f, SobolPoints(n, 0, count, seed));
}

}  // namespace sobolev::sampling

#endif  // SOBOLEV_TESTS_ENGINE_SAMPLING_EXPENSIVE_H_
