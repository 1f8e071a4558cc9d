#include "engine/train/selection.h"

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/surrogate/ensemble.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/composition.h"
#include "engine/train/label_checks.h"
#include "engine/train/portfolio.h"
#include "engine/train/recipe.h"
#include "engine/train/samples.h"
#include "engine/train/selection_data.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

using testing::IsEmpty;
using testing::Not;

constexpr double kMissing = std::numeric_limits<double>::quiet_NaN();

SelectionStatus RunToEnd(Selection& selection) {
  while (true) {
    const SelectionStatus status = selection.Advance({});
    if (status == SelectionStatus::kFinished || status == SelectionStatus::kFailed) return status;
  }
}

// Cheap recipes of all families.
SelectionOptions SmallOptions() {
  Recipe newton = NewtonRecipe();
  newton.hidden = {6};
  newton.lbfgs_steps = 30;
  newton.newton_iterations = 8;
  Recipe lbfgs = LbfgsRecipe();
  lbfgs.hidden = {4};
  lbfgs.lbfgs_steps = 50;
  Recipe hybrid = HybridRecipe();
  hybrid.hidden = {5, 4};
  hybrid.adam_steps = 40;
  hybrid.newton_iterations = 4;
  return {.recipes = {{.family = Family::kPolynomial, .search = 1e7},
                      {.family = Family::kGaussianProcess},
                      newton,
                      hybrid,
                      lbfgs,
                      {.family = Family::kConstant, .taylor_order = 2}}};
}

Matrix Predict(const Surrogate& surrogate, const Matrix& X) {
  Matrix Y(surrogate.m(), X.cols());
  surrogate.Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), std::nullopt, std::nullopt,
                    {.Y = Y.data()});
  return Y;
}

// Root mean square errors of values and Jacobians relative to the spread of the labels.
std::pair<double, double> RelativeErrors(const Surrogate& surrogate, const OwnedSamples& points) {
  Matrix Y(points.Y.rows(), points.Y.cols());
  Matrix J(points.J.rows(), points.J.cols());
  surrogate.Predict(ConstMatrixMap(points.X.data(), points.X.rows(), points.X.cols()), std::nullopt,
                    std::nullopt, {.Y = Y.data(), .J = J.data()});
  const Matrix centred = points.Y.colwise() - points.Y.rowwise().mean();
  return {((Y - points.Y).rowwise().norm().array() / centred.rowwise().norm().array()).maxCoeff(),
          (J - points.J).norm() / points.J.norm()};
}

TEST(SelectionTest, ASmoothFunctionIsLearntToFarBelowAPercent) {
  const OwnedSamples samples = Smooth::Sample(100, 1);
  const SampleSet view = samples.View();
  Selection selection(view, {.budget = 2e9});
  ASSERT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
  const auto [value, jacobian] = RelativeErrors(*selection.MakeSurrogate(), Smooth::Sample(500, 2));
  EXPECT_LT(value, 1e-4);
  EXPECT_LT(jacobian, 1e-3);
  EXPECT_THAT(selection.Suspects(), IsEmpty());
}

// A point with its Jacobian is 9 numbers, and is kept eight times at most.
TEST(SelectionTest, AsManyPointsAreUsedAsThereIsMemoryFor) {
  const OwnedSamples samples = Smooth::Sample(1000, 1);
  const SampleSet view = samples.View();
  SelectionOptions options = SmallOptions();
  for (const Index num_points : {1, 100, 700}) {
    options.memory_limit = static_cast<std::size_t>(num_points) * 9 * sizeof(double) * 8;
    const Selection selection(view, options);
    EXPECT_EQ(selection.NumTrainingSamples(), num_points);
  }
  options.memory_limit = 9 * sizeof(double);
  try {
    const Selection selection(view, options);
    FAIL() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
    EXPECT_EQ(error.reason(), "JOB_MEMORY");
  }
}

