// How much local Taylor models of what a network misses improve it, and what they cost.
//
//     hybrid_bench [--functions=bump2,circle2] [--samples=256,512] [--effort=30]
//
// With an effort, in units of 1e10 multiply-adds as KIND_AUTO counts it, errors are those of what a
// selection chooses (train/selection.h) and of the best that it tried without local models, fitted
// to all samples; times are those of the selection, and of its trials of local models.
//
// Errors are RMS over 2,048 points by the standard deviation of the function, "value/gradient",
// those of gradients by their root mean square. The samples are a Sobol sequence or, in up to 4
// inputs, placed where Taylor models disagree. The network has two hidden layers of 32 and is
// fitted to values and gradients by 600 steps of L-BFGS; local models alone are around the mean.
// "ratio" is the error of values of what is served by that of the better of its two parts, of which
// the geometric mean shall be at most 0.7 and the largest at most 1.2 (H1). Times are those of the
// choice by held-out samples and of a point in a batch.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/chain/program_surrogate.h"
#include "engine/nn/activation.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/local_taylor_fit.h"
#include "engine/sampling/placement.h"
#include "engine/sampling/sobol.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/fit.h"
#include "engine/train/recipe.h"
#include "engine/train/samples.h"
#include "engine/train/selection.h"
#include "engine/train/selection_options.h"
#include "engine/train/trial.h"

namespace sobolev::sampling {
namespace {

constexpr Index kTestPoints = 2048;
constexpr std::uint64_t kTestSeed = 4242;
constexpr Index kMostPlacedInputs = 4;

struct Function {
  std::string name;
  Index n = 0;
  std::string output;      // Of inputs a, b, c, …
  std::vector<double> lo;  // Empty: the unit cube.
  std::vector<double> hi;
};

std::vector<Function> Functions() {
  return {
      {"bump2", 2, "exp(-((a - 0.35)^2 + (b - 0.65)^2) / (2 * 0.06^2)) + 0.2 * (a + b)", {}, {}},
      {"circle2", 2, "tanh(20 * (a^2 + b^2 - 0.5))", {}, {}},
      {"franke2",
       2,
       "0.75 * exp(-((9*a - 2)^2 + (9*b - 2)^2) / 4)"
       " + 0.75 * exp(-(9*a + 1)^2 / 49 - (9*b + 1) / 10)"
       " + 0.5 * exp(-((9*a - 7)^2 + (9*b - 3)^2) / 4)"
       " - 0.2 * exp(-(9*a - 4)^2 - (9*b - 7)^2)",
       {},
       {}},
      {"branin2",
       2,
       "(b - 5.1 / (4*pi^2) * a^2 + 5/pi*a - 6)^2 + 10 * (1 - 1/(8*pi)) * cos(a) + 10",
       {-5, 0},
       {10, 15}},
      {"bump3",
       3,
       "exp(-((a - 0.35)^2 + (b - 0.65)^2 + (c - 0.35)^2) / (2 * 0.08^2)) + 0.2 * (a + b + c)",
       {},
       {}},
      {"bump4",
       4,
       "exp(-((a - 0.35)^2 + (b - 0.65)^2 + (c - 0.35)^2 + (d - 0.65)^2) / (2 * 0.1^2))"
       " + 0.2 * (a + b + c + d)",
       {},
       {}},
      {"tanh4", 4, "tanh(10 * (a + 0.5*b - 0.3*c + 0.2*d - 0.7))", {}, {}},
      {"sines4",
       4,
       "sin(4*a) + sin(4*b + 1) + sin(4*c + 2) + sin(4*d + 3)"
       " + cos(1.5*a) * cos(1.5*b) * cos(1.5*c) * cos(1.5*d)",
       {},
       {}},
      {"borehole8",
       8,
       "2 * pi * c * (d - f) / (log(b/a) * (1 + 2*g*c / (log(b/a) * a^2 * h) + c/e))",
       {0.05, 100, 63070, 990, 63.1, 700, 1120, 9855},
       {0.15, 50000, 115600, 1110, 116, 820, 1680, 12045}},
      {"wing10",
       10,
       "0.036 * a^0.758 * b^0.0035 * (c / cos(d)^2)^0.6 * e^0.006 * f^0.04"
       " * (100 * g / cos(d))^(-0.3) * (h*i)^0.49 + a*j",
       {150, 220, 6, -0.17453292519943295, 16, 0.5, 0.08, 2.5, 1700, 0.025},
       {200, 300, 10, 0.17453292519943295, 45, 1, 0.18, 6, 2500, 0.08}},
  };
}

std::string Inputs(Index n) {
  std::string source;
  for (Index i = 0; i < n; ++i) {
    source.append("input ").append(1, static_cast<char>('a' + i)).append("\n");
  }
  return source;
}

// A function by coordinates of the unit cube.
class Problem {
 public:
  explicit Problem(const Function& function)
      : n_(function.n), lo_(Vector::Zero(n_)), hi_(Vector::Ones(n_)) {
    program_ = std::make_unique<chain::ProgramSurrogate>(
        Inputs(n_).append("output y = ").append(function.output).append("\n"));
    for (std::size_t i = 0; i < function.lo.size(); ++i) {
      lo_(static_cast<Index>(i)) = function.lo[i];
      hi_(static_cast<Index>(i)) = function.hi[i];
    }
    truth_ = Predicted(*program_, SobolPoints(n_, 0, kTestPoints, kTestSeed));
  }

