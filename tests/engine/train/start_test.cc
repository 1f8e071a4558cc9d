// Training that goes on from a network instead of initial parameters.

#include <memory>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/train/options.h"
#include "engine/train/trainer.h"
#include "tests/engine/train/problems.h"

namespace sobolev::train {
namespace {

// A network with a scaling that no samples of the problem have.
std::shared_ptr<const nn::NetworkSurrogate> Network(Index n, Index m, bool skip) {
  const nn::Architecture architecture{.n = n, .m = m, .hidden = {7, 6}, .skip = skip};
  return std::make_shared<nn::NetworkSurrogate>(architecture,
                                                nn::Scaling{.x_mean = Vector::Constant(n, 0.3),
                                                            .x_scale = Vector::Constant(n, 1.7),
                                                            .y_mean = Vector::Constant(m, -2),
                                                            .y_scale = Vector::Constant(m, 0.4)},
                                                nn::InitialParameters(architecture, 8));
}

Options From(std::shared_ptr<const nn::NetworkSurrogate> start) {
  const bool skip = start->architecture().skip;
  Options options{.hidden = {7, 6}, .skip = skip, .start = std::move(start)};
  options.epochs = 2;
  options.precision = Precision::kFloat64;
  return options;
}

Matrix Values(const nn::NetworkSurrogate& network, const Matrix& X) {
  Matrix Y(network.m(), X.cols());
  network.Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), {}, {}, {.Y = Y.data()});
  return Y;
}

TEST(StartTest, BeforeTheFirstStepTheFunctionIsThatOfTheStart) {
  const OwnedSamples samples = Smooth::Sample(200, 1);
  const SampleSet view = samples.View();
  const Matrix X = Matrix::Random(view.n, 20);
  for (const bool skip : {false, true}) {
    const auto start = Network(view.n, view.m, skip);
    const Trainer trainer(view, From(start));
    EXPECT_TRUE(Values(trainer.MakeSurrogate(), X).isApprox(Values(*start, X), 1e-12));
  }
}

TEST(StartTest, AGoodStartStaysGoodWhereInitialParametersHaveFarToGo) {
  const OwnedSamples samples = Smooth::Sample(400, 1);
  Options options{.hidden = {7, 6}, .epochs = 200};
  Trainer first(samples.View(), options);
  RunToEnd(first);
  options.epochs = 3;
  options.learning_rate = 1e-3;
  Trainer anew(samples.View(), options);
  RunToEnd(anew);
  options.start = std::make_shared<nn::NetworkSurrogate>(first.MakeSurrogate());
  Trainer on(samples.View(), options);
  RunToEnd(on);
  EXPECT_LT(on.ValidationErrors().value_relative, 1.5 * first.ValidationErrors().value_relative);
  EXPECT_GT(anew.ValidationErrors().value_relative, 5 * on.ValidationErrors().value_relative);
}

TEST(StartTest, AStateOfAnotherStartIsRefused) {
  const OwnedSamples samples = Smooth::Sample(100, 1);
  const SampleSet view = samples.View();
  const std::string state = Trainer(view, From(Network(view.n, view.m, false))).SaveState();
  Trainer same(view, From(Network(view.n, view.m, false)));
  EXPECT_NO_THROW(same.LoadState(state));
  Options without = From(Network(view.n, view.m, false));
  without.start = nullptr;
  Trainer other(view, without);
  EXPECT_THROW(other.LoadState(state), Error);
}

TEST(StartTest, AStartOfAnotherArchitectureIsRefused) {
  const OwnedSamples samples = Smooth::Sample(100, 1);
  const SampleSet view = samples.View();
  Options options = From(Network(view.n, view.m, false));
  options.hidden = {7, 5};
  try {
    const Trainer trainer(view, options);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(error.field(), "spec.start");
  }
}

}  // namespace
}  // namespace sobolev::train
