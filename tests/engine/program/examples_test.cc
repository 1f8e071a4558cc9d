// The programs that we ship compute what they say: each against the same function in plain C++, or
// against published numbers.

#include <array>
#include <cmath>
#include <complex>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <numbers>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/base/rng.h"
#include "engine/program/definition.h"
#include "tests/bench/ad_workloads.h"
#include "tests/engine/program/reference.h"

namespace sobolev::program {
namespace {

using ::testing::DoubleNear;
using ::testing::Pointwise;
using ::testing::SizeIs;

const std::filesystem::path kFolder =
    std::filesystem::path(SOBOLEV_SOURCE_DIR) / "client/examples/programs";

Definition Example(const std::string& name) {
  std::ifstream file(kFolder / (name + ".sob"));
  EXPECT_TRUE(file) << name;
  std::stringstream text;
  text << file.rdbuf();
  return Parse(text.str());
}

// A point in the box of the inputs.
std::vector<double> RandomPoint(const Definition& program, Rng& rng) {
  std::vector<double> x;
  for (const Variable& input : program.inputs) {
    for (Index i = 0; i < input.size; ++i) {
      x.push_back(input.bounds->min + (input.bounds->max - input.bounds->min) * rng.Uniform());
    }
  }
  return x;
}

// Few roundings, in another order: 10⁻¹² of the largest number is generous.
void ExpectNear(const std::vector<double>& actual, const std::vector<double>& expected) {
  double scale = 0;
  for (const double value : expected) scale = std::fmax(scale, std::abs(value));
  EXPECT_THAT(actual, Pointwise(DoubleNear(1e-12 * scale), expected));
}

std::vector<double> Normals(Rng rng, int count) {
  std::vector<double> z(static_cast<std::size_t>(count));
  for (double& number : z) number = rng.Normal();
  return z;
}

// Every example declares the box of its inputs, so that it can be sampled as it is.
TEST(ExamplesTest, AllAreReadAndBounded) {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kFolder)) {
    names.insert(entry.path().stem().string());
    const Definition program = Example(entry.path().stem().string());
    for (const Variable& input : program.inputs) {
      EXPECT_TRUE(input.bounds.has_value()) << entry.path() << " " << input.name;
    }
  }
  EXPECT_THAT(names, SizeIs(12)) << "add a test below for a new example";
}

TEST(ExamplesTest, TwoVariablesGivesThePublishedValue) {
  const std::vector<double> y = ReferenceValue(Example("two_variables"), {1.5, 0.5});
  // Published from a trace of numbers that are rounded to four digits each.
  EXPECT_NEAR(y.at(0), 2.0167, 1e-4);
  const std::vector<double> x = bench::TwoVariables::Inputs();
  ExpectNear(y, {bench::TwoVariables().Value(x.data())});
}

TEST(ExamplesTest, SpeelpenningIsTheProductOfItsInputs) {
  const std::vector<double> x = bench::Speelpenning::Inputs();
  ExpectNear(ReferenceValue(Example("speelpenning"), x), {1.0 / 1001});
}

TEST(ExamplesTest, LiborSwaptionsIsTheWorkloadOfTheBenchmark) {
  const Definition program = Example("libor_swaptions");
  std::vector<double> x = bench::LiborSwaptions::Inputs();
  const std::vector<double> shocks = Normals(Rng(3), 40);
  Rng rng(1);
  double total = 0;
  for (int trial = 0; trial < 5; ++trial) {
    std::vector<double> point = x;
    point.insert(point.end(), shocks.begin(), shocks.end());
    const double expected = bench::LiborSwaptions().Value(x.data());
    ExpectNear(ReferenceValue(program, point), {expected});
    total += expected;
    for (double& entry : x) entry *= 0.9 + 0.2 * rng.Uniform();
  }
  EXPECT_GT(total, 0);  // Some swaptions are in the money, or the comparison would be idle.
}