// Values of sin(2 x₁) exp(x₂ / 2) and both columns of its Hessian at every sample.
struct Curved {
  Curved(Index num_samples, std::uint64_t seed)
      : X(2, num_samples), Y(1, num_samples), V(2, 2 * num_samples), H_v(2, 2 * num_samples) {
    Rng rng(seed);
    for (Index s = 0; s < num_samples; ++s) {
      X.col(s) << -2 + 4 * rng.Uniform(), -2 + 4 * rng.Uniform();
      const double growth = std::exp(X(1, s) / 2);
      const double sine = std::sin(2 * X(0, s)) * growth;
      const double cosine = std::cos(2 * X(0, s)) * growth;
      Y(0, s) = sine;
      V.middleCols(2 * s, 2).setIdentity();
      H_v.middleCols(2 * s, 2) << -4 * sine, cosine, cosine, sine / 4;
    }
  }

  SampleSet View(bool curvatures) const {
    SampleSet view{.n = 2, .m = 1, .blocks = {{.rows = X.cols(), .x = X.data(), .y = Y.data()}}};
    if (curvatures) {
      view.blocks.front().num_hvps = 2;
      view.blocks.front().hvp_tangents = V.data();
      view.blocks.front().hvp = H_v.data();
    }
    return view;
  }

  Matrix X, Y, V, H_v;
};

TEST(SelectionTest, CurvaturesHelpAndTheirErrorIsReported) {
  const Curved curved(40, 1);
  const Curved test(500, 2);
  Recipe newton = NewtonRecipe();
  newton.hidden = {10};
  newton.newton_iterations = 60;
  for (const Recipe& recipe : {newton, Recipe{.family = Family::kPolynomial, .search = 1e9}}) {
    SCOPED_TRACE(Name(recipe));
    const SampleSet with = curved.View(true);
    Selection selection(with, {.recipes = {recipe}});
    ASSERT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
    const SampleSet without = curved.View(false);
    Selection blind(without, {.recipes = {recipe}});
    ASSERT_EQ(RunToEnd(blind), SelectionStatus::kFinished);
    EXPECT_LT((Predict(*selection.MakeSurrogate(), test.X) - test.Y).norm(),
              0.5 * (Predict(*blind.MakeSurrogate(), test.X) - test.Y).norm());
    ASSERT_TRUE(selection.Best()->errors.curvature_relative.has_value());
    EXPECT_LT(*selection.Best()->errors.curvature_relative, 0.3);
    EXPECT_FALSE(blind.Best()->errors.curvature_relative.has_value());
    // The comparison with values alone says what they were worth.
    ASSERT_EQ(selection.ValueOnly().size(), 1U);
    EXPECT_GT(*selection.ValueOnly()[0].errors.curvature_relative,
              2 * *selection.Best()->errors.curvature_relative);
    EXPECT_THAT(blind.ValueOnly(), IsEmpty());
  }
}

TEST(SelectionTest, AWeightForCurvaturesNeedsSome) {
  const Curved curved(20, 1);
  const SampleSet view = curved.View(false);
  try {
    const Selection selection(view, {.loss = {.gamma = 1}});
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_THAT(std::string(error.what()),
                testing::HasSubstr("spec.gamma: expected 0 or unset because no sample has a "
                                   "Hessian-vector label"));
  }
}

// What is held out is a fair judge: the error on fresh samples is about the one reported.
TEST(SelectionTest, HeldOutErrorsPredictErrorsOnFreshSamples) {
  const OwnedSamples samples = Smooth::Sample(400, 1);
  const SampleSet view = samples.View();
  SelectionOptions options = SmallOptions();
  options.recipes = {options.recipes[2]};
  Selection selection(view, options);
  ASSERT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
  const auto [value, jacobian] =
      RelativeErrors(*selection.MakeSurrogate(), Smooth::Sample(2000, 2));
  EXPECT_LT(value, 2 * selection.Best()->errors.value_relative);
  EXPECT_GT(value, selection.Best()->errors.value_relative / 4);
}

