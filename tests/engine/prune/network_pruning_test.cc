// Pruning from end to end: inputs and vertices or weights together, against predictions.

#include "engine/prune/network_pruning.h"

#include <cmath>
#include <cstddef>
#include <limits>
#include <stop_token>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/edge_order.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"
#include "engine/prune/vertex_order.h"
#include "tests/engine/prune/networks.h"

namespace sobolev::prune {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// Of five inputs, of which the second and the fourth hardly matter.
nn::NetworkSurrogate Network(bool skip = false) {
  const nn::NetworkSurrogate network =
      RandomNetwork({.n = 5, .m = 2, .hidden = {8, 7}, .skip = skip}, 3);
  Layers layers(network);
  for (Index l = 1; l <= layers.depth(); ++l) {
    if (l > 1 && !skip) break;
    Matrix& W = layers.Weights(l);
    const Index first = W.cols() - 5;
    for (const Index j : {1, 3}) W.col(first + j) *= 1e-3;
  }
  return layers.ToSurrogate(network.scaling());
}

Matrix Rows(const Matrix& X, const std::vector<Index>& rows) { return X(rows, Eigen::all); }

struct Failure {
  ErrorCode code = ErrorCode::kInternal;
  std::string reason;
  std::string field;
  std::string message;
};

Failure FailureOf(const nn::NetworkSurrogate& network, const NetworkPruningOptions& options,
                  const std::stop_token& stop = {}) {
  try {
    PruneNetwork(network, Cube(network.n(), -1, 1), options, stop);
  } catch (const Error& error) {
    return {error.code(), error.reason(), error.field(), error.what()};
  }
  return {};
}

TEST(NetworkPruningTest, InputsThatDoNotMatterAreFixedAtTheMiddleOfTheBox) {
  const Box box = Cube(5, -1, 2);
  for (const bool skip : {false, true}) {
    const nn::NetworkSurrogate network = Network(skip);
    const PrunedNetwork pruned = PruneNetwork(network, box, {.input_threshold = 1e-3});
    EXPECT_THAT(pruned.inputs, ElementsAre(0, 2, 4));
    EXPECT_THAT(pruned.removed_vertices, ElementsAre(0, 0));
    EXPECT_EQ(pruned.network.n(), 3);
    const Matrix X = UniformPoints(box, 40, 5);
    Matrix fixed = X;
    for (const Index j : {1, 3}) {
      EXPECT_EQ(pruned.fixed[j], 0.5);
      EXPECT_LT(pruned.sobol_bounds[j], 1e-3);
      fixed.row(j).setConstant(0.5);
    }
    const Matrix expected = Predict(network, fixed).Y;
    EXPECT_TRUE(Predict(pruned.network, Rows(X, pruned.inputs)).Y.isApprox(expected, 1e-12));
  }
}

TEST(NetworkPruningTest, TheWholeDeviatesAsReported) {
  const Box box = Cube(5, -1, 1);
  const Matrix X = UniformPoints(box, 20000, 99);
  for (const bool edges : {false, true}) {
    NetworkPruningOptions options{.input_threshold = 1e-3, .target = Target{.fraction = 0.3}};
    if (edges) options.score = EdgeScore::kSobolevObs;
    const nn::NetworkSurrogate network = Network();
    const PrunedNetwork pruned = PruneNetwork(network, box, options);
    const nn::NetworkSurrogate whole =
        WithAllInputs(pruned.network, pruned.inputs, network.scaling());
    const Prediction narrow = Predict(pruned.network, Rows(X, pruned.inputs));
    const Prediction wide = Predict(whole, X);
    EXPECT_TRUE(wide.Y.isApprox(narrow.Y, 1e-12));
    EXPECT_TRUE(Rows(wide.J, pruned.inputs).isApprox(narrow.J, 1e-12));
    EXPECT_EQ(wide.J.row(1).norm(), 0);
    const Prediction before = Predict(network, X);
    const Vector y_unit = network.scaling().y_scale.cwiseInverse();
    const Matrix dy = y_unit.asDiagonal() * (wide.Y - before.Y);
    const double value = std::sqrt(dy.squaredNorm() / static_cast<double>(dy.size()));
    const Vector units = y_unit.replicate(X.cols(), 1);
    const Matrix difference = (wide.J - before.J) * units.asDiagonal();
    const Matrix size = before.J * units.asDiagonal();
    const double jacobian = difference.norm() / size.norm();
    // Sampled at 2048 other points.
    EXPECT_NEAR(pruned.deviation.value, value, 0.1 * value);
    EXPECT_NEAR(pruned.deviation.jacobian, jacobian, 0.1 * jacobian);
    if (edges) {
      EXPECT_EQ(pruned.removed_weights.size(), 3U);
      EXPECT_EQ(Layers(pruned.network).Width(1), 8);
    } else {
      EXPECT_EQ(pruned.removed_vertices[0] + pruned.removed_vertices[1], 5);
      EXPECT_TRUE(pruned.removed_weights.empty());
    }
  }
}

TEST(NetworkPruningTest, BudgetsHoldForInputsAndVerticesTogether) {
  const nn::NetworkSurrogate network = Network();
  const Box box = Cube(5, -1, 1);
  for (const double budget : {0.01, 0.05, 0.2}) {
    const PrunedNetwork pruned = PruneNetwork(
        network, box, {.input_threshold = 1e-3, .target = Target{.value_error = budget}});
    EXPECT_LE(pruned.deviation.value, budget);
    EXPECT_EQ(pruned.inputs.size(), 3U);
  }
}

TEST(NetworkPruningTest, BudgetsOutOfReachSayWhatCanBeHad) {
  const nn::NetworkSurrogate network = Network();
  for (const bool edges : {false, true}) {
    NetworkPruningOptions options{.target = Target{.jacobian_error = 1e-9}};
    if (edges) options.score = EdgeScore::kMagnitude;
    const Failure failure = FailureOf(network, options);
    EXPECT_EQ(failure.code, ErrorCode::kFailedPrecondition);
    EXPECT_EQ(failure.reason, "TARGET_OUT_OF_REACH");
    EXPECT_EQ(failure.field, "target.jacobian_error");
    // What it says can be had.
    const std::string least = failure.message.substr(failure.message.find("at least ") + 9);
    options.target->jacobian_error = 1.01 * std::stod(least);
    const PrunedNetwork pruned = PruneNetwork(network, Cube(5, -1, 1), options);
    EXPECT_LE(pruned.deviation.jacobian, *options.target->jacobian_error);
    EXPECT_GT(NumParameters(Layers(network)), NumParameters(Layers(pruned.network)));
  }
  const Failure inputs =
      FailureOf(network, {.input_threshold = 1e-3, .target = Target{.value_error = 1e-9}});
  EXPECT_EQ(inputs.field, "target.value_error");
  EXPECT_THAT(inputs.message, HasSubstr("without the inputs that are removed"));
  const Failure none = FailureOf(network, {.input_threshold = 1e-15});
  EXPECT_EQ(none.code, ErrorCode::kFailedPrecondition);
  EXPECT_EQ(none.field, "input_threshold");
}

TEST(NetworkPruningTest, BadInputIsRefused) {
  const nn::NetworkSurrogate network = Network();
  const auto field = [](const nn::NetworkSurrogate& of, const NetworkPruningOptions& options) {
    return FailureOf(of, options).field;
  };
  EXPECT_EQ(field(network, {}), "target");
  EXPECT_EQ(field(network, {.target = Target{.fraction = 0.99}}), "target.fraction");
  EXPECT_EQ(field(network, {.target = Target{.fraction = 0.1}, .num_points = 1}), "num_points");
  for (const double threshold : {-1.0, std::nan(""), std::numeric_limits<double>::infinity()}) {
    EXPECT_EQ(field(network, {.input_threshold = threshold}), "input_threshold");
  }
  const NetworkPruningOptions tenth{.target = Target{.fraction = 0.1}};
  const nn::NetworkSurrogate small = RandomNetwork({.n = 2, .m = 1, .hidden = {3, 2}}, 1);
  EXPECT_EQ(field(small, tenth), "network.hidden");
  EXPECT_EQ(FailureOf(small, tenth).code, ErrorCode::kFailedPrecondition);
  const nn::NetworkSurrogate residual =
      RandomNetwork({.n = 2, .m = 1, .hidden = {6, 6}, .residual = true}, 1);
  EXPECT_EQ(field(residual, tenth), "network.residual");
  NetworkPruningOptions weights = tenth;
  weights.score = EdgeScore::kMagnitude;
  EXPECT_EQ(FailureOf(residual, weights).message, "");
  EXPECT_EQ(FailureOf(small, weights).message, "");
}

TEST(NetworkPruningTest, ACopyComesOutOnlyIfItIsRetrained) {
  const nn::NetworkSurrogate network = Network();
  const Layers layers(network);
  const std::vector<std::pair<Target, std::string>> cases = {
      {{.fraction = 0}, "target.fraction"},
      {{.fraction = 1e-9}, "target.fraction"},
      {{.parameters = NumParameters(layers)}, "target.parameters"},
      {{.multiply_adds = JacobianCost(layers)}, "target.multiply_adds"}};
  const NetworkPruningOptions vertices;
  NetworkPruningOptions weights;
  weights.score = EdgeScore::kMagnitude;
  for (const auto& [target, field] : cases) {
    for (NetworkPruningOptions options : {vertices, weights}) {
      options.target = target;
      const Failure failure = FailureOf(network, options);
      EXPECT_EQ(failure.code, ErrorCode::kInvalidArgument);
      EXPECT_EQ(failure.field, field);
      // Nor with a threshold that no input is below.
      options.input_threshold = 1e-15;
      EXPECT_EQ(FailureOf(network, options).field, "input_threshold");
      options.input_threshold.reset();
      options.may_remove_nothing = true;
      EXPECT_EQ(PruneNetwork(network, Cube(5, -1, 1), options).network.theta(), network.theta());
    }
  }
}

TEST(NetworkPruningTest, StopsWhenAsked) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(FailureOf(Network(), {.target = Target{.fraction = 0.1}}, stop.get_token()).code,
            ErrorCode::kCancelled);
}

}  // namespace
}  // namespace sobolev::prune
