// A request for predictions at random points, with random directions.

#ifndef SOBOLEV_TESTS_SUPPORT_RANDOM_REQUEST_H_
#define SOBOLEV_TESTS_SUPPORT_RANDOM_REQUEST_H_

#include "engine/base/matrix.h"
#include "engine/surrogate/surrogate.h"
#include "tests/support/random_matrix.h"

namespace sobolev {

struct RandomRequest {
  RandomRequest(const Surrogate& surrogate, Index num_points, Index p, Index q,
                bool tangents_per_point, bool adjoints_per_point)
      : X(RandomPoints(surrogate.n(), num_points)),
        X_dot(RandomMatrix(surrogate.n(), tangents_per_point ? p * num_points : p, 21)),
        Y_bar(RandomMatrix(surrogate.m(), adjoints_per_point ? q * num_points : q, 22)),
        tangents{View(X_dot), p, tangents_per_point},
        adjoints{View(Y_bar), q, adjoints_per_point} {}
  RandomRequest(const RandomRequest&) = delete;
  RandomRequest& operator=(const RandomRequest&) = delete;

  Matrix X, X_dot, Y_bar;
  Directions tangents, adjoints;
};

}  // namespace sobolev

#endif  // SOBOLEV_TESTS_SUPPORT_RANDOM_REQUEST_H_
