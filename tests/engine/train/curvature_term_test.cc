#include "engine/train/curvature_term.h"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/activation.h"
#include "engine/nn/constraints.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/composed_trainer.h"
#include "engine/train/composition.h"
#include "engine/train/errors.h"
#include "engine/train/loss_weights.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/scaling.h"
#include "engine/train/standard_points.h"
#include "engine/train/surrogate_codec.h"
#include "engine/train/trainer.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

constexpr Index kInputs = 2;
constexpr Index kOutputs = 2;
constexpr Index kLabels = 3;  // Of each sample.
constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kNoLimit = std::numeric_limits<std::size_t>::max();

// y₁ = sin(2a) + 2 + a b², y₂ = a cos b + 5, for a and b in [0.5, 2], with Hessian-vector products
// in random directions.
struct Curved {
  Curved(Index num_samples, std::uint64_t seed)
      : values{.X = Matrix(kInputs, num_samples),
               .Y = Matrix(kOutputs, num_samples),
               .J = Matrix(kInputs, kOutputs * num_samples),
               .weight = {}},
        seeds(kOutputs, kLabels * num_samples),
        tangents(kInputs, kLabels * num_samples),
        products(kInputs, kLabels * num_samples) {
    Rng rng(seed);
    for (double& number : seeds.reshaped()) number = rng.Normal();
    for (double& number : tangents.reshaped()) number = rng.Normal();
    for (Index s = 0; s < num_samples; ++s) {
      const double a = 0.5 + 1.5 * rng.Uniform();
      const double b = 0.5 + 1.5 * rng.Uniform();
      values.X.col(s) << a, b;
      values.Y.col(s) << std::sin(2 * a) + 2 + a * b * b, a * std::cos(b) + 5;
      values.J.col(2 * s) << 2 * std::cos(2 * a) + b * b, 2 * a * b;
      values.J.col(2 * s + 1) << std::cos(b), -a * std::sin(b);
      const Matrix first{{-4 * std::sin(2 * a), 2 * b}, {2 * b, 2 * a}};
      const Matrix second{{0, -std::sin(b)}, {-std::sin(b), -a * std::cos(b)}};
      for (Index k = kLabels * s; k < kLabels * (s + 1); ++k) {
        products.col(k) = (seeds(0, k) * first + seeds(1, k) * second) * tangents.col(k);
      }
    }
  }

  SampleSet View(bool first_order = true) const {
    SampleSet set = values.View();
    SampleBlock& block = set.blocks[0];
    if (!first_order) block.y = block.jacobian = nullptr;
    block.num_hvps = kLabels;
    block.hvp_adjoints = seeds.data();
    block.hvp_tangents = tangents.data();
    block.hvp = products.data();
    return set;
  }

  OwnedSamples values;
  Matrix seeds;
  Matrix tangents;
  Matrix products;
};

Options SmallOptions() {
  Options options{.hidden = {12, 12}, .gamma = 0.2};
  options.epochs = 200;
  options.batch_size = 24;
  options.precision = Precision::kFloat64;
  return options;
}

// By the definition in surrogate/labelled_points.h, of a network of standardised points, with
// Hessians as the surrogate predicts them.
double LossByDefinition(const nn::Architecture& architecture, const Vector& theta,
                        const LabelledPoints& points, double gamma, const Vector& kappa) {
  const nn::Scaling none{Vector::Zero(kInputs), Vector::Ones(kInputs), Vector::Zero(kOutputs),
                         Vector::Ones(kOutputs)};
  const nn::NetworkSurrogate network(architecture, none, theta);
  const Index num_points = points.NumPoints();
  Matrix H(kInputs * kInputs, kOutputs * num_points);
  network.Predict(ConstMatrixMap(points.X.data(), kInputs, num_points), std::nullopt, std::nullopt,
                  {.H = H.data()});
  double sum = 0;
  const CurvatureLabels& labels = points.curvatures;
  for (std::size_t l = 0; l < labels.point.size(); ++l) {
    const auto k = static_cast<Index>(l);
    Vector error = -labels.H_v.col(k);
    for (Index i = 0; i < kOutputs; ++i) {
      const Matrix of_output = H.col(labels.point[l] * kOutputs + i).reshaped(kInputs, kInputs);
      error += labels.Y_bar(i, k) * of_output * labels.V.col(k);
    }
    const Vector y_bar = labels.Y_bar.col(k);
    const double weight = points.weight[labels.point[l]] * kappa.cwiseProduct(y_bar).squaredNorm() /
                          (std::pow(y_bar.squaredNorm(), 2) * labels.V.col(k).squaredNorm());
    for (const double entry : error) sum += std::isnan(entry) ? 0 : weight * entry * entry;
  }
  return gamma * sum / static_cast<double>(kOutputs * kInputs * num_points);
}

