// Significance of programs: the talk's logarithm with its anchors, a plant with three idle
// controls, and bounds that no sample passes.

#include "engine/prune/program_significance.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/program/definition.h"
#include "engine/program/program.h"
#include "engine/prune/box.h"
#include "tests/engine/prune/networks.h"

namespace sobolev::prune {
namespace {

constexpr char kLogarithm[] = R"(
input x0 in [1, 36000]
input x1 in [1, 36000]
output y = log(x0 * x1) / 10 + x1 / 100
)";

const VertexSignificance& VertexNamed(const ProgramSignificance& significance,
                                      const std::string& prefix) {
  for (const VertexSignificance& vertex : significance.vertices) {
    if (vertex.text.rfind(prefix, 0) == 0) return vertex;
  }
  throw std::runtime_error("no vertex " + prefix);
}

// The numbers of the talk's example, where every step can be done by hand: the logarithm is a
// trifle of the output and looks like one, its inputs look enormous.
TEST(ProgramSignificanceTest, LogarithmHasItsKnownSignificances) {
  const program::Definition definition = program::Parse(kLogarithm);
  const ProgramSignificance significance = AnalyzeSignificance(definition, Cube(2, 1, 36000));
  ASSERT_EQ(significance.inputs.size(), 2U);
  EXPECT_EQ(significance.inputs[0].name, "x0");
  EXPECT_NEAR(significance.inputs[0].sigma[0], 129596400, 1);
  EXPECT_NEAR(significance.inputs[1].sigma[0], 129596760, 1);
  EXPECT_NEAR(VertexNamed(significance, "multiply(x0, x1)").sigma[0], 129599999.9, 0.05);
  const double log_width = std::log(36000.0 * 36000.0);
  EXPECT_NEAR(VertexNamed(significance, "log(").sigma[0], log_width / 10, 1e-9);
  EXPECT_NEAR(VertexNamed(significance, "log(").sigma[0], 2.098254843, 1e-9);
  EXPECT_NEAR(VertexNamed(significance, "divide(x1, 100)").sigma[0], 359.99, 1e-9);
  EXPECT_NEAR(significance.y.At(0, 0).Width(), 362.0882548, 1e-6);
}

// Over K geometric pieces of both, x0 sums to K (q − 1) q/10 with q = 36000^(1/K), and over uniform
// pieces of width h to h/10 Σ (1 + h)/(1 + k h).
TEST(ProgramSignificanceTest, SplittingMendsTheLogarithmsInput) {
  const program::Definition definition = program::Parse(kLogarithm);
  const auto sliced = [&](Index count, bool geometric) {
    const Splitting splitting{.counts = {count, count}, .geometric = {geometric, geometric}};
    return AnalyzeSignificance(definition, Cube(2, 1, 36000), {.splitting = splitting})
        .inputs[0]
        .sliced[0];
  };
  for (const Index count : {4, 8, 16, 64}) {
    const double q = std::pow(36000.0, 1 / static_cast<double>(count));
    const double expected = static_cast<double>(count) * (q - 1) * q / 10;
    EXPECT_NEAR(sliced(count, true), expected, 1e-9 * expected);
  }
  EXPECT_NEAR(sliced(4, true), 70.4, 0.05);
  EXPECT_NEAR(sliced(8, true), 8.05, 0.005);
  EXPECT_NEAR(sliced(16, true), 2.86, 0.005);
  EXPECT_NEAR(sliced(64, true), 1.34, 0.005);
  const double h = 35999.0 / 64;
  double uniform = 0;
  for (int k = 0; k < 64; ++k) uniform += h / 10 * (1 + h) / (1 + k * h);
  EXPECT_NEAR(sliced(64, false), uniform, 1e-9 * uniform);
  EXPECT_NEAR(sliced(64, false), 31961, 0.5);
}

program::Definition PowerPlant() {
  std::ifstream file(std::filesystem::path(SOBOLEV_SOURCE_DIR) /
                     "client/examples/programs/power_plant.sob");
  std::stringstream text;
  text << file.rdbuf();
  return program::Parse(text.str());
}

Box BoxOf(const program::Definition& definition) {
  std::vector<double> min;
  std::vector<double> max;
  for (const program::Variable& input : definition.inputs) {
    for (Index e = 0; e < input.size; ++e) {
      min.push_back(input.bounds->min);
      max.push_back(input.bounds->max);
    }
  }
  return {.min = Eigen::Map<Vector>(min.data(), static_cast<Index>(min.size())),
          .max = Eigen::Map<Vector>(max.data(), static_cast<Index>(max.size()))};
}

// Of thirteen controls, intervals and samples find the same three that do not matter: less than a
// thousandth of the range of the output each, where every other has at least a hundredth.
TEST(ProgramSignificanceTest, ThreeOfThirteenControlsOfAPlantAreIdle) {
  const program::Definition definition = PowerPlant();
  const ProgramSignificance significance =
      AnalyzeSignificance(definition, BoxOf(definition), {.num_points = 1000, .seed = 1});
  ASSERT_EQ(significance.inputs.size(), 13U);
  EXPECT_EQ(significance.num_invalid, 0);
  const double range = significance.y.At(0, 0).Width();
  double sampled = 0;
  for (const InputSignificance& input : significance.inputs) sampled += input.sampled[0];
  std::vector<std::string> idle;
  for (const InputSignificance& input : significance.inputs) {
    if (input.sigma[0] < 1e-3 * range) {
      idle.push_back(input.name);
      EXPECT_LT(input.sampled[0], 1e-3 * sampled) << input.name;
    } else {
      EXPECT_GT(input.sigma[0], 1e-2 * range) << input.name;
      EXPECT_GT(input.sampled[0], 1e-2 * sampled) << input.name;
    }
  }
  EXPECT_EQ(idle, (std::vector<std::string>{"mill_speed", "seal_pressure", "oil_temperature"}));
}

// Inputs by the Jacobian of the program itself, over boxes and pieces.
TEST(ProgramSignificanceTest, NoSampleLiesOutsideItsBounds) {
  const std::string sources[] = {kLogarithm,
                                 R"(
input v[2] in [-1, 2]
input A[2, 2] in [0.5, 1]
let w = A @ v
output p = w[0] * exp(w[1]) - tanh(w[0] + v[1])
output q = where(v[0] < v[1], v[0]^3, abs(v[1]) * w[1])
)",
                                 R"(
input x in [0.1, 0.9]
var u = x
evolve t in 0..6 { u = 3.2 * u * (1 - u) + 0.01 * t }
output y = u
)"};
  for (const std::string& source : sources) {
    const program::Definition definition = program::Parse(source);
    const program::Program program(source);
    const Box box = BoxOf(definition);
    const Matrix X = UniformPoints(box, 400, 3);
    Matrix Y(program.m(), X.cols());
    Matrix J(program.n(), program.m() * X.cols());
    program.Evaluate(ConstMatrixMap(X.data(), X.rows(), X.cols()), {}, {},
                     {.Y = Y.data(), .J = J.data()}, nullptr, {}, {});
    for (const Index pieces : {1, 2}) {
      ProgramSignificanceOptions options{.max_boxes = 100, .num_points = 400, .seed = 3};
      options.splitting.counts.assign(static_cast<std::size_t>(program.n()), pieces);
      const ProgramSignificance significance = AnalyzeSignificance(definition, box, options);
      for (Index o = 0; o < program.m(); ++o) {
        EXPECT_LE(significance.y.lo(o, 0), Y.row(o).minCoeff() + 1e-12);
        EXPECT_GE(significance.y.hi(o, 0), Y.row(o).maxCoeff() - 1e-12);
        for (Index j = 0; j < program.n(); ++j) {
          const InputSignificance& input = significance.inputs[static_cast<std::size_t>(j)];
          double steepest = 0;
          double square = 0;
          for (Index s = 0; s < X.cols(); ++s) {
            const double slope = J(j, s * program.m() + o);
            steepest = std::max(steepest, std::abs(slope));
            square += std::pow((X(j, s) - X.row(j).mean()) * slope, 2);
          }
          EXPECT_LE((box.max[j] - box.min[j]) * steepest, input.sigma[o] * (1 + 1e-12));
          EXPECT_LE(input.sliced[o], input.sigma[o] * (1 + 1e-12));
          const double expected = std::sqrt(square / 400);
          EXPECT_NEAR(input.sampled[o], expected, 1e-9 * (1 + expected));
        }
        // What varies in samples has at least the significance of intervals' worst case.
        for (const VertexSignificance& vertex : significance.vertices) {
          EXPECT_LE(vertex.sampled[o], vertex.subdivided[o] * (1 + 1e-12)) << vertex.text;
          EXPECT_LE(vertex.subdivided[o], vertex.sigma[o]) << vertex.text;
        }
      }
    }
  }
}

