// Local Taylor models against polynomials that they must reproduce and functions that they
// approach.

#include "engine/sampling/taylor_model.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stop_token>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/sobol.h"
#include "tests/engine/sampling/expensive.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::sampling {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

// Σ_k c_k (1 + a_kᵀ x)^order: a polynomial of that order with all its terms.
class RandomPolynomial {
 public:
  RandomPolynomial(Index n, int order, std::uint64_t seed)
      : order_(order), directions_(n, 12), factors_(12) {
    Rng rng(seed);
    for (double& a : directions_.reshaped()) a = rng.Normal();
    for (double& c : factors_) c = rng.Normal();
  }

  double operator()(const Vector& x, Vector& gradient) const {
    double sum = 0;
    gradient.setZero(x.size());
    for (Index k = 0; k < factors_.size(); ++k) {
      const double base = 1 + directions_.col(k).dot(x);
      sum += factors_(k) * std::pow(base, order_);
      gradient += factors_(k) * order_ * std::pow(base, order_ - 1) * directions_.col(k);
    }
    return sum;
  }

 private:
  int order_;
  Matrix directions_;
  Vector factors_;
};

double RelativeError(const Matrix& actual, const Matrix& expected) {
  return (actual - expected).norm() / expected.norm();
}

TEST(TaylorModelTest, ReproducesPolynomialsOfItsOrder) {
  for (const Index n : {1, 2, 3, 4}) {
    for (const int order : {1, 2, 3}) {
      const RandomPolynomial f(n, order, 7);
      const Evidence evidence = SobolSamples(f, n, 80);
      const Evidence truth = SobolSamples(f, n, 100, 99);
      const TaylorModel model(evidence);
      ASSERT_EQ(model.Order(order), order);
      const TaylorPrediction prediction = model.Predict(truth.X, order);
      EXPECT_LT(RelativeError(prediction.Y, truth.Y), 1e-7) << "n " << n << ", order " << order;
      EXPECT_LT(RelativeError(prediction.J, truth.J), 1e-6) << "n " << n << ", order " << order;
    }
  }
}

TEST(TaylorModelTest, SamplesBeyondTheRadiusHaveNoSay) {
  const Evidence evidence = SobolSamples(Waves, 2, 80);
  const Matrix Q = SobolPoints(2, 0, 20, 3);
  const TaylorPrediction whole = TaylorModel(evidence).Predict(Q, 3);
  for (Index q = 0; q < Q.cols(); ++q) {
    Evidence changed = evidence;
    const Vector distance = (evidence.X.colwise() - Q.col(q)).colwise().norm();
    EXPECT_EQ(whole.distance(q), distance.minCoeff());
    EXPECT_EQ((distance.array() == whole.radius(q)).count(), 1);
    for (Index s = 0; s < distance.size(); ++s) {
      if (distance(s) > whole.radius(q)) changed.Y(0, s) += 1;
    }
    EXPECT_EQ(TaylorModel(changed).Predict(Q.col(q), 3).Y(0, 0), whole.Y(0, q));
  }
}

TEST(TaylorModelTest, ReproducesPolynomialsFromValuesAlone) {
  const RandomPolynomial f(2, 2, 3);
  Evidence evidence = SobolSamples(f, 2, 60);
  evidence.J.resize(0, 0);
  const Evidence truth = SobolSamples(f, 2, 50, 99);
  const TaylorPrediction prediction = TaylorModel(evidence).Predict(truth.X, 2);
  EXPECT_LT(RelativeError(prediction.Y, truth.Y), 1e-8);
  EXPECT_LT(RelativeError(prediction.J, truth.J), 1e-6);
}

