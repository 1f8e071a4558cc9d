// Blends of local Taylor models against the formula in scalars that differentiate themselves,
// polynomials that they must reproduce, and the base far away.

#include "engine/surrogate/local_taylor.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/ad/tangent.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/surrogate_codec.h"
#include "tests/support/every_kind.h"
#include "tests/support/matrix_matchers.h"
#include "tests/support/random_matrix.h"

namespace sobolev {
namespace {

using every_kind::Network;
using every_kind::Patches;
using every_kind::Shared;

Matrix Values(const Surrogate& surrogate, const Matrix& X) {
  Matrix Y(surrogate.m(), X.cols());
  surrogate.Predict(View(X), {}, {}, {.Y = Y.data()});
  return Y;
}

struct Prediction {
  Matrix Y;
  Matrix J;
  Matrix H;
};

Prediction Predict(const Surrogate& surrogate, const Matrix& X) {
  const Index n = surrogate.n();
  const Index width = surrogate.m() * X.cols();
  Prediction out{
      .Y = Matrix(surrogate.m(), X.cols()), .J = Matrix(n, width), .H = Matrix(n, n * width)};
  surrogate.Predict(View(X), {}, {}, {.Y = out.Y.data(), .J = out.J.data(), .H = out.H.data()});
  return out;
}

// Σ w T / D of output i as the header has it.
template <class T>
T Blend(const TaylorPatches& patches, Index i, const Eigen::Matrix<T, Eigen::Dynamic, 1>& x) {
  const Index n = patches.n();
  T sum(0.0);
  T weights(0.0);
  for (Index k = 0; k < patches.Count(); ++k) {
    Eigen::Matrix<T, Eigen::Dynamic, 1> d(n);
    T square(0.0);
    for (Index j = 0; j < n; ++j) {
      d(j) = (x(j) - patches.origin(j)) / patches.scale(j) - patches.centres(j, k);
      square += d(j) * d(j);
    }
    const T s = square / (patches.radii(k) * patches.radii(k));
    if (s >= 1.0) continue;
    const T rest = 1.0 - s;
    const T weight = rest * rest * rest / (s + 0.02);
    const double* term =
        patches.derivatives.col(k).data() + i * TaylorPatches::NumTerms(n, patches.order);
    T model(*term++);
    for (Index a = 0; a < n; ++a) model += d(a) * *term++;
    for (Index a = 0; patches.order > 1 && a < n; ++a) {
      for (Index b = 0; b < n; ++b) model += d(a) * d(b) * (*term++ / 2);
    }
    for (Index a = 0; patches.order > 2 && a < n; ++a) {
      for (Index b = 0; b < n; ++b) {
        for (Index c = 0; c < n; ++c) model += d(a) * d(b) * d(c) * (*term++ / 6);
      }
    }
    sum += weight * model;
    weights += weight;
  }
  if (weights < 0.05) {
    const T rest = 1.0 - weights / 0.05;
    weights += 0.05 * rest * rest * rest;
  }
  return sum / weights;
}

class LocalTaylorOrderTest : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(, LocalTaylorOrderTest, testing::Values(1, 2, 3));

TEST_P(LocalTaylorOrderTest, EveryDerivativeIsThatOfTheFormula) {
  using First = ad::Tangent<double>;
  using Second = ad::Tangent<First>;
  constexpr Index kInputs = 3;
  constexpr Index kOutputs = 2;
  constexpr Index kPoints = 40;
  const Shared base = Network({.n = kInputs, .m = kOutputs, .hidden = {5}});
  const TaylorPatches patches = Patches(kInputs, kOutputs, 30, GetParam());
  const LocalTaylorSurrogate surrogate(base, patches);
  const Matrix X = RandomPoints(kInputs, kPoints);
  const Prediction all = Predict(surrogate, X);
  Prediction expected = Predict(*base, X);
  for (Index s = 0; s < kPoints; ++s) {
    for (Index i = 0; i < kOutputs; ++i) {
      const Index column = s * kOutputs + i;
      for (Index a = 0; a < kInputs; ++a) {
        for (Index b = 0; b < kInputs; ++b) {
          Eigen::Matrix<Second, Eigen::Dynamic, 1> x(kInputs);
          for (Index j = 0; j < kInputs; ++j) {
            x(j) = Second(First(X(j, s), j == a ? 1.0 : 0.0), First(j == b ? 1.0 : 0.0));
          }
          const Second y = Blend(patches, i, x);
          expected.H(b, column * kInputs + a) += y.dot.dot;
          if (b > 0) continue;
          expected.J(a, column) += y.value.dot;
          if (a == 0) expected.Y(i, s) += y.value.value;
        }
      }
    }
  }
  EXPECT_THAT(all.Y, IsNearMatrix(expected.Y, 1e-12));
  EXPECT_THAT(all.J, IsNearMatrix(expected.J, 1e-12));
  EXPECT_THAT(all.H, IsNearMatrix(expected.H, 1e-11));
}

// Every local model being the same polynomial, so is their blend wherever bumps cover a point well.
TEST_P(LocalTaylorOrderTest, ReproducesPolynomialsOfItsOrder) {
  const int order = GetParam();
  const Index n = 2;
  const Vector direction{{1.5, -0.7}};
  const Shared base = Network({.n = n, .m = 1, .hidden = {5}});
  TaylorPatches patches = Patches(n, 1, 60, order);
  patches.radii.setConstant(0.5);
  // (1 + aᵀu)^order: derivatives of degree k are order!/(order − k)! (1 + aᵀu)^(order − k) a ⊗ … .
  for (Index k = 0; k < patches.Count(); ++k) {
    const double inner = 1 + direction.dot(patches.centres.col(k));
    double* term = patches.derivatives.col(k).data();
    double factor = 1;
    Vector power = Vector::Ones(1);
    for (int degree = 0; degree <= order; ++degree) {
      for (const double entry : power) *term++ = factor * std::pow(inner, order - degree) * entry;
      factor *= order - degree;
      power = (direction * power.transpose()).reshaped().eval();
    }
  }
  const Matrix X = RandomPoints(n, 50);
  const Matrix sum = Values(LocalTaylorSurrogate(base, patches), X) - Values(*base, X);
  const Matrix U = patches.scale.cwiseInverse().asDiagonal() * (X.colwise() - patches.origin);
  const Matrix expected = (1 + (direction.transpose() * U).array()).pow(order);
  EXPECT_THAT(sum, IsNearMatrix(expected, 1e-12));
}

TEST(LocalTaylorTest, FarFromAllCentresThereIsOnlyTheBase) {
  const Shared base = Network({.n = 3, .m = 2, .hidden = {5}});
  const LocalTaylorSurrogate surrogate(base, Patches(3, 2, 30, 2));
  const Matrix X = RandomPoints(3, 20).array() + 50;
  EXPECT_EQ(Values(surrogate, X), Values(*base, X));
}

// Along a line through a single bump into the open, where steps of the value, the gradient or the
// Hessian would show as differences that do not fall with the step.
TEST(LocalTaylorTest, SecondDerivativesAreContinuousWhereBumpsEnd) {
  const Shared base = Network({.n = 2, .m = 1, .hidden = {5}});
  TaylorPatches patches = Patches(2, 1, 1, 2);
  patches.centres.setZero();
  patches.origin.setZero();
  patches.scale.setOnes();
  patches.radii.setConstant(1);
  const LocalTaylorSurrogate surrogate(base, patches);
  constexpr Index kSteps = 20000;
  Matrix X = Matrix::Zero(2, kSteps);
  X.row(0) = Vector::LinSpaced(kSteps, 0.3, 1.2);
  Matrix H(2, 2 * kSteps);
  surrogate.Predict(View(X), {}, {}, {.H = H.data()});
  const double largest = H.cwiseAbs().maxCoeff();
  for (Index s = 1; s < kSteps; ++s) {
    const double step = (H.middleCols(2 * s, 2) - H.middleCols(2 * s - 2, 2)).norm();
    ASSERT_LT(step, 0.01 * largest) << "at " << X(0, s);
  }
}

TEST(LocalTaylorTest, TheSameBitsOnAnyNumberOfThreads) {
  const LocalTaylorSurrogate surrogate(Network({.n = 3, .m = 2, .hidden = {5}}),
                                       Patches(3, 2, 200, 2));
  const Matrix X = RandomPoints(3, 20000);
  const auto predict = [&](int threads) {
    oneapi::tbb::task_arena arena(threads);
    return arena.execute([&] { return Values(surrogate, X); });
  };
  EXPECT_EQ(predict(1), predict(4));
}

TEST(LocalTaylorTest, ComesBackFromBytesBitForBit) {
  const LocalTaylorSurrogate surrogate(Network({.n = 3, .m = 2, .hidden = {5}}),
                                       Patches(3, 2, 40, 3));
  const std::string bytes = train::EncodeSurrogate(surrogate);
  const Shared copy = train::DecodeSurrogate(bytes);
  ASSERT_EQ(copy->kind(), SurrogateKind::kLocalTaylor);
  EXPECT_EQ(copy->NumParameters(), surrogate.NumParameters());
  const Matrix X = RandomPoints(3, 50);
  EXPECT_EQ(Values(*copy, X), Values(surrogate, X));
  EXPECT_EQ(train::EncodeSurrogate(*copy), bytes);
}

TEST(LocalTaylorTest, OneAroundAnotherIsNotRead) {
  const auto inner = std::make_shared<LocalTaylorSurrogate>(
      Network({.n = 3, .m = 2, .hidden = {5}}), Patches(3, 2, 4, 1));
  const LocalTaylorSurrogate outer(inner, Patches(3, 2, 4, 1));
  EXPECT_THAT([&] { train::DecodeSurrogate(train::EncodeSurrogate(outer)); },
              testing::Throws<Error>(testing::Property(&Error::code, ErrorCode::kDataLoss)));
}

TEST(LocalTaylorTest, BadPatchesAreNamed) {
  const Shared base = Network({.n = 3, .m = 2, .hidden = {5}});
  const auto field = [&](const std::function<void(TaylorPatches&)>& spoil) {
    TaylorPatches patches = Patches(3, 2, 5, 2);
    spoil(patches);
    try {
      const LocalTaylorSurrogate surrogate(base, std::move(patches));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return error.field();
    }
    return std::string("none");
  };
  constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(field([](TaylorPatches&) {}), "none");
  EXPECT_EQ(field([](TaylorPatches& patches) { patches.order = 0; }), "order");
  EXPECT_EQ(field([](TaylorPatches& patches) { patches.order = 4; }), "order");
  EXPECT_EQ(field([](TaylorPatches& patches) { patches.order = 1; }), "derivatives rows");
  EXPECT_EQ(field([](TaylorPatches& patches) { patches.origin = Vector::Zero(2); }), "origin");
  EXPECT_EQ(field([](TaylorPatches& patches) { patches.scale(1) = 0; }), "scale");
  EXPECT_EQ(field([](TaylorPatches& patches) { patches.centres(1, 2) = kNaN; }), "centres");
  EXPECT_EQ(field([](TaylorPatches& patches) { patches.centres.resize(2, 5); }), "centres");
  EXPECT_EQ(field([](TaylorPatches& patches) { patches.radii(0) = -1; }), "radii");
  EXPECT_EQ(field([](TaylorPatches& patches) { patches.radii.resize(4); }), "radii");
  EXPECT_EQ(field([](TaylorPatches& patches) { patches.derivatives(3, 3) = kNaN; }), "derivatives");
}

}  // namespace
}  // namespace sobolev
