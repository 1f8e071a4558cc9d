// Σ_o ȳ_o ∇²y_o ẋ of every kind of surrogate, against its Hessian, differences of its adjoints, and
// for networks tangents over adjoints of the plain formula.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/ad/adjoint.h"
#include "engine/ad/tangent.h"
#include "engine/ad/tape.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/regression/gaussian_process.h"
#include "engine/regression/polynomial_surrogate.h"
#include "engine/regression/terms.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/composed_surrogate.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/feature_map.h"
#include "engine/surrogate/output_map.h"
#include "engine/surrogate/surrogate.h"
#include "tests/support/every_kind.h"
#include "tests/support/matrix_matchers.h"
#include "tests/support/random_matrix.h"
#include "tests/support/random_request.h"
#include "tests/support/reference_network.h"

namespace sobolev {
namespace {

using every_kind::Kind;
using every_kind::Kinds;
using every_kind::Network;
using every_kind::Shared;
// ---- Requests -----------------------------------------------------------------------------------

Matrix SecondAdjoints(const Surrogate& surrogate, const RandomRequest& request,
                      const std::stop_token& stop = {}) {
  Matrix X_bar_dot(surrogate.n(),
                   request.tangents.count * request.adjoints.count * request.X.cols());
  surrogate.Predict(View(request.X), request.tangents, request.adjoints,
                    {.X_bar_dot = X_bar_dot.data()}, stop);
  return X_bar_dot;
}

class SecondAdjointTest : public testing::TestWithParam<Kind> {
 protected:
  const Surrogate& surrogate = *GetParam().surrogate;
};

INSTANTIATE_TEST_SUITE_P(EveryKind, SecondAdjointTest, testing::ValuesIn(Kinds()),
                         [](const auto& test) { return std::string(test.param.name); });

// More tangents than inputs, and more of both than are swept together.
TEST_P(SecondAdjointTest, ProductsAreThoseOfTheHessian) {
  const Index n = surrogate.n();
  const Index m = surrogate.m();
  struct Size {
    Index points, tangents, adjoints;
  };
  for (const Size& size : {Size{0, 1, 1}, Size{1, 1, 1}, Size{1, 3, 2}, Size{17, 2, 6},
                           Size{17, n + 5, 1}, Size{17, n + 2, 6}, Size{300, 1, 1}}) {
    for (const bool tangents_per_point : {false, true}) {
      for (const bool adjoints_per_point : {false, true}) {
        const RandomRequest request(surrogate, size.points, size.tangents, size.adjoints,
                                    tangents_per_point, adjoints_per_point);
        Matrix H(n, n * m * size.points);
        surrogate.Predict(View(request.X), {}, {}, {.H = H.data()});
        Matrix expected(n, size.tangents * size.adjoints * size.points);
        Index column = 0;
        for (Index s = 0; s < size.points; ++s) {
          for (Index i = 0; i < size.adjoints; ++i) {
            Matrix sum = Matrix::Zero(n, n);
            for (Index o = 0; o < m; ++o) {
              sum += request.adjoints.At(s)(o, i) * H.middleCols((s * m + o) * n, n);
            }
            for (Index k = 0; k < size.tangents; ++k) {
              expected.col(column++) = sum * request.tangents.At(s).col(k);
            }
          }
        }
        EXPECT_THAT(SecondAdjoints(surrogate, request), IsNearMatrix(expected, 1e-12))
            << size.points << " points, " << size.tangents << " tangents, " << size.adjoints
            << " adjoints";
      }
    }
  }
}

// Central differences with a step of 1e-4: 1e-8 of third derivatives and 1e-12 of rounding.
TEST_P(SecondAdjointTest, TheyAreDifferencesOfTheAdjointAlongTheTangent) {
  constexpr double kStep = 1e-4;
  const RandomRequest request(surrogate, 17, 1, 2, true, true);
  const auto adjoints_at = [&](const Matrix& X) {
    Matrix X_bar(surrogate.n(), 2 * X.cols());
    surrogate.Predict(View(X), {}, request.adjoints, {.X_bar = X_bar.data()});
    return X_bar;
  };
  const Matrix difference = (adjoints_at(request.X + kStep * request.X_dot) -
                             adjoints_at(request.X - kStep * request.X_dot)) /
                            (2 * kStep);
  EXPECT_THAT(SecondAdjoints(surrogate, request), IsNearMatrix(difference, 1e-5));
}

// ẋ₂ᵀ H ẋ₁ = ẋ₁ᵀ H ẋ₂.
TEST_P(SecondAdjointTest, TheHessianIsSymmetric) {
  const RandomRequest request(surrogate, 17, 2, 1, false, false);
  const Matrix products = SecondAdjoints(surrogate, request);
  const double scale = std::max(1.0, products.cwiseAbs().maxCoeff());
  for (Index s = 0; s < 17; ++s) {
    const double forward = request.X_dot.col(1).dot(products.col(2 * s));
    const double backward = request.X_dot.col(0).dot(products.col(2 * s + 1));
    EXPECT_NEAR(forward, backward, 1e-12 * scale) << "at point " << s;
  }
}

TEST_P(SecondAdjointTest, APointHasTheSameBitsAloneAndInABatch) {
  const Index n = surrogate.n();
  for (const Index p : {Index{1}, n + 3}) {
    const RandomRequest request(surrogate, 300, p, 2, false, false);
    const Matrix batch = SecondAdjoints(surrogate, request);
    for (const Index s : {0, 5, 31, 150, 299}) {
      Matrix alone(n, 2 * p);
      surrogate.Predict(View(request.X.col(s)), request.tangents, request.adjoints,
                        {.X_bar_dot = alone.data()});
      EXPECT_EQ(alone, batch.middleCols(2 * p * s, 2 * p)) << "point " << s;
    }
  }
}

TEST_P(SecondAdjointTest, HessiansHaveTheSameBitsAloneAndInABatch) {
  const Index n = surrogate.n();
  const Index size = n * surrogate.m();
  const Matrix X = RandomPoints(n, 300);
  Matrix batch(n, size * 300);
  surrogate.Predict(View(X), {}, {}, {.H = batch.data()});
  for (const Index s : {0, 5, 31, 150, 299}) {
    Matrix alone(n, size);
    surrogate.Predict(View(X.col(s)), {}, {}, {.H = alone.data()});
    EXPECT_EQ(alone, batch.middleCols(size * s, size)) << "point " << s;
  }
}

TEST_P(SecondAdjointTest, OtherQuantitiesChangeNoBits) {
  const Index n = surrogate.n();
  const Index m = surrogate.m();
  const RandomRequest request(surrogate, 20, 2, 3, true, false);
  Matrix Y(m, 20);
  Matrix J(n, m * 20);
  Matrix H(n, n * m * 20);
  Matrix Y_dot(m, 2 * 20);
  Matrix X_bar(n, 3 * 20);
  Matrix X_bar_dot(n, 6 * 20);
  surrogate.Predict(View(request.X), request.tangents, request.adjoints,
                    {.Y = Y.data(),
                     .J = J.data(),
                     .H = H.data(),
                     .Y_dot = Y_dot.data(),
                     .X_bar = X_bar.data(),
                     .X_bar_dot = X_bar_dot.data()});
  EXPECT_EQ(X_bar_dot, SecondAdjoints(surrogate, request));
  Matrix first(n, 3 * 20);
  surrogate.Predict(View(request.X), {}, request.adjoints, {.X_bar = first.data()});
  EXPECT_EQ(X_bar, first);
  Matrix forward(m, 2 * 20);
  surrogate.Predict(View(request.X), request.tangents, {}, {.Y_dot = forward.data()});
  EXPECT_EQ(Y_dot, forward);
}

TEST_P(SecondAdjointTest, MissingDirectionsAreNamed) {
  const RandomRequest request(surrogate, 2, 1, 1, false, false);
  Matrix X_bar_dot(surrogate.n(), 2);
  const auto predict = [&](const std::optional<Directions>& tangents,
                           const std::optional<Directions>& adjoints) {
    return [&, tangents, adjoints] {
      surrogate.Predict(View(request.X), tangents, adjoints, {.X_bar_dot = X_bar_dot.data()});
    };
  };
  EXPECT_THAT(predict(std::nullopt, request.adjoints),
              testing::ThrowsMessage<Error>(testing::StartsWith("tangents: expected")));
  EXPECT_THAT(predict(request.tangents, std::nullopt),
              testing::ThrowsMessage<Error>(testing::StartsWith("adjoints: expected")));
}

TEST_P(SecondAdjointTest, AFiredStopTokenCancels) {
  std::stop_source source;
  source.request_stop();
  for (const Index p : {Index{1}, surrogate.n() + 3}) {
    const RandomRequest request(surrogate, 40, p, 2, false, false);
    try {
      SecondAdjoints(surrogate, request, source.get_token());
      ADD_FAILURE() << "the prediction ran to its end";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCancelled);
    }
  }
}

// ---- Networks -----------------------------------------------------------------------------------

// Σ_o ȳ_o ∇²y_o ẋ of the plain formula, by adjoints of tangents.
Vector ReferenceProduct(const nn::NetworkSurrogate& surrogate, const Vector& x, const Vector& x_dot,
                        const Vector& y_bar) {
  using T = ad::Tangent<double>;
  using A = ad::Adjoint<T>;
  const nn::Scaling& scaling = surrogate.scaling();
  ad::Tape<T> tape;
  const ad::Tape<T>::Scope scope(tape);
  reference::VectorOf<A> inputs(x.size());
  reference::VectorOf<A> standard(x.size());
  for (Index j = 0; j < x.size(); ++j) {
    inputs[j] = tape.Variable(T(x[j], x_dot[j]));
    standard[j] = (inputs[j] - A(scaling.x_mean[j])) / A(scaling.x_scale[j]);
  }
  const reference::VectorOf<A> theta = surrogate.theta().cast<A>();
  const reference::VectorOf<A> y = reference::Value<A>(surrogate.architecture(), theta, standard);
  tape.ZeroAdjoints();
  for (Index o = 0; o < y.size(); ++o) tape.Seed(y[o], T(y_bar[o] * scaling.y_scale[o]));
  tape.Reverse();
  Vector product(x.size());
  for (Index j = 0; j < x.size(); ++j) product[j] = tape.adjoint(inputs[j]).dot;
  return product;
}

nn::Architecture RandomArchitecture(Rng& rng) {
  const auto up_to = [&](double most) { return static_cast<Index>(most * rng.Uniform()) + 1; };
  nn::Architecture architecture{.n = up_to(9), .m = up_to(5)};
  architecture.hidden.resize(static_cast<std::size_t>(up_to(4)));
  for (Index& width : architecture.hidden) width = rng.Uniform() < 0.5 ? 8 : up_to(20);
  architecture.activation = static_cast<nn::Activation>(up_to(5) - 1);
  architecture.skip = rng.Uniform() < 0.5;
  architecture.residual = rng.Uniform() < 0.5;
  return architecture;
}

TEST(NetworkSecondAdjointTest, RandomArchitecturesAgreeWithTangentsOverAdjoints) {
  Rng rng(23);
  for (std::uint64_t trial = 0; trial < 60; ++trial) {
    const nn::Architecture architecture = RandomArchitecture(rng);
    SCOPED_TRACE("trial " + std::to_string(trial));
    const auto surrogate = Network(architecture, trial);
    // One tangent goes by products, more than there are inputs by squares.
    for (const Index p : {Index{1}, architecture.n + 2}) {
      const RandomRequest request(*surrogate, 3, p, 2, true, true);
      const Matrix products = SecondAdjoints(*surrogate, request);
      Matrix expected(architecture.n, products.cols());
      for (Index column = 0; column < products.cols(); ++column) {
        const Index s = column / (2 * p);
        expected.col(column) =
            ReferenceProduct(*surrogate, request.X.col(s), request.tangents.At(s).col(column % p),
                             request.adjoints.At(s).col(column / p % 2));
      }
      EXPECT_THAT(products, IsNearMatrix(expected, 1e-11));
    }
  }
}

}  // namespace
}  // namespace sobolev
