#include "engine/regression/gaussian_process.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <Eigen/Dense>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/global_control.h>

#include "engine/ad/tangent.h"
#include "engine/base/byte_codec.h"
#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/regression/covariance.h"
#include "engine/regression/gaussian_process_fit.h"
#include "engine/regression/kernel.h"
#include "engine/regression/labels.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/labelled_points.h"
#include "tests/engine/regression/problems.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::regression {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

std::vector<Second> Smooth(const std::vector<Second>& x) {
  return {exp(0.5 * x[0]) * sin(x[1] + x[2]), cos(x[0] + 0.5 * x[1] * x[2])};
}

std::vector<Second> Rastrigin(const std::vector<Second>& x) {
  Second sum = 0.0;
  for (const Second& x_j : x) sum += x_j * x_j - 10.0 * cos(2 * M_PI * x_j);
  return {0.1 * sum};
}

// Points of the process' own kind: standardised about.
LabelledPoints SmoothPoints(Index count, std::uint64_t seed) {
  return PointsOf(Smooth, UniformMatrix(3, count, seed, -1.7, 1.7));
}

struct Spreads {
  Matrix Y;
  Matrix J;
};

Spreads SpreadsAt(const Surrogate& surrogate, const Matrix& X) {
  Spreads spreads{Matrix(surrogate.m(), X.cols()), Matrix(surrogate.n(), surrogate.m() * X.cols())};
  PredictionBuffers out;
  out.Y_spread = spreads.Y.data();
  out.J_spread = spreads.J.data();
  surrogate.Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), std::nullopt, std::nullopt, out);
  return spreads;
}

// The posterior mean as the header says, the derivative of k in z_s as one more tangent.
Function Independent(const GaussianProcess& process) {
  using Third = ad::Tangent<Second>;
  return [&process](const std::vector<Second>& x) {
    const AffineMaps& maps = process.maps();
    const auto r = static_cast<std::size_t>(maps.r());
    std::vector<Second> x_hat(r);
    for (std::size_t j = 0; j < r; ++j) {
      Second sum = 0.0;
      for (std::size_t k = 0; k < x.size(); ++k) {
        const auto row = static_cast<Index>(j);
        const auto column = static_cast<Index>(k);
        const double factor =
            maps.Dense() ? maps.A(row, column) : (j == k ? maps.x_factor(row) : 0.0);
        sum += factor * (x[k] - maps.x_mean(column));
      }
      x_hat[j] = sum;
    }
    std::vector<Second> y(static_cast<std::size_t>(maps.m()));
    for (const GaussianProcess::Part& part : process.parts()) {
      const auto num_outputs = static_cast<Index>(part.outputs.size());
      for (Index o = 0; o < num_outputs; ++o) {
        Second sum = part.mean(o);
        for (Index s = 0; s < part.Z.cols(); ++s) {
          Third squares = Second(0.0);
          for (std::size_t j = 0; j < r; ++j) {
            const auto row = static_cast<Index>(j);
            const double g = part.G.cols() > 0 ? part.G(row, s * num_outputs + o) : 0;
            const Second z = x_hat[j] * std::exp(-part.hyperparameters.log_lengths(row));
            const Third difference = Third(z) - Third(Second(part.Z(row, s)), Second(g));
            squares += difference * difference;
          }
          Third k = exp(squares * -0.5);
          if (part.hyperparameters.kind == KernelKind::kMatern52) {
            const Third a = sqrt(squares * 5.0);
            k = (1.0 + a + a * a / 3.0) * exp(-a);
          }
          sum += part.B(o, s) * k.value + k.dot;
        }
        const Index output = part.outputs[static_cast<std::size_t>(o)];
        y[static_cast<std::size_t>(output)] = maps.y_mean(output) + maps.y_scale(output) * sum;
      }
    }
    return y;
  };
}

