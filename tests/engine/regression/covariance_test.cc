#include "engine/regression/covariance.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Dense>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/ad/tangent.h"
#include "engine/base/byte_codec.h"
#include "engine/base/matrix.h"
#include "engine/regression/kernel.h"
#include "engine/regression/likelihood.h"
#include "engine/regression/minimise.h"
#include "engine/regression/triangular.h"
#include "tests/engine/regression/problems.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::regression {
namespace {

constexpr std::int32_t kValue = Functionals::kValue;
constexpr std::int32_t kDirection = Functionals::kDirection;

// Values, partial derivatives and directions in all combinations, more than one of a kind too.
Functionals MixedFunctionals(bool coupled) {
  Functionals result{.X = NormalMatrix(3, 5, 1),
                     .first = {0, 4, 5, 8, 10, 13},
                     .axis = {kValue, 0, 1, 2,            // A value and the gradient.
                              kValue,                     // Only a value.
                              1, kDirection, kDirection,  // Only derivatives.
                              kValue, kDirection,         //
                              2, 2, 0},                   // The same twice.
                     .D = NormalMatrix(3, 3, 2),
                     .weight = UniformMatrix(13, 1, 3, 0.5, 2)};
  result.column.assign(13, 0);
  result.column[6] = 1;
  result.column[7] = 0;
  result.column[9] = 2;
  if (coupled) {
    result.W = NormalMatrix(2, 13, 4);
    result.W.colwise().normalize();
  }
  return result;
}

Hyperparameters SomeHyperparameters(KernelKind kind) {
  Vector log_lengths(3);
  log_lengths << 0.3, -0.4, 0.9;
  return {.kind = kind,
          .log_lengths = log_lengths,
          .log_value_noise = std::log(1e-2),
          .log_gradient_noise = std::log(3e-2)};
}

// k(x, x′) as it is usually written.
Second Kernel(const Hyperparameters& hyperparameters, const std::vector<Second>& x,
              const std::vector<Second>& x_prime) {
  Second squares = 0.0;
  for (std::size_t j = 0; j < x.size(); ++j) {
    const Second z =
        (x[j] - x_prime[j]) / std::exp(hyperparameters.log_lengths(static_cast<Index>(j)));
    squares += z * z;
  }
  if (hyperparameters.kind == KernelKind::kSquaredExponential) return exp(-0.5 * squares);
  const Second r = sqrt(squares);
  return (1.0 + std::sqrt(5.0) * r + 5.0 / 3 * squares) * exp(-std::sqrt(5.0) * r);
}

// The direction of a label in x̂, 0 for a value.
Vector DirectionOf(const Functionals& functionals, Index label) {
  const std::int32_t axis = functionals.Axis(label);
  if (axis == kValue) return Vector::Zero(3);
  return axis == kDirection ? Vector(functionals.D.col(functionals.Column(label)))
                            : Vector(Vector::Unit(3, axis));
}

Index PointOf(const Functionals& functionals, Index label) {
  Index s = 0;
  while (functionals.First(s + 1) <= label) ++s;
  return s;
}

// Undivided covariance of two labels by differentiating k along both directions.
double Independent(const Functionals& functionals, const Hyperparameters& hyperparameters, Index a,
                   Index b) {
  const Vector d_a = DirectionOf(functionals, a);
  const Vector d_b = DirectionOf(functionals, b);
  std::vector<Second> x(3);
  std::vector<Second> x_prime(3);
  for (Index j = 0; j < 3; ++j) {
    x[static_cast<std::size_t>(j)] =
        Second(ad::Tangent<double>(functionals.X(j, PointOf(functionals, a)), d_a(j)));
    x_prime[static_cast<std::size_t>(j)] =
        Second(ad::Tangent<double>(functionals.X(j, PointOf(functionals, b))), d_b(j));
  }
  const Second k = Kernel(hyperparameters, x, x_prime);
  const bool value_a = functionals.Axis(a) == kValue;
  const bool value_b = functionals.Axis(b) == kValue;
  const double result =
      value_a ? (value_b ? k.value.value : k.dot.value) : (value_b ? k.value.dot : k.dot.dot);
  return functionals.W.size() > 0 ? result * functionals.W.col(a).dot(functionals.W.col(b))
                                  : result;
}

TEST(CovarianceTest, EntriesAreDerivativesOfTheKernel) {
  for (const KernelKind kind : {KernelKind::kSquaredExponential, KernelKind::kMatern52}) {
    for (const bool coupled : {false, true}) {
      const Functionals functionals = MixedFunctionals(coupled);
      const Hyperparameters hyperparameters = SomeHyperparameters(kind);
      const Covariance covariance(functionals, hyperparameters);
      Matrix K = Matrix::Zero(13, 13);
      covariance.Assemble(K, {});
      for (Index b = 0; b < 13; ++b) {
        for (Index a = b; a < 13; ++a) {
          SCOPED_TRACE(testing::Message() << "labels " << a << ", " << b);
          double entry = K(a, b) * covariance.scale()(a) * covariance.scale()(b);
          if (a == b) {
            const double noise = functionals.Axis(a) == kValue ? 1e-2 : 3e-2;
            entry -= noise / functionals.weight(a) * covariance.scale()(a) * covariance.scale()(a);
          }
          // √ at 0 has no derivative for the independent formula of Matérn.
          if (kind == KernelKind::kMatern52 && PointOf(functionals, a) == PointOf(functionals, b)) {
            continue;
          }
          EXPECT_NEAR(entry, Independent(functionals, hyperparameters, a, b), 1e-13);
        }
      }
    }
  }
}

TEST(CovarianceTest, DerivativesOfMaternHaveTheVarianceOfTheLimit) {
  // −h′(0) against the covariance of derivatives at two points close to each other.
  Functionals functionals{.X = Matrix::Zero(1, 2), .first = {0, 1, 2}, .axis = {0, 0}};
  functionals.X(0, 1) = 1e-6;
  functionals.column = {0, 0};
  functionals.D.resize(1, 0);
  functionals.weight = Vector::Ones(2);
  const Hyperparameters hyperparameters{.kind = KernelKind::kMatern52,
                                        .log_lengths = Vector::Zero(1),
                                        .log_value_noise = -100,
                                        .log_gradient_noise = -100};
  const Covariance covariance(functionals, hyperparameters);
  Matrix K = Matrix::Zero(2, 2);
  covariance.Assemble(K, {});
  EXPECT_NEAR(K(0, 0), DerivativeVariance(KernelKind::kMatern52), 1e-14);
  EXPECT_NEAR(K(1, 0), K(0, 0), 1e-4);
}

TEST(CovarianceTest, CrossCovariancesAreThoseOfAFurtherLabel) {
  for (const KernelKind kind : {KernelKind::kSquaredExponential, KernelKind::kMatern52}) {
    const Functionals all = MixedFunctionals(false);
    const Hyperparameters hyperparameters = SomeHyperparameters(kind);
    const Functionals some = all.Head(3);
    const Covariance covariance(some, hyperparameters);
    const Vector z = all.X.col(3).array() / hyperparameters.log_lengths.array().exp();
    const Vector d = all.D.col(2).array() / hyperparameters.log_lengths.array().exp();
    Vector of_value(8);
    Vector of_direction(8);
    covariance.Cross(z.data(), nullptr, of_value.data());
    covariance.Cross(z.data(), d.data(), of_direction.data());
    for (Index a = 0; a < 8; ++a) {
      const double scale = covariance.scale()(a);
      EXPECT_NEAR(of_value(a) * scale, Independent(all, hyperparameters, a, 8), 1e-13);
      EXPECT_NEAR(of_direction(a) * scale, Independent(all, hyperparameters, a, 9), 1e-13);
    }
  }
}

// Central differences of step 1e-5 err by 1e-10 times third derivatives and by 1e-11 of rounding.
TEST(LikelihoodTest, GradientMatchesDifferences) {
  for (const KernelKind kind : {KernelKind::kSquaredExponential, KernelKind::kMatern52}) {
    for (const bool coupled : {false, true}) {
      Observations observations{.functionals = MixedFunctionals(coupled),
                                .T = NormalMatrix(13, coupled ? 1 : 2, 5)};
      LikelihoodMemory memory;
      const Vector theta = SomeHyperparameters(kind).Pack();
      const auto value = [&](const Vector& at, Vector* gradient) {
        return NegativeLogLikelihood(observations, Hyperparameters::Unpack(kind, at), gradient,
                                     memory, {});
      };
      Vector gradient;
      value(theta, &gradient);
      for (Index k = 0; k < theta.size(); ++k) {
        Vector up = theta;
        Vector down = theta;
        up(k) += 1e-5;
        down(k) -= 1e-5;
        const double difference = (value(up, nullptr) - value(down, nullptr)) / 2e-5;
        EXPECT_NEAR(gradient(k), difference, 1e-7 * (1 + std::abs(difference))) << k;
      }
    }
  }
}

// With σ² and the mean at their best, the density of the labels is normal: evaluated as it stands.
TEST(LikelihoodTest, IsTheNormalDensityAtTheBestMeanAndVariance) {
  const Observations observations{.functionals = MixedFunctionals(false),
                                  .T = NormalMatrix(13, 1, 6)};
  const Hyperparameters hyperparameters = SomeHyperparameters(KernelKind::kSquaredExponential);
  const Covariance covariance(observations.functionals, hyperparameters);
  Posterior posterior;
  ASSERT_TRUE(Condition(observations, covariance, posterior, {}));
  Matrix K = Matrix::Zero(13, 13);
  covariance.Assemble(K, {});
  K = K.selfadjointView<Eigen::Lower>();
  K = covariance.scale().asDiagonal() * K * covariance.scale().asDiagonal();
  const Vector r = observations.T - Trend(observations.functionals) * posterior.beta;
  const double variance = r.dot(K.ldlt().solve(r)) / 13;
  EXPECT_NEAR(posterior.variance(0), variance, 1e-12);
  const double expected = 0.5 * (13 * std::log(variance) + std::log(K.determinant()));
  EXPECT_NEAR(posterior.negative_log_likelihood, expected, 1e-10);
  // The mean is the best: moving it makes the variance larger.
  for (const double shift : {-1e-3, 1e-3}) {
    const Vector other = r - shift * Trend(observations.functionals);
    EXPECT_GT(other.dot(K.ldlt().solve(other)) / 13, variance);
  }
}

TEST(LikelihoodTest, LeaveOneOutErrorsAreThoseOfProcessesWithoutThePoint) {
  for (const bool coupled : {false, true}) {
    const Functionals all = MixedFunctionals(coupled);
    const Observations observations{.functionals = all, .T = NormalMatrix(13, coupled ? 1 : 2, 7)};
    const Hyperparameters hyperparameters = SomeHyperparameters(KernelKind::kMatern52);
    const Covariance covariance(all, hyperparameters);
    Posterior posterior;
    ASSERT_TRUE(Condition(observations, covariance, posterior, {}));
    const Matrix errors = LeaveOneOut(observations, covariance, posterior, {});

    // By the textbook: the last point from the first four, with noise-free cross covariances.
    Matrix K = Matrix::Zero(13, 13);
    covariance.Assemble(K, {});
    K = K.selfadjointView<Eigen::Lower>();
    K = covariance.scale().asDiagonal() * K * covariance.scale().asDiagonal();
    const Matrix F = Trend(all);
    const Index begin = all.First(4);
    const Matrix inverse = K.topLeftCorner(begin, begin).inverse();
    const Matrix F_in = F.topRows(begin);
    const Matrix T_in = observations.T.topRows(begin);
    const Matrix beta =
        (F_in.transpose() * inverse * F_in).inverse() * (F_in.transpose() * inverse * T_in);
    const Matrix prediction =
        F.bottomRows(13 - begin) * beta +
        K.bottomLeftCorner(13 - begin, begin) * inverse * (T_in - F_in * beta);
    EXPECT_THAT(errors.bottomRows(13 - begin),
                IsNearMatrix(prediction - observations.T.bottomRows(13 - begin), 1e-10));
  }
}

TEST(TriangularTest, InversesAndSquaresAreThoseOfEigen) {
  for (const Index size : {1, 7, 32, 33, 300, 701}) {
    Matrix L = 0.1 * NormalMatrix(size, size, 8) / std::sqrt(static_cast<double>(size));
    L.diagonal().array() += 1;
    Matrix inverse = L;  // With something above the diagonal, which must not matter.
    InvertLower(inverse, {});
    const Matrix expected = L.triangularView<Eigen::Lower>().solve(Matrix::Identity(size, size));
    EXPECT_THAT(inverse, IsNearMatrix(expected, 1e-12));
    Matrix square;
    TransposedSquare(inverse, square, {});
    const Matrix lower = square.triangularView<Eigen::Lower>();
    const Matrix expected_square =
        Matrix(expected.transpose() * expected).triangularView<Eigen::Lower>();
    EXPECT_THAT(lower, IsNearMatrix(expected_square, 1e-12));
  }
}

TEST(MinimiseTest, FindsTheMinimumOfRosenbrockAndRespectsTheBox) {
  const auto rosenbrock = [](const Vector& x, Vector& gradient) {
    const double a = x(1) - x(0) * x(0);
    const double b = 1 - x(0);
    gradient.resize(2);
    gradient << -400 * x(0) * a - 2 * b, 200 * a;
    return 100 * a * a + b * b;
  };
  Vector start(2);
  start << -1.2, 1;
  const Minimum free =
      Minimise(rosenbrock, start, Vector::Constant(2, -5), Vector::Constant(2, 5), 200, 1e-14, 1);
  EXPECT_THAT(free.x, IsNearMatrix(Vector::Ones(2), 1e-5));
  EXPECT_LE(free.evaluations, 200);

  // With x_0 <= 1/2 the minimum is on the bound: x_1 = 1/4.
  Vector upper = Vector::Constant(2, 5);
  upper(0) = 0.5;
  const Minimum held = Minimise(rosenbrock, start, Vector::Constant(2, -5), upper, 200, 1e-14, 1);
  EXPECT_EQ(held.x(0), 0.5);
  EXPECT_NEAR(held.x(1), 0.25, 1e-6);
}

TEST(MinimiseTest, StepsBackFromWhereTheFunctionIsInfinite) {
  const auto barrier = [](const Vector& x, Vector& gradient) {
    if (x(0) <= 0) return std::numeric_limits<double>::infinity();
    gradient.resize(1);
    gradient(0) = 1 - 0.01 / x(0);
    return x(0) - 0.01 * std::log(x(0));
  };
  const Minimum minimum = Minimise(barrier, Vector::Constant(1, 3), Vector::Constant(1, -10),
                                   Vector::Constant(1, 10), 100, 1e-12, 2);
  EXPECT_NEAR(minimum.x(0), 0.01, 1e-5);
}

TEST(FunctionalsTest, SavedAndLoadedTheyAreTheSame) {
  for (const bool coupled : {false, true}) {
    const Functionals functionals = MixedFunctionals(coupled);
    ByteWriter writer;
    functionals.Save(writer);
    const std::string bytes = std::move(writer).Finish();
    ByteReader reader(bytes);
    const Functionals loaded = Functionals::Load(reader, 3, 2, 100);
    reader.Finish();
    ByteWriter again;
    loaded.Save(again);
    EXPECT_EQ(std::move(again).Finish(), bytes);
    EXPECT_EQ(loaded.W, functionals.W);
    EXPECT_EQ(loaded.axis, functionals.axis);
  }
}

}  // namespace
}  // namespace sobolev::regression
