// Boxes against the Taylor polynomials that they promise.

#include "engine/sampling/boxes.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <stop_token>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/program/definition.h"
#include "engine/program/derivation.h"
#include "engine/program/program.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/placement.h"
#include "engine/sampling/sobol.h"
#include "tests/engine/sampling/expensive.h"

namespace sobolev::sampling {
namespace {

Vector Gradient(const Expensive& f, const Vector& x) {
  Vector gradient(x.size());
  f(x, gradient);
  return gradient;
}

// The largest error of the polynomial of the promised order about the centre, over random points.
double LargestError(const Expensive& f, const TaylorBox& box, Rng& rng) {
  const Vector centre = 0.5 * (box.lo + box.hi);
  const Index n = centre.size();
  Vector slope(n);
  const double value = f(centre, slope);
  Matrix H(n, n);
  for (Index j = 0; j < n; ++j) {
    const Vector step = 1e-5 * Vector::Unit(n, j);
    H.col(j) = (Gradient(f, centre + step) - Gradient(f, centre - step)) / 2e-5;
  }
  double largest = 0;
  for (int k = 0; k < 100; ++k) {
    Vector t(n);
    for (Index i = 0; i < n; ++i) t(i) = (rng.Uniform() - 0.5) * (box.hi(i) - box.lo(i));
    double prediction = value;
    if (box.quasi >= Quasi::kLinear) prediction += slope.dot(t);
    if (box.quasi >= Quasi::kQuadratic) prediction += 0.5 * t.dot(H * t);
    Vector ignored(n);
    largest = std::max(largest, std::abs(f(centre + t, ignored) - prediction));
  }
  return largest;
}

Evidence Explore(const Expensive& f, Index n, Index count) {
  Evidence evidence{.X = Matrix(n, 0), .Y = Matrix(1, 0)};
  PlacementOptions options{.seed = 1};
  while (evidence.NumSamples() < count) {
    const Index batch = std::min<Index>(16, count - evidence.NumSamples());
    Evaluate(f, NextPoints(evidence, options, batch), evidence);
    options.num_proposed += batch;
  }
  return evidence;
}

TEST(BoxesTest, PolynomialsAreOneBox) {
  const auto decompose = [](const Expensive& f) {
    return Decompose(SobolSamples(f, 2, 40), {.tolerance = Vector::Constant(1, 1e-3)});
  };
  const Decomposition constant = decompose([](const Vector&, Vector& gradient) {
    gradient.setZero();
    return 2.0;
  });
  EXPECT_EQ(constant.closed[0], 1);
  EXPECT_EQ(constant.boxes.size(), 1);
  const Decomposition linear = decompose([](const Vector& x, Vector& gradient) {
    gradient << 3, -2;
    return gradient.dot(x);
  });
  EXPECT_EQ(linear.closed[1], 1);
  EXPECT_EQ(linear.boxes.size(), 1);
  const Decomposition quadratic = decompose([](const Vector& x, Vector& gradient) {
    gradient << 2 * x(0) + x(1), x(0);
    return x(0) * x(0) + x(0) * x(1);
  });
  EXPECT_EQ(quadratic.closed[2], 1);
  EXPECT_EQ(quadratic.boxes.size(), 1);
  EXPECT_EQ(quadratic.open, 0);
}

TEST(BoxesTest, BoxesFillTheCube) {
  const Evidence evidence = SobolSamples(Bump(3, 0.2), 3, 200);
  const Decomposition result =
      Decompose(evidence, {.tolerance = Vector::Constant(1, 1e-2), .max_boxes = 150});
  EXPECT_LE(result.boxes.size(), 150);
  double volume = 0;
  for (const TaylorBox& box : result.boxes) volume += box.Volume();
  EXPECT_DOUBLE_EQ(volume, 1);
  EXPECT_NEAR(result.closed[0] + result.closed[1] + result.closed[2] + result.open, 1, 1e-12);
  for (std::size_t a = 0; a < result.boxes.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      const TaylorBox& one = result.boxes[a];
      const TaylorBox& other = result.boxes[b];
      EXPECT_TRUE((one.hi.array() <= other.lo.array()).any() ||
                  (other.hi.array() <= one.lo.array()).any());
    }
  }
}

TEST(BoxesTest, ClosedBoxesKeepTheirPromise) {
  for (const Expensive& f : {Bump(2, 0.1), Expensive(Waves)}) {
    const Evidence evidence = Explore(f, 2, 300);
    const double tolerance = 1e-2;
    const Decomposition result = Decompose(evidence, {.tolerance = Vector::Constant(1, tolerance)});
    EXPECT_LT(result.open, 0.2);
    Rng rng(3);
    double wrong = 0;
    for (const TaylorBox& box : result.boxes) {
      if (box.quasi && LargestError(f, box, rng) > tolerance) wrong += box.Volume();
    }
    EXPECT_LE(wrong, 0.01);
  }
}

// ∂(eᵃ + b²) lies between its values at the ends.
TEST(BoxesTest, ProofsHold) {
  const Expensive f = [](const Vector& x, Vector& gradient) {
    gradient << std::exp(x(0)), 2 * x(1);
    return std::exp(x(0)) + x(1) * x(1);
  };
  const auto bounds = [&](const Vector& lo, const Vector& hi, Matrix& J_lo, Matrix& J_hi) {
    J_lo = Gradient(f, lo);
    J_hi = Gradient(f, hi);
  };
  const Evidence nothing{.X = Matrix(2, 0), .Y = Matrix(1, 0)};
  const double tolerance = 1e-2;
  const Decomposition result =
      Decompose(nothing, {.tolerance = Vector::Constant(1, tolerance), .bounds = bounds});
  EXPECT_TRUE(result.proved);
  EXPECT_EQ(result.open, 0);
  EXPECT_GT(result.closed[1], 0.9);
  Rng rng(3);
  for (const TaylorBox& box : result.boxes) EXPECT_LE(LargestError(f, box, rng), tolerance);
}

// Bounds of a program over boxes of the unit cube, which are those of its inputs.
DerivativeBounds BoundsOf(const program::Program& program) {
  return [&program](const Vector& lo, const Vector& hi, Matrix& J_lo, Matrix& J_hi) {
    program.Enclose({lo.data(), lo.size(), 1}, {hi.data(), hi.size(), 1},
                    {.J_min = J_lo.data(), .J_max = J_hi.data()}, nullptr, {});
  };
}

TEST(BoxesTest, QuadraticBoxesAreProvedByBoundsOfCurvatures) {
  const std::string source =
      "input a\ninput b\ninput c\noutput y = exp(a) * sin(2 * b) + a * b + c\n";
  const program::Program f(source);
  const auto derived = program::JacobianDefinition(program::Parse(source), 1 << 20);
  ASSERT_TRUE(derived);
  const program::Program slopes(*derived);
  const Expensive truth = [](const Vector& x, Vector& gradient) {
    const double growth = std::exp(x(0));
    gradient << growth * std::sin(2 * x(1)) + x(1), 2 * growth * std::cos(2 * x(1)) + x(0), 1;
    return growth * std::sin(2 * x(1)) + x(0) * x(1) + x(2);
  };
  const Evidence nothing{.X = Matrix(3, 0), .Y = Matrix(1, 0)};
  BoxOptions options{
      .tolerance = Vector::Constant(1, 1e-2), .max_boxes = 4000, .bounds = BoundsOf(f)};
  const Decomposition linear = Decompose(nothing, options);
  options.curvature_bounds = BoundsOf(slopes);
  const Decomposition quadratic = Decompose(nothing, options);
  EXPECT_TRUE(quadratic.proved);
  EXPECT_EQ(quadratic.open, 0);
  EXPECT_GT(quadratic.closed[2], 0.9);
  EXPECT_LT(4 * quadratic.boxes.size(), linear.boxes.size());
  Rng rng(3);
  for (const TaylorBox& box : quadratic.boxes) {
    EXPECT_LE(LargestError(truth, box, rng), 1.001e-2);
    EXPECT_TRUE(box.linear_in[2]) << "c enters linearly";
  }
}

// It is about one input alone: a·b is linear in each.
TEST(BoxesTest, InputsThatEnterLinearlyAreTold) {
  const program::Program f("input a\ninput b\noutput y = a * b + 4 * b^2\n");
  const Evidence nothing{.X = Matrix(2, 0), .Y = Matrix(1, 0)};
  const Decomposition whole = Decompose(
      nothing, {.tolerance = Vector::Constant(1, 0.3), .max_boxes = 1, .bounds = BoundsOf(f)});
  ASSERT_EQ(whole.boxes.size(), 1U);
  EXPECT_FALSE(whole.boxes.front().quasi);
  EXPECT_TRUE(whole.boxes.front().linear_in[0]);
  EXPECT_FALSE(whole.boxes.front().linear_in[1]);
}

TEST(BoxesTest, FunctionsThatMayJumpHaveNoCurvatureBounds) {
  const auto has_bounds = [](const std::string& output) {
    return program::JacobianDefinition(program::Parse("input a\noutput y = " + output + "\n"), 1000)
        .has_value();
  };
  EXPECT_TRUE(has_bounds("exp(a) / (1 + a^2)"));
  EXPECT_FALSE(has_bounds("abs(a)"));
  EXPECT_FALSE(has_bounds("floor(a) + a"));
  EXPECT_FALSE(has_bounds("max(a, 0.5)"));
}

TEST(BoxesTest, WithoutBoundsOfDerivativesNothingIsProved) {
  const auto bounds = [](const Vector&, const Vector&, Matrix& J_lo, Matrix& J_hi) {
    J_lo.setConstant(-std::numeric_limits<double>::infinity());
    J_hi.setConstant(std::numeric_limits<double>::quiet_NaN());
  };
  const Evidence nothing{.X = Matrix(2, 0), .Y = Matrix(1, 0)};
  const Decomposition result =
      Decompose(nothing, {.tolerance = Vector::Ones(1), .max_boxes = 20, .bounds = bounds});
  EXPECT_EQ(result.open, 1);
  EXPECT_EQ(result.boxes.size(), 20);
}

TEST(BoxesTest, ASampleThatContradictsKeepsItsBoxOpen) {
  const Expensive plane = [](const Vector& x, Vector& gradient) {
    gradient << 1, 1;
    return x.sum();
  };
  Evidence evidence = SobolSamples(plane, 2, 60);
  evidence.Y(0, 30) += 1;
  const Decomposition result = Decompose(evidence, {.tolerance = Vector::Constant(1, 1e-2)});
  for (const TaylorBox& box : result.boxes) {
    const Vector x = evidence.X.col(30);
    const bool inside = (x.array() > box.lo.array()).all() && (x.array() < box.hi.array()).all();
    EXPECT_FALSE(inside && box.quasi);
  }
  EXPECT_GT(result.open, 0);
}

TEST(BoxesTest, WithoutSamplesNothingIsConfirmed) {
  // All in the left half.
  Matrix X = SobolPoints(2, 0, 60, 1);
  X.row(0) *= 0.5;
  const Evidence evidence = Samples(Bump(2, 0.1), X);
  const Decomposition result = Decompose(evidence, {.tolerance = Vector::Constant(1, 1e-2)});
  for (const TaylorBox& box : result.boxes) {
    if (box.lo(0) >= 0.5) {
      EXPECT_FALSE(box.quasi);
    }
  }
}

TEST(BoxesTest, TheSameBitsOnAnyNumberOfThreads) {
  const Evidence evidence = SobolSamples(Bump(2, 0.1), 2, 100);
  const auto decompose = [&](int threads) {
    oneapi::tbb::task_arena arena(threads);
    return arena.execute(
        [&] { return Decompose(evidence, {.tolerance = Vector::Constant(1, 1e-2)}); });
  };
  const Decomposition one = decompose(1);
  const Decomposition four = decompose(4);
  EXPECT_EQ(one.closed, four.closed);
  EXPECT_EQ(one.boxes.size(), four.boxes.size());
}

TEST(BoxesTest, BadArgumentsAreNamed) {
  const auto field = [](Index n, const BoxOptions& options) {
    try {
      Decompose(SobolSamples(Waves, n, 30), options);
    } catch (const Error& error) {
      return error.field();
    }
    return std::string("none");
  };
  EXPECT_EQ(field(2, {}), "tolerance");
  EXPECT_EQ(field(2, {.tolerance = Vector::Zero(1)}), "tolerance");
  EXPECT_EQ(field(2, {.tolerance = Vector::Ones(1), .max_boxes = 0}), "max_boxes");
  EXPECT_EQ(field(11, {.tolerance = Vector::Ones(1)}), "X");
  std::stop_source source;
  source.request_stop();
  EXPECT_THAT(
      [&] {
        Decompose(SobolSamples(Waves, 2, 30), {.tolerance = Vector::Ones(1)}, source.get_token());
      },
      testing::Throws<Error>(testing::Property(&Error::code, ErrorCode::kCancelled)));
}

}  // namespace
}  // namespace sobolev::sampling