TEST(ExamplesTest, BlackScholesBasketIsTheWorkloadOfTheBenchmark) {
  std::vector<double> x = bench::AsianBasket::Inputs();
  const double expected = bench::AsianBasket().Value(x.data());
  EXPECT_GT(expected, 0);
  const std::vector<double> shocks = Normals(Rng(4), 520);
  x.insert(x.end(), shocks.begin(), shocks.end());
  ExpectNear(ReferenceValue(Example("black_scholes_basket"), x), {expected});
}

TEST(ExamplesTest, BurgersIsTheWorkloadOfTheBenchmark) {
  const Definition program = Example("burgers");
  ASSERT_THAT(program.stages, SizeIs(2));
  EXPECT_EQ(program.stages[0].repeat, 500);
  EXPECT_EQ(program.stages[0].state_size, 200);
  const std::vector<double> x = bench::Burgers::Inputs();
  ExpectNear(ReferenceValue(program, x), {bench::Burgers().Value(x.data())});
}

TEST(ExamplesTest, PerceptronIsTheWorkloadOfTheBenchmark) {
  const std::vector<double> x = bench::PerceptronParameters::Inputs();
  ExpectNear(ReferenceValue(Example("perceptron"), x),
             {bench::PerceptronParameters().Value(x.data())});
}

TEST(ExamplesTest, BrusselatorIsTheWorkloadOfTheBenchmark) {
  const std::vector<double> x = bench::Brusselator::Inputs();
  std::vector<double> f(x.size());
  bench::Brusselator().Residual(x.data(), f.data());
  ExpectNear(ReferenceValue(Example("brusselator"), x), f);
}

TEST(ExamplesTest, PowerPlantIsTheFormula) {
  const Definition program = Example("power_plant");
  Rng rng(6);
  for (int trial = 0; trial < 5; ++trial) {
    const std::vector<double> x = RandomPoint(program, rng);
    ASSERT_THAT(x, SizeIs(13));
    const double steam = 0.65 * x[1] + 0.35 * x[2] + 273.15;
    const double water = x[3] + 273.15;
    const double hot = (steam - water) / std::log(steam / water) + 3 * x[0];
    const double cold = x[4] + 9 + 8 / x[5] + 273.15;
    const double cycle = 0.84 * (1 - cold / hot) - 0.25 * x[8];
    const double boiler = 0.995 - 0.0004 * x[6] * (x[7] - 25) - 0.008 / (x[6] * x[6]);
    const double own_use = 0.03 * std::pow(x[9], 3) + 0.012 * std::pow(x[5], 3) + 0.015 * x[6] +
                           2e-5 * x[10] * x[10] + 3e-4 * x[11] + 1e-4 / x[12];
    const double heat_rate = 3600 / (cycle * boiler * (0.98 - own_use));
    EXPECT_GT(heat_rate, 7000);  // A plant, not just a formula.
    EXPECT_LT(heat_rate, 12000);
    ExpectNear(ReferenceValue(program, x), {heat_rate});
  }
}

TEST(ExamplesTest, BoreholeIsTheFormula) {
  const Definition program = Example("borehole");
  Rng rng(2);
  for (int trial = 0; trial < 10; ++trial) {
    const std::vector<double> x = RandomPoint(program, rng);
    const double log_ratio = std::log(x[1]) - std::log(x[0]);
    const double denominator =
        log_ratio + 2 * x[6] * x[2] / (x[0] * x[0] * x[7]) + log_ratio * x[2] / x[4];
    ExpectNear(ReferenceValue(program, x),
               {2 * std::numbers::pi * x[2] * (x[3] - x[5]) / denominator});
  }
}

// The formula as a sum of logarithms.
double WingWeight(const std::vector<double>& x) {
  const double log_cos = std::log(std::cos(x[3] / 180 * std::numbers::pi));
  return 0.036 * std::exp(0.758 * std::log(x[0]) + 0.0035 * std::log(x[1]) +
                          0.6 * (std::log(x[2]) - 2 * log_cos) + 0.006 * std::log(x[4]) +
                          0.04 * std::log(x[5]) - 0.3 * (std::log(100 * x[6]) - log_cos) +
                          0.49 * std::log(x[7] * x[8])) +
         x[0] * x[9];
}

