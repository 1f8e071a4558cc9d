#include "engine/ad/tape.h"

#include <cmath>
#include <span>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "engine/ad/adjoint.h"
#include "engine/ad/adjoint_vector.h"
#include "engine/ad/preaccumulation.h"
#include "engine/ad/tangent.h"
#include "engine/base/rng.h"

namespace sobolev::ad {
namespace {

using A = Adjoint<double>;

std::vector<A> Variables(Tape<double>& tape, int n) {
  std::vector<A> x;
  x.reserve(static_cast<std::size_t>(n));
  for (int i = 0; i < n; ++i) x.push_back(tape.Variable(0.5 + 0.25 * i));
  return x;
}

std::vector<double> GradientOf(Tape<double>& tape, const A& y, const std::vector<A>& x) {
  tape.Reverse(y);
  std::vector<double> gradient;
  gradient.reserve(x.size());
  for (const A& entry : x) gradient.push_back(tape.adjoint(entry));
  return gradient;
}

// A random straight-line program: sums, products, functions and reuse of anything before.
std::vector<A> RandomProgram(const std::vector<A>& x, std::uint64_t seed, int num_statements) {
  Rng rng(seed);
  std::vector<A> v = x;
  const auto pick = [&]() -> const A& {
    return v[static_cast<std::size_t>(rng.Uniform() * static_cast<double>(v.size()))];
  };
  for (int i = 0; i < num_statements; ++i) {
    const double kind = rng.Uniform();
    if (kind < 0.3) {
      v.emplace_back(0.5 * (pick() + pick() * v.back()));
    } else if (kind < 0.6) {
      v.emplace_back(sin(pick() * v.back()) + 0.3 * v.back());
    } else if (kind < 0.9) {
      v.emplace_back(v.back() / (2.0 + Square(pick())));
    } else {
      v.emplace_back(tanh(pick()));
    }
  }
  return v;
}

TEST(TapeTest, AReusedTapeGivesTheSameBitsAndAllocatesNothing) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  std::vector<double> first;
  std::size_t reserved = 0;
  for (int round = 0; round < 5; ++round) {
    tape.Clear();
    const std::vector<A> x = Variables(tape, 5);
    const std::vector<A> v = RandomProgram(x, 1, 3000);
    const std::vector<double> gradient = GradientOf(tape, v.back(), x);
    if (round == 0) {
      first = gradient;
      reserved = tape.statistics().reserved_bytes;
    }
    EXPECT_EQ(gradient, first);
    EXPECT_EQ(tape.statistics().reserved_bytes, reserved);
  }
}

TEST(TapeTest, StatisticsCountTwelveBytesPerArgumentAndOnePerStatement) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const A x = tape.Variable(2.0);
  const A y = x * x + 2.0 * x;
  const A z = y * 3.0;
  const TapeStatistics statistics = tape.statistics();
  EXPECT_EQ(statistics.statements, 3U);
  EXPECT_EQ(statistics.arguments, 4U);
  EXPECT_EQ(statistics.used_bytes, 4U * 12 + 3);
  EXPECT_GE(statistics.reserved_bytes, statistics.used_bytes);
  EXPECT_EQ(z.slot(), 3U);
}

