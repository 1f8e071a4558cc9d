#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <numbers>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include <Eigen/Dense>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>

#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/regression/labels.h"
#include "engine/regression/legendre.h"
#include "engine/regression/polynomial_fit.h"
#include "engine/regression/polynomial_surrogate.h"
#include "engine/regression/polynomial_system.h"
#include "engine/regression/terms.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/labelled_points.h"
#include "tests/engine/regression/problems.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::regression {
namespace {

std::vector<Second> Rosenbrock(const std::vector<Second>& x) {
  Second sum = 0.0;
  for (std::size_t i = 0; i + 1 < x.size(); ++i) {
    const Second a = x[i + 1] - x[i] * x[i];
    const Second b = 1.0 - x[i];
    sum += 100.0 * a * a + b * b;
  }
  return {sum};
}

// Two cubics in three inputs, each in its own.
std::vector<Second> Cubics(const std::vector<Second>& x) {
  return {1.0 + x[0] * x[0] * x[1] - 2.0 * x[2], x[1] * x[2] * x[2] + 0.5 * x[0] - 3.0};
}

std::vector<Second> Smooth(const std::vector<Second>& x) {
  return {exp(0.5 * x[0]) * sin(x[1] + 2.0 * x[2]), 1.0 / (6.0 + x[0] + x[1] * x[2])};
}

double ErrorOf(const PolynomialFit& fit, const Function& f, const Matrix& X) {
  const Derivatives truth = Differentiate(f, X);
  const Prediction prediction = PredictAll(*fit.surrogate, X);
  return std::max({ValueError(prediction.Y, truth.Y), GradientError(prediction.J, truth.J),
                   GradientError(prediction.H, truth.H)});
}

double Binomial(double n, double k) {
  return std::round(std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1)));
}

TEST(TermsTest, TotalDegreeSetsHaveAsManyTermsAsThereAreMonomials) {
  for (const Index n : {1, 3, 10}) {
    for (const Index degree : {0, 1, 2, 5}) {
      const Terms terms = HyperbolicTerms(n, degree, 1, 100000);
      EXPECT_EQ(static_cast<double>(terms.size()),
                Binomial(static_cast<double>(n + degree), static_cast<double>(degree)));
      EXPECT_EQ(std::set<Term>(terms.begin(), terms.end()).size(), terms.size());
    }
  }
  EXPECT_TRUE(HyperbolicTerms(10, 5, 1, 3002).empty());
  EXPECT_EQ(HyperbolicTerms(10, 5, 1, 3003).size(), 3003u);
}

TEST(TermsTest, NeighboursKeepASetDownwardClosed) {
  const Terms corner = {{}, {{0, 1}}, {{0, 2}}, {{1, 1}}};
  const Terms neighbours = Neighbours(corner, 3, 10, 100);
  const Terms expected = {{{2, 1}}, {{0, 1}, {1, 1}}, {{1, 2}}, {{0, 3}}};
  EXPECT_THAT(neighbours, testing::UnorderedElementsAreArray(expected));
  EXPECT_THAT(Neighbours(corner, 3, 2, 2), testing::SizeIs(2));
}

TEST(TermsTest, FarNeighboursSkipADegree) {
  const Terms odd = {{{0, 1}, {1, 1}}};
  const Terms expected = {{{0, 2}, {1, 1}}, {{0, 3}, {1, 1}}, {{0, 1}, {1, 2}}, {{0, 1}, {1, 3}}};
  EXPECT_THAT(FarNeighbours(odd, 2, 10, 100), testing::UnorderedElementsAreArray(expected));
  EXPECT_THAT(FarNeighbours(odd, 2, 10, 3), testing::SizeIs(3));
  EXPECT_THAT(FarNeighbours(odd, 2, 3, 100), testing::SizeIs(2));
}

