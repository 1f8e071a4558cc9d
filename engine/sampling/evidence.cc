#include "engine/sampling/evidence.h"

#include <cmath>
#include <string>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/number_text.h"

namespace sobolev::sampling {

namespace {

std::string At(const char* field, Index row, Index column) {
  std::string path = field;
  path.append("[").append(std::to_string(column)).append("][");
  return path.append(std::to_string(row)).append("]");
}

void RequirePoints(const char* field, const Matrix& points, Index n) {
  if (points.size() == 0) return;
  RequireSize(field, points.rows(), n);
  for (Index s = 0; s < points.cols(); ++s) {
    for (Index i = 0; i < n; ++i) {
      if (points(i, s) >= 0 && points(i, s) <= 1) continue;
      throw InvalidArgument("OUT_OF_RANGE", At(field, i, s),
                            "points are in the unit cube, got " + NumberText(points(i, s)));
    }
  }
}

void RequireNoInfinity(const char* field, const Matrix& labels) {
  for (Index s = 0; s < labels.cols(); ++s) {
    for (Index i = 0; i < labels.rows(); ++i) {
      if (!std::isinf(labels(i, s))) continue;
      throw InvalidArgument("NOT_FINITE", At(field, i, s),
                            "got an infinite number; report the evaluation as failed, or NaN for "
                            "what is not known");
    }
  }
}

}  // namespace

void RequireEvidence(const Evidence& evidence) {
  if (evidence.n() < 1) throw InvalidArgument("REQUIRED", "X", "expected at least one input");
  if (evidence.m() < 1) throw InvalidArgument("REQUIRED", "Y", "expected at least one output");
  const Index num_samples = evidence.NumSamples();
  RequireSize("Y samples", evidence.Y.cols(), num_samples);
  if (evidence.HasDerivatives()) {
    RequireSize("J rows", evidence.J.rows(), evidence.n());
    RequireSize("J columns", evidence.J.cols(), evidence.m() * num_samples);
  }
  RequirePoints("X", evidence.X, evidence.n());
  RequirePoints("pending", evidence.pending, evidence.n());
  RequirePoints("failed", evidence.failed, evidence.n());
  RequireNoInfinity("Y", evidence.Y);
  RequireNoInfinity("J", evidence.J);
}

Vector OutputScales(const Evidence& evidence) {
  Vector scales = Vector::Ones(evidence.m());
  for (Index i = 0; i < evidence.m(); ++i) {
    // Welford 1962: large means cost no digits.
    double count = 0;
    double mean = 0;
    double squares = 0;
    for (Index s = 0; s < evidence.NumSamples(); ++s) {
      const double y = evidence.Y(i, s);
      if (std::isnan(y)) continue;
      count += 1;
      const double step = y - mean;
      mean += step / count;
      squares += step * (y - mean);
    }
    const double spread = count > 0 ? std::sqrt(squares / count) : 0;
    if (spread > 1e-14 * std::abs(mean)) scales(i) = spread;
  }
  return scales;
}

}  // namespace sobolev::sampling
