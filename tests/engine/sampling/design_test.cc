// Designs: what each kind promises, under constraints, of discrete inputs, and going on.

#include "engine/sampling/design.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/program/program.h"
#include "engine/sampling/domain.h"
#include "engine/sampling/measure.h"
#include "tests/engine/sampling/errors.h"

namespace sobolev::sampling {
namespace {

using testing::HasSubstr;

const std::vector<DesignKind> kSequences = {DesignKind::kSobol, DesignKind::kHalton,
                                            DesignKind::kRandom};
const std::vector<DesignKind> kHypercubes = {DesignKind::kLatinHypercube,
                                             DesignKind::kMaximinLatinHypercube,
                                             DesignKind::kOptimizedLatinHypercube};

std::vector<DesignKind> OfAnyCount() {
  std::vector<DesignKind> kinds = kSequences;
  kinds.insert(kinds.end(), kHypercubes.begin(), kHypercubes.end());
  return kinds;
}

Input Integers(const std::string& name, double min, double max) {
  return {.name = name, .kind = InputKind::kInteger, .min = min, .max = max};
}

Domain Cube(Index n, std::vector<LinearConstraint> linear = {}) {
  std::vector<Input> inputs;
  for (Index j = 0; j < n; ++j) inputs.push_back({.name = "x" + std::to_string(j)});
  return Domain(std::move(inputs), std::move(linear));
}

DesignPoints Make(const Domain& domain, DesignKind kind, Index count, std::uint64_t seed = 1,
                  const Continuation& continuation = {}) {
  return MakeDesign(domain, {.kind = kind, .seed = seed}, count, continuation, {});
}

Matrix Both(const Matrix& X, const Matrix& more) {
  Matrix both(X.rows(), X.cols() + more.cols());
  both << X, more;
  return both;
}

Index NumDifferent(const Matrix& X) {
  std::set<std::vector<double>> points;
  for (const auto& x : X.colwise()) points.insert({x.begin(), x.end()});
  return static_cast<Index>(points.size());
}

bool HasOnePointInEverySlice(const Matrix& U) {
  for (Index j = 0; j < U.rows(); ++j) {
    std::set<double> slices;
    for (const double u : U.row(j)) slices.insert(std::floor(u * static_cast<double>(U.cols())));
    if (static_cast<Index>(slices.size()) != U.cols()) return false;
  }
  return true;
}

// The L₂ star discrepancy (Warnock 1972).
double Discrepancy(const Matrix& U) {
  const auto n = static_cast<double>(U.cols());
  double single = 0;
  double pairs = 0;
  for (Index a = 0; a < U.cols(); ++a) {
    single += ((1 - U.col(a).array().square()) / 2).prod();
    for (Index b = 0; b < U.cols(); ++b) {
      pairs += (1 - U.col(a).cwiseMax(U.col(b)).array()).prod();
    }
  }
  return std::sqrt(std::pow(3.0, -static_cast<double>(U.rows())) - 2 / n * single +
                   pairs / (n * n));
}

TEST(DesignTest, SequencesGoOnAsALongerDesign) {
  const Domain free = Cube(3);
  // Half of the candidates are infeasible.
  const Domain constrained = Cube(3, {{.coefficients = Vector{{1, 1, 1}}, .bound = 1.5}});
  for (const Domain* const domain : {&free, &constrained}) {
    for (const DesignKind kind : kSequences) {
      const Matrix all = Make(*domain, kind, 200).X;
      const DesignPoints first = Make(*domain, kind, 70);
      EXPECT_EQ(first.X, all.leftCols(70));
      EXPECT_EQ(Make(*domain, kind, 130, 1, {.first = first.next}).X, all.rightCols(130));
      // Without the number, past all that exists.
      EXPECT_EQ(Make(*domain, kind, 130, 1, {.existing = first.X}).X, all.rightCols(130));
    }
  }
}

TEST(DesignTest, HypercubesGoOnWithoutRepeats) {
  const Domain domain = Cube(2);
  for (const DesignKind kind : kHypercubes) {
    const Matrix first = Make(domain, kind, 16).X;
    const Matrix more = Make(domain, kind, 16, 1, {.existing = first}).X;
    EXPECT_TRUE(HasOnePointInEverySlice(Both(first, more)));
    const Matrix few = Make(domain, kind, 5, 1, {.existing = first}).X;
    EXPECT_EQ(NumDifferent(Both(first, few)), 21);
  }
}

TEST(DesignTest, TheSeedDecides) {
  const Domain domain = Cube(4);
  for (const DesignKind kind : OfAnyCount()) {
    EXPECT_EQ(Make(domain, kind, 30, 7).X, Make(domain, kind, 30, 7).X);
    EXPECT_NE(Make(domain, kind, 30, 7).X, Make(domain, kind, 30, 8).X);
  }
}

TEST(DesignTest, DesignsCoverTheCubeMoreEvenlyThanChance) {
  const Domain domain = Cube(3);
  const auto mean = [&](DesignKind kind) {
    double sum = 0;
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      sum += Discrepancy(Make(domain, kind, 128, seed).U) / 10;
    }
    return sum;
  };
  const double random = mean(DesignKind::kRandom);
  EXPECT_LT(mean(DesignKind::kLatinHypercube), 0.7 * random);
  EXPECT_LT(mean(DesignKind::kSobol), 0.3 * random);
  EXPECT_LT(mean(DesignKind::kHalton), 0.4 * random);
}

// Linear and program constraints, a logarithmic scale, a fixed and a discrete input.
TEST(DesignTest, NoPointIsInfeasible) {
  const Domain domain({{.name = "r", .min = 0.1, .max = 10, .scale = Scale::kLogarithmic},
                       {.name = "x", .min = -1, .max = 1},
                       {.name = "t", .fixed = 2},
                       Integers("k", 1, 4)},
                      {{.coefficients = Vector{{1, 0, 0, 1}}, .bound = 5}},
                      std::make_shared<program::Program>(
                          "input r\ninput x\ninput t\ninput k\noutput g = r*x - t + log(x + 1.5)"));
  for (const DesignKind kind : OfAnyCount()) {
    const DesignPoints design = Make(domain, kind, 100);
    EXPECT_EQ(design.X.cols(), 100);
    EXPECT_EQ(NumDifferent(design.X), 100);
    for (const auto& x : design.X.colwise()) {
      EXPECT_LE(x(0) + x(3), 5);
      EXPECT_LE(x(0) * x(1) - x(2) + std::log(x(1) + 1.5), 1e-15);
      EXPECT_EQ(x(2), 2);
      EXPECT_EQ(x(3), std::round(x(3)));
    }
    EXPECT_EQ(domain.ToUser(design.U), design.X);
  }
}

TEST(DesignTest, AHypercubeKeepsItsSlicesUnderConstraints) {
  const Domain domain = Cube(3, {{.coefficients = Vector{{1, 1, 0}}, .bound = 1.6},
                                 {.coefficients = Vector{{0, 1, -1}}, .bound = 0.5}});
  const DesignPoints design = Make(domain, DesignKind::kLatinHypercube, 40);
  EXPECT_EQ(design.num_rejected, 0);
  EXPECT_TRUE(HasOnePointInEverySlice(design.U));
}

// Slices at the far ends have no feasible points: x + y <= 0.2 leaves 2% of the square.
TEST(DesignTest, AHypercubeFillsUpWithRandomPointsWhereSlicesAreInfeasible) {
  const Domain domain = Cube(2, {{.coefficients = Vector{{1, 1}}, .bound = 0.2}});
  const DesignPoints design = Make(domain, DesignKind::kLatinHypercube, 20);
  EXPECT_EQ(design.X.cols(), 20);
  EXPECT_GT(design.num_rejected, 0);
  EXPECT_LE(design.X.colwise().sum().maxCoeff(), 0.2);
}

TEST(DesignTest, DiscretePointsAreNeverRepeated) {
  const Domain domain({Integers("a", 1, 4),
                       Integers("b", -2, 2),
                       {.name = "c", .kind = InputKind::kCategorical, .levels = {"p", "q", "r"}}});
  for (const DesignKind kind : OfAnyCount()) {
    const Matrix X = Make(domain, kind, 25).X;
    EXPECT_EQ(NumDifferent(X), 25);
    // All there are, and not one more.
    const Matrix rest = Make(domain, kind, 35, 3, {.existing = X}).X;
    EXPECT_EQ(NumDifferent(Both(X, rest)), 60);
    EXPECT_THAT(ErrorOf([&] { Make(domain, kind, 36, 3, {.existing = X}); }),
                HasSubstr("INVALID_COUNT count: there are only 60 points, of which 25 exist"));
  }
}

TEST(DesignTest, AHypercubeOfDiscreteInputsIsBalanced) {
  const Domain domain({Integers("a", 1, 4), Integers("b", 1, 4), Integers("c", 1, 4)});
  const Matrix X = Make(domain, DesignKind::kLatinHypercube, 16).X;
  EXPECT_EQ(NumDifferent(X), 16);
  for (const auto& row : X.rowwise()) {
    for (int value = 1; value <= 4; ++value) EXPECT_EQ((row.array() == value).count(), 4);
  }
}

TEST(DesignTest, MeasuresSetTheDensity) {
  const Domain domain({{.name = "x",
                        .min = -100,
                        .max = 100,
                        .measure = NormalMeasure{.mean = 3, .standard_deviation = 2}}});
  for (const DesignKind kind : {DesignKind::kSobol, DesignKind::kLatinHypercube}) {
    const Matrix X = Make(domain, kind, 4096).X;
    EXPECT_NEAR(X.mean(), 3, 0.01);
    EXPECT_NEAR(std::sqrt((X.array() - 3).square().mean()), 2, 0.01);
  }
}

TEST(DesignTest, GridsCombineAllLevels) {
  const Domain domain({{.name = "x", .min = 0, .max = 4}, Integers("k", 1, 3)});
  const Matrix centred = MakeDesign(domain, {.kind = DesignKind::kCentredGrid}, 6, {}, {}).X;
  EXPECT_EQ(centred, (Matrix{{1, 1, 1, 3, 3, 3}, {1, 2, 3, 1, 2, 3}}));
  const Matrix full = MakeDesign(domain, {.kind = DesignKind::kFullFactorial}, 6, {}, {}).X;
  EXPECT_EQ(full, (Matrix{{0, 0, 0, 4, 4, 4}, {1, 2, 3, 1, 2, 3}}));
  const DesignOptions levels{.kind = DesignKind::kFullFactorial, .levels = {3, 2}};
  const Matrix given = MakeDesign(domain, levels, 0, {}, {}).X;
  EXPECT_EQ(given, (Matrix{{0, 0, 2, 2, 4, 4}, {1, 3, 1, 3, 1, 3}}));
  // A finer grid leaves out what a coarser one has.
  const DesignOptions finer{.kind = DesignKind::kFullFactorial, .levels = {5, 3}};
  const DesignPoints more = MakeDesign(domain, finer, 0, {.existing = given}, {});
  EXPECT_EQ(more.num_rejected, 6);
  EXPECT_EQ(NumDifferent(Both(given, more.X)), 15);
}

TEST(DesignTest, FactorialsTakeTheEndsOfTheRanges) {
  const Domain domain({{.name = "a", .min = 1, .max = 2},
                       {.name = "b", .min = 0.1, .max = 10, .scale = Scale::kLogarithmic},
                       {.name = "c", .fixed = 7},
                       Integers("d", 3, 9),
                       {.name = "e", .kind = InputKind::kCategorical, .levels = {"off", "on"}}});
  const DesignOptions options{.kind = DesignKind::kFractionalFactorial, .generators = {"D=ABC"}};
  const Matrix X = MakeDesign(domain, options, 0, {}, {}).X;
  ASSERT_EQ(X.cols(), 8);
  EXPECT_EQ(NumDifferent(X), 8);
  for (const auto& x : X.colwise()) {
    const bool a = x(0) == 2;
    const bool b = x(1) == 10;
    const bool c = x(3) == 9;
    EXPECT_TRUE(a || x(0) == 1);
    EXPECT_TRUE(b || x(1) == 0.1);
    EXPECT_TRUE(c || x(3) == 3);
    EXPECT_EQ(x(2), 7);
    EXPECT_EQ(x(4), a ^ b ^ c ? 1 : 0);
  }
}

TEST(DesignTest, UserPointsAreChecked) {
  const Domain domain = Cube(2, {{.coefficients = Vector{{1, 1}}, .bound = 1}});
  DesignOptions options{.kind = DesignKind::kUserPoints,
                        .points = Matrix{{0.1, 0.5, 0.1}, {0.2, 0.5, 0.2}}};
  const DesignPoints design = MakeDesign(domain, options, 0, {}, {});
  EXPECT_EQ(design.X, options.points.leftCols(2));  // Once each.
  EXPECT_EQ(design.num_rejected, 1);
  options.points(0, 1) = 0.6;
  EXPECT_THAT(ErrorOf([&] { MakeDesign(domain, options, 0, {}, {}); }),
              HasSubstr("INFEASIBLE points[1]: violates a constraint"));
  options.points(0, 1) = 1.5;
  EXPECT_THAT(ErrorOf([&] { MakeDesign(domain, options, 0, {}, {}); }),
              HasSubstr("OUT_OF_DOMAIN points[1][0]"));
}

TEST(DesignTest, TakesAThousandInputs) {
  const Domain domain = Cube(1000);
  for (const DesignKind kind : OfAnyCount()) {
    const DesignPoints design = Make(domain, kind, 40);
    EXPECT_EQ(design.X.rows(), 1000);
    EXPECT_EQ(NumDifferent(design.X), 40);
  }
  EXPECT_THAT(ErrorOf([] { Make(Cube(1112), DesignKind::kSobol, 1); }),
              HasSubstr("inputs: expected 1 to 1111 for a Sobol sequence"));
}

// A disc of 3·10⁻¹³ of the square, which no interval bounds rule out.
TEST(DesignTest, SaysSoAfterAStatedEffort) {
  const Domain domain({{.name = "x"}, {.name = "y"}}, {},
                      std::make_shared<program::Program>(
                          "input x\ninput y\noutput g = (x - 0.31)^2 + (y - 0.77)^2 - 1e-13"));
  for (const DesignKind kind : OfAnyCount()) {
    EXPECT_EQ(
        ErrorOf([&] { MakeDesign(domain, {.kind = kind, .max_rejections = 3000}, 5, {}, {}); }),
        "INFEASIBLE constraints: found 0 of 5 points, and the 3000 candidates that followed "
        "were infeasible; loosen the constraints, or choose ranges that hold more feasible "
        "points");
  }
  const DesignOptions grid{.kind = DesignKind::kCentredGrid, .levels = {10}};
  EXPECT_EQ(ErrorOf([&] { MakeDesign(domain, grid, 0, {}, {}); }),
            "INFEASIBLE constraints: none of the 100 points of the design is feasible; loosen the "
            "constraints or take more levels");
}

TEST(DesignTest, SaysWhenNoPointsAreLeft) {
  // Of 16 points 6 have a + b <= 4.
  const Domain domain({Integers("a", 1, 4), Integers("b", 1, 4)},
                      {{.coefficients = Vector{{1, 1}}, .bound = 4}});
  for (const DesignKind kind : OfAnyCount()) {
    EXPECT_EQ(Make(domain, kind, 6).X.cols(), 6);
    EXPECT_THAT(
        ErrorOf([&] { MakeDesign(domain, {.kind = kind, .max_rejections = 3000}, 7, {}, {}); }),
        HasSubstr("NO_MORE_POINTS count: found "));
  }
  const DesignOptions grid{.kind = DesignKind::kFullFactorial};
  const Matrix all = MakeDesign(domain, grid, 0, {}, {}).X;
  EXPECT_EQ(all.cols(), 6);
  EXPECT_THAT(ErrorOf([&] { MakeDesign(domain, grid, 0, {.existing = all}, {}); }),
              HasSubstr("NO_MORE_POINTS count: none of the 16 points of the design is feasible "
                        "and not there already"));
}

TEST(DesignTest, NamesBadOptions) {
  const Domain domain = Cube(3);
  const auto error = [&](const DesignOptions& options, Index count) {
    return ErrorOf([&] { MakeDesign(domain, options, count, {}, {}); });
  };
  const DesignKind grid = DesignKind::kCentredGrid;
  const DesignKind fraction = DesignKind::kFractionalFactorial;
  EXPECT_THAT(error({}, 0), HasSubstr("count: expected 1 or more points, got 0"));
  EXPECT_THAT(error({}, -1), HasSubstr("INVALID_COUNT count: expected 0 to"));
  EXPECT_THAT(error({}, Index{1} << 40), HasSubstr("INVALID_COUNT count: expected 0 to"));
  EXPECT_THAT(error({.kind = grid}, 10),
              HasSubstr("count: expected k^3 points for a grid of 3 continuous inputs, such as 8 "
                        "with k = 2, got 10; or give levels"));
  EXPECT_THAT(error({.kind = grid}, 0), HasSubstr("levels: expected a number of levels"));
  EXPECT_THAT(error({.kind = grid, .levels = {2, 3}}, 0),
              HasSubstr("levels: expected one for all, or one for each of the 3 inputs"));
  EXPECT_THAT(error({.kind = grid, .levels = {2, 0, 1}}, 0),
              HasSubstr("levels[1]: expected 1 or more, got 0"));
  EXPECT_THAT(error({.kind = grid, .levels = {1000}}, 0),
              HasSubstr("levels: have more than 10000000 combinations"));
  EXPECT_THAT(error({.kind = grid, .levels = {2}}, 9),
              HasSubstr("count: expected 0 or the 8 combinations of the levels, got 9"));
  EXPECT_THAT(error({.kind = fraction}, 0), HasSubstr("resolution: expected 3, 4 or 5, got 0"));
  EXPECT_THAT(error({.kind = fraction, .generators = {"C=AB"}, .resolution = 3}, 0),
              HasSubstr("resolution: follows from the generators"));
  EXPECT_THAT(error({.kind = fraction, .resolution = 3}, 5),
              HasSubstr("count: expected 0 or the 4 runs of the design, got 5"));
  EXPECT_THAT(error({.kind = DesignKind::kUserPoints, .points = Matrix(2, 1)}, 0),
              HasSubstr("points: expected 3, got 2"));
  EXPECT_THAT(error({.kind = DesignKind::kUserPoints, .points = Matrix(3, 0)}, 0),
              HasSubstr("INVALID_COUNT points"));
  EXPECT_THAT(ErrorOf([&] { Make(domain, DesignKind::kRandom, 1, 1, {.first = -1}); }),
              HasSubstr("first: expected 0 or more, got -1"));
  EXPECT_THAT(ErrorOf([&] {
                Make(domain, DesignKind::kSobol, 1, 1, {.existing = Matrix::Constant(3, 2, 1.5)});
              }),
              HasSubstr("OUT_OF_DOMAIN existing[0][0]"));
  EXPECT_THAT(ErrorOf([&] {
                const Domain levels(
                    {{.name = "a"},
                     {.name = "c", .kind = InputKind::kCategorical, .levels = {"p", "q", "r"}}});
                MakeDesign(levels, {.kind = fraction, .resolution = 3}, 0, {}, {});
              }),
              HasSubstr("inputs[1]: \"c\" has 3 levels, and a fractional factorial takes two"));
}

TEST(DesignTest, Stops) {
  std::stop_source source;
  source.request_stop();
  for (const DesignKind kind : OfAnyCount()) {
    EXPECT_THAT(ErrorOf([&] { MakeDesign(Cube(2), {.kind = kind}, 10, {}, source.get_token()); }),
                HasSubstr("CANCELLED"));
  }
}

}  // namespace
}  // namespace sobolev::sampling