TEST(SelectionTest, TheLeaderboardIsInOrderAndTheBestIsTheFirst) {
  const OwnedSamples samples = Smooth::Sample(60, 1);
  const SampleSet view = samples.View();
  Selection selection(view, SmallOptions());
  ASSERT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
  const std::vector<Trial> board = selection.Leaderboard();
  ASSERT_EQ(board.size(), SmallOptions().recipes.size());
  for (std::size_t i = 1; i < board.size(); ++i) {
    if (board[i].state != Trial::State::kFinished) continue;
    EXPECT_LE(board[i - 1].score, board[i].score);
  }
  ASSERT_NE(selection.Best(), nullptr);
  // Earlier recipes win ties within a percent.
  EXPECT_LE(selection.Best()->score, board.front().score / 0.99 + 1e-14);
  EXPECT_EQ(selection.LearningCurve().size(), 2U);
  EXPECT_EQ(selection.ValueOnly().size(), 1U);
}

TEST(SelectionTest, TheSameArgumentsGiveTheSameBits) {
  const OwnedSamples samples = Smooth::Sample(60, 1);
  const SampleSet view = samples.View();
  Selection first(view, SmallOptions());
  Selection second(view, SmallOptions());
  RunToEnd(first);
  RunToEnd(second);
  const Matrix X = Smooth::Sample(50, 9).X;
  EXPECT_EQ(Predict(*first.MakeSurrogate(), X), Predict(*second.MakeSurrogate(), X));
}

// After every slice, the state continues to the same end in another object.
TEST(SelectionTest, AnySavedStateContinuesToTheSameBits) {
  const OwnedSamples samples = Smooth::Sample(40, 1);
  const SampleSet view = samples.View();
  Selection whole(view, SmallOptions());
  std::vector<std::string> states;
  while (whole.Advance({}) != SelectionStatus::kFinished) states.push_back(whole.SaveState());
  const Matrix X = Smooth::Sample(50, 9).X;
  const Matrix expected = Predict(*whole.MakeSurrogate(), X);
  for (std::size_t i = 0; i < states.size(); i += 7) {
    SCOPED_TRACE(i);
    Selection resumed(view, SmallOptions());
    resumed.LoadState(states[i]);
    ASSERT_EQ(RunToEnd(resumed), SelectionStatus::kFinished);
    EXPECT_EQ(Predict(*resumed.MakeSurrogate(), X), expected);
    EXPECT_EQ(resumed.Leaderboard().size(), whole.Leaderboard().size());
  }
}

TEST(SelectionTest, AStateOfOtherSamplesIsRefused) {
  const OwnedSamples samples = Smooth::Sample(40, 1);
  const OwnedSamples others = Smooth::Sample(40, 2);
  const SampleSet view = samples.View();
  const SampleSet other_view = others.View();
  Selection selection(view, SmallOptions());
  selection.Advance({});
  Selection other(other_view, SmallOptions());
  try {
    other.LoadState(selection.SaveState());
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kDataLoss);
  }
}

TEST(SelectionTest, ACancelledSelectionGoesOnWhenAsked) {
  const OwnedSamples samples = Smooth::Sample(40, 1);
  const SampleSet view = samples.View();
  Selection selection(view, SmallOptions());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(selection.Advance(stop.get_token()), SelectionStatus::kCancelled);
  EXPECT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
}