// Sums in loops store neither the slot nor the partial of the sum before.
TEST(TapeTest, ChainsOfSumsTakeOneArgumentPerTerm) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const std::vector<A> x = Variables(tape, 10);
  const A constant = 1.0;
  A sum = 0.0;
  for (const A& entry : x) sum += entry * 2.0;
  EXPECT_EQ(tape.statistics().arguments, 10U);
  A twice = sum + sum;  // The second of two equal arguments is stored.
  EXPECT_EQ(tape.statistics().arguments, 11U);
  twice = twice + constant;  // One argument is always stored, or else the leaves run out of room.
  EXPECT_EQ(tape.statistics().arguments, 12U);
  for (int i = 0; i < 10'000; ++i) twice = twice + constant;
  twice += sum * twice - twice;
  const double s = sum.value();
  tape.Reverse(twice);
  // y = s (2s + 10001).
  for (const A& entry : x) EXPECT_EQ(tape.adjoint(entry), 2 * (4 * s + 10'001));
  AdjointVector<double, 2> bars(tape);
  bars.Seed(twice, 1, 1.0);
  bars.Reverse();
  for (const A& entry : x) EXPECT_EQ(bars.adjoint(entry, 1), 2 * (4 * s + 10'001));
}

TEST(TapeTest, SectionsMayBeginWithAChain) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const A x = tape.Variable(3.0);
  const A y = x * x;
  Preaccumulation<double> section(tape);
  A z = y + x * 2.0;
  section.Finish({&z});
  tape.Reverse(z);
  EXPECT_EQ(tape.adjoint(x), 8);
}

TEST(TapeTest, SeveralSweepsOfOneRecordingAreIndependent) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const std::vector<A> x = Variables(tape, 3);
  const std::vector<A> v = RandomProgram(x, 2, 50);
  const A& y = v[20];
  const A& z = v[50];
  const std::vector<double> gradient_y = GradientOf(tape, y, x);
  const std::vector<double> gradient_z = GradientOf(tape, z, x);
  EXPECT_EQ(GradientOf(tape, y, x), gradient_y);
  tape.ZeroAdjoints();
  tape.Seed(y, 2);
  tape.Seed(z, -1);
  tape.Reverse();
  for (int i = 0; i < 3; ++i) {
    EXPECT_NEAR(tape.adjoint(x[i]), 2 * gradient_y[i] - gradient_z[i], 1e-14);
  }
}

TEST(TapeTest, IntermediateVariablesKeepTheirAdjoints) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const A x = tape.Variable(0.5);
  const A v = exp(x);
  const A y = v * v * x;
  tape.Reverse(y);
  EXPECT_NEAR(tape.adjoint(v), 2 * std::exp(0.5) * 0.5, 1e-15);
}

TEST(TapeTest, RewindingForgetsASectionOnly) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const std::vector<A> x = Variables(tape, 3);
  const std::vector<A> v = RandomProgram(x, 3, 40);
  const std::vector<double> expected = GradientOf(tape, v.back(), x);
  const Tape<double>::Position position = tape.position();
  for (int round = 0; round < 3; ++round) {
    const std::vector<A> more = RandomProgram(v, 4, 500);
    EXPECT_NE(tape.position(), position);
    tape.RewindTo(position);
    EXPECT_EQ(tape.position(), position);
    EXPECT_EQ(GradientOf(tape, v.back(), x), expected);
  }
}

TEST(TapeTest, PartialSweepsAddUpToAWholeOne) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const std::vector<A> x = Variables(tape, 3);
  const std::vector<A> first = RandomProgram(x, 5, 40);
  const Tape<double>::Position middle = tape.position();
  const std::vector<A> second = RandomProgram(first, 6, 40);
  const std::vector<double> expected = GradientOf(tape, second.back(), x);
  tape.ZeroAdjoints();
  tape.Seed(second.back(), 1);
  tape.Reverse(middle);
  tape.RewindTo(middle);  // The adjoints of what is left stay.
  tape.Reverse();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(tape.adjoint(x[i]), expected[i]);
}

TEST(TapeTest, ScopesNestAndTapesAreIndependent) {
  Tape<double> outer;
  const Tape<double>::Scope outer_scope(outer);
  const A x = outer.Variable(2.0);
  const A y = x * x;
  {
    Tape<double> inner;
    const Tape<double>::Scope inner_scope(inner);
    const A u = inner.Variable(5.0);
    const A v = sin(u);
    inner.Reverse(v);
    EXPECT_EQ(inner.adjoint(u), std::cos(5.0));
  }
  const A z = y * x;
  outer.Reverse(z);
  EXPECT_EQ(outer.adjoint(x), 12);
}

#ifndef NDEBUG
TEST(TapeDeathTest, VariablesOfAnotherRecordingAreCaughtInDebugBuilds) {
  Tape<double> long_tape;
  A x;
  {
    const Tape<double>::Scope scope(long_tape);
    x = Variables(long_tape, 100).back();
  }
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  EXPECT_DEATH(A(x * 2.0), "another recording");
}
#endif

TEST(TapeTest, EveryThreadHasItsOwnActiveTape) {
  std::vector<double> slopes(4);
  std::vector<std::thread> threads;
  threads.reserve(slopes.size());
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&slopes, i] {
      Tape<double> tape;
      const Tape<double>::Scope scope(tape);
      const A x = tape.Variable(i);
      A y = x;
      for (int k = 0; k < 1000; ++k) y = y * 0.999 + x;
      tape.Reverse(y);
      slopes[i] = tape.adjoint(x);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const double slope : slopes) EXPECT_EQ(slope, slopes[0]);
}

TEST(TapeTest, AChainOfTenMillionStatementsSweeps) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const A x = tape.Variable(1.0);
  A y = x;
  for (int i = 0; i < 10'000'000; ++i) y = y + 1e-7 * x;
  tape.Reverse(y);
  EXPECT_NEAR(tape.adjoint(x), 2, 1e-8);  // Ten million roundings of 1e-16 at most.
  EXPECT_EQ(tape.statistics().statements, 10'000'001U);
}