void ExpectDerivatives(const GaussianProcess& process, const Matrix& X) {
  const Derivatives truth = Differentiate(Independent(process), X);
  const Prediction prediction = PredictAll(process, X);
  // Large coefficients of opposite signs cancel in the sums.
  double size = 1;
  for (const GaussianProcess::Part& part : process.parts()) {
    size = std::max(size, part.B.cwiseAbs().maxCoeff());
    if (part.G.size() > 0) size = std::max(size, part.G.cwiseAbs().maxCoeff());
  }
  const double tolerance = 1e-14 * size + 1e-12;
  EXPECT_LT(tolerance, 1e-6);
  EXPECT_THAT(prediction.Y, IsNearMatrix(truth.Y, tolerance));
  EXPECT_THAT(prediction.J, IsNearMatrix(truth.J, tolerance));
  EXPECT_THAT(prediction.H, IsNearMatrix(truth.H, tolerance));
  const Index m = process.m();
  for (Index s = 0; s < X.cols(); ++s) {
    const Matrix J = prediction.J.middleCols(s * m, m);
    EXPECT_THAT(prediction.Y_dot.middleCols(2 * s, 2),
                IsNearMatrix(J.transpose() * prediction.X_dot.middleCols(2 * s, 2), 1e-12));
    EXPECT_THAT(prediction.X_bar.middleCols(3 * s, 3),
                IsNearMatrix(J * prediction.Y_bar.middleCols(3 * s, 3), 1e-12));
  }
}

TEST(GaussianProcessTest, PredictsEveryDerivativeInTheUnitsOfTheUser) {
  LabelledPoints points = SmoothPoints(15, 1);
  const GaussianProcessFit diagonal =
      FitGaussianProcess(points, AllWeights(points), DiagonalMaps(3, 2));
  ExpectDerivatives(*diagonal.surrogate, NormalMatrix(3, 11, 2));
  const GaussianProcessFit dense =
      FitGaussianProcess(points, AllWeights(points), DenseMaps(3, 5, 2));
  ExpectDerivatives(*dense.surrogate, NormalMatrix(5, 11, 3));
  points.adjoints = AdjointsOf(Smooth, points.X, 4);
  points.tangents = TangentsOf(Smooth, points.X, 5);
  points.J = Matrix();
  const GaussianProcessFit coupled =
      FitGaussianProcess(points, AllWeights(points), DiagonalMaps(3, 2));
  EXPECT_EQ(coupled.surrogate->parts().size(), 1u);
  ExpectDerivatives(*coupled.surrogate, NormalMatrix(3, 11, 6));
  points.adjoints = {};
  points.tangents = {};
  const GaussianProcessFit values =
      FitGaussianProcess(points, AllWeights(points), DiagonalMaps(3, 2));
  ExpectDerivatives(*values.surrogate, NormalMatrix(3, 11, 7));
}

// Matérn processes have derivatives of their own, so one is made by hand.
TEST(GaussianProcessTest, MaternProcessesPredictEveryDerivative) {
  const LabelledPoints points = SmoothPoints(15, 1);
  const GaussianProcessFit fit = FitGaussianProcess(points, AllWeights(points), DiagonalMaps(3, 2));
  std::vector<GaussianProcess::Part> parts = fit.surrogate->parts();
  for (GaussianProcess::Part& part : parts) part.hyperparameters.kind = KernelKind::kMatern52;
  const GaussianProcess matern(DiagonalMaps(3, 2), parts);
  ExpectDerivatives(matern, NormalMatrix(3, 11, 2));
}

TEST(GaussianProcessTest, ReproducesLabelsWithoutNoiseAndKnowsThatItDoes) {
  const LabelledPoints points = SmoothPoints(30, 8);
  const GaussianProcessFit fit =
      FitGaussianProcess(points, AllWeights(points), AffineMaps::Identity(3, 2));
  const Prediction prediction = PredictAll(*fit.surrogate, points.X);
  EXPECT_THAT(prediction.Y, IsNearMatrix(points.Y, 1e-4));
  EXPECT_THAT(prediction.J, IsNearMatrix(points.J, 1e-3));
  const Spreads at_points = SpreadsAt(*fit.surrogate, points.X);
  const Spreads elsewhere = SpreadsAt(*fit.surrogate, UniformMatrix(3, 30, 9, -1.7, 1.7));
  EXPECT_LT(at_points.Y.maxCoeff(), 0.05 * elsewhere.Y.mean());
  EXPECT_LT(at_points.J.maxCoeff(), 0.05 * elsewhere.J.mean());
}