TEST(TaylorModelTest, ReproducesPolynomialsWhereLabelsAreMissing) {
  const RandomPolynomial f(2, 2, 3);
  Evidence evidence = SobolSamples(f, 2, 200);
  Rng rng(5);
  for (double& y : evidence.Y.reshaped()) {
    if (rng.Uniform() < 0.3) y = kNaN;
  }
  for (double& slope : evidence.J.reshaped()) {
    if (rng.Uniform() < 0.3) slope = kNaN;
  }
  const Evidence truth = SobolSamples(f, 2, 50, 99);
  const TaylorPrediction prediction = TaylorModel(evidence).Predict(truth.X, 2);
  EXPECT_LT(RelativeError(prediction.Y, truth.Y), 1e-7);
  EXPECT_LT(RelativeError(prediction.J, truth.J), 1e-5);
}

// Two outputs, one of them with gaps, as two models of one output each.
TEST(TaylorModelTest, OutputsDoNotDisturbEachOther) {
  const Evidence bump = SobolSamples(Bump(2, 0.2), 2, 60);
  Evidence waves = SobolSamples(Waves, 2, 60);
  for (Index s = 0; s < 60; s += 7) waves.J(1, s) = kNaN;
  Evidence both{.X = bump.X, .Y = Matrix(2, 60), .J = Matrix(2, 120)};
  both.Y << bump.Y, waves.Y;
  for (Index s = 0; s < 60; ++s) {
    both.J.col(2 * s) = bump.J.col(s);
    both.J.col(2 * s + 1) = waves.J.col(s);
  }
  const Matrix Q = SobolPoints(2, 0, 40, 3);
  const TaylorPrediction together = TaylorModel(both).Predict(Q, 1);
  const TaylorPrediction of_bump = TaylorModel(bump).Predict(Q, 1);
  const TaylorPrediction of_waves = TaylorModel(waves).Predict(Q, 1);
  EXPECT_THAT(together.Y.row(0), IsNearMatrix(of_bump.Y.row(0), 1e-12));
  EXPECT_THAT(together.Y.row(1), IsNearMatrix(of_waves.Y.row(0), 1e-12));
  for (Index q = 0; q < 40; ++q) {
    EXPECT_THAT(together.J.col(2 * q), IsNearMatrix(of_bump.J.col(q), 1e-12));
    EXPECT_THAT(together.J.col(2 * q + 1), IsNearMatrix(of_waves.J.col(q), 1e-12));
  }
}

// The gradient is that of the polynomial at the point. It agrees with differences of the predicted
// values, in which the fit moves along, up to the error of the model.
TEST(TaylorModelTest, GradientsAgreeWithDifferencesOfValues) {
  const Evidence evidence = SobolSamples(Waves, 2, 400);
  const TaylorModel model(evidence);
  const Matrix Q = SobolPoints(2, 0, 50, 3);
  const TaylorPrediction at = model.Predict(Q, 3);
  const double step = 1e-4;
  for (Index i = 0; i < 2; ++i) {
    const Matrix shift = step * Vector::Unit(2, i);
    const TaylorPrediction after = model.Predict(Q + shift.replicate(1, 50), 3);
    const TaylorPrediction before = model.Predict(Q - shift.replicate(1, 50), 3);
    EXPECT_THAT((after.Y - before.Y) / (2 * step), IsNearMatrix(at.J.row(i), 2e-3));
  }
}

TEST(TaylorModelTest, ErrorsFallWithTheOrderAndTheSamples) {
  const auto error = [](Index count, int order) {
    const Evidence evidence = SobolSamples(Waves, 2, count);
    const Evidence truth = SobolSamples(Waves, 2, 500, 99);
    return RelativeError(TaylorModel(evidence).Predict(truth.X, order).Y, truth.Y);
  };
  EXPECT_LT(error(256, 3), 0.5 * error(256, 1));
  // Twice as near, an error of O(h³) falls by 8.
  EXPECT_LT(error(512, 2), 0.25 * error(128, 2));
}

