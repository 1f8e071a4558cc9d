#include "engine/chain/program_surrogate.h"

#include <cmath>
#include <memory>
#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/surrogate_codec.h"
#include "tests/support/matrix_matchers.h"
#include "tests/support/random_matrix.h"

namespace sobolev::chain {
namespace {

const char* const kSource =
    "input a\n"
    "input b\n"
    "output p = a^2 * b\n"
    "output q = log(a) + b\n";

TEST(ProgramSurrogateTest, EveryQuantityIsThatOfTheFormula) {
  const ProgramSurrogate surrogate(kSource);
  ASSERT_EQ(surrogate.kind(), SurrogateKind::kProgram);
  ASSERT_EQ(surrogate.n(), 2);
  ASSERT_EQ(surrogate.m(), 2);
  const Matrix X{{0.5, 1.25, 3}, {-2, 0.75, 4}};
  const Matrix X_dot{{1, 0.3}, {2, -0.7}};
  const Matrix Y_bar{{0.4}, {-1.5}};
  Matrix Y(2, 3);
  Matrix J(2, 6);
  Matrix H(2, 12);
  Matrix Y_dot(2, 6);
  Matrix X_bar(2, 3);
  Matrix X_bar_dot(2, 6);
  surrogate.Predict(View(X), Directions{View(X_dot), 2, false}, Directions{View(Y_bar), 1, false},
                    {.Y = Y.data(),
                     .J = J.data(),
                     .H = H.data(),
                     .Y_dot = Y_dot.data(),
                     .X_bar = X_bar.data(),
                     .X_bar_dot = X_bar_dot.data()});
  for (Index s = 0; s < 3; ++s) {
    const double a = X(0, s);
    const double b = X(1, s);
    const Matrix gradients{{2 * a * b, 1 / a}, {a * a, 1}};
    const Matrix hessian_p{{2 * b, 2 * a}, {2 * a, 0}};
    const Matrix hessian_q{{-1 / (a * a), 0}, {0, 0}};
    const Matrix mixed = Y_bar(0) * hessian_p + Y_bar(1) * hessian_q;
    EXPECT_THAT(Y.col(s), IsNearMatrix(Vector{{a * a * b, std::log(a) + b}}, 1e-14));
    EXPECT_THAT(J.middleCols(2 * s, 2), IsNearMatrix(gradients, 1e-14));
    EXPECT_THAT(H.middleCols(4 * s, 2), IsNearMatrix(hessian_p, 1e-14));
    EXPECT_THAT(H.middleCols(4 * s + 2, 2), IsNearMatrix(hessian_q, 1e-14));
    EXPECT_THAT(Y_dot.middleCols(2 * s, 2), IsNearMatrix(gradients.transpose() * X_dot, 1e-14));
    EXPECT_THAT(X_bar.col(s), IsNearMatrix(gradients * Y_bar, 1e-14));
    EXPECT_THAT(X_bar_dot.middleCols(2 * s, 2), IsNearMatrix(mixed * X_dot, 1e-14));
  }
}

TEST(ProgramSurrogateTest, OutsideItsDomainNumbersAreNotFinite) {
  const ProgramSurrogate surrogate(kSource);
  const Matrix X{{1, -1}, {2, 2}};
  Matrix Y(2, 2);
  surrogate.Predict(View(X), {}, {}, {.Y = Y.data()});
  EXPECT_TRUE(Y.col(0).allFinite());
  EXPECT_EQ(Y(0, 1), 2);
  EXPECT_TRUE(std::isnan(Y(1, 1)));
}

TEST(ProgramSurrogateTest, ItIsStoredAsItsSource) {
  const std::shared_ptr<const Surrogate> copy =
      train::DecodeSurrogate(train::EncodeSurrogate(ProgramSurrogate(kSource)));
  ASSERT_EQ(copy->kind(), SurrogateKind::kProgram);
  EXPECT_EQ(static_cast<const ProgramSurrogate&>(*copy).source(), kSource);
  EXPECT_EQ(copy->NumParameters(), 0);
}

TEST(ProgramSurrogateTest, CostGrowsWithWhatIsAsked) {
  const ProgramSurrogate surrogate(kSource);
  const double value = surrogate.Cost({.num_points = 10});
  const double tangent = surrogate.Cost({.num_points = 10, .num_tangents = 1});
  const double pair = surrogate.Cost(
      {.num_points = 10, .num_tangents = 1, .num_adjoints = 1, .second_adjoint = true});
  EXPECT_GT(value, 0);
  EXPECT_GT(tangent, value);
  EXPECT_GT(pair, tangent);
  EXPECT_GT(surrogate.SizeBytes(), std::string(kSource).size());
}

TEST(ProgramSurrogateTest, WhatItCannotAnswerIsNamed) {
  const ProgramSurrogate surrogate(kSource);
  const Matrix X = Matrix::Ones(2, 1);
  Matrix spread(2, 1);
  EXPECT_THAT([&] { surrogate.Predict(View(X), {}, {}, {.Y_spread = spread.data()}); },
              testing::ThrowsMessage<Error>(testing::StartsWith("spread:")));
  EXPECT_THAT([&] { surrogate.Predict(View(X), {}, {}, {.Y_dot = spread.data()}); },
              testing::ThrowsMessage<Error>(testing::StartsWith("tangents: expected")));
  EXPECT_THAT([] { ProgramSurrogate("output y = x"); },
              testing::ThrowsMessage<Error>(testing::StartsWith("source: line 1")));
}

}  // namespace
}  // namespace sobolev::chain