// u = x² − x lies in [−1/4, 0] on [0, 1] and y = u² has the slope 2u, so that σ(u) = 1/8. Natural
// intervals take u for [−1, 1]: σ(u) = 4.
TEST(ProgramSignificanceTest, HalvesOfTheBoxComeNearTheTruth) {
  const program::Definition definition =
      program::Parse("input x in [0, 1]\nlet u = x^2 - x\noutput y = u * u\n");
  const auto subdivided = [&](Index max_boxes) {
    return VertexNamed(AnalyzeSignificance(definition, Cube(1, 0, 1), {.max_boxes = max_boxes}),
                       "subtract(")
        .subdivided[0];
  };
  EXPECT_NEAR(subdivided(1), 4, 1e-12);
  double before = 4.001;
  for (const Index max_boxes : {3, 10, 100, 1000, 10000}) {
    const double sigma = subdivided(max_boxes);
    EXPECT_GE(sigma, 0.125);
    EXPECT_LT(sigma, before);
    before = sigma;
  }
  EXPECT_LT(before, 0.126);
}

// Halves in which nothing has a value say nothing: √x on [−1, 1] lies in [0, 1], and y = (√x)² has
// the slope 2√x.
TEST(ProgramSignificanceTest, HalvesWithoutValuesCountForNothing) {
  const program::Definition definition =
      program::Parse("input x in [-1, 1]\nlet r = sqrt(x)\noutput y = r^2\n");
  const ProgramSignificance significance =
      AnalyzeSignificance(definition, Cube(1, -1, 1), {.max_boxes = 100});
  EXPECT_NEAR(VertexNamed(significance, "sqrt(").subdivided[0], 2, 1e-12);
}