TEST(TapeTest, ManyVariablesWithoutStatementsBetween) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  std::vector<A> x = Variables(tape, 100'000);
  A y = x[0];
  for (const A& entry : x) y += entry;
  tape.Reverse(y);
  EXPECT_EQ(tape.adjoint(x[0]), 2);
  EXPECT_EQ(tape.adjoint(x[99'999]), 1);
}

template <int N>
void ExpectLanesAreRowsOneByOne() {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const std::vector<A> x = Variables(tape, 4);
  const std::vector<A> v = RandomProgram(x, 7, 200);
  AdjointVector<double, N> bars(tape);
  for (int lane = 0; lane < N; ++lane) bars.Seed(v[v.size() - 1 - lane], lane, 1.0 + lane);
  bars.Reverse();
  for (int lane = 0; lane < N; ++lane) {
    tape.ZeroAdjoints();
    tape.Seed(v[v.size() - 1 - lane], 1.0 + lane);
    tape.Reverse();
    for (const A& entry : x) {
      const double expected = tape.adjoint(entry);
      EXPECT_NEAR(bars.adjoint(entry, lane), expected, 1e-14 * (1 + std::abs(expected)));
    }
  }
}

TEST(TapeTest, LanesOfVectorAdjointsAreRowsOneByOne) {
  ExpectLanesAreRowsOneByOne<2>();
  ExpectLanesAreRowsOneByOne<3>();
  ExpectLanesAreRowsOneByOne<8>();
}

TEST(TapeTest, ZeroLanesStayZeroBesideInfiniteOnes) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const A x = tape.Variable(0.0);
  const A root = sqrt(x);
  const A y = x * 2.0;
  const A z = root * 0.0;
  AdjointVector<double, 4> bars(tape);
  bars.Seed(root, 0, 1);
  bars.Seed(y, 1, 1);
  bars.Seed(z, 2, 1);
  bars.Reverse();
  EXPECT_TRUE(std::isinf(bars.adjoint(x, 0)));
  EXPECT_EQ(bars.adjoint(x, 1), 2);
  EXPECT_EQ(bars.adjoint(x, 2), 0);
  EXPECT_EQ(bars.adjoint(x, 3), 0);
}

TEST(TapeTest, PreaccumulationChangesMemoryAndNotDerivatives) {
  const auto run = [](bool preaccumulate, std::size_t* statements) {
    Tape<double> tape;
    const Tape<double>::Scope scope(tape);
    const std::vector<A> x = Variables(tape, 3);
    A u = x[0] * x[1];
    A v = x[2];
    for (int i = 0; i < 5; ++i) {
      Preaccumulation<double> section(tape);
      for (int k = 0; k < 20; ++k) {
        const A next = sin(u * v) + 0.1 * x[1];
        v = 0.5 * (v + next);
        u = next;
      }
      if (preaccumulate) section.Finish({&u, &v});
    }
    const A y = u * v;
    *statements = tape.statistics().statements;
    return GradientOf(tape, y, x);
  };
  std::size_t with = 0;
  std::size_t without = 0;
  const std::vector<double> expected = run(false, &without);
  const std::vector<double> actual = run(true, &with);
  for (int i = 0; i < 3; ++i) EXPECT_NEAR(actual[i], expected[i], 1e-15);
  EXPECT_EQ(without, 3U + 1 + 5 * 40 + 1);
  EXPECT_EQ(with, 3U + 1 + 5 * 2 + 1);
}

// More inputs than a statement has room for make a chain of statements.
TEST(TapeTest, PreaccumulationOfAThousandInputs) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const std::vector<A> x = Variables(tape, 1000);
  Preaccumulation<double> section(tape);
  A sum = 0.0;
  for (const A& entry : x) sum += entry * entry;
  A root = sqrt(sum);
  A constant = 3.0;
  A before = x[0];
  section.Finish({&root, &constant, &before});
  EXPECT_EQ(constant.slot(), 0U);
  EXPECT_EQ(before.slot(), x[0].slot());
  // 126 new arguments each, beside the sum so far.
  EXPECT_EQ(tape.statistics().statements, 1000U + 8);
  const std::vector<double> gradient = GradientOf(tape, root, x);
  for (int i = 0; i < 1000; ++i) EXPECT_NEAR(gradient[i], x[i].value() / root.value(), 1e-15);
}

TEST(TapeTest, PreaccumulationLeavesEarlierAdjointsAlone) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const A x = tape.Variable(2.0);
  const A y = x * x;
  tape.Reverse(y);
  Preaccumulation<double> section(tape);
  A z = sin(x) * y;
  section.Finish({&z});
  EXPECT_EQ(tape.adjoint(x), 4);
  EXPECT_EQ(tape.adjoint(y), 1);
}