// Every kind of first-order label helps: the error falls well below that of values alone.
TEST(GaussianProcessTest, LearnsFromEveryKindOfLabel) {
  const Matrix X = UniformMatrix(3, 30, 10, -1.7, 1.7);
  const Matrix test = UniformMatrix(3, 300, 11, -1.7, 1.7);
  const Derivatives truth = Differentiate(Smooth, test);
  const auto error_of = [&](const LabelledPoints& points) {
    const GaussianProcessFit fit =
        FitGaussianProcess(points, AllWeights(points), AffineMaps::Identity(3, 2));
    return ValueError(PredictAll(*fit.surrogate, test).Y, truth.Y);
  };
  LabelledPoints points = PointsOf(Smooth, X);
  const double with_jacobians = error_of(points);
  points.J = Matrix();
  const double with_values = error_of(points);
  points.tangents = TangentsOf(Smooth, X, 12);
  const double with_tangents = error_of(points);
  points.tangents = {};
  points.adjoints = AdjointsOf(Smooth, X, 13);
  const double with_adjoints = error_of(points);
  EXPECT_LT(with_jacobians, 0.3 * with_values);
  EXPECT_LT(with_tangents, 0.7 * with_values);
  EXPECT_LT(with_adjoints, 0.7 * with_values);
}

TEST(GaussianProcessTest, CurvatureAloneSaysNothingToIt) {
  LabelledPoints points = Unlabelled(UniformMatrix(3, 4, 14), 2);
  points.curvatures = CurvaturesOf(Smooth, points.X, 15);
  const GaussianProcessFit fit =
      FitGaussianProcess(points, AllWeights(points), AffineMaps::Identity(3, 2));
  EXPECT_EQ(fit.report.num_ignored_labels, 12);
  const Prediction prediction = PredictAll(*fit.surrogate, points.X);
  EXPECT_THAT(prediction.Y, IsNearMatrix(Matrix::Zero(2, 4), 0));
  EXPECT_THAT(SpreadsAt(*fit.surrogate, points.X).Y, IsNearMatrix(Matrix::Ones(2, 4), 0));
}

// Functions drawn from a process: the errors at new points, relative to the spread, have mean
// square 1.
TEST(GaussianProcessTest, SpreadIsCalibratedOnSampledProcesses) {
  constexpr Index kTrain = 25;
  constexpr Index kTest = 60;
  double value_squares = 0;
  double gradient_squares = 0;
  constexpr int kDraws = 12;
  for (int draw = 0; draw < kDraws; ++draw) {
    Functionals functionals;
    functionals.X =
        UniformMatrix(2, kTrain + kTest, 100 + static_cast<std::uint64_t>(draw), -1.7, 1.7);
    functionals.D.resize(2, 0);
    functionals.first.push_back(0);
    for (Index s = 0; s < kTrain + kTest; ++s) {
      for (const std::int32_t axis : {Functionals::kValue, 0, 1}) functionals.axis.push_back(axis);
      functionals.first.push_back(3 * s + 3);
    }
    functionals.column.assign(functionals.axis.size(), 0);
    functionals.weight = Vector::Ones(functionals.NumLabels());
    Vector log_lengths(2);
    log_lengths << std::log(0.6), std::log(1.1);
    const Covariance covariance(functionals, {.log_lengths = log_lengths,
                                              .log_value_noise = std::log(1e-9),
                                              .log_gradient_noise = std::log(1e-9)});
    Matrix K = Matrix::Zero(functionals.NumLabels(), functionals.NumLabels());
    covariance.Assemble(K, {});
    const Matrix L = K.llt().matrixL();
    const Vector sample = covariance.scale().cwiseProduct(
        L * NormalMatrix(K.rows(), 1, 200 + static_cast<std::uint64_t>(draw)));
    LabelledPoints points{.X = functionals.X.leftCols(kTrain),
                          .Y = Matrix(1, kTrain),
                          .J = Matrix(2, kTrain),
                          .weight = Vector::Ones(kTrain)};
    for (Index s = 0; s < kTrain; ++s) {
      points.Y(0, s) = sample(3 * s);
      points.J.col(s) = sample.segment(3 * s + 1, 2);
    }
    const GaussianProcessFit fit =
        FitGaussianProcess(points, AllWeights(points), AffineMaps::Identity(2, 1));
    const Matrix test = functionals.X.rightCols(kTest);
    const Prediction prediction = PredictAll(*fit.surrogate, test);
    const Spreads spreads = SpreadsAt(*fit.surrogate, test);
    for (Index s = 0; s < kTest; ++s) {
      const Index first = 3 * (kTrain + s);
      const double value = (prediction.Y(0, s) - sample(first)) / spreads.Y(0, s);
      value_squares += value * value;
      for (Index j = 0; j < 2; ++j) {
        const double partial = (prediction.J(j, s) - sample(first + 1 + j)) / spreads.J(j, s);
        gradient_squares += partial * partial / 2;
      }
    }
  }
  // Errors of neighbours are correlated and lengths are estimated from 75 labels: of 720 squares
  // some hundred are independent, which leaves a relative deviation of about 0.15.
  EXPECT_NEAR(value_squares / (kDraws * kTest), 1, 0.5);
  EXPECT_NEAR(gradient_squares / (kDraws * kTest), 1, 0.5);
}