  Index n() const { return n_; }
  const Vector& lo() const { return lo_; }
  const Vector& hi() const { return hi_; }

  Evidence Samples(Index count, bool placed) const {
    if (!placed) return Predicted(*program_, SobolPoints(n_, 0, count, 1));
    Evidence evidence = Predicted(*program_, Matrix(n_, 0));
    PlacementOptions options{.seed = 1};
    while (evidence.NumSamples() < count) {
      const Index size = evidence.NumSamples();
      const Index batch = size == 0 ? LeastSamples(n_) : std::max<Index>(1, size / 8);
      const Matrix U = NextPoints(evidence, options, std::min(batch, count - size));
      options.num_proposed += U.cols();
      Matrix all(n_, size + U.cols());
      all << evidence.X, U;
      evidence = Predicted(*program_, all);
    }
    return evidence;
  }

  struct Errors {
    double value = 0;
    double gradient = 0;
  };
  Errors ErrorsOf(const Surrogate& surrogate) const {
    const Evidence predicted = Predicted(surrogate, truth_.X);
    const double squares = (predicted.Y - truth_.Y).squaredNorm();
    return {
        .value = std::sqrt(squares / static_cast<double>(kTestPoints)) / OutputScales(truth_)(0),
        .gradient = (predicted.J - truth_.J).norm() / truth_.J.norm()};
  }

  // Microseconds of a value and its gradient.
  double TimeOf(const Surrogate& surrogate) const {
    double least = 1e9;
    for (int round = 0; round < 5; ++round) {
      const auto before = std::chrono::steady_clock::now();
      Predicted(surrogate, truth_.X);
      const std::chrono::duration<double> time = std::chrono::steady_clock::now() - before;
      least = std::min(least, 1e6 * time.count() / static_cast<double>(kTestPoints));
    }
    return least;
  }

  std::shared_ptr<const Surrogate> Network(const Evidence& evidence) const {
    const double root = 2 * std::sqrt(3.0);  // 1 / the standard deviation of a uniform number.
    const double mean = evidence.Y.mean();
    const double scale = OutputScales(evidence)(0);
    train::FitData data;
    data.training.X = root * (evidence.X.array() - 0.5);
    data.training.Y = (evidence.Y.array() - mean) / scale;
    data.training.J = evidence.J / (scale * root);
    data.training.weight = Vector::Ones(evidence.NumSamples());
    data.scaling = {.x_mean = 0.5 * (lo_ + hi_),
                    .x_scale = (hi_ - lo_) / root,
                    .y_mean = Vector::Constant(1, mean),
                    .y_scale = Vector::Constant(1, scale)};
    const auto fit = train::MakeFit(
        {.hidden = {32, 32}, .activation = nn::Activation::kSilu, .lbfgs_steps = 600}, data);
    while (fit->Advance({})) {
    }
    return fit->MakeSurrogate();
  }

