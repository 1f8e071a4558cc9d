#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sobolev/client.h>

#include "tests/client/cpp/client_testing.h"

namespace sobolev::client {
namespace {

// u = a² + a b, v = sin b at random points of [-1, 1]², with their Jacobians.
Samples MakeSamples(Index num_samples, unsigned seed) {
  std::mt19937 generator(seed);
  std::uniform_real_distribution<double> uniform(-1, 1);
  Samples samples{.X = Matrix(2, num_samples),
                  .Y = Matrix(2, num_samples),
                  .jacobian = Matrix(2, 2 * num_samples),
                  .weight = {}};
  for (Index s = 0; s < num_samples; ++s) {
    const double a = uniform(generator);
    const double b = uniform(generator);
    samples.X.col(s) << a, b;
    samples.Y.col(s) << a * a + a * b, std::sin(b);
    samples.jacobian.middleCols(2 * s, 2) << 2 * a + b, 0, a, std::cos(b);
  }
  return samples;
}

class TrainingTest : public WithServer {
 protected:
  TrainingTest() { Upload("d", MakeSamples(60, 1)); }

  void Upload(const std::string& dataset, const Samples& samples) {
    client_.CreateDataset(dataset, {.inputs = {{"a"}, {"b"}}, .outputs = {{"u"}, {"v"}}});
    client_.Append(dataset, samples);
  }
};

TEST_F(TrainingTest, AnEmptySpecLetsTheServerChooseAndTheReportSaysWhatWasTried) {
  std::optional<TrainingProgress> last;
  const ModelVersion version =
      client_.Train("d", {.effort = 2}, {.model = "m"}).Wait([&](const JobEvent& event) {
        if (event.progress) last = event.progress;
      });
  EXPECT_NE(version.kind, ModelKind::kUnknown);
  const TrainingReport& report = version.report;
  EXPECT_EQ(report.stop_reason, StopReason::kSelectionDone);
  ASSERT_NE(report.Winner(), nullptr);
  EXPECT_FALSE(report.Winner()->recipe.empty());
  EXPECT_EQ(report.Winner()->validation, report.validation);
  EXPECT_GT(report.Winner()->work, 0);
  EXPECT_LT(report.Winner()->score, 0.1);
  ASSERT_EQ(report.learning_curve.size(), 2U);
  EXPECT_LT(report.learning_curve[0].sample_count, report.learning_curve[1].sample_count);
  EXPECT_TRUE(report.value_only.has_value());
  EXPECT_TRUE(report.warnings.empty());
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->epochs, 0);
  EXPECT_EQ(last->fraction, 1);
  EXPECT_EQ(last->leaderboard.size(), report.leaderboard.size());
  EXPECT_EQ(client_.GetModelVersion("m").report.leaderboard.size(), report.leaderboard.size());
}

TEST_F(TrainingTest, AGaussianProcessAnswersHessiansAndItsOwnUncertainty) {
  const ModelVersion version =
      client_.Train("d", {.kind = TrainingKind::kGaussianProcess}, {.model = "gp"}).Wait();
  EXPECT_EQ(version.kind, ModelKind::kGaussianProcess);
  EXPECT_TRUE(version.hidden.empty());

  // One point among the samples, one far outside, where the process knows little.
  const Matrix X{{0.3, 5}, {-0.2, 5}};
  const Prediction prediction = client_.Predict("gp", X,
                                                {.jacobian = true,
                                                 .hessian = true,
                                                 .tangents = {},
                                                 .adjoints = {},
                                                 .spread = true,
                                                 .jacobian_spread = true});
  const double a = X(0, 0);
  const double b = X(1, 0);
  EXPECT_NEAR(prediction.value(0, 0), a * a + a * b, 1e-2);
  EXPECT_NEAR(prediction.value(1, 0), std::sin(b), 1e-2);
  EXPECT_TRUE(prediction.JacobianAt(0).isApprox(Matrix{{2 * a + b, a}, {0, std::cos(b)}}, 2e-2));
  EXPECT_TRUE(prediction.HessianAt(0, 0).isApprox(Matrix{{2, 1}, {1, 0}}, 0.1))
      << prediction.HessianAt(0, 0);
  EXPECT_NEAR(prediction.HessianAt(0, 1)(1, 1), -std::sin(b), 0.1);
  EXPECT_EQ(prediction.HessianAt(1, 1).rows(), 2);
  ASSERT_EQ(prediction.spread.rows(), 2);
  ASSERT_EQ(prediction.jacobian_spread.cols(), 4);
  EXPECT_TRUE((prediction.spread.array() >= 0).all());
  EXPECT_TRUE((prediction.spread.col(1).array() > 10 * prediction.spread.col(0).array()).all())
      << prediction.spread;
  EXPECT_TRUE((prediction.jacobian_spread.rightCols(2).array() >
               10 * prediction.jacobian_spread.leftCols(2).array())
                  .all())
      << prediction.jacobian_spread;
  EXPECT_EQ(client_.Predict("gp", X).spread.size(), 0);
}

TEST_F(TrainingTest, APolynomialHasHessiansAndNoSpread) {
  const ModelVersion version =
      client_.Train("d", {.kind = TrainingKind::kPolynomial}, {.model = "p"}).Wait();
  EXPECT_EQ(version.kind, ModelKind::kPolynomial);
  const Prediction prediction =
      client_.Predict("p", Matrix{{0.3}, {-0.2}},
                      {.value = false, .hessian = true, .tangents = {}, .adjoints = {}});
  EXPECT_EQ(prediction.value.size(), 0);
  EXPECT_TRUE(prediction.HessianAt(0, 0).isApprox(Matrix{{2, 1}, {1, 0}}, 0.1))
      << prediction.HessianAt(0, 0);
  EXPECT_EQ(
      CodeOf([&] {
        client_.Predict("p", Matrix{{0}, {0}}, {.tangents = {}, .adjoints = {}, .spread = true});
      }),
      StatusCode::kInvalidArgument);
}

TEST_F(TrainingTest, ANetworkIsTrainedByTheOptimizerThatIsAskedFor) {
  for (const Optimizer optimizer :
       {Optimizer::kLevenbergMarquardt, Optimizer::kHybrid, Optimizer::kLbfgs}) {
    const TrainingSpec spec{
        .hidden = {6}, .activation = Activation::kTanh, .optimizer = optimizer, .seed = 4};
    const ModelVersion version = client_.Train("d", spec, {.model = "n"}).Wait();
    EXPECT_EQ(version.kind, ModelKind::kNetwork);
    EXPECT_EQ(version.hidden, std::vector<int>({6}));
    EXPECT_EQ(version.activation, Activation::kTanh);
    EXPECT_EQ(version.report.seed, 4U);
    ASSERT_EQ(version.report.leaderboard.size(), 1U);
    EXPECT_GT(version.report.leaderboard[0].iterations, 0);
  }
  const ModelVersion adam =
      client_.Train("d", {.hidden = {6}, .optimizer = Optimizer::kAdam, .epochs = 3}, {}).Wait();
  EXPECT_EQ(adam.report.epochs, 3);
}

// u = a² + … grows and falls in a, so that the model that must grow cannot follow.
TEST_F(TrainingTest, AModelIsMonotoneAndConvexWhereItIsAskedTo) {
  const TrainingSpec spec{.hidden = {6, 6},
                          .residual = true,
                          .monotone = {{"a", Slope::kIncreasing}, {"b", Slope::kDecreasing}},
                          .convexity = Convexity::kConvex,
                          .optimizer = Optimizer::kLevenbergMarquardt};
  const ModelVersion version = client_.Train("d", spec, {.model = "shaped"}).Wait();
  EXPECT_EQ(version.activation, Activation::kSoftplus);
  EXPECT_TRUE(version.skip);
  EXPECT_TRUE(version.residual);
  const Samples samples = MakeSamples(50, 3);
  const Prediction prediction = client_.Predict(
      "shaped", samples.X, {.jacobian = true, .hessian = true, .tangents = {}, .adjoints = {}});
  for (Index s = 0; s < samples.X.cols(); ++s) {
    EXPECT_GE(prediction.JacobianAt(s).col(0).minCoeff(), 0);
    EXPECT_LE(prediction.JacobianAt(s).col(1).maxCoeff(), 0);
    EXPECT_GE(prediction.HessianAt(s, 0).diagonal().minCoeff(), 0);
  }
}

TEST_F(TrainingTest, AnEnsembleTellsItsSpread) {
  const TrainingSpec spec{.hidden = {6},
                          .activation = Activation::kTanh,
                          .optimizer = Optimizer::kLevenbergMarquardt,
                          .ensemble_size = 3};
  const ModelVersion version = client_.Train("d", spec, {.model = "e"}).Wait();
  EXPECT_EQ(version.kind, ModelKind::kEnsemble);
  const Quantities quantities{
      .hessian = true, .tangents = {}, .adjoints = {}, .spread = true, .jacobian_spread = true};
  const Prediction prediction = client_.Predict("e", Matrix{{0.3, 5}, {-0.2, 5}}, quantities);
  EXPECT_TRUE((prediction.spread.col(1).array() > prediction.spread.col(0).array()).all())
      << prediction.spread;
  EXPECT_EQ(prediction.jacobian_spread.cols(), 4);
  EXPECT_EQ(prediction.hessian.cols(), 8);
}

TEST_F(TrainingTest, WeightsAndAHuberThresholdReachTheFit) {
  Samples samples = MakeSamples(200, 2);
  for (Index s = 0; s < 200; s += 20) samples.Y(0, s) += 1e4;
  Upload("outliers", samples);
  const auto error = [&](std::optional<double> huber) {
    const TrainingSpec spec{.kind = TrainingKind::kPolynomial,
                            .output_weights = {1, 2},
                            .derivative_weights = {1, 1, 0.5, 1},
                            .huber = huber};
    return client_.Train("outliers", spec, {}).Wait().report.validation.value_relative;
  };
  EXPECT_LT(error(1.345), 0.1);
  EXPECT_GT(error(std::nullopt), 0.5);

  const TrainingSpec adam{.optimizer = Optimizer::kAdam, .huber = 1};
  EXPECT_EQ(CodeOf([&] { client_.Train("outliers", adam, {}); }), StatusCode::kInvalidArgument);
}

TEST_F(TrainingTest, LimitedMemoryBfgsTrainsANetwork) {
  const TrainingSpec spec{.hidden = {6}, .optimizer = Optimizer::kLbfgs};
  const ModelVersion version = client_.Train("d", spec, {.model = "lbfgs"}).Wait();
  EXPECT_EQ(version.kind, ModelKind::kNetwork);
  ASSERT_EQ(version.report.leaderboard.size(), 1U);
  EXPECT_GT(version.report.leaderboard[0].iterations, 0);
  EXPECT_LT(version.report.validation.value_relative, 0.1);
}

TEST_F(TrainingTest, WhatIsKnownOfInputsAndOutputsHolds) {
  const TrainingSpec spec{
      .kind = TrainingKind::kPolynomial,
      .input_maps = {{.input = "b", .period = 8, .harmonics = 2}},
      .feature_degree = 2,
      .output_maps = {{.output = "u", .lower = -3}, {.output = "v", .upper = 2}},
      .extrapolation = Extrapolation::kLinear};
  const ModelVersion version = client_.Train("d", spec, {.model = "known"}).Wait();
  EXPECT_EQ(version.kind, ModelKind::kComposed);
  const Matrix X{{0.3, 0.3, 1e4, -1e4}, {-0.2, 7.8, 0, 0}};
  const Prediction prediction =
      client_.Predict("known", X, {.jacobian = true, .tangents = {}, .adjoints = {}});
  EXPECT_NEAR(prediction.value(0, 0), 0.03, 0.05);
  EXPECT_NEAR(prediction.value(1, 0), std::sin(-0.2), 0.05);
  EXPECT_TRUE(prediction.value.col(1).isApprox(prediction.value.col(0), 1e-9));
  EXPECT_TRUE((prediction.value.row(0).array() >= -3).all());
  EXPECT_TRUE((prediction.value.row(1).array() <= 2).all());
  const TrainingSpec logarithmic{.kind = TrainingKind::kPolynomial,
                                 .output_maps = {{.output = "u", .lower = -9, .logarithmic = true}},
                                 .extrapolation = Extrapolation::kConstant};
  EXPECT_EQ(client_.Train("d", logarithmic, {.model = "log"}).Wait().kind, ModelKind::kComposed);
}

TEST_F(TrainingTest, ATimeLimitEndsASelectionWithTheBestSoFar) {
  const ModelVersion version =
      client_.Train("d", {.time_limit_seconds = 1e-9}, {.model = "hurried"}).Wait();
  EXPECT_EQ(version.report.stop_reason, StopReason::kTimeLimit);
  EXPECT_FALSE(version.report.leaderboard.empty());
}

TEST_F(TrainingTest, ATimeLimitEndsFitsOfASingleNetwork) {
  for (const Optimizer optimizer :
       {Optimizer::kAdam, Optimizer::kLevenbergMarquardt, Optimizer::kHybrid, Optimizer::kLbfgs}) {
    const ModelVersion version =
        client_
            .Train("d", {.hidden = {8, 8}, .optimizer = optimizer, .time_limit_seconds = 1e-9},
                   {.model = "hurried"})
            .Wait();
    EXPECT_EQ(version.kind, ModelKind::kNetwork);
    EXPECT_EQ(version.report.stop_reason, StopReason::kTimeLimit);
    EXPECT_TRUE(std::isfinite(version.report.validation.value_relative));
  }
}

TEST_F(TrainingTest, AVersionTellsItsShape) {
  const ModelVersion free =
      client_.Train("d", {.kind = TrainingKind::kPolynomial}, {.model = "free"}).Wait();
  EXPECT_EQ(free.core_kind, ModelKind::kPolynomial);
  EXPECT_TRUE(free.monotone.empty());
  EXPECT_FALSE(free.convexity.has_value());
  EXPECT_EQ(free.extrapolation, Extrapolation::kOwn);

  const ModelVersion convex = client_
                                  .Train("d",
                                         {.hidden = {6, 6},
                                          .monotone = {{"b", Slope::kDecreasing}},
                                          .convexity = Convexity::kConvex,
                                          .optimizer = Optimizer::kLevenbergMarquardt,
                                          .ensemble_size = 2},
                                         {.model = "convex"})
                                  .Wait();
  EXPECT_EQ(convex.kind, ModelKind::kEnsemble);
  EXPECT_EQ(convex.core_kind, ModelKind::kNetwork);
  EXPECT_EQ(convex.hidden, (std::vector<int>{6, 6}));
  EXPECT_TRUE(convex.skip);
  EXPECT_EQ(convex.monotone, (std::map<std::string, Slope>{{"b", Slope::kDecreasing}}));
  EXPECT_EQ(convex.convexity, Convexity::kConvex);
  EXPECT_EQ(client_.GetModelVersion("convex").monotone, convex.monotone);
}

TEST_F(TrainingTest, AVersionTellsItsMapsAndWantsPositiveInputsOfLogarithms) {
  Samples samples = MakeSamples(60, 1);
  samples.X.array() += 2;
  Upload("positive", samples);
  TrainingSpec spec{
      .hidden = {6},
      .monotone = {{"a", Slope::kIncreasing}},
      .optimizer = Optimizer::kLevenbergMarquardt,
      .input_maps = {{.input = "a", .logarithmic = true}, {.input = "b", .period = 7}},
      .output_maps = {{.output = "v", .lower = -2, .upper = 2}}};
  const ModelVersion own = client_.Train("positive", spec, {.model = "maps"}).Wait();
  EXPECT_EQ(own.kind, ModelKind::kComposed);
  EXPECT_EQ(own.core_kind, ModelKind::kNetwork);
  EXPECT_EQ(own.monotone, spec.monotone);
  ASSERT_EQ(own.input_maps.size(), 2U);
  EXPECT_TRUE(own.input_maps[0].logarithmic);
  EXPECT_EQ(own.input_maps[1].input, "b");
  EXPECT_DOUBLE_EQ(own.input_maps[1].period.value_or(0), 7);
  ASSERT_EQ(own.output_maps.size(), 1U);
  EXPECT_EQ(own.output_maps[0].output, "v");
  EXPECT_EQ(own.output_maps[0].lower, -2);
  EXPECT_EQ(own.output_maps[0].upper, 2);
  const Matrix X{{1, 0}, {1, 1}};
  try {
    client_.Predict("maps", X);
    ADD_FAILURE() << "expected an RpcError";
  } catch (const RpcError& error) {
    EXPECT_EQ(error.code(), StatusCode::kInvalidArgument);
    EXPECT_THAT(error.what(), testing::HasSubstr("x[1][0]: expected input 'a' > 0"));
  }

  spec.extrapolation = Extrapolation::kConstant;
  EXPECT_EQ(client_.Train("positive", spec, {.model = "maps"}).Wait().extrapolation,
            Extrapolation::kConstant);
  EXPECT_TRUE(client_.Predict("maps", X).value.allFinite());
}

TEST_F(TrainingTest, DerivativeLabelsOfTheWrongSignAreReported) {
  Samples samples = MakeSamples(200, 2);
  for (Index s = 0; s < 200; ++s) samples.jacobian(1, 2 * s + 1) *= -1;  // ∂v/∂b
  Upload("wrong", samples);
  const ModelVersion version =
      client_.Train("wrong", {.kind = TrainingKind::kPolynomial}, {.model = "wrong"}).Wait();
  ASSERT_EQ(version.report.warnings.size(), 1U);
  const LabelWarning& warning = version.report.warnings[0];
  EXPECT_EQ(warning.input, "b");
  EXPECT_EQ(warning.output, "v");
  EXPECT_EQ(warning.kind, LabelWarning::Kind::kSign);
  EXPECT_NEAR(warning.factor, -1, 0.2);
  EXPECT_NE(warning.message.find("dv/db"), std::string::npos) << warning.message;
}

TEST_F(TrainingTest, OptionsThatDoNotApplyAreRefused) {
  const std::vector<TrainingSpec> specs = {
      {.kind = TrainingKind::kPolynomial, .hidden = {4}},
      {.kind = TrainingKind::kPolynomial, .effort = 1},
      {.kind = TrainingKind::kAuto, .optimizer = Optimizer::kAdam},
      {.hidden = {4}, .optimizer = Optimizer::kHybrid, .epochs = 3},
      {.hidden = {4}, .gamma = -1},
      {.kind = TrainingKind::kGaussianProcess, .gamma = 1},
      {.gamma = -1},
      {.effort = 0},
      {.kind = TrainingKind::kPolynomial, .convexity = Convexity::kConvex},
      {.activation = Activation::kSin, .monotone = {{"a", Slope::kIncreasing}}},
      {.monotone = {{"nobody", Slope::kIncreasing}}},
      {.input_maps = {{.input = "a", .period = -1}}},
      {.input_maps = {{.input = "nobody", .logarithmic = true}}},
      {.output_maps = {{.output = "u", .lower = 1, .upper = 0}}},
      {.feature_degree = 7},
      {.monotone = {{"a", Slope::kIncreasing}}, .input_maps = {{.input = "a", .period = 1}}},
      {.convexity = Convexity::kConvex, .extrapolation = Extrapolation::kLinear},
      {.optimizer = Optimizer::kAdam, .feature_degree = 7},
      {.hidden = {8}, .residual = true},
      {.time_limit_seconds = -1}};
  for (const TrainingSpec& spec : specs) {
    EXPECT_EQ(CodeOf([&] { client_.Train("d", spec); }), StatusCode::kInvalidArgument);
  }
}

TEST_F(TrainingTest, APrunedVersionSaysWhatWasRemovedAndWhatIsProved) {
  const ModelVersion large =
      client_.Train("d", {.hidden = {12, 12}, .epochs = 100}, {.model = "large"}).Wait();
  const Job job = client_.Prune("large", {.fraction = 0.5,
                                          .rule = PruningRule::kInterval,
                                          .compensation = PruningCompensation::kMean,
                                          .steps = 50,
                                          .certificate_boxes = 100,
                                          .model_id = "small"});
  EXPECT_EQ(job.Get().kind, JobKind::kPrune);
  EXPECT_EQ(job.Get().source_model, large.name);
  const ModelVersion small = job.Wait();
  EXPECT_EQ(small.name, "models/small/versions/1");
  ASSERT_TRUE(small.pruning.has_value());
  const PruningReport& report = *small.pruning;
  EXPECT_EQ(report.source, large.name);
  EXPECT_EQ(report.parts, PrunedParts::kVertices);
  EXPECT_EQ(report.rule, PruningRule::kInterval);
  EXPECT_EQ(report.compensation, PruningCompensation::kMean);
  EXPECT_EQ(report.before.hidden, (std::vector<int>{12, 12}));
  EXPECT_EQ(report.after.hidden, small.hidden);
  EXPECT_EQ(report.removed_vertices, (std::vector<std::int64_t>{6, 6}));
  EXPECT_EQ(report.inputs, (std::vector<std::string>{"a", "b"}));
  ASSERT_TRUE(report.retraining && report.certificate && report.scratch_errors);
  const Matrix point{{0.2}, {0.3}};
  const Vector difference =
      (client_.Predict(small.name, point).value - client_.Predict(large.name, point).value)
          .cwiseAbs();
  for (Index i = 0; i < 2; ++i) {
    EXPECT_LE(difference[i], report.certificate->value.at(static_cast<std::size_t>(i)).proved);
  }
  EXPECT_EQ(CodeOf([&] { client_.Prune("large", {}); }), StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace sobolev::client
