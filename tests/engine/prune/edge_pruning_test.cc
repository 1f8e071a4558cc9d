// Pruning of weights against brute force, its limits, and networks of fewer inputs.

#include "engine/prune/edge_pruning.h"

#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <stop_token>
#include <string>
#include <vector>

#include <Eigen/QR>
#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/edge_order.h"
#include "engine/prune/input_removal.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"
#include "engine/prune/sampled_significance.h"
#include "engine/prune/significance.h"
#include "engine/prune/sobolev_fit.h"
#include "tests/engine/prune/networks.h"

namespace sobolev::prune {
namespace {

constexpr EdgeScore kScores[] = {EdgeScore::kSobolevObs, EdgeScore::kWanda, EdgeScore::kMagnitude,
                                 EdgeScore::kInterval, EdgeScore::kRandom};
constexpr Compensation kCompensations[] = {Compensation::kSobolev, Compensation::kMean,
                                           Compensation::kMidpoint, Compensation::kZero};

nn::NetworkSurrogate Network(bool skip = false) {
  return RandomNetwork({.n = 2, .m = 2, .hidden = {4, 3}, .skip = skip}, 4);
}

// The best that row `row` of layer l can do with the weights `kept` (the bias is always kept):
// squares of what is lost of values and tangents, with the ridge of the ranking.
double LostWith(const Matrix& F, const Vector& w, Index num_samples, std::vector<Index> kept) {
  const auto N = static_cast<double>(num_samples);
  const Index size = F.rows();
  const double ridge = 1e-7 * F.squaredNorm() / N / static_cast<double>(size);
  Matrix stacked(F.cols() + size, size);
  stacked << F.transpose() / std::sqrt(N), std::sqrt(ridge) * Matrix::Identity(size, size);
  kept.push_back(size - 1);
  const Matrix A = stacked(Eigen::all, kept);
  const Vector target = stacked * w;
  return (A * A.householderQr().solve(target) - target).squaredNorm();
}

// Every weight is tried and the rest of its row refitted: the cheapest in all layers goes.
TEST(EdgeOrderTest, SobolevObsIsBruteForce) {
  for (const bool skip : {false, true}) {
    const nn::NetworkSurrogate network = Network(skip);
    const Layers layers(network);
    const Box box = Cube(2, -1, 1);
    const FitPoints points = DrawFitPoints(network, box, 40, 2);
    Matrix X_dot(2, 80);
    X_dot << points.directions.col(0).replicate(1, 40), points.directions.col(1).replicate(1, 40);
    LayerSweep sweep(layers, points.X, X_dot);
    std::vector<Matrix> features;
    for (Index l = 1; l <= 3; ++l) {
      features.push_back(sweep.Features());
      if (l == 3) break;
      sweep.Affine();
      sweep.Bend();
    }
    const std::vector<Vector> c = OutputWeights(layers, points, {});
    std::vector<std::vector<std::vector<Index>>> alive(3);  // [layer][row]
    std::vector<std::vector<double>> lost(3);
    for (Index l = 1; l <= 3; ++l) {
      const auto at = static_cast<std::size_t>(l - 1);
      std::vector<Index> all;
      for (Index j = 0; j < layers.Weights(l).cols(); ++j) all.push_back(j);
      alive[at].assign(static_cast<std::size_t>(layers.Weights(l).rows()), all);
      lost[at].assign(alive[at].size(), 0);
    }
    for (const EdgeRemoval& removal :
         RemovalOrder(network, box, EdgeScore::kSobolevObs, points, 1, {})) {
      EdgeRemoval best{.cost = std::numeric_limits<double>::infinity()};
      for (Index l = 1; l <= 3; ++l) {
        const auto at = static_cast<std::size_t>(l - 1);
        const Matrix W = WithBias(layers, l);
        for (Index i = 0; i < W.rows(); ++i) {
          const auto row = static_cast<std::size_t>(i);
          for (const Index j : alive[at][row]) {
            std::vector<Index> kept = alive[at][row];
            std::erase(kept, j);
            const double cost =
                c[at][i] * LostWith(features[at], W.row(i), 40, kept) - lost[at][row];
            if (cost < best.cost) best = {.layer = l, .row = i, .column = j, .cost = cost};
          }
        }
      }
      ASSERT_EQ(removal.layer, best.layer);
      ASSERT_EQ(removal.row, best.row);
      ASSERT_EQ(removal.column, best.column);
      // The factorisation loses digits of small differences.
      EXPECT_NEAR(removal.cost, best.cost, 1e-6 * best.cost + 1e-12);
      const auto at = static_cast<std::size_t>(best.layer - 1);
      const auto row = static_cast<std::size_t>(best.row);
      std::erase(alive[at][row], best.column);
      lost[at][row] += best.cost;
    }
  }
}

TEST(EdgeOrderTest, SimpleScoresAreTheirFormulas) {
  const nn::NetworkSurrogate network = Network();
  const Layers layers(network);
  const Box box = Cube(2, -1, 1);
  const FitPoints points = DrawFitPoints(network, box, 100, 2);
  const HiddenValues values = Evaluate(layers, points.X);
  for (const EdgeRemoval& removal : RemovalOrder(network, box, EdgeScore::kWanda, points, 1, {})) {
    const Matrix& taken =
        removal.layer == 1 ? points.X : values.A[static_cast<std::size_t>(removal.layer - 2)];
    const double rms = std::sqrt(taken.row(removal.column).squaredNorm() / 100);
    EXPECT_NEAR(removal.cost,
                std::abs(layers.Weights(removal.layer)(removal.row, removal.column)) * rms, 1e-13);
  }
  double before = 0;
  for (const EdgeRemoval& removal :
       RemovalOrder(network, box, EdgeScore::kMagnitude, points, 1, {})) {
    EXPECT_EQ(removal.cost, std::abs(layers.Weights(removal.layer)(removal.row, removal.column)));
    if (removal.layer != 3) continue;
    EXPECT_GE(removal.cost, before);
    before = removal.cost;
  }
}

// Those that multiply constants are not missed once the constant is in the bias.
TEST(EdgePruningTest, WeightsOfConstantsAreRemovedWithoutATrace) {
  Layers layers(Network());
  layers.Weights(1).row(2).setZero();
  const nn::NetworkSurrogate network = layers.ToSurrogate(Network().scaling());
  const Box box = Cube(2, -1, 1);
  const Matrix X = UniformPoints(box, 50, 9);
  const Prediction before = Predict(network, X);
  for (const EdgeScore score : {EdgeScore::kSobolevObs, EdgeScore::kInterval}) {
    for (const Compensation compensation :
         {Compensation::kSobolev, Compensation::kMean, Compensation::kMidpoint}) {
      // Three weights behind the constant and its own two, of 8 + 12 + 6. Intervals share them out
      // among the layers.
      const double fraction = score == EdgeScore::kSobolevObs ? 5.0 / 26 : 2.0 / 26;
      const PrunedEdges pruned = PruneEdges(
          network, box,
          {.score = score, .compensation = compensation, .target = {.fraction = fraction}});
      const Prediction after = Predict(pruned.network, X);
      if (score == EdgeScore::kSobolevObs) {
        EXPECT_TRUE(Layers(pruned.network).Weights(2).col(2).isZero(0));
        EXPECT_TRUE(after.Y.isApprox(before.Y, 1e-12));
        EXPECT_TRUE(after.J.isApprox(before.J, 1e-12));
      } else {
        for (const EdgeRemoval& removal : pruned.report.removed) {
          if (removal.layer == 2) {
            EXPECT_EQ(removal.column, 2);
          }
        }
      }
    }
  }
}

// What is left of each row is the best of values and tangents, by an orthogonal factorisation.
TEST(EdgePruningTest, RefitIsLeastSquaresOfEachRow) {
  const nn::NetworkSurrogate network = Network();
  const Box box = Cube(2, -1, 1);
  const PrunedEdges pruned =
      PruneEdges(network, box, {.target = {.fraction = 0.4}, .num_points = 100, .seed = 3});
  const Layers before(network);
  const Layers after(pruned.network);
  const FitPoints points = DrawFitPoints(network, box, 100, 3);
  Matrix X_dot(2, 200);
  X_dot << points.directions.col(0).replicate(1, 100), points.directions.col(1).replicate(1, 100);
  LayerSweep truth(before, points.X, X_dot);
  LayerSweep fitted(after, points.X, X_dot);
  for (Index l = 1; l <= 3; ++l) {
    const Matrix F = fitted.Features();
    truth.Affine();
    fitted.Affine();
    const Matrix Z = truth.Images();
    const Matrix given = fitted.Images();
    for (Index i = 0; i < Z.rows(); ++i) {
      std::vector<Index> kept{F.rows() - 1};
      for (Index j = 0; j + 1 < F.rows(); ++j) {
        if (after.Weights(l)(i, j) != 0) kept.push_back(j);
      }
      const Matrix A = Matrix(F(kept, Eigen::all)).transpose();
      const Vector target = Z.row(i).transpose();
      const Vector best = A * A.householderQr().solve(target);
      EXPECT_LE((given.row(i).transpose() - target).norm(),
                (1 + 1e-6) * (best - target).norm() + 1e-6 * target.norm());
    }
    truth.Bend();
    fitted.Bend();
  }
}

TEST(EdgePruningTest, EveryRuleKeepsTheShapeAndMeetsTheTarget) {
  for (const nn::Architecture& architecture :
       {nn::Architecture{.n = 3, .m = 2, .hidden = {5, 4}, .skip = true},
        nn::Architecture{.n = 3, .m = 1, .hidden = {5, 5}, .residual = true},
        nn::Architecture{.n = 6, .m = 2}}) {
    const nn::NetworkSurrogate network = RandomNetwork(architecture, 3);
    const Matrix X = UniformPoints(Cube(network.n(), -1, 1), 500, 8);
    const Matrix before = Predict(network, X).Y;
    for (const EdgeScore score : kScores) {
      for (const Compensation compensation : kCompensations) {
        const PrunedEdges pruned = PruneEdges(network, Cube(network.n(), -1, 1),
                                              {.score = score,
                                               .compensation = compensation,
                                               .target = {.fraction = 0.25},
                                               .num_points = 100});
        EXPECT_EQ(pruned.network.architecture(), architecture);
        const auto total = pruned.report.parameters_before;
        EXPECT_EQ(total, architecture.NumParameters());
        EXPECT_EQ(pruned.report.parameters_after,
                  total - static_cast<Index>(pruned.report.removed.size()));
        const Matrix change = (Predict(pruned.network, X).Y - before).cwiseAbs();
        for (Index o = 0; o < pruned.report.proven.size(); ++o) {
          EXPECT_LE(change.row(o).maxCoeff(), pruned.report.proven[o] * (1 + 1e-12));
        }
        const bool is_proven =
            compensation == Compensation::kMean || compensation == Compensation::kMidpoint;
        EXPECT_EQ(pruned.report.proven.size(), is_proven ? network.m() : 0);
      }
    }
  }
}

// The order of rules that the literature leads one to expect, and ours before all of them.
TEST(EdgePruningTest, RefittedObsLosesLeast) {
  const nn::NetworkSurrogate network = RandomNetwork({.n = 4, .m = 1, .hidden = {20, 20}}, 5);
  const auto lost = [&](EdgeScore score, Compensation compensation) {
    return PruneEdges(network, Cube(4, -1, 1),
                      {.score = score,
                       .compensation = compensation,
                       .target = {.fraction = 0.5},
                       .num_points = 500})
        .report.result.jacobian;
  };
  const double ours = lost(EdgeScore::kSobolevObs, Compensation::kSobolev);
  EXPECT_LT(ours, 0.5 * lost(EdgeScore::kMagnitude, Compensation::kMean));
  EXPECT_LT(ours, 0.5 * lost(EdgeScore::kWanda, Compensation::kMean));
  EXPECT_LT(ours, lost(EdgeScore::kMagnitude, Compensation::kSobolev));
  EXPECT_LT(ours, lost(EdgeScore::kRandom, Compensation::kSobolev));
}

TEST(EdgePruningTest, BudgetsAreKept) {
  const nn::NetworkSurrogate network = RandomNetwork({.n = 3, .m = 1, .hidden = {8, 8}}, 5);
  const auto prune = [&](const Target& target) {
    return PruneEdges(network, Cube(3, -1, 1), {.target = target, .num_points = 200}).report;
  };
  EXPECT_LE(prune({.parameters = 70}).parameters_after, 70);
  EXPECT_LE(prune({.multiply_adds = 60}).multiply_adds_after, 60);
  const EdgePruningReport report = prune({.value_error = 0.01, .jacobian_error = 0.05});
  EXPECT_LE(report.result.value, 0.01);
  EXPECT_LE(report.result.jacobian, 0.05);
  EXPECT_GT(report.removed.size(), 10U);
}

TEST(EdgePruningTest, ThreadsDoNotMatter) {
  const nn::NetworkSurrogate network = RandomNetwork({.n = 4, .m = 2, .hidden = {16, 16}}, 6);
  const auto theta = [&](int threads) {
    oneapi::tbb::task_arena arena(threads);
    return arena.execute([&] {
      return PruneEdges(network, Cube(4, -1, 1), {.target = {.fraction = 0.5}}).network.theta();
    });
  };
  EXPECT_EQ(theta(1), theta(4));
}

void ExpectError(ErrorCode code, const std::string& field, const std::function<void()>& call) {
  try {
    call();
    ADD_FAILURE() << "no error for " << field;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(error.field(), field) << error.what();
  }
}

TEST(EdgePruningTest, BadInputIsRefusedAndStopsAreHeard) {
  const nn::NetworkSurrogate network = Network();
  ExpectError(ErrorCode::kInvalidArgument, "target.fraction",
              [&] { PruneEdges(network, Cube(2, -1, 1), {.target = {.fraction = 1}}); });
  ExpectError(ErrorCode::kInvalidArgument, "box.max", [&] {
    PruneEdges(network, {.min = Vector::Zero(2), .max = Vector::Zero(1)},
               {.target = {.fraction = 0.5}});
  });
  ExpectError(ErrorCode::kInvalidArgument, "num_points", [&] {
    PruneEdges(network, Cube(2, -1, 1), {.target = {.fraction = 0.5}, .num_points = 0});
  });
  ExpectError(ErrorCode::kFailedPrecondition, "target.parameters", [&] {
    PruneEdges(network, Cube(2, -1, 1), {.target = {.parameters = 1}, .num_points = 20});
  });
  std::stop_source source;
  source.request_stop();
  for (const EdgeScore score : kScores) {
    ExpectError(ErrorCode::kCancelled, "", [&] {
      PruneEdges(network, Cube(2, -1, 1), {.score = score, .target = {.fraction = 0.5}},
                 source.get_token());
    });
  }
}

TEST(InputRemovalTest, FixedInputsGiveTheFunctionOfTheOthers) {
  for (const nn::Architecture& architecture :
       {nn::Architecture{.n = 4, .m = 2, .hidden = {5, 4}},
        nn::Architecture{.n = 4, .m = 1, .hidden = {5, 5}, .skip = true, .residual = true}}) {
    const nn::NetworkSurrogate network = RandomNetwork(architecture, 7);
    const Vector x{{0.3, -0.7, 0.2, 1.1}};
    const nn::NetworkSurrogate smaller = FixInputs(network, {1, 3}, x);
    EXPECT_EQ(smaller.n(), 2);
    const Matrix kept = UniformPoints(Cube(2, -1, 1), 30, 2);
    Matrix X = x.replicate(1, 30);
    X.row(1) = kept.row(0);
    X.row(3) = kept.row(1);
    const Prediction all = Predict(network, X);
    const Prediction some = Predict(smaller, kept);
    EXPECT_TRUE(some.Y.isApprox(all.Y, 1e-13));
    EXPECT_TRUE(some.J.isApprox(Matrix(all.J(std::vector<Index>{1, 3}, Eigen::all)), 1e-12));
  }
}

// An input that hardly enters is found by every measure and not missed.
TEST(InputRemovalTest, IdleInputsAreFound) {
  Layers layers(RandomNetwork({.n = 4, .m = 2, .hidden = {6, 5}}, 3));
  layers.Weights(1).col(2) *= 1e-4;
  const nn::NetworkSurrogate network =
      layers.ToSurrogate(RandomNetwork({.n = 4, .m = 2, .hidden = {6, 5}}, 3).scaling());
  const Box box = Cube(4, -1, 1);
  const Matrix X = UniformPoints(box, 2000, 4);
  const Prediction prediction = Predict(network, X);
  const std::vector<Index> expected{0, 1, 3};
  EXPECT_EQ(SignificantInputs(TotalSobolBounds(box, prediction.Y, prediction.J), 1e-4), expected);
  EXPECT_EQ(SignificantInputs(AnalyzeSignificance(network, box).inputs, 0.01), expected);
  EXPECT_EQ(SignificantInputs(SampleSignificance(network, box).inputs, 0.01), expected);
  const nn::NetworkSurrogate smaller = FixInputs(network, expected, Vector::Zero(4));
  const Matrix kept = X(expected, Eigen::all);
  EXPECT_LT((Predict(smaller, kept).Y - prediction.Y).cwiseAbs().maxCoeff(), 1e-3);
}

TEST(InputRemovalTest, BadInputIsRefused) {
  const nn::NetworkSurrogate network = Network();
  constexpr ErrorCode kInvalid = ErrorCode::kInvalidArgument;
  const Vector x = Vector::Zero(2);
  ExpectError(kInvalid, "kept", [&] { FixInputs(network, {}, x); });
  ExpectError(kInvalid, "kept", [&] { FixInputs(network, {1, 0}, x); });
  ExpectError(kInvalid, "kept", [&] { FixInputs(network, {0, 2}, x); });
  ExpectError(kInvalid, "x", [&] { FixInputs(network, {0}, Vector::Zero(3)); });
  ExpectError(kInvalid, "threshold", [] { SignificantInputs(Matrix::Ones(2, 1), -1); });
  EXPECT_EQ(SignificantInputs(Matrix{{1.0}, {3.0}, {2.0}}, 10), (std::vector<Index>{1}));
}

}  // namespace
}  // namespace sobolev::prune
