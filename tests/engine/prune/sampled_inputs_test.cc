// Significance of inputs of any surrogate by samples, against what is known of simple functions.

#include <cmath>
#include <functional>
#include <memory>
#include <numbers>
#include <stop_token>
#include <string>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/chain/program_surrogate.h"
#include "engine/nn/network_surrogate.h"
#include "engine/program/definition.h"
#include "engine/prune/program_significance.h"
#include "engine/prune/sampled_significance.h"
#include "tests/engine/prune/networks.h"

namespace sobolev::prune {
namespace {

// Of y = 3a + b on the unit square, S_a = 9/10, of which the bound is 12/π² times as much; and the
// deviation of a is 1/√12.
TEST(SampledInputsTest, OfALinearFunctionAreTheKnownOnes) {
  const chain::ProgramSurrogate linear("input a\ninput b\noutput y = 3 * a + b\noutput z = b\n");
  const SampledInputs sampled =
      SampleInputs(linear, Cube(2, 0, 1), {.num_points = 100'000, .seed = 3});
  const double factor = 12 / (std::numbers::pi * std::numbers::pi);
  EXPECT_NEAR(sampled.total_sobol(0, 0), 0.9 * factor, 0.01);
  EXPECT_NEAR(sampled.total_sobol(1, 0), 0.1 * factor, 0.002);
  EXPECT_EQ(sampled.total_sobol(0, 1), 0);
  EXPECT_NEAR(sampled.significance(0, 0), 3 / std::sqrt(12), 0.01);
  EXPECT_NEAR(sampled.significance(1, 0), 1 / std::sqrt(12), 0.004);
  EXPECT_EQ(sampled.num_invalid, 0);
}

// The same points as those of a network's own analysis.
TEST(SampledInputsTest, AgreeWithTheSweepsOfNetworks) {
  const nn::NetworkSurrogate network = RandomNetwork({.n = 3, .m = 2, .hidden = {8, 8}}, 4);
  const SampledOptions options{.num_points = 700, .seed = 5};
  const Box box = Cube(3, -1, 2);
  const Matrix by_points = SampleInputs(network, box, options).significance;
  const Matrix by_sweeps = SampleSignificance(network, box, options).inputs;
  EXPECT_TRUE(by_points.isApprox(by_sweeps, 1e-10)) << by_points << "\n\n" << by_sweeps;
}

TEST(SampledInputsTest, PointsWithoutValueCountForNothing) {
  const chain::ProgramSurrogate root("input x\ninput y\noutput f = sqrt(x) + y\n");
  const SampledInputs half =
      SampleInputs(root, {.min = Vector{{-1, 0}}, .max = Vector{{1, 1}}}, {.num_points = 2000});
  EXPECT_GT(half.num_invalid, 900);
  EXPECT_LT(half.num_invalid, 1100);
  EXPECT_NEAR(half.significance(1, 0), 1 / std::sqrt(12), 0.02);
  const SampledInputs none =
      SampleInputs(root, {.min = Vector{{-2, 0}}, .max = Vector{{-1, 1}}}, {.num_points = 20});
  EXPECT_EQ(none.num_invalid, 20);
  EXPECT_EQ(none.significance.size(), 0);
  EXPECT_EQ(none.total_sobol.size(), 0);
}

void ExpectError(ErrorCode code, const std::string& field, const std::function<void()>& call) {
  try {
    call();
    ADD_FAILURE() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    EXPECT_EQ(error.field(), field);
  }
}

TEST(SampledInputsTest, BadInputIsRefused) {
  const nn::NetworkSurrogate network = RandomNetwork({.n = 2, .m = 1, .hidden = {4}}, 1);
  const auto sample = [&](const Box& box, Index num_points, const std::stop_token& stop = {}) {
    SampleInputs(network, box, {.num_points = num_points}, stop);
  };
  ExpectError(ErrorCode::kInvalidArgument, "box.min", [&] { sample(Cube(3, 0, 1), 10); });
  ExpectError(ErrorCode::kInvalidArgument, "num_points", [&] { sample(Cube(2, 0, 1), 1); });
  ExpectError(ErrorCode::kInvalidArgument, "num_points",
              [&] { sample(Cube(2, 0, 1), kMaxSampledPoints + 1); });
  std::stop_source source;
  source.request_stop();
  ExpectError(ErrorCode::kCancelled, "", [&] { sample(Cube(2, 0, 1), 5000, source.get_token()); });
}

// What one replay keeps is kept for each output.
TEST(SampledInputsTest, ProgramsOfManyOperationsAndOutputsAreRefused) {
  const auto loop = [](const std::string& steps) {
    return program::Parse("input x[64]\nvar u = x\nevolve t in 0.." + steps +
                          " { u = sin(u) }\noutput y = u\n");
  };
  EXPECT_EQ(AnalyzeSignificance(loop("4"), Cube(64, 0, 1)).inputs.size(), 64U);
  ExpectError(ErrorCode::kResourceExhausted, "source",
              [&] { AnalyzeSignificance(loop("1000"), Cube(64, 0, 1)); });
}

}  // namespace
}  // namespace sobolev::prune
