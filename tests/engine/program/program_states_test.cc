// The states that reversals of time loops keep: how many, how large, and when they are refused.

#include <optional>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/program/program.h"

namespace sobolev::program {
namespace {

ConstMatrixMap Map(const Matrix& matrix) {
  return ConstMatrixMap(matrix.data(), matrix.rows(), matrix.cols());
}

template <class Body>
void ExpectError(const Body& body, ErrorCode code, const std::string& reason,
                 const std::string& says) {
  try {
    body();
    ADD_FAILURE() << "expected an Error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_EQ(error.reason(), reason);
    EXPECT_THAT(error.what(), testing::HasSubstr(says));
  }
}

constexpr const char* kSineLoop =
    "input x\nvar u = x\nevolve t in 0..1000 { u = sin(u) }\noutput u\n";

// What to ask for at one point with one direction of each kind.
struct Asked {
  bool jvp = false;
  bool vjp = false;
  bool hvp = false;
};

void EvaluateLoop(const Program& program, const Asked& asked, const Settings& settings) {
  const Matrix one = Matrix::Ones(1, 1);
  const Directions direction{.D = Map(one), .count = 1};
  double results[3] = {};
  program.Evaluate(Map(one), direction, direction,
                   {.Y_dot = asked.jvp ? &results[0] : nullptr,
                    .X_bar = asked.vjp ? &results[1] : nullptr,
                    .X_bar_dot = asked.hvp ? &results[2] : nullptr},
                   nullptr, settings, {});
}

bool Fits(Index max_state_bytes, const Asked& asked, const Settings& settings) {
  const Program program(kSineLoop, {}, {.max_state_bytes = max_state_bytes});
  try {
    EvaluateLoop(program, asked, settings);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kResourceExhausted);
    EXPECT_EQ(error.reason(), "TOO_MANY_STATES");
    EXPECT_EQ(error.field(), "reversal");
    return false;
  }
  return true;
}

TEST(ProgramStatesTest, StatesThatTakeTooMuchMemoryAreRefused) {
  // 2²⁴ states of at least 8 points each.
  const Program program(
      "input x[16]\nvar u = x\nevolve t in 0..16777216 { u = sin(u) }\noutput u\n");
  const Matrix one = Matrix::Ones(16, 1);
  Matrix x_bar(16, 1);
  for (const Settings& settings :
       {Settings{.reversal = Reversal::kVanilla},
        Settings{.reversal = Reversal::kBinomial, .checkpoints = Index{1} << 40}}) {
    ExpectError(
        [&] {
          program.Evaluate(Map(one), std::nullopt, Directions{.D = Map(one), .count = 1},
                           {.X_bar = x_bar.data()}, nullptr, settings, {});
        },
        ErrorCode::kResourceExhausted, "TOO_MANY_STATES",
        "reversal: expected at most 1024 MiB of kept states for a block of points, got 16777216 ");
  }
}

TEST(ProgramStatesTest, EveryReversalFitsWhereItKeepsFewStates) {
  for (const Settings& settings : {Settings{}, Settings{.reversal = Reversal::kMemoryPoor},
                                   Settings{.reversal = Reversal::kBinomial, .checkpoints = 2}}) {
    EXPECT_TRUE(Fits(4096, {.vjp = true}, settings));
  }
  EXPECT_FALSE(Fits(4096, {.vjp = true}, {.reversal = Reversal::kVanilla}));
  // A forward sweep keeps none.
  EXPECT_TRUE(Fits(0, {.jvp = true}, {.reversal = Reversal::kVanilla}));
}

TEST(ProgramStatesTest, StatesOfSecondOrderAreTwiceAsLarge) {
  const Settings vanilla{.reversal = Reversal::kVanilla};
  Index fitting = 1;
  while (!Fits(fitting, {.vjp = true}, vanilla)) fitting *= 2;
  EXPECT_FALSE(Fits(fitting, {.hvp = true}, vanilla));
  EXPECT_TRUE(Fits(2 * fitting, {.hvp = true}, vanilla));
  // A tangent and an adjoint that are not multiplied are two sweeps of first order.
  EXPECT_TRUE(Fits(fitting, {.jvp = true, .vjp = true}, vanilla));
}

TEST(ProgramStatesTest, CountsAreThoseOfTheStatesThatAreKept) {
  const std::string before = "input x[64]\nvar u = x\n";
  const std::string loop = "evolve t in 0..32768 { u = sin(u) }\n";
  const Program once(before + loop + "output u\n");
  const ReversalCounts first = once.CountReversal({});
  EXPECT_EQ(first.state_bytes, 64 * 8);
  ASSERT_LT(first.peak_states, 32768);
  const ReversalCounts second = once.CountReversal({}, true);
  EXPECT_EQ(second.state_bytes, 2 * 64 * 8);
  EXPECT_EQ(2 * second.peak_states, first.peak_states);
  // Two loops share what one has.
  const Program twice(before + loop + "u = u + 1\n" + loop + "output u\n");
  EXPECT_EQ(2 * twice.CountReversal({}).peak_states, first.peak_states);
  ExpectError([&] { once.CountReversal({.reversal = Reversal::kBinomial}); },
              ErrorCode::kInvalidArgument, "OUT_OF_RANGE", "checkpoints");
}

TEST(ProgramStatesTest, OnlyAdjointSweepsCount) {
  const Program wide("input x[9]\nvar u = sum(x)\nevolve t in 0..9 { u = sin(u) }\noutput u\n");
  const Program narrow(kSineLoop);
  double any = 0;
  for (const Program* program : {&wide, &narrow}) {
    EXPECT_FALSE(program->RunsAdjointSweep({.Y = &any, .Y_dot = &any}));
    EXPECT_TRUE(program->RunsAdjointSweep({.X_bar = &any}));
    EXPECT_TRUE(program->RunsAdjointSweep({.X_bar_dot = &any}));
    EXPECT_TRUE(program->RunsAdjointSweep({.H = &any}));
  }
  EXPECT_TRUE(wide.RunsAdjointSweep({.J = &any}));     // One adjoint instead of nine tangents.
  EXPECT_FALSE(narrow.RunsAdjointSweep({.J = &any}));  // One tangent.
}

}  // namespace
}  // namespace sobolev::program
