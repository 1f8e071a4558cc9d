#include "engine/nn/network_surrogate.h"

#include <atomic>
#include <complex>
#include <cstddef>
#include <cstdlib>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "tests/support/matrix_matchers.h"
#include "tests/support/random_matrix.h"
#include "tests/support/reference_network.h"

namespace sobolev::nn {
namespace {

constexpr Activation kActivations[] = {Activation::kSoftplus, Activation::kTanh, Activation::kSilu,
                                       Activation::kGelu, Activation::kSin};

// Means far from 0 and scales far from 1, so that a forgotten factor shows.
Scaling TestScaling(Index n, Index m) {
  return {.x_mean = 100 * RandomMatrix(n, 1, 11),
          .x_scale = (2 * RandomMatrix(n, 1, 12).array().abs() + 0.3).matrix(),
          .y_mean = 10 * RandomMatrix(m, 1, 13),
          .y_scale = (3 * RandomMatrix(m, 1, 14).array().abs() + 0.2).matrix()};
}

NetworkSurrogate MakeSurrogate(const Architecture& architecture) {
  Vector theta = InitialParameters(architecture, 3);
  theta += 0.1 * RandomMatrix(theta.size(), 1, 4);
  return {architecture, TestScaling(architecture.n, architecture.m), theta};
}

// Points in the units of the inputs.
Matrix RandomPoints(const NetworkSurrogate& surrogate, Index count) {
  const Matrix standard = RandomMatrix(surrogate.architecture().n, count, 5);
  return (surrogate.scaling().x_scale.asDiagonal() * standard).colwise() +
         surrogate.scaling().x_mean;
}

// y = μ_y + σ_y f((x − μ_x)/σ_x) written down.
template <class S>
reference::VectorOf<S> ReferenceValue(const NetworkSurrogate& surrogate,
                                      const reference::VectorOf<S>& x) {
  const Scaling& scaling = surrogate.scaling();
  const reference::VectorOf<S> standard =
      (x - scaling.x_mean.cast<S>()).cwiseQuotient(scaling.x_scale.cast<S>());
  const reference::VectorOf<S> y =
      reference::Value<S>(surrogate.architecture(), surrogate.theta().cast<S>(), standard);
  return y.cwiseProduct(scaling.y_scale.cast<S>()) + scaling.y_mean.cast<S>();
}

// n×m (transposed, as it is stored) by tangents.
Matrix ReferenceJacobian(const NetworkSurrogate& surrogate, const Vector& x) {
  const Scaling& scaling = surrogate.scaling();
  const Vector standard = (x - scaling.x_mean).cwiseQuotient(scaling.x_scale);
  const Matrix J =
      reference::Jacobian<double>(surrogate.architecture(), surrogate.theta(), standard);
  return (scaling.y_scale.asDiagonal() * J * scaling.x_scale.cwiseInverse().asDiagonal())
      .transpose();
}

struct Prediction {
  Matrix Y, J, Y_dot, X_bar;
};

Prediction Predict(const NetworkSurrogate& surrogate, const Matrix& X,
                   const std::optional<Directions>& tangents = {},
                   const std::optional<Directions>& adjoints = {}) {
  const Index n = surrogate.architecture().n;
  const Index m = surrogate.architecture().m;
  const Index p = tangents ? tangents->count : 0;
  const Index q = adjoints ? adjoints->count : 0;
  Prediction result{Matrix(m, X.cols()), Matrix(n, m * X.cols()), Matrix(m, p * X.cols()),
                    Matrix(n, q * X.cols())};
  surrogate.Predict(View(X), tangents, adjoints,
                    {.Y = result.Y.data(),
                     .J = result.J.data(),
                     .Y_dot = p > 0 ? result.Y_dot.data() : nullptr,
                     .X_bar = q > 0 ? result.X_bar.data() : nullptr});
  return result;
}

// ---- Values and Jacobians -----------------------------------------------------------------------

// φ, hidden, n, m, form
using Case = std::tuple<Activation, std::vector<Index>, Index, Index, reference::Form>;

class SurrogateReferenceTest : public testing::TestWithParam<Case> {
 protected:
  static NetworkSurrogate FromParam() {
    const auto& [activation, hidden, n, m, form] = GetParam();
    return MakeSurrogate({.n = n,
                          .m = m,
                          .hidden = hidden,
                          .activation = activation,
                          .skip = form.skip,
                          .residual = form.residual});
  }
};

std::string NameOfCase(const testing::TestParamInfo<Case>& test) {
  const auto& [activation, hidden, n, m, form] = test.param;
  std::string name = std::string(Name(activation)) + "_" + std::to_string(n);
  for (const Index width : hidden) name += "_" + std::to_string(width);
  return name + "_" + std::to_string(m) + form.name();
}

TEST_P(SurrogateReferenceTest, ValuesAndJacobiansAgreeInBatchesOfAnySize) {
  const NetworkSurrogate surrogate = FromParam();
  const Index m = surrogate.architecture().m;
  for (const Index count : {1, 3, 20, 70}) {
    SCOPED_TRACE(count);
    const Matrix X = RandomPoints(surrogate, count);
    const Prediction prediction = Predict(surrogate, X);
    for (Index s = 0; s < count; ++s) {
      const Vector x = X.col(s);
      EXPECT_THAT(prediction.Y.col(s), IsNearMatrix(ReferenceValue<double>(surrogate, x), 1e-12));
      EXPECT_THAT(prediction.J.middleCols(s * m, m),
                  IsNearMatrix(ReferenceJacobian(surrogate, x), 1e-12));
    }
  }
}

// Column k of the Hessian of y_i is the tangent along e_k of the reference's own Jacobian.
TEST_P(SurrogateReferenceTest, HessiansAgreeWithTangentsOfTheJacobian) {
  using Dual = ad::Tangent<double>;
  const NetworkSurrogate surrogate = FromParam();
  const Index n = surrogate.architecture().n;
  const Index m = surrogate.architecture().m;
  const Scaling& scaling = surrogate.scaling();
  for (const Index count : {1, 20, 70}) {
    SCOPED_TRACE(count);
    const Matrix X = RandomPoints(surrogate, count);
    Matrix H(n, n * m * count);
    surrogate.Predict(View(X), {}, {}, {.H = H.data()});
    for (Index s = 0; s < count; ++s) {
      for (Index k = 0; k < n; ++k) {
        reference::VectorOf<Dual> x =
            (X.col(s) - scaling.x_mean).cwiseQuotient(scaling.x_scale).cast<Dual>();
        x[k].dot = 1.0;
        const reference::MatrixOf<Dual> J =
            reference::Jacobian<Dual>(surrogate.architecture(), surrogate.theta().cast<Dual>(), x);
        for (Index i = 0; i < m; ++i) {
          Vector column(n);
          for (Index j = 0; j < n; ++j) {
            column[j] =
                J(i, j).dot * scaling.y_scale[i] / (scaling.x_scale[j] * scaling.x_scale[k]);
          }
          EXPECT_THAT(H.col((s * m + i) * n + k), IsNearMatrix(column, 1e-11));
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(EveryActivation, SurrogateReferenceTest,
                         testing::Combine(testing::ValuesIn(kActivations),
                                          testing::Values(std::vector<Index>{7, 3}),
                                          testing::Values(5), testing::Values(2),
                                          testing::Values(reference::kPlain)),
                         NameOfCase);
// Narrow inputs make tangents cheaper, narrow outputs adjoints.
INSTANTIATE_TEST_SUITE_P(EveryDepth, SurrogateReferenceTest,
                         testing::Combine(testing::Values(Activation::kSilu),
                                          testing::Values(std::vector<Index>{},
                                                          std::vector<Index>{9},
                                                          std::vector<Index>{20, 33, 7}),
                                          testing::Values(1, 6, 19), testing::Values(1, 6, 18),
                                          testing::Values(reference::kPlain)),
                         NameOfCase);
INSTANTIATE_TEST_SUITE_P(
    EveryForm, SurrogateReferenceTest,
    testing::Combine(testing::Values(Activation::kSilu),
                     testing::Values(std::vector<Index>{}, std::vector<Index>{9},
                                     std::vector<Index>{7, 7, 7}, std::vector<Index>{20, 20, 7, 7}),
                     testing::Values(1, 6, 19), testing::Values(1, 5, 18),
                     testing::ValuesIn(reference::kVariations)),
    NameOfCase);

// The complex step has no truncation error at a step of 1e-30.
TEST(SurrogateTest, JacobianIsTheComplexStepDerivative) {
  using Complex = std::complex<double>;
  for (const Activation activation : kActivations) {
    if (activation == Activation::kGelu) continue;  // The C++ library has no complex erf.
    SCOPED_TRACE(Name(activation));
    const NetworkSurrogate surrogate =
        MakeSurrogate({.n = 4, .m = 3, .hidden = {8, 8}, .activation = activation});
    const Matrix X = RandomPoints(surrogate, 1);
    Matrix expected(4, 3);
    for (Index j = 0; j < 4; ++j) {
      reference::VectorOf<Complex> x = X.col(0).cast<Complex>();
      x[j] += Complex(0, 1e-30);
      expected.row(j) = ReferenceValue<Complex>(surrogate, x).imag().transpose() / 1e-30;
    }
    EXPECT_THAT(Predict(surrogate, X).J, IsNearMatrix(expected, 1e-13));
  }
}

// A reply does not depend on who else is in the batch, to the last bit.
void ExpectSameBitsAloneAndInABatch(const Architecture& architecture) {
  const NetworkSurrogate surrogate = MakeSurrogate(architecture);
  const Index n = architecture.n;
  const Index m = architecture.m;
  const Matrix X = RandomPoints(surrogate, 5000);
  const Matrix D = RandomMatrix(n, 3, 8);
  const Matrix E = RandomMatrix(m, 2, 9);
  const Directions tangents{View(D), 3, false};
  const Directions adjoints{View(E), 2, false};
  const Prediction batch = Predict(surrogate, X, tangents, adjoints);
  for (Index s = 0; s < X.cols(); s += 37) {
    const Prediction one = Predict(surrogate, X.col(s), tangents, adjoints);
    EXPECT_TRUE(one.Y == batch.Y.col(s)) << s;
    EXPECT_TRUE(one.J == batch.J.middleCols(m * s, m)) << s;
    EXPECT_TRUE(one.Y_dot == batch.Y_dot.middleCols(3 * s, 3)) << s;
    EXPECT_TRUE(one.X_bar == batch.X_bar.middleCols(2 * s, 2)) << s;
  }
}

TEST(SurrogateTest, PointHasTheSameBitsAloneAndInABatch) {
  ExpectSameBitsAloneAndInABatch({.n = 20, .m = 2, .hidden = {20, 20, 20, 20}});
}

// At waists first, last and between, narrower and wider than a group of directions.
TEST(SurrogateTest, JacobiansAtAWaistAreThoseOfAdjoints) {
  for (const std::vector<Index>& hidden :
       {std::vector<Index>{30, 30, 3}, {2, 30, 30}, {20, 7, 20}, {16, 1, 9, 5}}) {
    const Architecture architecture{.n = 19, .m = 14, .hidden = hidden};
    const NetworkSurrogate surrogate = MakeSurrogate(architecture);
    ASSERT_EQ(surrogate.jacobian_plan().mode, JacobianPlan::Mode::kWaist);
    const Matrix X = RandomPoints(surrogate, 50);
    const Matrix units = Matrix::Identity(14, 14);
    const Prediction prediction = Predict(surrogate, X, {}, Directions{View(units), 14, false});
    EXPECT_THAT(prediction.J, IsNearMatrix(prediction.X_bar, 1e-13));
    EXPECT_THAT(prediction.J.leftCols(14),
                IsNearMatrix(ReferenceJacobian(surrogate, X.col(0)), 1e-12));
    ExpectSameBitsAloneAndInABatch(architecture);
  }
}

// Such Jacobians are larger than caches, and written past them where rows are aligned.
TEST(SurrogateTest, LargeJacobiansHaveTheBitsOfSmallOnes) {
  const Index m = 60;
  for (const Index n : {64, 63}) {
    const NetworkSurrogate surrogate = MakeSurrogate({.n = n, .m = m, .hidden = {20, 2, 20}});
    ASSERT_EQ(surrogate.jacobian_plan().mode, JacobianPlan::Mode::kWaist);
    const Index num_points = 1000;
    const Matrix X = RandomPoints(surrogate, num_points);
    for (const Index offset : {0, 1, 2}) {
      std::vector<double> memory(static_cast<std::size_t>(m * n * num_points + offset + 1), 7);
      double* const J = memory.data() + offset;
      surrogate.Predict(View(X), {}, {}, {.J = J});
      const Index at_once = 50;
      for (Index s = 0; s < num_points; s += at_once) {
        const Prediction few = Predict(surrogate, X.middleCols(s, at_once));
        const ConstMatrixMap part(J + s * m * n, n, m * at_once);
        ASSERT_TRUE(few.J == part) << n << " " << offset << " " << s;
      }
      for (Index k = 0; k < offset; ++k) EXPECT_EQ(memory[static_cast<std::size_t>(k)], 7);
      EXPECT_EQ(memory.back(), 7);
    }
  }
}

// By adjoints and by tangents.
TEST(SurrogateTest, SkipsAndResidualLayersKeepTheBitsOfAPoint) {
  for (const reference::Form& form : reference::kVariations) {
    for (const Index m : {2, 11}) {
      SCOPED_TRACE(std::to_string(m) + form.name());
      ExpectSameBitsAloneAndInABatch(
          {.n = 7, .m = m, .hidden = {13, 13, 9}, .skip = form.skip, .residual = form.residual});
    }
  }
}

// ---- Directions ---------------------------------------------------------------------------------

class SurrogateDirectionsTest : public testing::TestWithParam<std::tuple<Index, bool>> {};

// Y_dot = J X_dot and X_bar = Jᵀ Y_bar, with the directions of each point.
TEST_P(SurrogateDirectionsTest, TangentsAndAdjointsAreProductsWithTheJacobian) {
  const auto [count, per_point] = GetParam();
  for (const Architecture& architecture :
       {Architecture{.n = 6, .m = 5}, Architecture{.n = 6, .m = 5, .hidden = {13, 20}},
        Architecture{.n = 6, .m = 5, .skip = true},
        Architecture{.n = 6, .m = 5, .hidden = {13, 13, 20}, .skip = true, .residual = true}}) {
    const NetworkSurrogate surrogate = MakeSurrogate(architecture);
    const Index p = 7;
    const Index q = 3;
    const Matrix X = RandomPoints(surrogate, count);
    const Matrix X_dot = RandomMatrix(6, per_point ? p * count : p, 21);
    const Matrix Y_bar = RandomMatrix(5, per_point ? q * count : q, 22);
    const Prediction prediction = Predict(surrogate, X, Directions{View(X_dot), p, per_point},
                                          Directions{View(Y_bar), q, per_point});
    Matrix Y_dot(5, p * count);
    Matrix X_bar(6, q * count);
    for (Index s = 0; s < count; ++s) {
      const Matrix gradients = prediction.J.middleCols(5 * s, 5);
      Y_dot.middleCols(p * s, p) =
          gradients.transpose() * X_dot.middleCols(per_point ? p * s : 0, p);
      X_bar.middleCols(q * s, q) = gradients * Y_bar.middleCols(per_point ? q * s : 0, q);
    }
    EXPECT_THAT(prediction.Y_dot, IsNearMatrix(Y_dot, 1e-13));
    EXPECT_THAT(prediction.X_bar, IsNearMatrix(X_bar, 1e-13));
  }
}

INSTANTIATE_TEST_SUITE_P(SharedAndPerPoint, SurrogateDirectionsTest,
                         testing::Combine(testing::Values(1, 2, 25, 100), testing::Bool()),
                         [](const auto& test) {
                           return std::to_string(std::get<0>(test.param)) +
                                  (std::get<1>(test.param) ? "_per_point" : "_shared");
                         });

// ⟨ȳ, J ẋ⟩ = ⟨Jᵀ ȳ, ẋ⟩ for every pair, without asking for J.
TEST(SurrogateTest, VjpIsTheTransposeOfJvp) {
  const NetworkSurrogate surrogate = MakeSurrogate({.n = 8, .m = 6, .hidden = {30, 17}});
  const Matrix X = RandomPoints(surrogate, 90);
  const Matrix X_dot = RandomMatrix(8, 90, 31);
  const Matrix Y_bar = RandomMatrix(6, 90, 32);
  Matrix Y_dot(6, 90);
  Matrix X_bar(8, 90);
  surrogate.Predict(View(X), Directions{View(X_dot), 1, true}, Directions{View(Y_bar), 1, true},
                    {.Y_dot = Y_dot.data(), .X_bar = X_bar.data()});
  for (Index s = 0; s < 90; ++s) {
    const double forward = Y_bar.col(s).dot(Y_dot.col(s));
    const double reverse = X_bar.col(s).dot(X_dot.col(s));
    EXPECT_NEAR(forward, reverse, 1e-13 * std::abs(forward) + 1e-13) << "at point " << s;
  }
}

TEST(SurrogateTest, QuantitiesWithoutABufferAreLeftOut) {
  const NetworkSurrogate surrogate = MakeSurrogate({.n = 3, .m = 2, .hidden = {4}});
  const Matrix X = RandomPoints(surrogate, 40);
  const Prediction all = Predict(surrogate, X);
  Matrix Y(2, 40);
  surrogate.Predict(View(X), {}, {}, {.Y = Y.data()});
  EXPECT_TRUE(Y == all.Y);
  Matrix J(3, 80);
  surrogate.Predict(View(X), {}, {}, {.J = J.data()});
  EXPECT_TRUE(J == all.J);
}

// ---- Cost, cancellation, refusals ---------------------------------------------------------------

TEST(SurrogateTest, CostCountsTheCheaperModeOfTheJacobian) {
  const NetworkSurrogate wide_in = MakeSurrogate({.n = 10, .m = 2, .hidden = {4}});
  const double sweep = 10 * 4 + 4 * 2;
  EXPECT_EQ(wide_in.Cost({.num_points = 3, .num_tangents = 2, .num_adjoints = 1}), 3 * 4 * sweep);
  EXPECT_EQ(wide_in.Cost({.num_points = 1, .jacobian = true}),
            sweep + 2 * (10 * 4));  // Two adjoints, first step free.
  const NetworkSurrogate wide_out = MakeSurrogate({.n = 2, .m = 10, .hidden = {4}});
  EXPECT_EQ(wide_out.Cost({.num_points = 1, .jacobian = true}),
            sweep + 2 * (4 * 10));  // Two tangents.
}

// 64-32-16-2-16-32-64: two adjoints down, two tangents up, and 64×2×64 for the product.
TEST(SurrogateTest, CostOfAWaistIsThatOfItsThreeParts) {
  const NetworkSurrogate surrogate =
      MakeSurrogate({.n = 64, .m = 64, .hidden = {32, 16, 2, 16, 32}});
  const JacobianPlan& plan = surrogate.jacobian_plan();
  EXPECT_EQ(plan.mode, JacobianPlan::Mode::kWaist);
  EXPECT_EQ(plan.layer, 3);
  EXPECT_EQ(plan.cost, 2 * (64 * 32 + 32 * 16) + 2 * (2 * 16 + 16 * 32 + 32 * 64) + 64 * 2 * 64);
  const double values = 2 * (64 * 32 + 32 * 16 + 16 * 2);
  EXPECT_EQ(surrogate.Cost({.num_points = 1, .jacobian = true}), values + plan.cost);
}

TEST(SurrogateTest, CostCountsTheSweepsOfSecondAdjoints) {
  const NetworkSurrogate surrogate = MakeSurrogate({.n = 10, .m = 2, .hidden = {20, 20}});
  const double sweep = 10 * 20 + 20 * 20 + 20 * 2;
  PredictionSize size{.num_points = 3, .num_tangents = 2, .num_adjoints = 3};
  const double first_order = surrogate.Cost(size);
  size.second_adjoint = true;
  // A value, 3 adjoints, 2 tangents and 6 reverse sweeps.
  EXPECT_EQ(surrogate.Cost(size), first_order + 3 * 12 * sweep);
  // No more than for whole Hessians, by squares of 40 units, each of 55 entries, and
  // their products of 10·10 each.
  size.num_tangents = 1000;
  const double hessians = sweep * (1 + 3 + 10) + 3 * 40 * 55;
  const double products = 3 * 1000 * 10 * 10;
  EXPECT_EQ(surrogate.Cost(size), 3 * (sweep * (1 + 1000 + 3) + hessians + products));
}

TEST(SurrogateTest, FiredStopTokenCancelsThePrediction) {
  const NetworkSurrogate surrogate = MakeSurrogate({.n = 3, .m = 2, .hidden = {4}});
  std::stop_source source;
  source.request_stop();
  for (const Index count : {1, 50}) {
    const Matrix X = RandomPoints(surrogate, count);
    Matrix Y(2, count);
    try {
      surrogate.Predict(View(X), {}, {}, {.Y = Y.data()}, source.get_token());
      ADD_FAILURE() << "the prediction ran to its end";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCancelled);
    }
  }
}

TEST(SurrogateTest, WrongSizesAndScalesAreRefusedByName) {
  const Architecture architecture{.n = 3, .m = 2, .hidden = {4}};
  const Vector theta = InitialParameters(architecture, 1);
  const auto construct = [&](const Scaling& scaling, const Vector& parameters) {
    return [=] { NetworkSurrogate(architecture, scaling, parameters); };
  };
  EXPECT_THAT(construct(TestScaling(4, 2), theta),
              testing::ThrowsMessage<Error>("scaling.x_mean: expected 3, got 4"));
  EXPECT_THAT(construct(TestScaling(3, 2), Vector::Zero(25)),
              testing::ThrowsMessage<Error>("theta: expected 26, got 25"));
  Scaling flat = TestScaling(3, 2);
  flat.y_scale[1] = 0;
  EXPECT_THAT(construct(flat, theta),
              testing::ThrowsMessage<Error>(testing::StartsWith("scaling.y_scale: expected")));
  flat.y_scale[1] = std::numeric_limits<double>::infinity();
  EXPECT_THAT(construct(flat, theta),
              testing::ThrowsMessage<Error>(testing::StartsWith("scaling.y_scale: expected")));

  const NetworkSurrogate surrogate(architecture, TestScaling(3, 2), theta);
  const Matrix X = RandomPoints(surrogate, 4);
  Matrix Y_dot(2, 8);
  const Matrix D = RandomMatrix(3, 2, 1);
  EXPECT_THAT(
      ([&] {
        surrogate.Predict(View(X), Directions{View(D), 2, true}, {}, {.Y_dot = Y_dot.data()});
      }),
      testing::ThrowsMessage<Error>("tangents: expected 8, got 2"));
  EXPECT_THAT(([&] { surrogate.Predict(View(X), {}, {}, {.Y_dot = Y_dot.data()}); }),
              testing::ThrowsMessage<Error>(testing::StartsWith("tangents: expected")));
  EXPECT_THAT(([&] { surrogate.Predict(View(D.transpose()), {}, {}, {.Y = Y_dot.data()}); }),
              testing::ThrowsMessage<Error>("x: expected 3, got 2"));
}

}  // namespace
}  // namespace sobolev::nn