// Wherever in a slice the token fires.
TEST(SelectionTest, ACancelledSelectionEndsAtTheSameBits) {
  const OwnedSamples samples = Smooth::Sample(40, 1);
  const SampleSet view = samples.View();
  SelectionOptions options = SmallOptions();
  options.composition.extrapolation = Extrapolation::kLinear;
  Recipe local = options.recipes[2];
  local.newton_iterations = 40;
  local.local_variance = true;
  options.recipes.push_back(local);
  Selection whole(view, options);
  ASSERT_EQ(RunToEnd(whole), SelectionStatus::kFinished);
  Selection stopped(view, options);
  using Clock = std::chrono::steady_clock;
  Rng rng(1);
  Clock::duration slice = std::chrono::microseconds(100);  // How long the last one took.
  SelectionStatus status = SelectionStatus::kRunning;
  while (status != SelectionStatus::kFinished) {
    std::stop_source stop;
    std::atomic<bool> begun = false;
    const Clock::duration delay =
        std::chrono::duration_cast<Clock::duration>(rng.Uniform() * slice);
    std::thread stopper([&] {
      while (!begun) {
      }
      const Clock::time_point end = Clock::now() + delay;
      while (Clock::now() < end) {
      }
      stop.request_stop();
    });
    begun = true;
    const Clock::time_point begin = Clock::now();
    status = stopped.Advance(stop.get_token());
    if (status != SelectionStatus::kCancelled) slice = Clock::now() - begin;
    stopper.join();
    if (status == SelectionStatus::kCancelled) status = stopped.Advance({});
  }
  const std::vector<Trial> expected = whole.Leaderboard();
  const std::vector<Trial> board = stopped.Leaderboard();
  ASSERT_EQ(board.size(), expected.size());
  for (std::size_t i = 0; i < board.size(); ++i) {
    SCOPED_TRACE(Name(expected[i].recipe));
    EXPECT_EQ(Name(board[i].recipe), Name(expected[i].recipe));
    EXPECT_EQ(board[i].score, expected[i].score);
    EXPECT_EQ(board[i].work, expected[i].work);
    EXPECT_EQ(board[i].iterations, expected[i].iterations);
  }
  const Matrix X = Smooth::Sample(50, 9).X;
  EXPECT_EQ(Predict(*stopped.MakeSurrogate(), X), Predict(*whole.MakeSurrogate(), X));
}

TEST(SelectionTest, InAHurryItTakesTheBestSoFar) {
  const OwnedSamples samples = Smooth::Sample(60, 1);
  const SampleSet view = samples.View();
  Selection selection(view, SmallOptions());
  while (selection.Best() == nullptr) selection.Advance({});
  selection.Hurry();
  ASSERT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
  EXPECT_EQ(selection.Leaderboard().size(), 1U);
  EXPECT_THAT(selection.LearningCurve(), IsEmpty());
  EXPECT_NE(selection.MakeSurrogate(), nullptr);
}

TEST(SelectionTest, AnEnsembleIsMadeOfTheBestNetworkFromManyStarts) {
  const OwnedSamples samples = Smooth::Sample(60, 1);
  const SampleSet view = samples.View();
  SelectionOptions options = SmallOptions();
  options.ensemble_size = 3;
  Selection selection(view, options);
  std::vector<std::string> states;
  while (selection.Advance({}) != SelectionStatus::kFinished) {
    states.push_back(selection.SaveState());
  }
  const std::shared_ptr<const Surrogate> surrogate = selection.MakeSurrogate();
  ASSERT_EQ(surrogate->kind(), SurrogateKind::kEnsemble);
  EXPECT_EQ(static_cast<const EnsembleSurrogate&>(*surrogate).members().size(), 3U);
  const Matrix X = Smooth::Sample(20, 9).X;
  Matrix spread(2, 20);
  surrogate->Predict(ConstMatrixMap(X.data(), 2, 20), std::nullopt, std::nullopt,
                     {.Y_spread = spread.data()});
  EXPECT_GT(spread.minCoeff(), 0);
  // Also when it was interrupted between members.
  Selection resumed(view, options);
  resumed.LoadState(states[states.size() - 12]);
  RunToEnd(resumed);
  EXPECT_EQ(Predict(*resumed.MakeSurrogate(), X), Predict(*surrogate, X));
}

// A network that was not judged yet when time ran out is not the best one.
TEST(SelectionTest, InAHurryAnEnsembleIsOfANetworkThatWasJudged) {
  const OwnedSamples samples = Smooth::Sample(60, 1);
  const SampleSet view = samples.View();
  SelectionOptions options = SmallOptions();
  options.recipes = {options.recipes[0], options.recipes[2]};
  options.ensemble_size = 2;
  Selection selection(view, options);
  while (selection.Leaderboard().size() < 2) selection.Advance({});
  const std::string polynomial = Name(options.recipes[0]);
  EXPECT_EQ(Name(selection.Best()->recipe), polynomial);
  selection.Hurry();
  ASSERT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
  EXPECT_EQ(Name(selection.Best()->recipe), polynomial);
  EXPECT_EQ(selection.MakeSurrogate()->kind(), SurrogateKind::kPolynomial);
}