// y = (x0 x1, x0 + x1) computed outside the tape, with its adjoint by hand.
void PushProductAndSum(Tape<double>& tape, const std::vector<A>& x, std::vector<A>& y,
                       int* calls = nullptr) {
  const double a = x[0].value();
  const double b = x[1].value();
  y = {A(a * b), A(a + b)};
  tape.PushExternal(x, y, [a, b, calls](std::span<const double> y_bar, std::span<double> x_bar) {
    if (calls != nullptr) ++*calls;
    x_bar[0] = b * y_bar[0] + y_bar[1];
    x_bar[1] = a * y_bar[0] + y_bar[1];
  });
}

TEST(TapeTest, ExternalFunctionsTakePartInSweeps) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const std::vector<A> x = Variables(tape, 2);
  const std::vector<A> inner = {A(sin(x[0])), A(x[0] * x[1])};
  std::vector<A> outer;
  PushProductAndSum(tape, inner, outer);
  std::vector<A> last;
  PushProductAndSum(tape, outer, last);
  const A y = last[0] * last[1];
  const std::vector<double> actual = GradientOf(tape, y, x);

  Tape<double> plain;
  const Tape<double>::Scope plain_scope(plain);
  const std::vector<A> u = Variables(plain, 2);
  const A v0 = sin(u[0]);
  const A v1 = u[0] * u[1];
  const A w0 = v0 * v1;
  const A w1 = v0 + v1;
  const A z = w0 * w1 * (w0 + w1);
  const std::vector<double> expected = GradientOf(plain, z, u);
  for (int i = 0; i < 2; ++i) EXPECT_NEAR(actual[i], expected[i], 1e-14);
}

TEST(TapeTest, ExternalFunctionsRunOnlyWhenTheyMatter) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const std::vector<A> x = Variables(tape, 2);
  std::vector<A> y;
  int calls = 0;
  PushProductAndSum(tape, x, y, &calls);
  const A unrelated = x[0] * 2.0;
  tape.Reverse(unrelated);
  EXPECT_EQ(calls, 0);
  tape.Reverse(y[1]);
  EXPECT_EQ(calls, 1);
  std::vector<A> constants;
  PushProductAndSum(tape, {A(1.0), A(2.0)}, constants);
  EXPECT_EQ(constants[0].slot(), 0U);
  EXPECT_EQ(constants[1].value(), 3);
}

TEST(TapeTest, ExternalFunctionsWorkInVectorsAndSections) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  const std::vector<A> x = Variables(tape, 2);
  Preaccumulation<double> section(tape);
  std::vector<A> inner;
  PushProductAndSum(tape, x, inner);
  A product = inner[0] * 3.0;
  section.Finish({&product});
  EXPECT_EQ(tape.position().externals, 0U);
  std::vector<A> y;
  PushProductAndSum(tape, {product, x[1]}, y);
  AdjointVector<double, 2> bars(tape);
  bars.Seed(y[0], 0, 1);
  bars.Seed(y[1], 1, 1);
  bars.Reverse();
  // With a = 0.5 and b = 0.75: y0 = 3 a b², y1 = 3 a b + b.
  EXPECT_NEAR(bars.adjoint(x[0], 0), 3 * 0.75 * 0.75, 1e-15);
  EXPECT_NEAR(bars.adjoint(x[1], 0), 6 * 0.5 * 0.75, 1e-15);
  EXPECT_NEAR(bars.adjoint(x[0], 1), 3 * 0.75, 1e-15);
  EXPECT_NEAR(bars.adjoint(x[1], 1), 3 * 0.5 + 1, 1e-15);
}

TEST(TapeTest, ClearForgetsExternals) {
  Tape<double> tape;
  const Tape<double>::Scope scope(tape);
  std::vector<A> x = Variables(tape, 2);
  std::vector<A> y;
  int calls = 0;
  PushProductAndSum(tape, x, y, &calls);
  tape.Clear();
  const A u = tape.Variable(1.0);
  const A v = u * 4.0;
  tape.Reverse(v);
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(tape.adjoint(u), 4);
}

}  // namespace
}  // namespace sobolev::ad