TEST(CurvatureTermTest, StepsAddUpToTheGradientOfTheLoss) {
  Curved curved(150, 1);
  curved.products(1, 7) = kMissing;
  const SampleSet samples = curved.View();
  const Options options = ResolveOptions(SmallOptions(), ShapeOf(samples), kNoLimit);
  const Split split = SplitSamples(150, 0.1, 1);
  const Standardisation standard = Standardise(samples, split, options.derivative_scale);
  CurvatureTerm term(samples, split, standard, options, {});
  const LabelledPoints training = StandardPoints(samples, split.training, standard.scaling);
  const LabelledPoints held_out = StandardPoints(samples, split.validation, standard.scaling);
  const Vector kappa = WeightsFor(training, {}).kappa;
  const nn::Architecture architecture = ArchitectureOf(options, kInputs, kOutputs);
  const Vector theta = nn::InitialParameters(architecture, 5);

  // 405 labels in chunks of 4 to 32: as many parts as an epoch has steps, six.
  const Index steps = StepsPerEpoch(options, 135);
  ASSERT_EQ(steps, 6);
  Vector gradient = Vector::Zero(theta.size());
  double loss = 0;
  for (Index step = 0; step < steps; ++step) loss += term.AddGradient(theta, step, gradient, {});
  gradient /= static_cast<double>(steps);
  const auto loss_at = [&](const Vector& at) {
    return LossByDefinition(architecture, at, training, options.gamma, kappa);
  };
  EXPECT_NEAR(loss / static_cast<double>(steps), loss_at(theta), 1e-12 * loss_at(theta));
  // Central differences: h² of third derivatives of unit scale, and rounding/h.
  constexpr double kStep = 1e-5;
  for (Index p = 0; p < theta.size(); p += 17) {
    Vector up = theta;
    Vector down = theta;
    up[p] += kStep;
    down[p] -= kStep;
    const double difference = (loss_at(up) - loss_at(down)) / (2 * kStep);
    EXPECT_NEAR(gradient[p], difference, 1e-7 * gradient.cwiseAbs().maxCoeff()) << p;
  }
  const double validation = LossByDefinition(architecture, theta, held_out, options.gamma, kappa);
  EXPECT_NEAR(term.ValidationLoss(theta, {}), validation, 1e-12 * validation);
}

double CurvatureError(const SampleSet& samples, const Options& options) {
  ComposedTrainer trainer(samples, options, {}, kNoLimit);
  RunToEnd(trainer.trainer());
  const Curved fresh(300, 9);
  std::vector<std::uint32_t> all(300);
  for (std::uint32_t s = 0; s < 300; ++s) all[s] = s;
  const nn::Scaling& scaling = trainer.trainer().scaling();
  const auto error =
      ErrorsOn(*trainer.MakeSurrogate(),
               StandardPoints(CurvaturesAlone(fresh.View()), all, scaling), scaling, nullptr)
          .curvature_relative;
  return error.value();
}

TEST(CurvatureTermTest, AdamLearnsCurvatures) {
  const Curved curved(60, 1);
  Options blind = SmallOptions();
  blind.gamma = 0;
  const double without = CurvatureError(curved.View(), blind);
  EXPECT_LT(CurvatureError(curved.View(), SmallOptions()), 0.7 * without);
  Options single = SmallOptions();
  single.precision = Precision::kFloat32;
  EXPECT_LT(CurvatureError(curved.View(), single), 0.7 * without);
}

TEST(CurvatureTermTest, CurvaturesAloneCanBeLearnt) {
  const Curved curved(200, 1);
  EXPECT_LT(CurvatureError(curved.View(false), SmallOptions()), 0.2);
}

TEST(CurvatureTermTest, TheErrorOfHeldOutCurvaturesIsReported) {
  const Curved curved(100, 1);
  const SampleSet samples = curved.View();
  Options options = SmallOptions();
  options.epochs = 20;
  ComposedTrainer trainer(samples, options, {}, kNoLimit);
  RunToEnd(trainer.trainer());
  const std::optional<double> error = trainer.ValidationErrors().curvature_relative;
  ASSERT_TRUE(error.has_value());
  const Split split = SplitSamples(100, options.validation_fraction, options.seed);
  const nn::Scaling& scaling = trainer.trainer().scaling();
  const LabelledPoints points = StandardPoints(samples, split.validation, scaling);
  EXPECT_DOUBLE_EQ(
      *error,
      ErrorsOn(*trainer.MakeSurrogate(), points, scaling, nullptr).curvature_relative.value());
}

// Also of shaped networks, whose gradient is that of free parameters, and in logarithms.
TEST(CurvatureTermTest, AStoppedTrainingGoesOnAtTheSameBits) {
  const Curved curved(100, 1);
  const SampleSet samples = curved.View();
  Options options = SmallOptions();
  options.epochs = 9;
  options.activation = nn::Activation::kTanh;
  options.shape.slopes = {nn::Slope::kIncreasing, nn::Slope::kFree};
  CompositionOptions composition;
  composition.outputs = {{.logarithmic = true}, {.logarithmic = true}};
  const auto bytes = [](ComposedTrainer& trainer) {
    RunToEnd(trainer.trainer());
    return EncodeSurrogate(*trainer.MakeSurrogate());
  };
  ComposedTrainer whole(samples, options, composition, kNoLimit);
  const std::string expected = bytes(whole);
  ComposedTrainer first(samples, options, composition, kNoLimit);
  for (int slice = 0; slice < 11; ++slice) first.trainer().Advance({}, 24);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(first.trainer().Advance(stop.get_token(), 24), Status::kCancelled);
  const std::string state = first.trainer().SaveState();
  ComposedTrainer second(samples, options, composition, kNoLimit);
  second.trainer().LoadState(state);
  EXPECT_EQ(bytes(second), expected);
  options.gamma = 0;
  ComposedTrainer other(samples, options, composition, kNoLimit);
  EXPECT_THROW(other.trainer().LoadState(state), Error);
  EXPECT_NE(bytes(other), expected);
}

TEST(CurvatureTermTest, AWeightNeedsLabels) {
  const Curved curved(100, 1);
  const auto field_of = [&](const SampleSet& samples, const CompositionOptions& composition) {
    try {
      ComposedTrainer(samples, SmallOptions(), composition, kNoLimit);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
      return error.field();
    }
    return std::string("none");
  };
  EXPECT_EQ(field_of(curved.View(), {}), "none");
  EXPECT_EQ(field_of(curved.values.View(), {}), "spec.gamma");
  EXPECT_EQ(field_of(curved.View(), {.degree = 2}), "spec.gamma");
}

}  // namespace
}  // namespace sobolev::train