TEST(LegendreTest, PolynomialsAreOrthonormalAndTheirDerivativesMatchDifferences) {
  constexpr Index kDegree = 6;
  constexpr int kPoints = 20000;
  Matrix gram = Matrix::Zero(kDegree + 1, kDegree + 1);
  Vector value(kDegree + 1);
  Vector first(kDegree + 1);
  Vector second(kDegree + 1);
  for (int k = 0; k < kPoints; ++k) {
    const double t = -1 + 2 * (k + 0.5) / kPoints;
    EvaluateLegendre<1>(&t, kDegree, value.data(), first.data(), second.data());
    gram += value * value.transpose() / kPoints;
  }
  EXPECT_THAT(gram, IsNearMatrix(Matrix::Identity(kDegree + 1, kDegree + 1), 1e-6));

  // Central differences of step h err by h² f‴/6 and ε/h: 1e-9 relative to third derivatives here.
  const double t = 0.37;
  const double h = 1e-5;
  EvaluateLegendre<1>(&t, kDegree, value.data(), first.data(), second.data());
  const double right = t + h;
  const double left = t - h;
  Matrix up(kDegree + 1, 3);
  Matrix down(kDegree + 1, 3);
  EvaluateLegendre<1>(&right, kDegree, up.col(0).data(), up.col(1).data(), up.col(2).data());
  EvaluateLegendre<1>(&left, kDegree, down.col(0).data(), down.col(1).data(), down.col(2).data());
  const Matrix differences = (up - down) / (2 * h);
  EXPECT_THAT(first, IsNearMatrix(differences.col(0), 1e-7));
  EXPECT_THAT(second, IsNearMatrix(differences.col(1), 1e-7));
}

TEST(PolynomialTest, RosenbrockInTenInputsIsRecoveredFromFiftyPointsWithGradients) {
  const LabelledPoints points = PointsOf(Rosenbrock, UniformMatrix(10, 50, 1, -2, 2));
  const PolynomialFit fit = FitPolynomial(points, AllWeights(points), AffineMaps::Identity(10, 1));
  EXPECT_LT(ErrorOf(fit, Rosenbrock, UniformMatrix(10, 100, 2, -2, 2)), 1e-10);
  EXPECT_LT(fit.report.cross_validation.Value(), 1e-10);
  EXPECT_LT(fit.report.cross_validation.Gradient(), 1e-10);
}

// Each kind of label alone determines a cubic, up to constants, which derivatives do not see.
// Only odd powers of one input times the other: most terms next to the good ones mean nothing.
TEST(PolynomialTest, TheSearchDoesNotStopAtOddFunctions) {
  const Function odd = [](const std::vector<Second>& x) {
    return std::vector<Second>{sin(2.0 * x[0]) * x[1]};
  };
  for (const Index num_points : {40, 60, 100, 200, 300}) {
    for (const std::uint64_t seed : {1, 2, 3}) {
      const LabelledPoints points = PointsOf(odd, UniformMatrix(2, num_points, seed));
      const PolynomialFit fit =
          FitPolynomial(points, AllWeights(points), AffineMaps::Identity(2, 1));
      EXPECT_LT(ErrorOf(fit, odd, UniformMatrix(2, 200, 99)), 1e-3) << num_points << " " << seed;
    }
  }
}

TEST(PolynomialTest, EveryKindOfLabelDeterminesACubic) {
  const Matrix X = UniformMatrix(3, 90, 3);
  const Matrix test = UniformMatrix(3, 20, 4);
  const AffineMaps maps = AffineMaps::Identity(3, 2);
  {
    LabelledPoints points = PointsOf(Cubics, X);
    points.J = Matrix();
    EXPECT_LT(ErrorOf(FitPolynomial(points, AllWeights(points), maps), Cubics, test), 1e-10);
  }
  const auto expect_derivatives = [&](const LabelledPoints& points, const char* kind) {
    SCOPED_TRACE(kind);
    const PolynomialFit fit = FitPolynomial(points, AllWeights(points), maps);
    const Derivatives truth = Differentiate(Cubics, test);
    const Prediction prediction = PredictAll(*fit.surrogate, test);
    if (points.curvatures.point.empty()) {
      EXPECT_LT(GradientError(prediction.J, truth.J), 1e-10);
    }
    EXPECT_LT(GradientError(prediction.H, truth.H), 1e-10);
  };
  LabelledPoints jacobians = PointsOf(Cubics, X);
  jacobians.Y.setConstant(std::numeric_limits<double>::quiet_NaN());
  expect_derivatives(jacobians, "Jacobians");
  LabelledPoints tangents = Unlabelled(X, 2);
  tangents.tangents = TangentsOf(Cubics, X, 5);
  expect_derivatives(tangents, "tangents");
  LabelledPoints adjoints = Unlabelled(X, 2);
  adjoints.adjoints = AdjointsOf(Cubics, X, 6);
  expect_derivatives(adjoints, "adjoints");
  LabelledPoints curvatures = Unlabelled(X, 2);
  curvatures.curvatures = CurvaturesOf(Cubics, X, 7);
  expect_derivatives(curvatures, "curvatures");
}