TEST(SelectionTest, NetworksThatTheOptimiserCannotTrainAreRefused) {
  const auto check = [](Recipe recipe, bool residual, const std::vector<Index>& hidden) {
    recipe.residual = residual;
    recipe.hidden = hidden;
    return [=] { CheckSelection({.recipes = {recipe}}, 2, 2, 10); };
  };
  const auto refuses = [](const char* start) {
    return testing::ThrowsMessage<Error>(testing::StartsWith(start));
  };
  EXPECT_THAT(check(NewtonRecipe(), true, {8}), refuses("spec.network.residual: expected two"));
  EXPECT_NO_THROW(check(NewtonRecipe(), true, {8, 8})());
  EXPECT_THAT(check(NewtonRecipe(), false, {2000, 2000}),
              refuses("spec.network.hidden: expected at most 100000 parameters"));
  EXPECT_THAT(check(HybridRecipe(), false, {2000, 2000}), refuses("spec.network.hidden: "));
  EXPECT_NO_THROW(check(LbfgsRecipe(), false, {2000, 2000})());
}

// Slices that a selection still takes once it is in a hurry.
int SlicesInAHurry(Selection& selection) {
  selection.Hurry();
  int slices = 1;
  while (selection.Advance({}) != SelectionStatus::kFinished) ++slices;
  return slices;
}

TEST(SelectionTest, InAHurryANetworkIsTakenAsFarAsItsFitHasCome) {
  const OwnedSamples samples = Smooth::Sample(60, 1);
  const SampleSet view = samples.View();
  for (const Recipe& recipe : {NewtonRecipe(), LbfgsRecipe(), HybridRecipe()}) {
    for (const int slices_before : {0, 5}) {
      Selection selection(view, {.recipes = {recipe}});
      for (int slice = 0; slice < slices_before; ++slice) selection.Advance({});
      EXPECT_LE(SlicesInAHurry(selection), 4) << Name(recipe);
      ASSERT_NE(selection.MakeSurrogate(), nullptr);
      EXPECT_EQ(selection.MakeSurrogate()->kind(), SurrogateKind::kNetwork);
      ASSERT_EQ(selection.Leaderboard().size(), 1U);
      EXPECT_EQ(selection.Leaderboard().front().state, Trial::State::kFinished);
      EXPECT_TRUE(std::isfinite(selection.Leaderboard().front().score));
      EXPECT_THAT(selection.LearningCurve(), IsEmpty());
    }
  }
}

TEST(SelectionTest, InAHurryAnEnsembleKeepsTheMembersThatAreFinished) {
  constexpr Index kMembers = 64;  // More than a short work.
  const OwnedSamples samples = Smooth::Sample(60, 1);
  const SampleSet view = samples.View();
  Recipe recipe = NewtonRecipe();
  recipe.hidden = {16, 16};
  recipe.lbfgs_steps = 0;
  recipe.newton_iterations = 10;
  Selection selection(view, {.recipes = {recipe}, .ensemble_size = kMembers});
  while (selection.Advance({}) != SelectionStatus::kTrialDone) {
  }
  for (int slice = 0; slice < 55; ++slice) selection.Advance({});
  EXPECT_LE(SlicesInAHurry(selection), 2);
  const std::shared_ptr<const Surrogate> surrogate = selection.MakeSurrogate();
  ASSERT_EQ(surrogate->kind(), SurrogateKind::kEnsemble);
  const auto& members = static_cast<const EnsembleSurrogate&>(*surrogate).members();
  EXPECT_GE(members.size(), 2U);
  EXPECT_LT(members.size(), 10U);
}

// ---- Samples that are few, odd or incomplete ----

class OddSamplesTest : public testing::TestWithParam<Index> {};

