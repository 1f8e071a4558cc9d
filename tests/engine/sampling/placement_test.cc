// Where the next points go: near what is not known, apart from each other, and to the same places
// for the same evidence.

#include "engine/sampling/placement.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stop_token>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/sampling/candidates.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/sobol.h"
#include "engine/sampling/taylor_model.h"
#include "tests/engine/sampling/expensive.h"
#include "tests/support/matrix_matchers.h"

namespace sobolev::sampling {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

Evidence Nothing(Index n) { return {.X = Matrix(n, 0), .Y = Matrix(1, 0), .J = Matrix(n, 0)}; }

// Evaluates what is proposed until there are `count` samples.
Evidence Explore(const Expensive& f, Index n, Index count, PlacementOptions options,
                 Index at_a_time = 8) {
  Evidence evidence = Nothing(n);
  while (evidence.NumSamples() < count) {
    const Index wanted = std::min(at_a_time, count - evidence.NumSamples());
    const Matrix X = NextPoints(evidence, options, wanted);
    Evaluate(f, X, evidence);
    options.num_proposed += X.cols();
  }
  return evidence;
}

// RMS error of local Taylor models of order 3, over the cube.
double RmsError(const Expensive& f, const Evidence& evidence) {
  const Evidence truth = SobolSamples(f, evidence.n(), 2000, 99);
  const TaylorPrediction prediction = TaylorModel(evidence).Predict(truth.X, 3);
  return (prediction.Y - truth.Y).norm() / std::sqrt(2000.0);
}

double LeastDistance(const Matrix& X) {
  double least = std::numeric_limits<double>::infinity();
  for (Index s = 0; s < X.cols(); ++s) {
    for (Index r = 0; r < s; ++r) least = std::min(least, (X.col(s) - X.col(r)).norm());
  }
  return least;
}

double ShareWhere(const Matrix& X, const std::function<bool(const Vector&)>& condition) {
  Index count = 0;
  for (Index s = 0; s < X.cols(); ++s) count += condition(X.col(s)) ? 1 : 0;
  return static_cast<double>(count) / static_cast<double>(X.cols());
}

TEST(PlacementTest, BeginsWithASobolSequence) {
  const Evidence nothing = Nothing(3);
  EXPECT_EQ(NextPoints(nothing, {.seed = 4}, 5), SobolPoints(3, 0, 5, 4));
  Evidence some = nothing;
  Evaluate(Waves, SobolPoints(3, 0, 5, 4), some);
  EXPECT_EQ(NextPoints(some, {.seed = 4, .num_proposed = 5}, 3), SobolPoints(3, 5, 3, 4));
  // Points of the sequence that are known already do not come again.
  EXPECT_EQ(NextPoints(some, {.seed = 4}, 3), SobolPoints(3, 5, 3, 4));
}

TEST(PlacementTest, SpaceFillingContinuesWhateverTheEvidence) {
  const Evidence evidence = SobolSamples(Bump(2, 0.1), 2, 100, 4);
  const PlacementOptions options{
      .strategy = Strategy::kSpaceFilling, .seed = 4, .num_proposed = 100};
  EXPECT_EQ(NextPoints(evidence, options, 20), SobolPoints(2, 100, 20, 4));
}

TEST(PlacementTest, ManyInputsWithoutAnEnsembleFillSpace) {
  const Evidence evidence = SobolSamples(Waves, 8, 40, 4);
  EXPECT_EQ(NextPoints(evidence, {.seed = 4, .num_proposed = 40}, 10), SobolPoints(8, 40, 10, 4));
}

TEST(PlacementTest, GoesToTheFeature) {
  const Expensive f = Bump(2, 0.05);
  const Evidence evidence = Explore(f, 2, 100, {.seed = 3});
  const Vector centre{{0.35, 0.65}};
  const auto near = [&](const Vector& x) { return (x - centre).norm() < 0.2; };
  // An eighth of the square.
  EXPECT_GT(ShareWhere(evidence.X, near), 0.4);
  EXPECT_LT(RmsError(f, evidence), 0.25 * RmsError(f, SobolSamples(f, 2, 100, 3)));
}

TEST(PlacementTest, LosesNothingWhereThereIsNoFeature) {
  const Evidence evidence = Explore(Waves, 2, 100, {.seed = 3});
  EXPECT_LT(RmsError(Waves, evidence), 1.1 * RmsError(Waves, SobolSamples(Waves, 2, 100, 3)));
}

TEST(PlacementTest, LolaVoronoiGoesToTheFeature) {
  const Expensive f = Bump(2, 0.05);
  const Evidence evidence = Explore(f, 2, 120, {.strategy = Strategy::kLolaVoronoi, .seed = 3});
  EXPECT_LT(RmsError(f, evidence), 0.5 * RmsError(f, SobolSamples(f, 2, 120, 3)));
}

TEST(PlacementTest, ABatchKeepsItsDistance) {
  const Evidence evidence = SobolSamples(Bump(2, 0.1), 2, 64);
  const Matrix X = NextPoints(evidence, {}, 32);
  ASSERT_EQ(X.cols(), 32);
  // Spread over the whole square they could be 0.2 apart.
  EXPECT_GT(LeastDistance(X), 0.02);
  Matrix all(2, 96);
  all << evidence.X, X;
  EXPECT_GT(LeastDistance(all), 0.01);
}

TEST(PlacementTest, PendingPointsCountAsTaken) {
  Evidence evidence = SobolSamples(Bump(2, 0.1), 2, 64);
  evidence.pending = NextPoints(evidence, {}, 16);
  const Matrix X = NextPoints(evidence, {.num_proposed = 16}, 16);
  Matrix both(2, 32);
  both << evidence.pending, X;
  EXPECT_GT(LeastDistance(both), 0.02);
}

TEST(PlacementTest, LargeBatchesCostLittle) {
  for (const double width : {0.08, 0.15}) {
    const Expensive f = Bump(2, width);
    const double one = RmsError(f, Explore(f, 2, 102, {.seed = 3}, 1));
    const double many = RmsError(f, Explore(f, 2, 102, {.seed = 3}, 32));
    EXPECT_LT(many, 1.5 * one) << width;
  }
}

TEST(PlacementTest, EveryFifthPointIsTheFarthest) {
  const Evidence evidence = SobolSamples(Bump(2, 0.05), 2, 64);
  EXPECT_TRUE(FillsSpace(4));
  EXPECT_FALSE(FillsSpace(5));
  const Matrix X = NextPoints(evidence, {.num_proposed = 4}, 1);
  const Matrix others = SobolPoints(2, 0, 2000, 17);
  const double farthest = NearestDistances(others, evidence.X, {}).maxCoeff();
  EXPECT_GT(NearestDistances(X, evidence.X, {})(0), 0.95 * farthest);
}

TEST(PlacementTest, TheSameEvidenceGivesTheSameBits) {
  Evidence evidence = SobolSamples(Bump(3, 0.1), 3, 60);
  evidence.pending = SobolPoints(3, 60, 4, 1);
  evidence.failed = SobolPoints(3, 64, 4, 1);
  const PlacementOptions options{.seed = 5, .num_proposed = 68};
  const auto next = [&](int threads) {
    oneapi::tbb::task_arena arena(threads);
    return arena.execute([&] { return NextPoints(evidence, options, 12); });
  };
  const Matrix X = next(1);
  EXPECT_EQ(X, next(1));
  EXPECT_EQ(X, next(2));
  EXPECT_EQ(X, next(4));
  PlacementOptions other = options;
  other.num_proposed = 80;
  EXPECT_NE(X, NextPoints(evidence, other, 12));
  other = options;
  other.seed = 6;
  EXPECT_NE(X, NextPoints(evidence, other, 12));
}

TEST(PlacementTest, ConstraintsHold) {
  const Evidence evidence = SobolSamples(Bump(2, 0.1), 2, 64);
  const auto feasible = [](const Vector& x) { return x(0) + x(1) < 0.7; };
  for (const Strategy strategy :
       {Strategy::kDisagreement, Strategy::kLolaVoronoi, Strategy::kSpaceFilling}) {
    for (const Goal goal : {Goal::kFit, Goal::kMinimum, Goal::kLevel}) {
      const PlacementOptions options{
          .strategy = strategy, .goal = goal, .level = 0.3, .feasible = feasible};
      const Matrix X = NextPoints(evidence, options, 20);
      ASSERT_EQ(X.cols(), 20);
      EXPECT_EQ(ShareWhere(X, feasible), 1);
    }
  }
}

TEST(PlacementTest, SaysSoIfNothingIsFeasible) {
  const auto nowhere = [](const Vector&) { return false; };
  for (const Index count : {0, 50}) {
    const Evidence evidence = SobolSamples(Waves, 2, count);
    EXPECT_THAT([&] { NextPoints(evidence, {.feasible = nowhere}, 1); },
                testing::ThrowsMessage<Error>(testing::HasSubstr("none of ")));
  }
}

TEST(PlacementTest, ATinyFeasibleRegionGivesWhatItHas) {
  const Evidence evidence = SobolSamples(Waves, 2, 50);
  const auto tiny = [](const Vector& x) { return x.maxCoeff() < 0.01; };
  const Matrix X = NextPoints(evidence, {.feasible = tiny}, 4);
  EXPECT_GE(X.cols(), 1);
  EXPECT_EQ(ShareWhere(X, tiny), 1);
}

// A fifth of the square has no values.
TEST(PlacementTest, SteersAwayFromFailuresButNotFromTheirBorder) {
  const auto fails = [](const Vector& x) { return x(0) > 0.8; };
  Evidence evidence = Nothing(2);
  evidence.failed = Matrix(2, 0);
  PlacementOptions options{.seed = 2};
  while (evidence.NumSamples() + evidence.failed.cols() < 200) {
    const Matrix X = NextPoints(evidence, options, 8);
    options.num_proposed += X.cols();
    for (Index s = 0; s < X.cols(); ++s) {
      if (!fails(X.col(s))) {
        Evaluate(Waves, X.col(s), evidence);
        continue;
      }
      const Index count = evidence.failed.cols();
      evidence.failed.conservativeResize(2, count + 1);
      evidence.failed.col(count) = X.col(s);
    }
  }
  EXPECT_LT(evidence.failed.cols(), 24);
  EXPECT_GT(evidence.failed.cols(), 5);
  Matrix all(2, evidence.NumSamples() + evidence.failed.cols());
  all << evidence.X, evidence.failed;
  EXPECT_GT(LeastDistance(all), 0);
  // The strip along the border is an eighth of what is left.
  EXPECT_GT(ShareWhere(evidence.X, [](const Vector& x) { return x(0) > 0.7; }), 0.08);
}

TEST(PlacementTest, FindsAMinimum) {
  const Expensive f = [](const Vector& x, Vector& gradient) { return Waves(x, gradient); };
  double least = std::numeric_limits<double>::infinity();
  Vector gradient(2);
  for (double a = 0; a <= 1; a += 0.002) {
    for (double b = 0; b <= 1; b += 0.002) {
      least = std::min(least, Waves(Vector{{a, b}}, gradient));
    }
  }
  const Evidence evidence = Explore(f, 2, 48, {.goal = Goal::kMinimum, .seed = 1}, 4);
  EXPECT_LT(evidence.Y.minCoeff(), least + 1e-3);
  EXPECT_GT(SobolSamples(f, 2, 48, 1).Y.minCoeff(), least + 1e-3);
}

TEST(PlacementTest, FindsAMinimumToItsLastDigits) {
  // Steeper on one side than on the other; 1 at (0.3, 0.3, 0.3).
  const Expensive f = [](const Vector& x, Vector& gradient) {
    const Vector offset = 3 * (x.array() - 0.3);
    gradient = 3 * (offset.array().exp() - 1) / 3;
    return 1 + (offset.array().exp() - offset.array() - 1).sum() / 3;
  };
  for (const Index at_a_time : {1, 4}) {
    const PlacementOptions options{.goal = Goal::kMinimum, .seed = 1};
    const Evidence evidence = Explore(f, 3, 40, options, at_a_time);
    EXPECT_LT(evidence.Y.minCoeff(), 1 + 1e-12) << at_a_time;
    // Most of the others are elsewhere.
    EXPECT_GT(ShareWhere(evidence.X,
                         [](const Vector& x) { return (x.array() - 0.3).matrix().norm() > 0.1; }),
              0.5);
  }
}

TEST(PlacementTest, WaitsForTheValueAtAMinimum) {
  const Evidence evidence = SobolSamples(Waves, 2, 40);
  const PlacementOptions options{.goal = Goal::kMinimum, .seed = 3, .num_proposed = 40};
  const Vector minimum = NextPoints(evidence, options, 1);
  Evidence pending = evidence;
  pending.pending = minimum;
  const Matrix X = NextPoints(pending, options, 8);
  EXPECT_GT((X.colwise() - minimum).colwise().norm().minCoeff(), 1e-4);
}

TEST(PlacementTest, AMaximumIsTheMinimumOfTheOpposite) {
  Evidence evidence = SobolSamples(Waves, 2, 40);
  const Matrix X = NextPoints(evidence, {.goal = Goal::kMaximum, .seed = 3}, 8);
  evidence.Y *= -1;
  evidence.J *= -1;
  EXPECT_EQ(X, NextPoints(evidence, {.goal = Goal::kMinimum, .seed = 3}, 8));
}

TEST(PlacementTest, FindsAMinimumAmongManyInputs) {
  const Expensive f = [](const Vector& x, Vector& gradient) {
    gradient = 2 * (x.array() - 0.3);
    return (x.array() - 0.3).square().sum();
  };
  const Evidence evidence = Explore(f, 6, 100, {.goal = Goal::kMinimum, .seed = 1}, 4);
  EXPECT_LT(evidence.Y.minCoeff(), 0.3 * SobolSamples(f, 6, 100, 1).Y.minCoeff());
}

TEST(PlacementTest, FollowsALevel) {
  const Expensive circle = [](const Vector& x, Vector& gradient) {
    gradient = 2 * x;
    return std::exp(x.squaredNorm()) + 0 * gradient.sum();
  };
  const Expensive f = [&](const Vector& x, Vector& gradient) {
    const double y = circle(x, gradient);
    gradient *= y;
    return y;
  };
  const PlacementOptions options{.goal = Goal::kLevel, .level = std::exp(0.5), .seed = 1};
  const Evidence evidence = Explore(f, 2, 60, options);
  const auto near = [](const Vector& x) { return std::abs(x.norm() - std::sqrt(0.5)) < 0.1; };
  const double of_sobol = ShareWhere(SobolPoints(2, 0, 1000, 1), near);
  EXPECT_GT(ShareWhere(evidence.X, near), 2 * of_sobol);
}

// Surrogates in many inputs that contradict each other in one corner.
TEST(PlacementTest, TheEnsembleDrives) {
  const Evidence evidence = SobolSamples(Waves, 6, 60);
  const auto member = [](double sign) {
    return [sign](const Matrix& X, Matrix& Y, Matrix& J, const std::stop_token&) {
      J.setZero();
      for (Index q = 0; q < X.cols(); ++q) {
        Y(0, q) = sign * std::exp(-4 * X.col(q).squaredNorm());
        J.col(q) = -8 * Y(0, q) * X.col(q);
      }
    };
  };
  const auto broken = [](const Matrix&, Matrix& Y, Matrix&, const std::stop_token&) {
    Y.setConstant(kNaN);
  };
  const PlacementOptions options{.ensemble = {member(1), member(-1), broken}};
  const Matrix X = NextPoints(evidence, options, 20);
  const Matrix fill = SobolPoints(6, 0, 1000, 2);
  Index wanted = 0;
  double distance = 0;
  for (Index s = 0; s < 20; ++s) {
    if (FillsSpace(s)) continue;
    ++wanted;
    distance += X.col(s).norm();
  }
  EXPECT_LT(distance / static_cast<double>(wanted), 0.8 * fill.colwise().norm().mean());
}

TEST(PlacementTest, ConstantsAreFilledEvenly) {
  const Expensive f = [](const Vector&, Vector& gradient) {
    gradient.setZero();
    return 3.0;
  };
  const Evidence evidence = Explore(f, 2, 64, {.seed = 1});
  EXPECT_GT(LeastDistance(evidence.X), 0.02);
  for (const Goal goal : {Goal::kMinimum, Goal::kLevel}) {
    const PlacementOptions options{.goal = goal, .level = 3};
    EXPECT_EQ(NextPoints(evidence, options, 10).cols(), 10);
  }
}

// What models contradict each other by because of noise counts for nothing: as if they agreed.
TEST(PlacementTest, BelowTheNoiseSpaceIsFilled) {
  Evidence noisy = SobolSamples(Bump(2, 0.1), 2, 60, 3);
  Evidence constant = noisy;
  constant.Y.setConstant(2);
  constant.J.setZero();
  PlacementOptions options{.seed = 8};
  const Matrix even = NextPoints(constant, options, 10);
  options.noise = Vector::Constant(1, 10);
  EXPECT_EQ(NextPoints(noisy, options, 10), even);
  options.noise = Vector::Constant(1, 1e-9);
  EXPECT_NE(NextPoints(noisy, options, 10), even);
}

TEST(PlacementTest, DuplicatesContradictionsAndGapsDoNoHarm) {
  Evidence evidence = SobolSamples(Bump(2, 0.1), 2, 40);
  for (Index s = 30; s < 36; ++s) evidence.X.col(s) = evidence.X.col(3);
  evidence.Y(0, 10) = kNaN;
  evidence.J(1, 11) = kNaN;
  evidence.J.col(12).setConstant(kNaN);
  for (const Goal goal : {Goal::kFit, Goal::kMinimum, Goal::kLevel}) {
    const Matrix X = NextPoints(evidence, {.goal = goal}, 16);
    ASSERT_EQ(X.cols(), 16);
    EXPECT_TRUE(X.allFinite());
    EXPECT_GT(LeastDistance(X), 0);
  }
  evidence.J.resize(0, 0);
  EXPECT_EQ(NextPoints(evidence, {}, 16).cols(), 16);
  EXPECT_EQ(NextPoints(evidence, {.strategy = Strategy::kLolaVoronoi}, 16).cols(), 16);
}

TEST(PlacementTest, OutputsCountByTheirSpreadAndWeight) {
  // Two bumps, one of an output that is a million times larger.
  const auto bump_at = [](double a, double b, double size) {
    return [=](const Vector& x, Vector& gradient) {
      const Vector offset{{x(0) - a, x(1) - b}};
      const double y = size * std::exp(-offset.squaredNorm() / 0.01);
      gradient = -200 * y * offset;
      return y;
    };
  };
  const Matrix X = SobolPoints(2, 0, 80, 1);
  const Evidence small = Samples(bump_at(0.25, 0.25, 1), X);
  const Evidence large = Samples(bump_at(0.75, 0.75, 1e6), X);
  Evidence both{.X = X, .Y = Matrix(2, 80), .J = Matrix(2, 160)};
  both.Y << small.Y, large.Y;
  for (Index s = 0; s < 80; ++s) {
    both.J.col(2 * s) = small.J.col(s);
    both.J.col(2 * s + 1) = large.J.col(s);
  }
  const auto share_of_small = [&](const Vector& weights) {
    const Matrix next = NextPoints(both, {.output_weights = weights}, 24);
    return ShareWhere(next, [](const Vector& x) { return x.sum() < 1; });
  };
  EXPECT_GT(share_of_small({}), 0.25);
  EXPECT_LT(share_of_small({}), 0.75);
  EXPECT_GT(share_of_small(Vector{{1, 0}}), 0.75);
  EXPECT_LT(share_of_small(Vector{{0, 1}}), 0.25);
}

TEST(PlacementTest, AThousandInputsAreQuick) {
  const Evidence evidence = SobolSamples(Waves, 1000, 30);
  EXPECT_EQ(NextPoints(evidence, {.num_proposed = 30}, 8).cols(), 8);
  EXPECT_EQ(NextPoints(evidence, {.goal = Goal::kMinimum}, 8).cols(), 8);
  const Model zero = [](const Matrix&, Matrix& Y, Matrix& J, const std::stop_token&) {
    Y.setZero();
    J.setZero();
  };
  EXPECT_EQ(NextPoints(evidence, {.ensemble = {zero, zero}}, 8).cols(), 8);
}

TEST(PlacementTest, WithoutValuesItIsTheSobolSequence) {
  Evidence evidence = SobolSamples(Waves, 2, 30, 4);
  evidence.Y.setConstant(kNaN);
  EXPECT_EQ(NextPoints(evidence, {.seed = 4, .num_proposed = 30}, 5), SobolPoints(2, 30, 5, 4));
}

TEST(PlacementTest, OneSampleIsEnough) {
  for (const Goal goal : {Goal::kFit, Goal::kMinimum, Goal::kLevel}) {
    EXPECT_EQ(NextPoints(SobolSamples(Waves, 2, 1), {.goal = goal}, 3).cols(), 3);
  }
}

TEST(PlacementTest, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  EXPECT_THAT([&] { NextPoints(SobolSamples(Waves, 3, 100), {}, 8, source.get_token()); },
              testing::Throws<Error>(testing::Property(&Error::code, ErrorCode::kCancelled)));
}

TEST(PlacementTest, BadOptionsAreNamed) {
  const Evidence evidence = SobolSamples(Waves, 2, 20);
  const auto field = [&](const PlacementOptions& options, Index count) {
    try {
      NextPoints(evidence, options, count);
    } catch (const Error& error) {
      return error.field();
    }
    return std::string("none");
  };
  EXPECT_EQ(field({}, 0), "count");
  EXPECT_EQ(field({}, kMaxPointsAtOnce + 1), "count");
  EXPECT_EQ(field({.goal = Goal::kMinimum, .output = 1}, 1), "output");
  EXPECT_EQ(field({.goal = Goal::kLevel, .level = kNaN}, 1), "level");
  EXPECT_EQ(field({.output_weights = Vector::Ones(2)}, 1), "output_weights");
  EXPECT_EQ(field({.output_weights = Vector::Zero(1)}, 1), "output_weights");
  EXPECT_EQ(field({.num_proposed = -1}, 1), "num_proposed");
  const Model nothing = [](const Matrix&, Matrix&, Matrix&, const std::stop_token&) {};
  EXPECT_EQ(field({.ensemble = {nothing}}, 1), "ensemble");
}

}  // namespace
}  // namespace sobolev::sampling