TEST(ExamplesTest, WingWeightIsTheFormula) {
  const Definition program = Example("wing_weight");
  Rng rng(3);
  for (int trial = 0; trial < 10; ++trial) {
    const std::vector<double> x = RandomPoint(program, rng);
    ExpectNear(ReferenceValue(program, x), {WingWeight(x)});
  }
}

// The torques of the arm by Newton's and Euler's laws: forces on the centres of mass, outside in.
std::vector<double> NewtonEuler(const std::vector<double>& x) {
  using Point = std::complex<double>;  // The plane.
  constexpr std::array kLength = {0.8, 0.6};
  constexpr std::array kMass = {3.0, 2.0};
  const Point gravity(0, -9.81);
  const std::array<double, 2> angle = {x[0], x[0] + x[1]};
  const std::array<double, 2> velocity = {x[2], x[2] + x[3]};
  const std::array<double, 2> acceleration = {x[4], x[4] + x[5]};
  Point joint = 0;
  Point joint_acceleration = 0;
  std::array<Point, 2> joints;
  std::array<Point, 2> centres;
  std::array<Point, 2> forces;
  for (std::size_t k = 0; k < 2; ++k) {
    const Point direction = std::polar(1.0, angle[k]);
    // (e^iφ)'' = (iφ'' − φ'²) e^iφ.
    const Point turning = Point(-velocity[k] * velocity[k], acceleration[k]) * direction;
    joints[k] = joint;
    centres[k] = joint + kLength[k] / 2 * direction;
    forces[k] = kMass[k] * (joint_acceleration + kLength[k] / 2 * turning - gravity);
    joint += kLength[k] * direction;
    joint_acceleration += kLength[k] * turning;
  }
  const auto moment = [](Point arm, Point force) { return (std::conj(arm) * force).imag(); };
  const auto spin = [&](std::size_t k) {
    return kMass[k] * kLength[k] * kLength[k] / 12 * acceleration[k];
  };
  const double outer = spin(1) + moment(centres[1] - joints[1], forces[1]);
  const double inner =
      spin(0) + spin(1) + moment(centres[0], forces[0]) + moment(centres[1], forces[1]);
  return {joint.real(), joint.imag(), inner, outer};
}

TEST(ExamplesTest, RobotArmObeysNewtonAndEuler) {
  const Definition program = Example("robot_arm");
  Rng rng(4);
  for (int trial = 0; trial < 10; ++trial) {
    const std::vector<double> x = RandomPoint(program, rng);
    ExpectNear(ReferenceValue(program, x), NewtonEuler(x));
  }
}

// δx − γ log x + βy − α log y does not change along exact solutions, and hardly along those of a
// method of order four: (h/period)⁴ is about 10⁻¹¹ here, over three periods.
TEST(ExamplesTest, LotkaVolterraConservesItsInvariant) {
  const Definition program = Example("lotka_volterra");
  const double alpha = 1.1;
  const double beta = 0.4;
  const double gamma = 0.8;
  const double delta = 0.1;
  const auto invariant = [&](double x, double y) {
    return delta * x - gamma * std::log(x) + beta * y - alpha * std::log(y);
  };
  const std::vector<double> end = ReferenceValue(program, {alpha, beta, gamma, delta, 10, 5});
  EXPECT_NEAR(invariant(end.at(0), end.at(1)), invariant(10, 5), 1e-8);
  EXPECT_GT(std::abs(end[0] - 10), 0.1);  // It did move.
  // At the equilibrium (γ/δ, α/β) nothing moves.
  ExpectNear(ReferenceValue(program, {alpha, beta, gamma, delta, gamma / delta, alpha / beta}),
             {gamma / delta, alpha / beta});
}

}  // namespace
}  // namespace sobolev::program