TEST_P(OddSamplesTest, AFewSamplesMakeAFiniteModel) {
  const OwnedSamples samples = Smooth::Sample(GetParam(), 1);
  const SampleSet view = samples.View();
  Selection selection(view, SmallOptions());
  ASSERT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
  EXPECT_TRUE(Predict(*selection.MakeSurrogate(), samples.X).allFinite());
}

INSTANTIATE_TEST_SUITE_P(FromOne, OddSamplesTest, testing::Values(1, 2, 3, 5, 8));

TEST(SelectionTest, HowGoodAFitToOneSampleIsRemainsUnknown) {
  const OwnedSamples samples = Smooth::Sample(1, 1);
  const SampleSet view = samples.View();
  Selection selection(view, SmallOptions());
  ASSERT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
  EXPECT_EQ(selection.NumTrainingSamples(), 1);
  EXPECT_EQ(selection.NumValidationSamples(), 0);
  EXPECT_TRUE(std::isnan(selection.Best()->errors.value_relative));
  EXPECT_TRUE(std::isnan(selection.Best()->errors.jacobian_relative));
  EXPECT_THAT(selection.LearningCurve(), testing::IsEmpty());
}

// Only minimisers that take all labels take Hessian-vector labels.
TEST(SelectionTest, LabelsThatNoRecipeUsesAreRefused) {
  OwnedSamples samples = Smooth::Sample(30, 1);
  SampleSet view = samples.View();
  const Matrix ones = Matrix::Ones(2, 30);
  SampleBlock& block = view.blocks.front();
  block.y = nullptr;
  block.jacobian = nullptr;
  block.num_hvps = 1;
  block.hvp_adjoints = ones.data();
  block.hvp_tangents = ones.data();
  block.hvp = ones.data();
  try {
    const Selection selection(view, {.recipes = {{.family = Family::kGaussianProcess}}});
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(error.field(), "dataset");
  }
  EXPECT_NO_THROW(Selection(view, {.recipes = {LbfgsRecipe()}}));
}

// The derivative of log(y − lower) needs y.
TEST(SelectionTest, DerivativesOfOutputsWithBoundsNeedTheirValue) {
  OwnedSamples samples = Smooth::Sample(30, 1);
  samples.Y.rightCols(20).setConstant(kMissing);
  SelectionOptions options{.recipes = {LbfgsRecipe()}};
  SampleSet view = samples.View();
  EXPECT_EQ(Selection(view, options).NumJacobians(), 30);
  options.composition.outputs = {{.name = "a", .lower = -1e4}, {.name = "b"}};
  EXPECT_EQ(Selection(view, options).NumJacobians(), 30) << "b has no bounds";
  options.composition.outputs[1].lower = -1e4;
  EXPECT_EQ(Selection(view, options).NumJacobians(), 10);
  view.blocks.front().y = nullptr;
  try {
    const Selection selection(view, options);
    ADD_FAILURE() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(error.field(), "dataset");
  }
}

// Of values alone, weights of derivatives make the same fits.
TEST(SelectionTest, ValuesAloneAreNotFittedWithOtherBalances) {
  const OwnedSamples samples = Smooth::Sample(40, 1);
  const SampleSet view = samples.ViewWithJacobians(0);
  const SelectionData values(view, {}, {});
  EXPECT_FALSE(values.facts().balance);
  const SampleSet all = samples.View();
  EXPECT_TRUE(SelectionData(all, {}, {}).facts().balance);
}

// A cubic is known from its values alone, and derivatives that are off by a tenth do not change it.
TEST(SelectionTest, NoisyDerivativesDoNotSpoilExactValues) {
  Rng rng(5);
  const auto draw = [&](Index num_samples) {
    OwnedSamples samples{.X = Matrix(2, num_samples),
                         .Y = Matrix(1, num_samples),
                         .J = Matrix(2, num_samples),
                         .weight = {}};
    for (Index s = 0; s < num_samples; ++s) {
      const double a = rng.Uniform() - 0.5;
      const double b = rng.Uniform() - 0.5;
      samples.X.col(s) << a, b;
      samples.Y(0, s) = a * a * a + 2 * a * b - b * b;
      samples.J.col(s) << 3 * a * a + 2 * b, 2 * a - 2 * b;
    }
    return samples;
  };
  OwnedSamples samples = draw(60);
  for (double& entry : samples.J.reshaped()) entry += 0.1 * rng.Normal();
  const SampleSet view = samples.View();
  Selection selection(view, {.budget = 1e10});
  ASSERT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
  const auto [value, jacobian] = RelativeErrors(*selection.MakeSurrogate(), draw(200));
  EXPECT_LT(value, 1e-9);
  EXPECT_LT(jacobian, 1e-9);
}