TEST(PolynomialTest, MissingEntriesDoNotMatter) {
  LabelledPoints points = PointsOf(Cubics, UniformMatrix(3, 60, 8));
  Rng rng(9);
  for (double& entry : points.J.reshaped()) {
    if (rng.Uniform() < 0.5) entry = std::numeric_limits<double>::quiet_NaN();
  }
  for (double& entry : points.Y.reshaped()) {
    if (rng.Uniform() < 0.3) entry = std::numeric_limits<double>::quiet_NaN();
  }
  const PolynomialFit fit = FitPolynomial(points, AllWeights(points), AffineMaps::Identity(3, 2));
  EXPECT_LT(ErrorOf(fit, Cubics, UniformMatrix(3, 20, 10)), 1e-10);
}

// The closed form against doing it: dropping the point and solving again.
TEST(PolynomialTest, LeaveOneOutErrorsAreThoseOfFitsWithoutThePoint) {
  LabelledPoints points = PointsOf(Smooth, UniformMatrix(3, 25, 11));
  points.adjoints = AdjointsOf(Smooth, points.X, 12);  // Couples the outputs.
  points.weight = UniformMatrix(25, 1, 13, 0.5, 1.5);
  const Labels labels = MakeLabels(points, AllWeights(points));
  const LabelGroup& group = labels.groups[0];
  const Box box = Box::Around(points.X);
  const Terms terms = HyperbolicTerms(3, 2, 1, 1000);
  const double ridge = 1e-4;
  PolynomialSystem system(group, points.X, box);
  system.SetTerms(terms, {});
  ASSERT_TRUE(system.Solve(ridge, 2, {}));
  Vector errors;
  ASSERT_TRUE(system.LeaveOneOut(errors, {}));

  // The penalty refers to the Gram matrix of all labels, so the one to compare with is assembled
  // by hand: columns from fits of single labels are not available, differences of the model are.
  const Index size = system.NumUnknowns();
  Matrix columns(size, group.NumLabels());
  for (Index k = 0; k < group.NumLabels(); ++k) {
    columns.col(k) = system.Column(k);
  }
  const Matrix gram = columns * columns.transpose();
  for (const Index left_out : {0, 7, 24}) {
    Matrix reduced = gram;
    Vector moments = Vector::Zero(size);
    for (Index k = 0; k < group.NumLabels(); ++k) {
      if (group[k].point == left_out) {
        reduced -= columns.col(k) * columns.col(k).transpose();
      } else {
        moments += std::sqrt(group[k].weight) * group[k].target * columns.col(k);
      }
    }
    reduced.diagonal() += ridge * gram.diagonal();
    const Vector c = reduced.ldlt().solve(moments);
    for (Index k = group.First(left_out); k < group.First(left_out + 1); ++k) {
      const double expected = columns.col(k).dot(c) / std::sqrt(group[k].weight) - group[k].target;
      EXPECT_NEAR(errors(k), expected, 1e-9 * (1 + std::abs(expected)));
    }
  }
}

