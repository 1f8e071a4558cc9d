// Estimates of errors against errors.

#include "engine/sampling/error_estimate.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <stop_token>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/sobol.h"
#include "engine/sampling/taylor_model.h"
#include "tests/engine/sampling/expensive.h"

namespace sobolev::sampling {
namespace {

struct Errors {
  double value = 0;
  double gradient = 0;
};

Errors TrueErrors(const Expensive& f, const Evidence& evidence) {
  const Evidence truth = SobolSamples(f, evidence.n(), 4000, 99);
  const TaylorModel model(evidence);
  const TaylorPrediction prediction = model.Predict(truth.X, 3);
  const double count = std::sqrt(4000.0);
  return {.value = (prediction.Y - truth.Y).norm() / count,
          .gradient = (prediction.J - truth.J).norm() / count};
}

TEST(ErrorEstimateTest, IsWithinAFactorOfTheTruth) {
  for (const Index n : {2, 3}) {
    for (const Expensive& f : {Bump(n, 0.25), Expensive(Waves)}) {
      for (const Index count : {100, 300}) {
        const Evidence evidence = SobolSamples(f, n, count);
        const Errors truth = TrueErrors(f, evidence);
        const ErrorEstimate estimate = EstimateTaylorError(evidence, {});
        EXPECT_LT(estimate.value(0), 2.5 * truth.value) << n << " " << count;
        EXPECT_GT(estimate.value(0), truth.value / 2.5) << n << " " << count;
        EXPECT_LT(estimate.gradient(0), 2.5 * truth.gradient) << n << " " << count;
        EXPECT_GT(estimate.gradient(0), truth.gradient / 2.5) << n << " " << count;
      }
    }
  }
}

TEST(ErrorEstimateTest, ScalesWithTheOutputs) {
  const Evidence waves = SobolSamples(Waves, 2, 60);
  Evidence both{.X = waves.X, .Y = Matrix(2, 60), .J = Matrix(2, 120)};
  both.Y << waves.Y, 1000 * waves.Y;
  for (Index s = 0; s < 60; ++s) {
    both.J.col(2 * s) = waves.J.col(s);
    both.J.col(2 * s + 1) = 1000 * waves.J.col(s);
  }
  const ErrorEstimate estimate = EstimateTaylorError(both, {});
  EXPECT_NEAR(estimate.value(1) / estimate.value(0), 1000, 1e-6);
  EXPECT_NEAR(estimate.gradient(1) / estimate.gradient(0), 1000, 1e-6);
}

// Of a model that is wrong by 1 at every sample.
TEST(ErrorEstimateTest, TakesPredictionsOfAnyModel) {
  const Evidence evidence = SobolSamples(Waves, 2, 60);
  std::vector<Index> samples;
  for (Index s = 0; s < 60; s += 2) samples.push_back(s);
  TaylorPrediction held_out{.Y = Matrix(1, 30), .J = Matrix(2, 30), .distance = Vector(30)};
  for (Index k = 0; k < 30; ++k) {
    held_out.Y(0, k) = evidence.Y(0, 2 * k) + 1;
    held_out.J.col(k) = evidence.J.col(2 * k);
    held_out.distance(k) = 1e-9;  // As if it had seen a neighbour: nothing to scale down.
  }
  const ErrorEstimate estimate = EstimateError(evidence, samples, held_out, {});
  EXPECT_GT(estimate.value(0), 0.5);
  EXPECT_LE(estimate.value(0), 1);
  EXPECT_EQ(estimate.gradient(0), 0);
}

TEST(ErrorEstimateTest, CountsWhereEvaluationsSucceed) {
  // Wild in the right half, which is infeasible or fails.
  const Expensive f = [](const Vector& x, Vector& gradient) {
    gradient.setZero();
    if (x(0) < 0.5) return 1.0;
    gradient(0) = 300 * std::cos(100 * x(0));
    return 3 * std::sin(100 * x(0));
  };
  const Evidence evidence = SobolSamples(f, 2, 200);
  const double everywhere = EstimateTaylorError(evidence, {}).value(0);
  const ErrorOptions left{.feasible = [](const Vector& x) { return x(0) < 0.4; }};
  EXPECT_LT(EstimateTaylorError(evidence, left).value(0), 0.3 * everywhere);
}

TEST(ErrorEstimateTest, WhatIsNotKnownIsNaN) {
  Evidence evidence = SobolSamples(Waves, 2, 60);
  evidence.J.resize(0, 0);
  const ErrorEstimate estimate = EstimateTaylorError(evidence, {});
  EXPECT_GT(estimate.value(0), 0);
  EXPECT_TRUE(std::isnan(estimate.gradient(0)));
}

TEST(ErrorEstimateTest, AConstantHasNone) {
  const Expensive f = [](const Vector&, Vector& gradient) {
    gradient.setZero();
    return 3.0;
  };
  const ErrorEstimate estimate = EstimateTaylorError(SobolSamples(f, 2, 30), {});
  EXPECT_EQ(estimate.value(0), 0);
  EXPECT_EQ(estimate.gradient(0), 0);
}

TEST(ErrorEstimateTest, OneSampleTellsNothing) {
  const ErrorEstimate estimate = EstimateTaylorError(SobolSamples(Waves, 2, 1), {});
  EXPECT_TRUE(std::isnan(estimate.value(0)));
}

TEST(ErrorEstimateTest, BadArgumentsAreNamed) {
  const Evidence evidence = SobolSamples(Waves, 2, 20);
  const TaylorPrediction good = TaylorModel(evidence).PredictHeldOut({3, 4}, 2, HeldOut::kItself);
  const auto field = [&](const std::vector<Index>& samples, const ErrorOptions& options) {
    try {
      EstimateError(evidence, samples, good, options);
    } catch (const Error& error) {
      return error.field();
    }
    return std::string("none");
  };
  EXPECT_EQ(field({3, 4}, {}), "none");
  EXPECT_EQ(field({}, {}), "samples");
  EXPECT_EQ(field({3, 20}, {}), "samples");
  EXPECT_EQ(field({3}, {}), "held_out values");
  EXPECT_EQ(field({3, 4}, {.num_points = 0}), "num_points");
  std::stop_source source;
  source.request_stop();
  EXPECT_THAT([&] { EstimateTaylorError(evidence, {}, source.get_token()); },
              testing::Throws<Error>(testing::Property(&Error::code, ErrorCode::kCancelled)));
}

}  // namespace
}  // namespace sobolev::sampling