TEST(TaylorModelTest, KnowsTheDistanceOfTheNearestSample) {
  const Evidence evidence = SobolSamples(Waves, 3, 50);
  const Matrix Q = SobolPoints(3, 0, 20, 9);
  const Vector distance = TaylorModel(evidence).Predict(Q, 1).distance;
  for (Index q = 0; q < 20; ++q) {
    double least = 1e9;
    for (Index s = 0; s < 50; ++s) least = std::min(least, (evidence.X.col(s) - Q.col(q)).norm());
    EXPECT_NEAR(distance(q), least, 1e-14);
  }
}

TEST(TaylorModelTest, HeldOutSamplesDoNotCount) {
  const Evidence evidence = SobolSamples(Waves, 2, 40);
  const TaylorModel model(evidence);
  const std::vector<Index> samples = {0, 20, 39};
  Evidence without = evidence;
  without.X.col(20) = evidence.X.col(39);
  without.Y.col(20) = evidence.Y.col(39);
  without.J.col(20) = evidence.J.col(39);
  without.X.conservativeResize(2, 39);
  without.Y.conservativeResize(1, 39);
  without.J.conservativeResize(2, 39);
  const TaylorPrediction itself = model.PredictHeldOut(samples, 2, HeldOut::kItself);
  const TaylorPrediction expected = TaylorModel(without).Predict(evidence.X.col(20), 2);
  EXPECT_NEAR(itself.Y(0, 1), expected.Y(0, 0), 1e-10);

  Evidence first = evidence;
  first.X.conservativeResize(2, 20);
  first.Y.conservativeResize(1, 20);
  first.J.conservativeResize(2, 20);
  const TaylorPrediction later = model.PredictHeldOut(samples, 2, HeldOut::kFromItself);
  const TaylorPrediction of_first = TaylorModel(first).Predict(evidence.X.col(20), 2);
  EXPECT_TRUE(std::isnan(later.Y(0, 0)));
  EXPECT_EQ(later.Y(0, 1), of_first.Y(0, 0));
  EXPECT_THAT([&] { model.PredictHeldOut({40}, 2, HeldOut::kItself); }, testing::Throws<Error>());
}

TEST(TaylorModelTest, TheOrderIsWhatSamplesDetermine) {
  const auto order = [](Index n, Index count) {
    const Evidence evidence = SobolSamples(Waves, n, count);
    return TaylorModel(evidence).Order(3);
  };
  EXPECT_EQ(order(2, 1), 0);  // 3 labels
  EXPECT_EQ(order(2, 2), 1);  // 6 labels, 3 terms; order 2 has 6
  EXPECT_EQ(order(2, 3), 2);
  EXPECT_EQ(order(2, 4), 3);
  EXPECT_EQ(order(1000, 5), 0);
}

TEST(TaylorModelTest, OneSampleIsItsTangent) {
  const Evidence evidence{
      .X = Vector{{0.5, 0.25}}, .Y = Matrix::Constant(1, 1, 3), .J = Vector{{2, -1}}};
  const Matrix Q = Vector{{0.75, 0.5}};
  const TaylorPrediction prediction = TaylorModel(evidence).Predict(Q, 3);
  EXPECT_NEAR(prediction.Y(0, 0), 3 + 0.5 - 0.25, 1e-12);
  EXPECT_THAT(prediction.J, IsNearMatrix(evidence.J, 1e-12));
}

TEST(TaylorModelTest, ManyInputsAreTangentPlanes) {
  const Index n = 1000;
  const auto plane = [](const Vector& x, Vector& gradient) {
    gradient = Vector::LinSpaced(x.size(), -1, 1);
    return 4 + gradient.dot(x);
  };
  const Evidence evidence = SobolSamples(plane, n, 30);
  const Evidence truth = SobolSamples(plane, n, 10, 99);
  const TaylorPrediction prediction = TaylorModel(evidence).Predict(truth.X, 2);
  EXPECT_THAT(prediction.Y, IsNearMatrix(truth.Y, 1e-10));
  EXPECT_THAT(prediction.J, IsNearMatrix(truth.J, 1e-10));
}