// Noise of the fit to all 8,000 labels: 0.1 √(10/8000) = 0.0035; to the part of the points on which
// the terms are found: 0.016.
TEST(PolynomialTest, TermsAreFoundOnAPartOfThePointsAndFittedToAll) {
  LabelledPoints points = PointsOf(Cubics, UniformMatrix(3, 2000, 16));
  points.Y += 0.1 * NormalMatrix(2, 2000, 17);
  points.J += 0.1 * NormalMatrix(3, 4000, 18);
  const PolynomialFit fit = FitPolynomial(points, AllWeights(points), AffineMaps::Identity(3, 2),
                                          {.max_search_labels = 400});
  EXPECT_EQ(fit.report.num_labels, 16000);
  const Matrix test = UniformMatrix(3, 200, 19);
  const Prediction prediction = PredictAll(*fit.surrogate, test);
  const Derivatives truth = Differentiate(Cubics, test);
  EXPECT_LT(std::sqrt((prediction.Y - truth.Y).squaredNorm() / 400), 0.007);
}

// Close to the points: beyond the outermost ones errors are larger than between them.
// Rastrigin's function has more than two waves along each input: terms up to degree 14 leave 1e-3.
TEST(PolynomialTest, DegreesGrowAsLongAsPointsAllow) {
  const Function waves = [](const std::vector<Second>& x) {
    Second sum = 20.0;
    for (const Second& a : x) sum += a * a - 10.0 * cos(2.0 * std::numbers::pi * a);
    return std::vector<Second>{sum};
  };
  const LabelledPoints points = PointsOf(waves, UniformMatrix(2, 100, 1, -1, 1.5));
  const PolynomialFit fit = FitPolynomial(points, AllWeights(points), AffineMaps::Identity(2, 1));
  const Matrix inside = UniformMatrix(2, 300, 2, -0.9, 1.4);
  const Derivatives truth = Differentiate(waves, inside);
  const Prediction prediction = PredictAll(*fit.surrogate, inside);
  EXPECT_LT(ValueError(prediction.Y, truth.Y), 1e-8);
  EXPECT_LT(GradientError(prediction.J, truth.J), 1e-7);
}

TEST(PolynomialTest, CrossValidationTellsTheErrorAtNewPoints) {
  const LabelledPoints points = PointsOf(Smooth, UniformMatrix(3, 120, 14));
  const PolynomialFit fit = FitPolynomial(points, AllWeights(points), AffineMaps::Identity(3, 2));
  const Matrix test = UniformMatrix(3, 500, 15, -0.9, 0.9);
  const Derivatives truth = Differentiate(Smooth, test);
  const Prediction prediction = PredictAll(*fit.surrogate, test);
  const CrossValidation& report = fit.report.cross_validation;
  for (Index i = 0; i < 2; ++i) {
    const double error = ValueError(prediction.Y.row(i), truth.Y.row(i));
    EXPECT_LT(error, 1e-2);
    EXPECT_LT(error, 5 * report.value_nrmse(i));
    EXPECT_GT(error, report.value_nrmse(i) / 5);
  }
}

TEST(PolynomialTest, NoiseIsAveragedAndNotFitted) {
  LabelledPoints points = PointsOf(Cubics, UniformMatrix(3, 200, 16));
  points.Y += 0.1 * NormalMatrix(2, 200, 17);
  points.J += 0.1 * NormalMatrix(3, 400, 18);
  const PolynomialFit fit = FitPolynomial(points, AllWeights(points), AffineMaps::Identity(3, 2));
  const Matrix test = UniformMatrix(3, 200, 19);
  const Derivatives truth = Differentiate(Cubics, test);
  const Prediction prediction = PredictAll(*fit.surrogate, test);
  // 800 labels of noise 0.1 for about 10 coefficients: 0.1 √(10/800) = 0.011.
  EXPECT_LT(std::sqrt((prediction.Y - truth.Y).squaredNorm() / 400), 0.025);
}

