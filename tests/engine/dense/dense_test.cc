#include "engine/dense/dense.h"

#include <cstdint>
#include <limits>
#include <stop_token>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/isa.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::dense {
namespace {

using LongMatrix = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic>;

std::vector<Isa> SupportedIsas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::kSse2, Isa::kAvx2, Isa::kAvx512}) {
    if (isa <= BestIsa()) isas.push_back(isa);
  }
  return isas;
}

Matrix Random(Index rows, Index cols, std::uint64_t seed) {
  Rng rng(seed);
  Matrix matrix(rows, cols);
  for (double& entry : matrix.reshaped()) entry = rng.Normal();
  return matrix;
}

// Well-conditioned, positive definite.
Matrix RandomDefinite(Index size, std::uint64_t seed) {
  const Matrix factor = Random(size, size + 3, seed);
  Matrix A = factor * factor.transpose();
  A.diagonal().array() += static_cast<double>(size);
  return A;
}

constexpr Index kSizes[] = {1, 2, 7, 8, 23, 24, 25, 95, 96, 97, 130, 211};

class DenseTest : public testing::TestWithParam<Isa> {};

TEST_P(DenseTest, ProductsOfOddShapes) {
  for (const Index rows : {1, 5, 24, 49, 130}) {
    for (const Index cols : {1, 3, 8, 31}) {
      for (const Index depth : {0, 1, 19, 256, 300}) {
        const Matrix A = Random(rows, depth, 1);
        const Matrix B = Random(cols, depth, 2);
        const Matrix C = Random(rows, cols, 3);
        const LongMatrix expected = C.cast<long double>() - 0.5L * A.cast<long double>() *
                                                                B.cast<long double>().transpose();
        Matrix actual = C;
        AddProduct(-0.5, A, B, actual, GetParam());
        EXPECT_THAT(actual, IsNearMatrix(expected, 1e-14));
      }
    }
  }
}

// Views into larger matrices: nothing around C changes.
TEST_P(DenseTest, ProductsOfBlocks) {
  const Matrix A = Random(60, 40, 1);
  const Matrix B = Random(50, 40, 2);
  const Matrix C = Random(70, 60, 3);
  Matrix expected = C;
  expected.block(3, 5, 37, 29) += A.block(7, 2, 37, 31) * B.block(11, 4, 29, 31).transpose();
  Matrix actual = C;
  AddProduct(1, A.block(7, 2, 37, 31), B.block(11, 4, 29, 31), actual.block(3, 5, 37, 29),
             GetParam());
  EXPECT_THAT(actual, IsNearMatrix(expected, 1e-14));
}

TEST_P(DenseTest, GramsFillTheLowerTriangle) {
  for (const Index size : kSizes) {
    const Matrix A = Random(size, 37, 4);
    const Matrix C = Random(size, size, 5);
    const LongMatrix expected =
        C.cast<long double>() + 2.0L * A.cast<long double>() * A.cast<long double>().transpose();
    Matrix actual = C;
    AddGram(2, A, actual, GetParam());
    EXPECT_THAT(Matrix(actual.triangularView<Eigen::Lower>()),
                IsNearMatrix(LongMatrix(expected.triangularView<Eigen::Lower>()), 1e-14));
  }
}

TEST_P(DenseTest, CholeskyFactorsTimesItselfIsTheMatrix) {
  for (const Index size : kSizes) {
    const Matrix A = RandomDefinite(size, 6);
    Matrix factor = A;
    // Above the diagonal nothing is read.
    factor.triangularView<Eigen::StrictlyUpper>().setConstant(
        std::numeric_limits<double>::quiet_NaN());
    ASSERT_TRUE(Cholesky(factor, {}, GetParam())) << size;
    const Matrix L = factor.triangularView<Eigen::Lower>();
    const LongMatrix product = L.cast<long double>() * L.cast<long double>().transpose();
    EXPECT_THAT(A, IsNearMatrix(product, 1e-14)) << size;
    EXPECT_GT(L.diagonal().minCoeff(), 0);
    // ... or written.
    for (Index j = 1; j < size; ++j) EXPECT_TRUE(factor.col(j).head(j).array().isNaN().all());
  }
}

