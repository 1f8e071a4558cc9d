// Vertex pruning: folding that changes nothing, ranking and refit against brute force, targets, and
// what is refused.

#include "engine/prune/vertex_pruning.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/QR>
#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"
#include "engine/prune/sobolev_fit.h"
#include "engine/prune/vertex_order.h"
#include "tests/engine/prune/networks.h"

namespace sobolev::prune {
namespace {

constexpr VertexScore kScores[] = {VertexScore::kSobolevObs, VertexScore::kInterval,
                                   VertexScore::kSampled,    VertexScore::kTaylor,
                                   VertexScore::kMagnitude,  VertexScore::kRandom};
constexpr Compensation kCompensations[] = {Compensation::kSobolev, Compensation::kMean,
                                           Compensation::kMidpoint, Compensation::kZero};

nn::NetworkSurrogate Network(bool skip = false) {
  return RandomNetwork({.n = 3, .m = 2, .hidden = {8, 6}, .skip = skip}, 4);
}

// The same network with vertices whose incoming weights are all 0, so that they are constants.
nn::NetworkSurrogate WithConstants(const nn::NetworkSurrogate& network,
                                   const std::vector<VertexRemoval>& vertices) {
  Layers layers(network);
  for (const VertexRemoval& each : vertices) layers.Weights(each.layer).row(each.vertex).setZero();
  return layers.ToSurrogate(network.scaling());
}

// Whatever the rule that finds them, constants go first and nobody sees it.
TEST(VertexPruningTest, ConstantVerticesAreRemovedWithoutATrace) {
  const std::vector<VertexRemoval> constants = {
      {.layer = 1, .vertex = 2}, {.layer = 1, .vertex = 5}, {.layer = 1, .vertex = 6},
      {.layer = 1, .vertex = 7}, {.layer = 2, .vertex = 0}, {.layer = 2, .vertex = 3},
      {.layer = 2, .vertex = 4}};
  const Box box = Cube(3, -1, 1);
  const Matrix X = UniformPoints(box, 50, 9);
  for (const bool skip : {false, true}) {
    const nn::NetworkSurrogate network = WithConstants(Network(skip), constants);
    const Prediction before = Predict(network, X);
    for (const VertexScore score :
         {VertexScore::kSobolevObs, VertexScore::kInterval, VertexScore::kSampled}) {
      for (const Compensation compensation :
           {Compensation::kSobolev, Compensation::kMean, Compensation::kMidpoint}) {
        const PrunedVertices pruned = PruneVertices(
            network, box,
            {.score = score, .compensation = compensation, .target = {.fraction = 0.5}});
        EXPECT_EQ(pruned.network.architecture().hidden, (std::vector<Index>{4, 3}));
        EXPECT_EQ(pruned.report.kept[0], (std::vector<Index>{0, 1, 3, 4}));
        EXPECT_EQ(pruned.report.kept[1], (std::vector<Index>{1, 2, 5}));
        const Prediction after = Predict(pruned.network, X);
        EXPECT_TRUE(after.Y.isApprox(before.Y, 1e-13));
        EXPECT_TRUE(after.J.isApprox(before.J, 1e-12));
      }
    }
  }
}

TEST(VertexPruningTest, NothingToRemoveIsTheNetworkItself) {
  const nn::NetworkSurrogate network = Network();
  const PrunedVertices pruned = PruneVertices(network, Cube(3, -1, 1), {.target = {.fraction = 0}});
  EXPECT_EQ(pruned.network.theta(), network.theta());
  EXPECT_EQ(pruned.report.result.value, 0);
  EXPECT_EQ(pruned.report.result.jacobian, 0);
}

// Features and images of a layer, as least squares sees them.
struct System {
  Matrix F;
  Matrix Z;
};
System SystemOf(const Layers& layers, Index l, const FitPoints& points) {
  Matrix X_dot(points.X.rows(), points.X.cols() * points.directions.cols());
  for (Index k = 0; k < points.directions.cols(); ++k) {
    X_dot.middleCols(k * points.X.cols(), points.X.cols()) =
        points.directions.col(k).replicate(1, points.X.cols());
  }
  LayerSweep sweep(layers, points.X, X_dot);
  for (Index k = 1; k < l; ++k) {
    sweep.Affine();
    sweep.Bend();
  }
  System system{.F = sweep.Features(), .Z = {}};
  sweep.Affine();
  system.Z = sweep.Images();
  return system;
}

// The least Σ_o c_o |w_o F_kept − w_o F|²/N + ridge terms over all w: what it costs to do without a
// set of vertices, by an orthogonal factorisation. The ridge is that of the ranking.
double CostWithout(const System& system, const Vector& c, const Matrix& W, Index num_samples,
                   const std::vector<Index>& kept) {
  const auto N = static_cast<double>(num_samples);
  const Index size = system.F.rows();
  const double ridge = 1e-7 * system.F.squaredNorm() / N / static_cast<double>(size);
  // min over v of |(v_kept − w) F|²/N + ridge |v_kept − w|², v = 0 for the others.
  Matrix stacked(system.F.cols() + size, size);
  stacked << system.F.transpose() / std::sqrt(N), std::sqrt(ridge) * Matrix::Identity(size, size);
  const Matrix A = stacked(Eigen::all, kept);
  const Matrix target = stacked * W.transpose();
  const Matrix missing = A * A.householderQr().solve(target) - target;
  return c.dot(missing.colwise().squaredNorm());
}

// One after the other, every vertex is tried and the rest refitted: the cheapest is the one that is
// removed, at that cost.
TEST(VertexOrderTest, SobolevObsIsBruteForce) {
  for (const bool skip : {false, true}) {
    const nn::NetworkSurrogate network = Network(skip);
    const Layers layers(network);
    const FitPoints points = DrawFitPoints(network, Cube(3, -1, 1), 60, 2);
    const std::vector<VertexRemoval> order = SobolevObsOrder(layers, points, {});
    const std::vector<Vector> c = OutputWeights(layers, points, {});
    ASSERT_EQ(order.size(), 8U);
    std::vector<std::vector<Index>> alive;
    std::vector<System> systems;
    for (Index l = 1; l <= 2; ++l) {
      systems.push_back(SystemOf(layers, l + 1, points));
      alive.emplace_back(static_cast<std::size_t>(systems.back().F.rows()));
      std::iota(alive.back().begin(), alive.back().end(), Index{0});
    }
    // What the next pre-activations have lost already is not counted again.
    std::vector<double> lost(2, 0);
    for (const VertexRemoval& removal : order) {
      double least = std::numeric_limits<double>::infinity();
      VertexRemoval best;
      for (Index l = 1; l <= 2; ++l) {
        const auto at = static_cast<std::size_t>(l - 1);
        const Index others = systems[at].F.rows() - layers.Width(l);
        if (static_cast<Index>(alive[at].size()) - others <= 3) continue;
        for (const Index vertex : alive[at]) {
          if (vertex >= layers.Width(l)) continue;
          std::vector<Index> kept = alive[at];
          std::erase(kept, vertex);
          const double cost =
              CostWithout(systems[at], c[at + 1], WithBias(layers, l + 1), 60, kept) - lost[at];
          if (cost < least) {
            least = cost;
            best = {.layer = l, .vertex = vertex, .cost = cost};
          }
        }
      }
      EXPECT_EQ(removal.layer, best.layer);
      EXPECT_EQ(removal.vertex, best.vertex);
      EXPECT_NEAR(removal.cost, best.cost, 1e-6 * best.cost);
      const auto at = static_cast<std::size_t>(best.layer - 1);
      std::erase(alive[at], best.vertex);
      lost[at] += best.cost;
    }
  }
}

// The weights behind a cut are those of an orthogonal factorisation of values and tangents stacked.
TEST(VertexPruningTest, RefitIsLeastSquaresOfValuesAndTangents) {
  for (const bool skip : {false, true}) {
    const nn::NetworkSurrogate network = Network(skip);
    const Box box = Cube(3, -1, 1);
    const PrunedVertices pruned =
        PruneVertices(network, box, {.target = {.fraction = 0.3}, .num_points = 200, .seed = 3});
    ASSERT_FALSE(pruned.report.removed.empty());
    const Layers before(network);
    const Layers after(pruned.network);
    const FitPoints points = DrawFitPoints(network, box, 200, 3);
    for (Index l = 2; l <= 3; ++l) {
      const System truth = SystemOf(before, l, points);
      const System fitted = SystemOf(after, l, points);
      Matrix target = truth.Z;
      if (l == 2) target = Matrix(truth.Z(pruned.report.kept[1], Eigen::all));
      const Matrix W =
          fitted.F.transpose().colPivHouseholderQr().solve(target.transpose()).transpose();
      // Compared by what they give: the ridge moves weights, but not what they fit.
      EXPECT_LE((WithBias(after, l) * fitted.F - target).norm(),
                (1 + 1e-6) * (W * fitted.F - target).norm());
    }
  }
}

// A network in which some vertices are sums of others: they cost nothing and are not missed.
TEST(VertexPruningTest, CopiesOfVerticesAreNotMissed) {
  Layers layers(Network());
  for (Index v = 5; v < 8; ++v) {
    layers.Weights(1).row(v) = layers.Weights(1).row(v - 5);
    layers.Bias(1)[v] = layers.Bias(1)[v - 5];
  }
  const nn::NetworkSurrogate network = layers.ToSurrogate(Network().scaling());
  const PrunedVertices pruned =
      PruneVertices(network, Cube(3, -1, 1), {.target = {.fraction = 3.0 / 14}, .num_points = 300});
  EXPECT_EQ(pruned.network.architecture().hidden, (std::vector<Index>{5, 6}));
  EXPECT_LT(pruned.report.result.value, 1e-5);
  EXPECT_LT(pruned.report.result.jacobian, 1e-5);
  EXPECT_GT(pruned.report.folded.value, 1e-2);  // Without the others taking over.
}

TEST(VertexPruningTest, EveryRuleKeepsWhatTheTargetSays) {
  const nn::NetworkSurrogate network = Network();
  for (const VertexScore score : kScores) {
    for (const Compensation compensation : kCompensations) {
      const PrunedVertices pruned = PruneVertices(network, Cube(3, -1, 1),
                                                  {.score = score,
                                                   .compensation = compensation,
                                                   .target = {.fraction = 0.5},
                                                   .num_points = 100});
      const std::vector<Index>& hidden = pruned.network.architecture().hidden;
      EXPECT_EQ(hidden[0] + hidden[1], 7);
      EXPECT_GE(std::min(hidden[0], hidden[1]), 3);
      if (score != VertexScore::kSobolevObs) {
        EXPECT_EQ(hidden, (std::vector<Index>{4, 3}));
      }
      EXPECT_EQ(pruned.report.removed.size(), 7U);
      EXPECT_EQ(pruned.report.parameters_after, pruned.network.architecture().NumParameters());
      EXPECT_EQ(pruned.report.parameters_before, network.architecture().NumParameters());
    }
  }
}

// What the report says of the change is what predictions at other points say.
TEST(VertexPruningTest, ReportedDeviationsAreThoseOfPredictions) {
  const nn::NetworkSurrogate network = Network();
  const Box box{.min = Vector{{-1, 0, 2}}, .max = Vector{{1, 3, 2.5}}};
  const PrunedVertices pruned =
      PruneVertices(network, box, {.target = {.fraction = 0.5}, .num_points = 4000});
  const Matrix X = UniformPoints(box, 4000, 77);
  const Prediction a = Predict(network, X);
  const Prediction b = Predict(pruned.network, X);
  double square = 0;
  double change = 0;
  double size = 0;
  for (Index s = 0; s < X.cols(); ++s) {
    for (Index o = 0; o < 2; ++o) {
      const double unit = network.scaling().y_scale[o];
      square += std::pow((b.Y(o, s) - a.Y(o, s)) / unit, 2);
      for (Index j = 0; j < 3; ++j) {
        const double half = 0.5 * (box.max[j] - box.min[j]) / unit;
        change += std::pow(half * (b.J(j, 2 * s + o) - a.J(j, 2 * s + o)), 2);
        size += std::pow(half * a.J(j, 2 * s + o), 2);
      }
    }
  }
  // Other points: a few per cent.
  EXPECT_NEAR(pruned.report.result.value, std::sqrt(square / 8000),
              0.1 * pruned.report.result.value);
  EXPECT_NEAR(pruned.report.result.jacobian, std::sqrt(change / size),
              0.1 * pruned.report.result.jacobian);
}

TEST(VertexPruningTest, ProvenChangesAreNeverPassed) {
  for (const bool skip : {false, true}) {
    const nn::NetworkSurrogate network = Network(skip);
    const Box box = Cube(3, -1, 1);
    const Matrix X = UniformPoints(box, 3000, 5);
    const Matrix before = Predict(network, X).Y;
    for (const Compensation compensation : {Compensation::kMidpoint, Compensation::kMean}) {
      const PrunedVertices pruned = PruneVertices(network, box,
                                                  {.score = VertexScore::kInterval,
                                                   .compensation = compensation,
                                                   .target = {.fraction = 0.4}});
      const Matrix change = (Predict(pruned.network, X).Y - before).cwiseAbs();
      ASSERT_EQ(pruned.report.proven.size(), 2);
      for (Index o = 0; o < 2; ++o) {
        EXPECT_LE(change.row(o).maxCoeff(), pruned.report.proven[o]);
        EXPECT_LE(pruned.report.proven[o], 100 * change.row(o).maxCoeff());  // It says something.
      }
    }
  }
}

TEST(VertexPruningTest, TargetsOfSizeAreMetWithTheFewestRemovals) {
  const nn::NetworkSurrogate network = Network();
  const auto prune = [&](const Target& target) {
    return PruneVertices(network, Cube(3, -1, 1), {.target = target, .num_points = 100}).report;
  };
  const VertexPruningReport by_parameters = prune({.parameters = 60});
  EXPECT_LE(by_parameters.parameters_after, 60);
  const VertexPruningReport by_cost = prune({.multiply_adds = 80});
  EXPECT_LE(by_cost.multiply_adds_after, 80);
  for (const auto& [report, parameters] :
       {std::pair{by_parameters, true}, std::pair{by_cost, false}}) {
    const double one_less = (static_cast<double>(report.removed.size()) - 1) / 14;
    const VertexPruningReport less = prune({.fraction = one_less});
    EXPECT_GT(parameters ? less.parameters_after : less.multiply_adds_after, parameters ? 60 : 80);
  }
  EXPECT_EQ(prune({.parameters = 1000}).removed.size(), 0U);
}

TEST(VertexPruningTest, BudgetsOfErrorsAreKeptAndUsed) {
  const nn::NetworkSurrogate network = Network();
  const auto prune = [&](const Target& target) {
    return PruneVertices(network, Cube(3, -1, 1), {.target = target, .num_points = 300}).report;
  };
  std::size_t before = 0;
  for (const double budget : {1e-4, 1e-3, 1e-2, 1e-1}) {
    const VertexPruningReport report = prune({.value_error = budget, .jacobian_error = 3 * budget});
    EXPECT_LE(report.result.value, budget);
    EXPECT_LE(report.result.jacobian, 3 * budget);
    EXPECT_GE(report.removed.size(), before);
    before = report.removed.size();
  }
  EXPECT_GE(before, 4U);
  EXPECT_EQ(prune({.value_error = 0}).removed.size(), 0U);
}

TEST(VertexPruningTest, SeedsDecideAndThreadsDoNot) {
  const nn::NetworkSurrogate network = RandomNetwork({.n = 4, .m = 2, .hidden = {40, 40}}, 6);
  const auto theta = [&](std::uint64_t seed, int threads) {
    oneapi::tbb::task_arena arena(threads);
    return arena.execute([&] {
      return PruneVertices(network, Cube(4, -1, 1), {.target = {.fraction = 0.5}, .seed = seed})
          .network.theta();
    });
  };
  const Vector one = theta(1, 1);
  EXPECT_EQ(one, theta(1, 2));
  EXPECT_EQ(one, theta(1, 5));
  const Vector other = theta(2, 1);
  EXPECT_TRUE(one.size() != other.size() || one != other);
}

// Many inputs are fitted along random directions, which help as well.
TEST(VertexPruningTest, ManyInputsAreSketched) {
  const nn::NetworkSurrogate network = RandomNetwork({.n = 40, .m = 1, .hidden = {30, 20}}, 2);
  const FitPoints points = DrawFitPoints(network, Cube(40, -1, 1), 50, 1);
  EXPECT_EQ(points.directions.cols(), kSketchedDirections);
  // Squares add up to those of all inputs, each in half its range.
  const Vector half = network.scaling().x_scale.cwiseInverse();
  EXPECT_TRUE(points.directions.rowwise().squaredNorm().isApprox(half.cwiseAbs2(), 1e-12));
  const PrunedVertices pruned =
      PruneVertices(network, Cube(40, -1, 1), {.target = {.fraction = 0.2}});
  EXPECT_LT(pruned.report.result.jacobian, 0.75 * pruned.report.folded.jacobian);
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

TEST(VertexPruningTest, BadInputIsRefused) {
  const nn::NetworkSurrogate network = Network();
  const auto bad = [&](const Target& target, ErrorCode code, const std::string& field) {
    ExpectError(code, field, [&] {
      PruneVertices(network, Cube(3, -1, 1), {.target = target, .num_points = 50});
    });
  };
  constexpr ErrorCode kInvalid = ErrorCode::kInvalidArgument;
  bad({}, kInvalid, "target");
  bad({.fraction = 0.5, .parameters = 10}, kInvalid, "target");
  for (const double fraction : {-0.1, 1.0, 1.5, std::nan("")}) {
    bad({.fraction = fraction}, kInvalid, "target.fraction");
  }
  bad({.fraction = 0.99}, kInvalid, "target.fraction");  // Below three vertices a layer.
  bad({.parameters = 0}, kInvalid, "target.parameters");
  bad({.multiply_adds = -3}, kInvalid, "target.multiply_adds");
  bad({.value_error = -1}, kInvalid, "target.value_error");
  bad({.jacobian_error = std::nan("")}, kInvalid, "target.jacobian_error");
  bad({.parameters = 5}, ErrorCode::kFailedPrecondition, "target.parameters");
  bad({.multiply_adds = 5}, ErrorCode::kFailedPrecondition, "target.multiply_adds");
  const VertexPruningOptions half{.target = {.fraction = 0.5}};
  ExpectError(kInvalid, "box.min[0]", [&] { PruneVertices(network, Cube(3, 1, -1), half); });
  ExpectError(kInvalid, "num_points", [&] {
    PruneVertices(network, Cube(3, -1, 1), {.target = {.fraction = 0.5}, .num_points = 1});
  });
  ExpectError(kInvalid, "network.hidden",
              [&] { PruneVertices(RandomNetwork({.n = 3, .m = 1}, 1), Cube(3, -1, 1), half); });
  ExpectError(kInvalid, "network.residual", [&] {
    PruneVertices(RandomNetwork({.n = 3, .m = 1, .hidden = {8, 8}, .residual = true}, 1),
                  Cube(3, -1, 1), half);
  });
}

TEST(VertexPruningTest, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  for (const VertexScore score : kScores) {
    ExpectError(ErrorCode::kCancelled, "", [&] {
      PruneVertices(Network(), Cube(3, -1, 1), {.score = score, .target = {.fraction = 0.5}},
                    source.get_token());
    });
  }
}

}  // namespace
}  // namespace sobolev::prune