// The model as its header says, in scalars that differentiate themselves.
Function Independent(const PolynomialSurrogate& surrogate) {
  return [&surrogate](const std::vector<Second>& x) {
    const AffineMaps& maps = surrogate.maps();
    const auto r = static_cast<std::size_t>(maps.r());
    std::vector<Second> t(r);
    for (std::size_t j = 0; j < r; ++j) {
      const auto row = static_cast<Index>(j);
      Second sum = 0.0;
      for (std::size_t k = 0; k < x.size(); ++k) {
        const auto column = static_cast<Index>(k);
        const double factor =
            maps.Dense() ? maps.A(row, column) : (j == k ? maps.x_factor(row) : 0.0);
        sum += factor * (x[k] - maps.x_mean(column));
      }
      t[j] = (sum - surrogate.box().centre(row)) * surrogate.box().scale(row);
    }
    const auto legendre = [](const Second& u, int degree) {
      Second before = 1.0;
      Second now = u;
      if (degree == 0) return before;
      for (int k = 1; k < degree; ++k) {
        const Second next = ((2.0 * k + 1) * u * now - double(k) * before) / (k + 1.0);
        before = now;
        now = next;
      }
      return now;
    };
    std::vector<Second> y(static_cast<std::size_t>(maps.m()), Second(0.0));
    for (const PolynomialSurrogate::Part& part : surrogate.parts()) {
      for (std::size_t p = 0; p < part.terms.size(); ++p) {
        Second product = 1.0;
        for (const Factor& factor : part.terms[p]) {
          product *= std::sqrt(2.0 * factor.degree + 1) *
                     legendre(t[static_cast<std::size_t>(factor.axis)], factor.degree);
        }
        for (std::size_t o = 0; o < part.outputs.size(); ++o) {
          y[static_cast<std::size_t>(part.outputs[o])] +=
              part.C(static_cast<Index>(p), static_cast<Index>(o)) * product;
        }
      }
    }
    for (std::size_t i = 0; i < y.size(); ++i) {
      const auto row = static_cast<Index>(i);
      y[i] = maps.y_mean(row) + maps.y_scale(row) * y[i];
    }
    return y;
  };
}

void ExpectDerivatives(const PolynomialSurrogate& surrogate, const Matrix& X) {
  const Derivatives truth = Differentiate(Independent(surrogate), X);
  const Prediction prediction = PredictAll(surrogate, X);
  EXPECT_THAT(prediction.Y, IsNearMatrix(truth.Y, 1e-12));
  EXPECT_THAT(prediction.J, IsNearMatrix(truth.J, 1e-12));
  EXPECT_THAT(prediction.H, IsNearMatrix(truth.H, 1e-12));
  const Index m = surrogate.m();
  for (Index s = 0; s < X.cols(); ++s) {
    const Matrix J = truth.J.middleCols(s * m, m);
    EXPECT_THAT(prediction.Y_dot.middleCols(2 * s, 2),
                IsNearMatrix(J.transpose() * prediction.X_dot.middleCols(2 * s, 2), 1e-12));
    EXPECT_THAT(prediction.X_bar.middleCols(3 * s, 3),
                IsNearMatrix(J * prediction.Y_bar.middleCols(3 * s, 3), 1e-12));
  }
}

TEST(PolynomialTest, PredictsEveryDerivativeInTheUnitsOfTheUser) {
  const LabelledPoints points = PointsOf(Smooth, UniformMatrix(3, 40, 20));
  const PolynomialFit diagonal = FitPolynomial(points, AllWeights(points), DiagonalMaps(3, 2));
  ExpectDerivatives(*diagonal.surrogate, NormalMatrix(3, 13, 21));
  const PolynomialFit dense = FitPolynomial(points, AllWeights(points), DenseMaps(3, 5, 2));
  EXPECT_EQ(dense.surrogate->n(), 5);
  ExpectDerivatives(*dense.surrogate, NormalMatrix(5, 13, 22));
}