TEST_P(DenseTest, CholeskyInPlaceOfABlock) {
  const Matrix A = RandomDefinite(150, 6);
  Matrix storage = Random(160, 155, 7);
  const Matrix before = storage;
  storage.block(4, 3, 150, 150) = A;
  ASSERT_TRUE(Cholesky(storage.block(4, 3, 150, 150), {}, GetParam()));
  const Matrix L = storage.block(4, 3, 150, 150).triangularView<Eigen::Lower>();
  EXPECT_THAT(Matrix(L * L.transpose()), IsNearMatrix(A, 1e-14));
  EXPECT_EQ(storage.row(3), before.row(3));
  EXPECT_EQ(storage.bottomRows(6), before.bottomRows(6));
}

TEST_P(DenseTest, CholeskyRefusesWhatIsNotPositiveDefinite) {
  for (const Index size : kSizes) {
    // A leading block that is positive definite, and then a pivot that is not.
    for (const Index pivot : {Index{0}, size / 2, size - 1}) {
      for (const double value : {0.0, -1.0, std::numeric_limits<double>::infinity(),
                                 std::numeric_limits<double>::quiet_NaN()}) {
        Matrix A = Matrix::Identity(size, size);
        A(pivot, pivot) = value;
        EXPECT_FALSE(Cholesky(A, {}, GetParam())) << size << ' ' << pivot << ' ' << value;
      }
    }
  }
}

TEST_P(DenseTest, SameBitsForAnyNumberOfThreads) {
  const Matrix A = RandomDefinite(400, 8);
  const Matrix B = Random(300, 500, 9);
  const oneapi::tbb::global_control allow(oneapi::tbb::global_control::max_allowed_parallelism, 4);
  std::vector<Matrix> factors;
  std::vector<Matrix> grams;
  for (const int num_threads : {1, 2, 4}) {
    oneapi::tbb::task_arena arena(num_threads);
    arena.execute([&] {
      factors.push_back(A);
      EXPECT_TRUE(Cholesky(factors.back(), {}, GetParam()));
      grams.emplace_back(Matrix::Zero(300, 300));
      AddGram(1, B, grams.back(), GetParam());
    });
  }
  for (std::size_t i = 1; i < factors.size(); ++i) {
    EXPECT_EQ(factors[i], factors[0]);
    EXPECT_EQ(grams[i], grams[0]);
  }
}

INSTANTIATE_TEST_SUITE_P(Isas, DenseTest, testing::ValuesIn(SupportedIsas()),
                         [](const auto& isa) { return std::string(Name(isa.param)); });

TEST(DenseSolveTest, SolvesForFewAndManyRightHandSides) {
  for (const Index size : kSizes) {
    for (const Index sides : {1, 7, 8, 40}) {
      const Matrix A = RandomDefinite(size, 10);
      Matrix factor = A;
      ASSERT_TRUE(Cholesky(factor));
      const Matrix L = factor.triangularView<Eigen::Lower>();
      const Matrix B = Random(size, sides, 11);
      Matrix X = B;
      SolveLower(factor, X);
      EXPECT_THAT(Matrix(L * X), IsNearMatrix(B, 1e-13));
      Matrix Z = B;
      SolveLowerTransposed(factor, Z);
      EXPECT_THAT(Matrix(L.transpose() * Z), IsNearMatrix(B, 1e-13));
    }
  }
}

TEST(DenseStopTest, CholeskyStops) {
  Matrix A = RandomDefinite(200, 12);
  std::stop_source source;
  source.request_stop();
  try {
    Cholesky(A, source.get_token());
    ADD_FAILURE() << "not stopped";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST(DenseErrorsTest, ShapesMustAgree) {
  Matrix C(3, 4);
  EXPECT_THROW(AddProduct(1, Matrix(3, 2), Matrix(4, 3), C), Error);
  EXPECT_THROW(AddProduct(1, Matrix(2, 2), Matrix(4, 2), C), Error);
  EXPECT_THROW(Cholesky(C), Error);
}

}  // namespace
}  // namespace sobolev::dense