TEST(GaussianProcessTest, SpreadIsThatOfConditioning) {
  // With two labels everything can be written down: Var = k − kᵀ K⁻¹ k and what the mean adds.
  LabelledPoints points = Unlabelled(Matrix::Zero(1, 2), 1);
  points.X(0, 1) = 1;
  points.Y << 0.3, -0.4;
  const GaussianProcessFit fit =
      FitGaussianProcess(points, AllWeights(points), AffineMaps::Identity(1, 1));
  const GaussianProcess::Part& part = fit.surrogate->parts()[0];
  const double length = std::exp(part.hyperparameters.log_lengths(0));
  const auto k = [&](double a, double b) {
    return EvaluateKernel(part.hyperparameters.kind, (a - b) * (a - b) / (2 * length * length)).h0;
  };
  const double noise = std::exp(part.hyperparameters.log_value_noise);
  Matrix K(2, 2);
  K << 1 + noise, k(0, 1), k(0, 1), 1 + noise;
  Vector k_x(2);
  k_x << k(0.3, 0), k(0.3, 1);
  const Vector ones = Vector::Ones(2);
  const double rest = 1 - ones.dot(K.inverse() * k_x);
  const double variance =
      1 - k_x.dot(K.inverse() * k_x) + rest * rest / ones.dot(K.inverse() * ones);
  const double expected = part.deviation(0) * std::sqrt(variance);
  EXPECT_NEAR(SpreadsAt(*fit.surrogate, Matrix::Constant(1, 1, 0.3)).Y(0, 0), expected,
              1e-6 * part.deviation(0));
}

TEST(GaussianProcessTest, FindsShortLengths) {
  const LabelledPoints points = PointsOf(Rastrigin, UniformMatrix(2, 100, 16, -1.5, 1.5));
  const GaussianProcessFit fit =
      FitGaussianProcess(points, AllWeights(points), AffineMaps::Identity(2, 1));
  const Matrix test = UniformMatrix(2, 300, 17, -1.5, 1.5);
  const Derivatives truth = Differentiate(Rastrigin, test);
  EXPECT_LT(ValueError(PredictAll(*fit.surrogate, test).Y, truth.Y), 1e-2);
}

TEST(GaussianProcessTest, TakesNoiseForNoise) {
  LabelledPoints points = SmoothPoints(80, 18);
  points.Y += 0.2 * NormalMatrix(2, 80, 19);
  points.J += 0.2 * NormalMatrix(3, 160, 20);
  const GaussianProcessFit fit =
      FitGaussianProcess(points, AllWeights(points), AffineMaps::Identity(3, 2));
  const Matrix test = UniformMatrix(3, 300, 21, -1.7, 1.7);
  const Derivatives truth = Differentiate(Smooth, test);
  const Prediction prediction = PredictAll(*fit.surrogate, test);
  EXPECT_LT((prediction.Y - truth.Y).norm() / std::sqrt(600.0), 0.1);
  for (const GaussianProcess::Part& part : fit.surrogate->parts()) {
    for (Index o = 0; o < part.deviation.size(); ++o) {
      const double noise = part.deviation(o) * std::exp(0.5 * part.hyperparameters.log_value_noise);
      EXPECT_GT(noise, 0.05);
      EXPECT_LT(noise, 0.5);
    }
  }
}