TEST(PolynomialTest, ThreadsAndBatchesChangeNoBits) {
  const LabelledPoints points = PointsOf(Smooth, UniformMatrix(3, 80, 23));
  const auto fit = [&] { return FitPolynomial(points, AllWeights(points), DiagonalMaps(3, 2)); };
  const PolynomialFit many = fit();
  std::string alone;
  {
    const oneapi::tbb::global_control one(oneapi::tbb::global_control::max_allowed_parallelism, 1);
    alone = Bytes(*fit().surrogate);
  }
  EXPECT_EQ(Bytes(*many.surrogate), alone);

  const Matrix X = NormalMatrix(3, 3001, 24);
  const Prediction batch = PredictAll(*many.surrogate, X);
  for (const Index s : {0, 11, 3000}) {
    const Prediction single = PredictAll(*many.surrogate, X.col(s));
    EXPECT_EQ(single.Y, batch.Y.col(s));
    EXPECT_EQ(single.J, batch.J.middleCols(2 * s, 2));
    EXPECT_EQ(single.H, batch.H.middleCols(6 * s, 6));
  }
}

TEST(PolynomialTest, SavedAndLoadedItIsTheSame) {
  const LabelledPoints points = PointsOf(Smooth, UniformMatrix(3, 40, 25));
  const PolynomialFit fit = FitPolynomial(points, AllWeights(points), DenseMaps(3, 4, 2));
  const std::string bytes = Bytes(*fit.surrogate);
  ByteReader reader(bytes);
  const std::unique_ptr<PolynomialSurrogate> loaded = PolynomialSurrogate::Load(reader);
  reader.Finish();
  EXPECT_EQ(Bytes(*loaded), bytes);
  const Matrix X = NormalMatrix(4, 5, 26);
  EXPECT_EQ(PredictAll(*loaded, X).H, PredictAll(*fit.surrogate, X).H);
  EXPECT_EQ(loaded->NumParameters(), fit.surrogate->NumParameters());
  EXPECT_EQ(loaded->SizeBytes(), fit.surrogate->SizeBytes());
}

TEST(PolynomialTest, StopsWhenAskedTo) {
  const LabelledPoints points = PointsOf(Smooth, UniformMatrix(3, 40, 27));
  std::stop_source source;
  source.request_stop();
  try {
    FitPolynomial(points, AllWeights(points), AffineMaps::Identity(3, 2), {}, source.get_token());
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST(PolynomialTest, TheBudgetBoundsTheSearch) {
  const LabelledPoints points = PointsOf(Smooth, UniformMatrix(3, 80, 28));
  const LossWeights weights = AllWeights(points);
  const PolynomialOptions poor{.max_cost = 1e4};
  const PolynomialFit fit = FitPolynomial(points, weights, AffineMaps::Identity(3, 2), poor);
  const FitSizes sizes = FitSizes::Of(points, weights);
  EXPECT_LT(PolynomialFitCost(sizes, poor), PolynomialFitCost(sizes));
  for (const PolynomialSurrogate::Part& part : fit.surrogate->parts()) {
    EXPECT_LE(part.terms.size(), 5u);
  }
}

// Too few labels for anything, inputs that do not vary, outputs that do not vary.
TEST(PolynomialTest, DegenerateDataGiveFiniteModels) {
  LabelledPoints single = PointsOf(Smooth, UniformMatrix(3, 1, 29));
  LabelledPoints constant_input = PointsOf(Smooth, UniformMatrix(3, 30, 30));
  constant_input.X.row(1).setConstant(0.5);
  constant_input.J = Matrix();
  LabelledPoints constant_output = PointsOf(Smooth, UniformMatrix(3, 30, 31));
  constant_output.Y.setConstant(7);
  constant_output.J.setZero();
  LabelledPoints one_output = PointsOf(Smooth, UniformMatrix(3, 30, 32));
  one_output.Y.row(1).setConstant(std::numeric_limits<double>::quiet_NaN());
  one_output.J = Matrix();
  LabelledPoints repeated = PointsOf(Smooth, UniformMatrix(3, 1, 33).replicate(1, 9));
  for (const LabelledPoints& points :
       {single, constant_input, constant_output, one_output, repeated}) {
    const PolynomialFit fit = FitPolynomial(points, AllWeights(points), AffineMaps::Identity(3, 2));
    const Prediction prediction = PredictAll(*fit.surrogate, UniformMatrix(3, 10, 34));
    EXPECT_TRUE(prediction.Y.allFinite());
    EXPECT_TRUE(prediction.H.allFinite());
  }
}

}  // namespace
}  // namespace sobolev::regression