TEST(SelectionTest, NoSamplesAreRefused) {
  const SampleSet none{.n = 2, .m = 1, .blocks = {}};
  try {
    Selection selection(none, {});
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kFailedPrecondition);
    EXPECT_EQ(error.field(), "dataset");
  }
}

TEST(SelectionTest, ValuesAloneAreEnough) {
  const OwnedSamples samples = Smooth::Sample(150, 1);
  const SampleSet view = samples.ViewWithJacobians(0);
  Selection selection(view, SmallOptions());
  ASSERT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
  EXPECT_LT(RelativeErrors(*selection.MakeSurrogate(), Smooth::Sample(300, 2)).first, 0.02);
}

// Half of the values and half of the Jacobian entries are missing: worse than all of them, far
// better than nothing.
TEST(SelectionTest, MissingLabelsAreLeftOut) {
  OwnedSamples samples = Smooth::Sample(300, 1);
  Rng rng(8);
  for (Index s = 0; s < 300; ++s) {
    for (Index i = 0; i < 2; ++i) {
      if (rng.Uniform() < 0.5) samples.Y(i, s) = kMissing;
      for (Index j = 0; j < 2; ++j) {
        if (rng.Uniform() < 0.5) samples.J(j, 2 * s + i) = kMissing;
      }
    }
  }
  const SampleSet view = samples.View();
  Selection selection(view, SmallOptions());
  ASSERT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
  const auto [value, jacobian] = RelativeErrors(*selection.MakeSurrogate(), Smooth::Sample(300, 2));
  EXPECT_LT(value, 0.01);
  EXPECT_LT(jacobian, 0.02);
}

TEST(SelectionTest, ConstantAndDuplicateSamplesAndWildScalesAreNoTrouble) {
  OwnedSamples samples = Smooth::Sample(60, 1);
  samples.X.rightCols(20) = samples.X.leftCols(20);
  samples.Y.rightCols(20) = samples.Y.leftCols(20);
  samples.J.rightCols(40) = samples.J.leftCols(40);
  samples.X.row(0) *= 1e12;
  samples.J.row(0) /= 1e12;
  samples.Y.row(1) *= 1e-12;
  for (Index s = 0; s < 60; ++s) samples.J.col(2 * s + 1) *= 1e-12;
  const SampleSet view = samples.View();
  Selection selection(view, SmallOptions());
  ASSERT_EQ(RunToEnd(selection), SelectionStatus::kFinished);
  EXPECT_LT(selection.Best()->errors.value_relative, 0.05);

  samples.Y.setConstant(3);
  samples.J.setZero();
  Selection constant(view, SmallOptions());
  ASSERT_EQ(RunToEnd(constant), SelectionStatus::kFinished);
  EXPECT_LT((Predict(*constant.MakeSurrogate(), samples.X).array() - 3).abs().maxCoeff(), 1e-6);
}

TEST(SelectionTest, LabelsOfTheWrongSignAreReported) {
  OwnedSamples samples = Smooth::Sample(100, 1);
  samples.J.row(1) *= -1;
  const SampleSet view = samples.View();
  Selection selection(view, SmallOptions());
  ASSERT_THAT(selection.Suspects(), Not(IsEmpty()));
  for (const SuspectLabel& suspect : selection.Suspects()) {
    EXPECT_EQ(suspect.input, 1);
    EXPECT_EQ(suspect.kind, SuspectLabel::Kind::kSign);
  }
}

}  // namespace
}  // namespace sobolev::train