// Heavier points are less noisy: halving the weight of wild points brings the fit to the others.
TEST(GaussianProcessTest, WeightsOfPointsAreInverseVariances) {
  const Matrix X = UniformMatrix(1, 40, 22, -1.7, 1.7);
  const Function sine = [](const std::vector<Second>& x) {
    return std::vector<Second>{sin(2.0 * x[0])};
  };
  LabelledPoints points = PointsOf(sine, X);
  points.J = Matrix();
  for (Index s = 0; s < 40; ++s) {
    const double deviation = s % 2 == 0 ? 0.01 : 0.5;
    points.Y(0, s) += deviation * NormalMatrix(1, 40, 23)(0, s);
    points.weight(s) = s % 2 == 0 ? 2500 : 1;
  }
  const Matrix test = UniformMatrix(1, 200, 24, -1.6, 1.6);
  const Derivatives truth = Differentiate(sine, test);
  const auto error_of = [&](const LabelledPoints& some) {
    const GaussianProcessFit fit =
        FitGaussianProcess(some, AllWeights(some), AffineMaps::Identity(1, 1));
    return ValueError(PredictAll(*fit.surrogate, test).Y, truth.Y);
  };
  const double weighted = error_of(points);
  points.weight.setOnes();
  EXPECT_LT(weighted, 0.3 * error_of(points));
  EXPECT_LT(weighted, 0.05);
}

TEST(GaussianProcessTest, CrossValidationTellsTheErrorAtNewPoints) {
  const LabelledPoints points = SmoothPoints(120, 25);
  const GaussianProcessFit fit =
      FitGaussianProcess(points, AllWeights(points), AffineMaps::Identity(3, 2));
  const Matrix test = UniformMatrix(3, 500, 26, -1.7, 1.7);
  const Derivatives truth = Differentiate(Smooth, test);
  const Prediction prediction = PredictAll(*fit.surrogate, test);
  for (Index i = 0; i < 2; ++i) {
    const double error = ValueError(prediction.Y.row(i), truth.Y.row(i));
    EXPECT_LT(error, 5 * fit.report.cross_validation.value_nrmse(i));
    EXPECT_GT(error, fit.report.cross_validation.value_nrmse(i) / 5);
  }
}

TEST(GaussianProcessTest, TooManyLabelsAreRefusedOrSomeAreChosen) {
  LabelledPoints points = SmoothPoints(2001, 27);  // 8004 labels of each output.
  const LossWeights weights = AllWeights(points);
  const AffineMaps maps = AffineMaps::Identity(3, 2);
  try {
    FitGaussianProcess(points, weights, maps);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
    EXPECT_THAT(error.what(), testing::HasSubstr("max_labels"));
  }
  EXPECT_TRUE(std::isinf(GaussianProcessFitCost(FitSizes::Of(points, weights))));

  const LabelledPoints fewer = SmoothPoints(100, 28);
  GaussianProcessOptions options{.max_labels = 250};
  const GaussianProcessFit values = FitGaussianProcess(fewer, AllWeights(fewer), maps, options);
  // 100 values and the derivatives of 50 points.
  EXPECT_EQ(values.report.num_labels, 2 * 250);
  EXPECT_EQ(values.report.num_ignored_labels, 2 * 150);
  EXPECT_EQ(values.surrogate->parts()[0].Z.cols(), 100);
  options.max_labels = 120;
  const GaussianProcessFit whole = FitGaussianProcess(fewer, AllWeights(fewer), maps, options);
  EXPECT_EQ(whole.report.num_labels, 2 * 120);
  EXPECT_EQ(whole.surrogate->parts()[0].Z.cols(), 30);
}

TEST(GaussianProcessTest, SpreadByFewerLabelsIsLarger) {
  const LabelledPoints points = SmoothPoints(40, 29);
  const AffineMaps maps = AffineMaps::Identity(3, 2);
  const GaussianProcessFit all = FitGaussianProcess(points, AllWeights(points), maps);
  const GaussianProcessFit some =
      FitGaussianProcess(points, AllWeights(points), maps, {.max_spread_labels = 80});
  const Matrix test = UniformMatrix(3, 50, 30, -1.7, 1.7);
  EXPECT_EQ(PredictAll(*all.surrogate, test).Y, PredictAll(*some.surrogate, test).Y);
  EXPECT_GE((SpreadsAt(*some.surrogate, test).Y - SpreadsAt(*all.surrogate, test).Y).minCoeff(),
            -1e-12);
  EXPECT_LT(some.surrogate->SizeBytes(), all.surrogate->SizeBytes());
}