 private:
  Evidence Predicted(const Surrogate& surrogate, const Matrix& U) const {
    const Vector side = hi_ - lo_;
    const Matrix X = (side.asDiagonal() * U).colwise() + lo_;
    Evidence evidence;
    evidence.X = U;
    evidence.Y.resize(1, U.cols());
    evidence.J.resize(n_, U.cols());
    surrogate.Predict({X.data(), X.rows(), X.cols()}, std::nullopt, std::nullopt,
                      {.Y = evidence.Y.data(), .J = evidence.J.data()});
    evidence.J = side.asDiagonal() * evidence.J;
    return evidence;
  }

  Index n_;
  Vector lo_;
  Vector hi_;
  std::unique_ptr<chain::ProgramSurrogate> program_;
  Evidence truth_;
};

struct Ratios {
  double logs = 0;
  double largest = 0;
  double count = 0;
};

void Print(const std::string& name, const Problem& problem, Index count, bool placed,
           Ratios& ratios) {
  const Evidence evidence = problem.Samples(count, placed);
  const std::shared_ptr<const Surrogate> network = problem.Network(evidence);
  const auto before = std::chrono::steady_clock::now();
  const LocalTaylorFit hybrid = FitLocalTaylor(network, evidence, problem.lo(), problem.hi());
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - before;
  // The parts: the network, and local models of the best order without it.
  const auto nothing =
      std::make_shared<chain::ProgramSurrogate>(Inputs(problem.n()).append("output y = 0 * a\n"));
  const LocalTaylorFit taylor = FitLocalTaylor(nothing, evidence, problem.lo(), problem.hi());
  const Problem::Errors of_network = problem.ErrorsOf(*network);
  const Problem::Errors of_taylor = problem.ErrorsOf(*taylor.surrogate);
  const Problem::Errors of_hybrid = problem.ErrorsOf(*hybrid.surrogate);
  const double ratio = of_hybrid.value / std::min(of_network.value, of_taylor.value);
  ratios.logs += std::log(ratio);
  ratios.largest = std::max(ratios.largest, ratio);
  ratios.count += 1;
  std::printf(
      "%-10s %-6s %5d | %.1e/%.1e | %d: %.1e/%.1e | %d%s %.1e/%.1e | %5.2f | %8.0f %6.2f "
      "%6.2f\n",
      name.c_str(), placed ? "placed" : "Sobol", static_cast<int>(count), of_network.value,
      of_network.gradient, taylor.order, of_taylor.value, of_taylor.gradient, hybrid.order,
      hybrid.alone ? " alone:" : ":      ", of_hybrid.value, of_hybrid.gradient, ratio,
      1e3 * time.count(), problem.TimeOf(*network), problem.TimeOf(*hybrid.surrogate));
  std::fflush(stdout);
}

struct Choice {
  std::shared_ptr<const Surrogate> surrogate;
  train::Recipe recipe;
  train::Recipe without;  // The best without local models.
  double seconds = 0;
  double taylor_seconds = 0;  // Of the trials of local models.
};

Choice Select(const Problem& problem, const Evidence& evidence,
              const train::SelectionOptions& options) {
  const Vector side = problem.hi() - problem.lo();
  const Matrix X = (side.asDiagonal() * evidence.X).colwise() + problem.lo();
  const Matrix J = side.cwiseInverse().asDiagonal() * evidence.J;
  const train::SampleSet samples{
      .n = problem.n(),
      .m = 1,
      .blocks = {{.rows = X.cols(), .x = X.data(), .y = evidence.Y.data(), .jacobian = J.data()}}};
  Choice choice;
  const auto start = std::chrono::steady_clock::now();
  auto trial_start = start;
  const auto since = [](std::chrono::steady_clock::time_point before) {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
  };
  train::Selection selection(samples, options);
  double num_taylor = 0;
  const auto count_taylor = [&] {
    double count = 0;
    for (const train::Trial& trial : selection.Leaderboard()) {
      if (trial.recipe.taylor_order > 0) ++count;
    }
    return count;
  };
  for (auto status = train::SelectionStatus::kRunning;
       status != train::SelectionStatus::kFinished && status != train::SelectionStatus::kFailed;) {
    status = selection.Advance({});
    if (status != train::SelectionStatus::kTrialDone) continue;
    if (count_taylor() > num_taylor) choice.taylor_seconds += since(trial_start);
    num_taylor = count_taylor();
    trial_start = std::chrono::steady_clock::now();
  }
  choice.seconds = since(start);
  choice.surrogate = selection.MakeSurrogate();
  choice.recipe = selection.Best()->recipe;
  for (const train::Trial& trial : selection.Leaderboard()) {
    choice.without = trial.recipe;
    if (trial.recipe.taylor_order == 0) break;
  }
  return choice;
}

void PrintChoice(const std::string& name, const Problem& problem, Index count, bool placed,
                 double effort, Ratios& ratios) {
  const Evidence evidence = problem.Samples(count, placed);
  const Choice chosen = Select(problem, evidence, {.budget = 1e10 * effort});
  const bool same = chosen.recipe == chosen.without;
  const Choice without = same ? chosen : Select(problem, evidence, {.recipes = {chosen.without}});
  const Problem::Errors errors = problem.ErrorsOf(*chosen.surrogate);
  const Problem::Errors errors_without = problem.ErrorsOf(*without.surrogate);
  const double ratio = errors.value / errors_without.value;
  ratios.logs += std::log(ratio);
  ratios.largest = std::max(ratios.largest, ratio);
  ratios.count += 1;
  std::printf("%-10s %-6s %5d | %.1e/%.1e | %.1e/%.1e | %6.2f | %6.2f %6.2f | %s\n", name.c_str(),
              placed ? "placed" : "Sobol", static_cast<int>(count), errors_without.value,
              errors_without.gradient, errors.value, errors.gradient, ratio, chosen.seconds,
              chosen.taylor_seconds, train::Name(chosen.recipe).c_str());
  std::fflush(stdout);
}

bool Lists(const std::string& list, const std::string& name) {
  return list.empty() || ("," + list + ",").find("," + name + ",") != std::string::npos;
}

int Run(std::map<std::string, std::string> flags) {
  const double effort = std::atof(flags["effort"].c_str());
  if (effort > 0) {
    std::printf("%-10s %-6s %5s | %-15s | %-15s | %6s | %6s %6s | %s\n", "function", "design", "N",
                "without", "chosen", "ratio", "s", "Taylor", "recipe");
  } else {
    std::printf("%-10s %-6s %5s | %-15s | %-18s | %-23s | %5s | %8s %6s %6s\n", "function",
                "design", "N", "network", "order: Taylor", "order: both", "ratio", "fit ms",
                "net us", "both us");
  }
  Ratios ratios;
  for (const Function& function : Functions()) {
    if (!Lists(flags["functions"], function.name)) continue;
    const Problem problem(function);
    for (const Index count : {64, 256, 512}) {
      if (!Lists(flags["samples"], std::to_string(count))) continue;
      for (const bool placed : {false, true}) {
        if (placed && problem.n() > kMostPlacedInputs) continue;
        if (effort > 0) {
          PrintChoice(function.name, problem, count, placed, effort, ratios);
        } else {
          Print(function.name, problem, count, placed, ratios);
        }
      }
    }
  }
  std::printf("ratio: geometric mean %.2f (H1: 0.7), largest %.2f (H1: 1.2)\n",
              std::exp(ratios.logs / std::max(1.0, ratios.count)), ratios.largest);
  return 0;
}

}  // namespace
}  // namespace sobolev::sampling

int main(int argc, char** argv) {
  std::map<std::string, std::string> flags;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::size_t equals = argument.find('=');
    if (!argument.starts_with("--") || equals == std::string::npos) return 2;
    flags[argument.substr(2, equals - 2)] = argument.substr(equals + 1);
  }
  return sobolev::sampling::Run(std::move(flags));
}