// A stage that is repeated has one vertex for each operation, the worst of its repetitions: the
// same as the worst of the copies that an unrolled loop has.
TEST(ProgramSignificanceTest, RepeatedStagesAreTheirUnrolledLoops) {
  const std::string head = "input x in [0.2, 0.4]\nvar u = x\n";
  const ProgramSignificance repeated = AnalyzeSignificance(
      program::Parse(head + "evolve t in 0..3 { u = sin(u) * u + 0.5 }\noutput y = u\n"),
      Cube(1, 0.2, 0.4));
  const ProgramSignificance unrolled = AnalyzeSignificance(
      program::Parse(head + "for t in 0..3 { u = sin(u) * u + 0.5 }\noutput y = u\n"),
      Cube(1, 0.2, 0.4));
  double worst = 0;
  for (const VertexSignificance& vertex : unrolled.vertices) {
    if (vertex.text.rfind("sin(", 0) == 0) worst = std::max(worst, vertex.sigma[0]);
  }
  EXPECT_EQ(VertexNamed(repeated, "sin(").sigma[0], worst);
  EXPECT_EQ(repeated.inputs[0].sigma[0], unrolled.inputs[0].sigma[0]);
}

TEST(ProgramSignificanceTest, PointsOutsideTheDomainAreCountedAndLeftOut) {
  const program::Definition definition = program::Parse("input x in [-1, 1]\noutput y = log(x)\n");
  const ProgramSignificance significance =
      AnalyzeSignificance(definition, Cube(1, -1, 1), {.num_points = 1000, .seed = 2});
  EXPECT_GT(significance.num_invalid, 400);
  EXPECT_LT(significance.num_invalid, 600);
  EXPECT_TRUE(std::isfinite(significance.inputs[0].sampled[0]));
  EXPECT_TRUE(std::isinf(significance.inputs[0].sigma[0]));
}

void ExpectError(ErrorCode code, const std::string& field, const std::function<void()>& call) {
  try {
    call();
    ADD_FAILURE() << "no error for " << field;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code);
    EXPECT_EQ(error.field(), field);
  }
}

TEST(ProgramSignificanceTest, BadInputIsRefused) {
  const program::Definition definition = program::Parse(kLogarithm);
  ExpectError(ErrorCode::kInvalidArgument, "box.min[0]", [&] {
    AnalyzeSignificance(definition, {.min = Vector{{2, 1}}, .max = Vector{{1, 2}}});
  });
  ExpectError(ErrorCode::kInvalidArgument, "num_points",
              [&] { AnalyzeSignificance(definition, Cube(2, 1, 2), {.num_points = -1}); });
  ExpectError(ErrorCode::kFailedPrecondition, "box", [&] {
    AnalyzeSignificance(definition, {.min = Vector{{-2, 1}}, .max = Vector{{-1, 2}}});
  });
  ExpectError(ErrorCode::kResourceExhausted, "source", [&] {
    AnalyzeSignificance(
        program::Parse("input x\nvar u = x\nevolve t in 0..9000000 { u = sin(u) }\noutput y = u\n"),
        Cube(1, 0, 1));
  });
  std::stop_source source;
  source.request_stop();
  ExpectError(ErrorCode::kCancelled, "",
              [&] { AnalyzeSignificance(definition, Cube(2, 1, 2), {}, source.get_token()); });
}

}  // namespace
}  // namespace sobolev::prune