TEST(GaussianProcessTest, ThreadsAndBatchesChangeNoBits) {
  const LabelledPoints points = SmoothPoints(40, 31);
  const auto fit = [&] {
    return FitGaussianProcess(points, AllWeights(points), DiagonalMaps(3, 2));
  };
  const GaussianProcessFit many = fit();
  std::string alone;
  {
    const oneapi::tbb::global_control one(oneapi::tbb::global_control::max_allowed_parallelism, 1);
    alone = Bytes(*fit().surrogate);
  }
  EXPECT_EQ(Bytes(*many.surrogate), alone);

  const Matrix X = NormalMatrix(3, 301, 32);
  const Prediction batch = PredictAll(*many.surrogate, X);
  const Spreads spreads = SpreadsAt(*many.surrogate, X);
  for (const Index s : {0, 11, 300}) {
    const Prediction single = PredictAll(*many.surrogate, X.col(s));
    EXPECT_EQ(single.Y, batch.Y.col(s));
    EXPECT_EQ(single.J, batch.J.middleCols(2 * s, 2));
    EXPECT_EQ(single.H, batch.H.middleCols(6 * s, 6));
    EXPECT_EQ(SpreadsAt(*many.surrogate, X.col(s)).J, spreads.J.middleCols(2 * s, 2));
  }
}

TEST(GaussianProcessTest, SavedAndLoadedItIsTheSame) {
  LabelledPoints points = SmoothPoints(20, 33);
  for (const bool coupled : {false, true}) {
    if (coupled) points.adjoints = AdjointsOf(Smooth, points.X, 34);
    const GaussianProcessFit fit =
        FitGaussianProcess(points, AllWeights(points), DenseMaps(3, 4, 2));
    const std::string bytes = Bytes(*fit.surrogate);
    ByteReader reader(bytes);
    const std::unique_ptr<GaussianProcess> loaded = GaussianProcess::Load(reader);
    reader.Finish();
    EXPECT_EQ(Bytes(*loaded), bytes);
    const Matrix X = NormalMatrix(4, 5, 35);
    EXPECT_EQ(PredictAll(*loaded, X).H, PredictAll(*fit.surrogate, X).H);
    EXPECT_EQ(SpreadsAt(*loaded, X).J, SpreadsAt(*fit.surrogate, X).J);
    EXPECT_EQ(loaded->SizeBytes(), fit.surrogate->SizeBytes());
  }
}

TEST(GaussianProcessTest, StopsWhenAskedTo) {
  const LabelledPoints points = SmoothPoints(40, 36);
  std::stop_source source;
  source.request_stop();
  try {
    FitGaussianProcess(points, AllWeights(points), AffineMaps::Identity(3, 2), {},
                       source.get_token());
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCancelled);
  }
}

TEST(GaussianProcessTest, DegenerateDataGiveFiniteModels) {
  const LabelledPoints single = SmoothPoints(1, 37);
  LabelledPoints constant_input = SmoothPoints(30, 38);
  constant_input.X.row(1).setConstant(0.5);
  LabelledPoints constant_output = SmoothPoints(30, 39);
  constant_output.Y.setConstant(7);
  constant_output.J.setZero();
  LabelledPoints one_output = SmoothPoints(30, 40);
  one_output.Y.row(1).setConstant(kNaN);
  one_output.J = Matrix();
  LabelledPoints repeated = SmoothPoints(1, 41);
  repeated.X = repeated.X.replicate(1, 9).eval();
  repeated.Y = repeated.Y.replicate(1, 9).eval();
  repeated.J = repeated.J.replicate(1, 9).eval();
  repeated.weight = Vector::Ones(9);
  LabelledPoints only_gradients = SmoothPoints(20, 42);
  only_gradients.Y.setConstant(kNaN);
  for (const LabelledPoints& points :
       {single, constant_input, constant_output, one_output, repeated, only_gradients}) {
    const GaussianProcessFit fit =
        FitGaussianProcess(points, AllWeights(points), AffineMaps::Identity(3, 2));
    const Matrix test = UniformMatrix(3, 10, 43);
    const Prediction prediction = PredictAll(*fit.surrogate, test);
    EXPECT_TRUE(prediction.Y.allFinite());
    EXPECT_TRUE(prediction.H.allFinite());
    EXPECT_TRUE(SpreadsAt(*fit.surrogate, test).J.allFinite());
  }
}

}  // namespace
}  // namespace sobolev::regression
