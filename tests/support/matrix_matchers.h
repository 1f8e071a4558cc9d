// A matcher for matrices that prints both of them when they disagree.

#ifndef SOBOLEV_TESTS_SUPPORT_MATRIX_MATCHERS_H_
#define SOBOLEV_TESTS_SUPPORT_MATRIX_MATCHERS_H_

#include <algorithm>
#include <cmath>
#include <ostream>

#include <Eigen/Core>
#include <gmock/gmock.h>

#include "engine/base/matrix.h"

namespace sobolev {

// |actual − expected| <= tolerance · max(1, max|expected|) in every entry. NaN never matches.
MATCHER_P2(IsNearMatrix, expected, tolerance, "") {
  Matrix want;
  want = expected.template cast<double>();
  Matrix got;
  got = arg.template cast<double>();
  if (got.rows() != want.rows() || got.cols() != want.cols()) {
    *result_listener << "the shape is " << got.rows() << "×" << got.cols() << ", expected "
                     << want.rows() << "×" << want.cols();
    return false;
  }
  const double scale = want.size() == 0 ? 1 : std::max(1.0, want.cwiseAbs().maxCoeff());
  const double allowed = tolerance * scale;
  for (Index j = 0; j < want.cols(); ++j) {
    for (Index i = 0; i < want.rows(); ++i) {
      const double difference = std::abs(got(i, j) - want(i, j));
      if (difference <= allowed) continue;
      *result_listener << "entry (" << i << ", " << j << ") differs by " << difference
                       << ", allowed " << allowed << "\nactual:\n"
                       << got << "\nexpected:\n"
                       << want;
      return false;
    }
  }
  return true;
}

}  // namespace sobolev

#endif  // SOBOLEV_TESTS_SUPPORT_MATRIX_MATCHERS_H_