TEST(TaylorModelTest, DuplicatesAndContradictionsStayFinite) {
  Evidence evidence = SobolSamples(Waves, 2, 20);
  for (Index s = 10; s < 20; ++s) evidence.X.col(s) = evidence.X.col(3);  // Other labels.
  const TaylorModel model(evidence);
  for (const int order : {1, 2, 3}) {
    const TaylorPrediction prediction = model.Predict(evidence.X, order);
    EXPECT_TRUE(prediction.Y.allFinite());
    EXPECT_TRUE(prediction.J.allFinite());
  }
  Evidence one = evidence;
  for (Index s = 0; s < 20; ++s) one.X.col(s) = evidence.X.col(3);
  const TaylorPrediction prediction = TaylorModel(one).Predict(one.X.col(3), 2);
  EXPECT_LE(prediction.Y(0, 0), one.Y.maxCoeff());
  EXPECT_GE(prediction.Y(0, 0), one.Y.minCoeff());
  EXPECT_TRUE(prediction.J.allFinite());
}

TEST(TaylorModelTest, ConstantsStayConstant) {
  const Evidence evidence = SobolSamples(
      [](const Vector&, Vector& gradient) {
        gradient.setZero();
        return 1e9;
      },
      3, 30);
  const TaylorPrediction prediction = TaylorModel(evidence).Predict(SobolPoints(3, 0, 20, 2), 2);
  EXPECT_THAT(prediction.Y, IsNearMatrix(Matrix::Constant(1, 20, 1e9), 1e-15));
  EXPECT_THAT(prediction.J, IsNearMatrix(Matrix::Zero(3, 20), 1e-12));
}

TEST(TaylorModelTest, TheSameBitsOnAnyNumberOfThreads) {
  const Evidence evidence = SobolSamples(Waves, 3, 100);
  const TaylorModel model(evidence);
  const Matrix Q = SobolPoints(3, 0, 1000, 5);
  const auto predict = [&](int threads) {
    oneapi::tbb::task_arena arena(threads);
    return arena.execute([&] { return model.Predict(Q, 3); });
  };
  const TaylorPrediction one = predict(1);
  for (const int threads : {2, 4}) {
    const TaylorPrediction many = predict(threads);
    EXPECT_EQ(one.Y, many.Y);
    EXPECT_EQ(one.J, many.J);
  }
}

TEST(TaylorModelTest, StopsWhenAsked) {
  const Evidence evidence = SobolSamples(Waves, 3, 100);
  std::stop_source source;
  source.request_stop();
  EXPECT_THAT(
      [&] { TaylorModel(evidence).Predict(SobolPoints(3, 0, 1000, 5), 3, source.get_token()); },
      testing::Throws<Error>(testing::Property(&Error::code, ErrorCode::kCancelled)));
}

TEST(TaylorModelTest, BadEvidenceIsNamed) {
  const Evidence good = SobolSamples(Waves, 2, 5);
  const auto field = [](const Evidence& evidence) {
    try {
      const TaylorModel model(evidence);
    } catch (const Error& error) {
      return error.field();
    }
    return std::string("none");
  };
  Evidence bad = good;
  bad.X(1, 2) = 1.5;
  EXPECT_EQ(field(bad), "X[2][1]");
  bad = good;
  bad.X(1, 2) = kNaN;
  EXPECT_EQ(field(bad), "X[2][1]");
  bad = good;
  bad.Y(0, 3) = std::numeric_limits<double>::infinity();
  EXPECT_EQ(field(bad), "Y[3][0]");
  bad = good;
  bad.Y.resize(1, 4);
  EXPECT_EQ(field(bad), "Y samples");
  bad = good;
  bad.J.resize(2, 4);
  EXPECT_EQ(field(bad), "J columns");
  bad = good;
  bad.Y.setConstant(kNaN);
  EXPECT_EQ(field(bad), "Y[0]");
  bad = good;
  bad.pending = Matrix::Zero(3, 1);
  EXPECT_EQ(field(bad), "pending");
  EXPECT_EQ(field({}), "X");
}

}  // namespace
}  // namespace sobolev::sampling
