// What sampling jobs do round by round, without the server: a selection for each round, errors that
// may be reported against true ones, and evaluations to a target.
//
//     rounds_bench [--seeds=2] [--functions=bump2,borehole8] [--ways=sobol,adaptive]
//
// "held-out" is the mean over the samples of a cross-validation, "estimate" that over the domain
// (model_error.h), which jobs report, and "with news" the larger of the first and of the errors that
// the model before made at new points that fill the space. A stop is a round where such an error is
// at most 1e-1, 3e-2, ... for the first time, from LeastSamplesToJudge samples on.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/chain/program_surrogate.h"
#include "engine/sampling/error_estimate.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/model_error.h"
#include "engine/sampling/placement.h"
#include "engine/sampling/sobol.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/samples.h"
#include "engine/train/selection.h"

namespace sobolev::sampling {
namespace {

constexpr Index kTestPoints = 2048;
constexpr double kEffort = 0.5e10;

struct Function {
  std::string name;
  Index n = 0;
  double target = 0;
  Index most = 0;
  std::string source;
  std::vector<double> lo = {};
  std::vector<double> hi = {};
};

std::vector<Function> Functions() {
  return {
      {"bump2", 2, 1e-2, 256,
       "output y = exp(-((a - 0.35)^2 + (b - 0.65)^2) / (2 * 0.06^2)) + 0.2 * (a + b)"},
      {"circle2", 2, 3e-3, 256, "output y = tanh(20 * (a^2 + b^2 - 0.5))"},
      {"franke2", 2, 1e-3, 256,
       "output y = 0.75 * exp(-((9*a - 2)^2 + (9*b - 2)^2) / 4)"
       " + 0.75 * exp(-(9*a + 1)^2 / 49 - (9*b + 1) / 10)"
       " + 0.5 * exp(-((9*a - 7)^2 + (9*b - 3)^2) / 4)"
       " - 0.2 * exp(-(9*a - 4)^2 - (9*b - 7)^2)"},
      {"camel2",
       2,
       1e-3,
       256,
       "output y = (4 - 2.1*a^2 + a^4/3) * a^2 + a*b + (4*b^2 - 4) * b^2",
       {-3, -2},
       {3, 2}},
      {"corner4", 4, 1e-3, 256,
       "output y = (1 + 0.37058122501456325*a + 0.6881772553526073*b + 0.10437785998306236*c"
       " + 0.6868636596497673*d)^(-5)"},
      {"sines4", 4, 3e-3, 256,
       "output y = sin(4*a) + sin(4*b + 1) + sin(4*c + 2) + sin(4*d + 3)"
       " + cos(1.5*a) * cos(1.5*b) * cos(1.5*c) * cos(1.5*d)"},
      {"bump6", 6, 3e-2, 512,
       "output y = exp(-((a - 0.35)^2 + (b - 0.65)^2 + (c - 0.35)^2 + (d - 0.65)^2"
       " + (e - 0.35)^2 + (f - 0.65)^2) / (2 * 0.2^2)) + 0.2 * (a + b + c + d + e + f)"},
      {"borehole8",
       8,
       1e-3,
       256,
       "let lg = log(b / a)\n"
       "output y = 2 * pi * c * (d - f) / (lg * (1 + 2*g*c / (lg * a^2 * h) + c/e))",
       {0.05, 100, 63070, 990, 63.1, 700, 1120, 9855},
       {0.15, 50000, 115600, 1110, 116, 820, 1680, 12045}},
      {"robot8",
       8,
       3e-1,
       512,
       "let c1 = a\nlet u = e*cos(a*6) + f*cos(6*(a+b)) + g*cos(6*(a+b+c)) + h*cos(6*(a+b+c+d))\n"
       "let v = e*sin(a*6) + f*sin(6*(a+b)) + g*sin(6*(a+b+c)) + h*sin(6*(a+b+c+d))\n"
       "output y = sqrt(u^2 + v^2 + 0.01)",
       {0, 0, 0, 0, 0, 0, 0, 0},
       {0.5, 0.5, 0.5, 0.5, 1, 1, 1, 1}},
      {"waves10", 10, 5e-2, 512,
       "output y = sin(3*a) * cos(2*b) + sin(4*c) + cos(3*d + e) + f*g + sin(3*h) * i + j^3"},
  };
}

// A function by coordinates of the unit cube.
class Problem {
 public:
  explicit Problem(Function function)
      : function_(std::move(function)),
        n_(function_.n),
        lo_(Vector::Zero(n_)),
        side_(Vector::Ones(n_)) {
    std::string source;
    const std::string names = "abcdefghij";
    for (Index i = 0; i < n_; ++i) {
      source.append("input ").append(1, names[static_cast<std::size_t>(i)]).append("\n");
    }
    program_ = std::make_unique<chain::ProgramSurrogate>(source + function_.source);
    for (std::size_t i = 0; i < function_.lo.size(); ++i) {
      lo_(static_cast<Index>(i)) = function_.lo[i];
      side_(static_cast<Index>(i)) = function_.hi[i] - function_.lo[i];
    }
    truth_ = Nothing();
    Add(SobolPoints(n_, 0, kTestPoints, 4242), truth_);
    spread_ = OutputScales(truth_)(0);
    slope_ = std::sqrt(truth_.J.squaredNorm() / static_cast<double>(kTestPoints));
  }

  const Function& function() const { return function_; }
  Index n() const { return n_; }

  Evidence Nothing() const { return {.X = Matrix(n_, 0), .Y = Matrix(1, 0), .J = Matrix(n_, 0)}; }

  void Add(const Matrix& U, Evidence& evidence) const {
    const Matrix X = (side_.asDiagonal() * U).colwise() + lo_;
    Matrix Y(1, U.cols());
    Matrix J(n_, U.cols());
    program_->Predict(ConstMatrixMap(X.data(), n_, U.cols()), {}, {},
                      {.Y = Y.data(), .J = J.data()});
    const Index before = evidence.X.cols();
    evidence.X.conservativeResize(n_, before + U.cols());
    evidence.X.rightCols(U.cols()) = U;
    evidence.Y.conservativeResize(1, before + U.cols());
    evidence.Y.rightCols(U.cols()) = Y;
    evidence.J.conservativeResize(n_, before + U.cols());
    evidence.J.rightCols(U.cols()) = side_.asDiagonal() * J;
  }

  RelativeErrors Truth(const Surrogate& model) const { return ErrorsAt(model, truth_); }

  RelativeErrors ErrorsAt(const Surrogate& model, const Evidence& at) const {
    Matrix Y(1, at.X.cols());
    Matrix J(n_, at.X.cols());
    model.Predict(ConstMatrixMap(at.X.data(), n_, at.X.cols()), {}, {},
                  {.Y = Y.data(), .J = J.data()});
    const auto count = static_cast<double>(at.X.cols());
    return {.value = std::sqrt((Y - at.Y).squaredNorm() / count) / spread_,
            .gradient = std::sqrt((J - at.J).squaredNorm() / count) / slope_};
  }

 private:
  Function function_;
  Index n_;
  Vector lo_;
  Vector side_;
  std::unique_ptr<chain::ProgramSurrogate> program_;
  Evidence truth_;
  double spread_ = 1;
  double slope_ = 1;
};

using Shared = std::shared_ptr<const Surrogate>;

Model InUnits(const Shared& surrogate) {
  return [surrogate](const Matrix& X, Matrix& Y, Matrix& J, const std::stop_token& stop) {
    Y.resize(surrogate->m(), X.cols());
    J.resize(surrogate->n(), surrogate->m() * X.cols());
    surrogate->Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), {}, {},
                       {.Y = Y.data(), .J = J.data()}, stop);
  };
}

train::SampleSet View(const Evidence& evidence) {
  return {.n = evidence.n(),
          .m = 1,
          .blocks = {{.rows = evidence.X.cols(),
                      .x = evidence.X.data(),
                      .y = evidence.Y.data(),
                      .jacobian = evidence.J.data()}}};
}

std::unique_ptr<train::Selection> Select(const train::SampleSet& samples,
                                         const train::SelectionOptions& options) {
  auto selection = std::make_unique<train::Selection>(samples, options);
  for (auto status = train::SelectionStatus::kRunning;
       status != train::SelectionStatus::kFinished;) {
    status = selection->Advance({});
    if (status == train::SelectionStatus::kFailed) std::abort();
  }
  return selection;
}

struct Tally {
  std::map<std::string, std::vector<double>> values;
  std::map<std::string, std::vector<double>> gradients;
};

void PrintRatios(const char* kind, const std::string& name, std::vector<double> ratios) {
  if (ratios.empty()) return;
  std::ranges::sort(ratios);
  const auto share = [&](double lo, double hi) {
    const auto inside =
        std::ranges::count_if(ratios, [&](double ratio) { return ratio >= lo && ratio <= hi; });
    return 100 * static_cast<double>(inside) / static_cast<double>(ratios.size());
  };
  std::printf(
      "%-8s %-10s reported/true at %3d stops: median %.2f, within 2x %.0f %%, below half %.1f %%, "
      "below "
      "a third %.1f %%\n",
      kind, name.c_str(), static_cast<int>(ratios.size()), ratios[ratios.size() / 2], share(0.5, 2),
      share(0, 0.5), share(0, 1.0 / 3));
}

bool Lists(const std::string& list, const std::string& name) {
  return list.empty() || ("," + list + ",").find("," + name + ",") != std::string::npos;
}

void RunOnce(const Problem& problem, const std::string& way, std::uint64_t seed, Tally& tally) {
  Evidence evidence = problem.Nothing();
  PlacementOptions options{.seed = seed};
  if (way == "sobol") options.strategy = Strategy::kSpaceFilling;
  Shared model;
  Shared before;
  std::map<std::string, std::vector<double>> targets;
  std::optional<Index> reached;
  double seconds = 0;
  double worst = 0;
  while (evidence.X.cols() < problem.function().most) {
    const Index count =
        model == nullptr ? 4 + 4 * problem.n() : std::max<Index>(4, (evidence.X.cols() + 7) / 8);
    const auto start = std::chrono::steady_clock::now();
    options.ensemble.clear();
    if (problem.n() > kMaxTaylorInputs && before != nullptr && way == "adaptive") {
      options.ensemble = {InUnits(model), InUnits(before)};
    }
    const Matrix X = NextPoints(evidence, options, count);
    Evidence fresh = problem.Nothing();
    Evidence added = problem.Nothing();
    for (Index k = 0; k < X.cols(); ++k) {
      const bool is_even = way == "sobol" || model == nullptr ||
                           FillsSpace(options.num_proposed + k) ||
                           (options.ensemble.empty() && problem.n() > kMaxTaylorInputs);
      if (is_even) problem.Add(X.col(k), fresh);
    }
    problem.Add(X, evidence);
    options.num_proposed += X.cols();
    const RelativeErrors surprise =
        model != nullptr && fresh.X.cols() > 0 ? problem.ErrorsAt(*model, fresh) : RelativeErrors();
    const train::SampleSet samples = View(evidence);
    train::SelectionOptions training;
    training.budget = kEffort;
    const auto selection = Select(samples, training);
    before = std::exchange(model, selection->MakeSurrogate());
    const double time =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    seconds += time;
    worst = std::max(worst, time);
    const RelativeErrors truth = problem.Truth(*model);
    std::vector<Index> columns(static_cast<std::size_t>(evidence.X.cols()));
    for (std::size_t k = 0; k < columns.size(); ++k) columns[k] = static_cast<Index>(k);
    const train::Errors& held_out = selection->Best()->errors;
    std::map<std::string, RelativeErrors> reported;
    reported["with news"] = {.value = std::fmax(surprise.value, held_out.value_relative),
                             .gradient = std::fmax(surprise.gradient, held_out.jacobian_relative)};
    reported["held-out"] = {.value = held_out.value_relative,
                            .gradient = held_out.jacobian_relative};
    reported["estimate"] =
        JudgeByHeldOut(selection->HeldOutSamples(), evidence, columns, {.seed = 7});
    std::printf("  %4d true %.2e %.2e |", static_cast<int>(evidence.X.cols()), truth.value,
                truth.gradient);
    for (const auto& [name, errors] : reported) {
      std::printf(" %s %.2e %.2e |", name.c_str(), errors.value, errors.gradient);
      if (!targets.contains(name)) targets[name] = {1e-1, 3e-2, 1e-2, 3e-3, 1e-3, 3e-4};
      std::vector<double>& left = targets[name];
      while (!left.empty() && errors.value <= left.front() && truth.value > 1e-9 &&
             evidence.X.cols() >= LeastSamplesToJudge(problem.n())) {
        tally.values[name].push_back(errors.value / truth.value);
        tally.gradients[name].push_back(errors.gradient / truth.gradient);
        left.erase(left.begin());
      }
    }
    std::printf(" %s\n", train::Name(selection->Best()->recipe).c_str());
    std::fflush(stdout);
    if (!reached && truth.value <= problem.function().target) reached = evidence.X.cols();
  }
  std::printf("%-10s %-9s seed %d: evaluations to %.0e: %s%d, %.1f s, slowest round %.2f s\n",
              problem.function().name.c_str(), way.c_str(), static_cast<int>(seed),
              problem.function().target, reached ? "" : ">",
              static_cast<int>(reached.value_or(evidence.X.cols())), seconds, worst);
  std::fflush(stdout);
}

int Run(std::map<std::string, std::string> flags) {
  const Index num_seeds = flags.contains("seeds") ? std::atoi(flags["seeds"].c_str()) : 2;
  Tally tally;
  for (const Function& function : Functions()) {
    if (!Lists(flags["functions"], function.name)) continue;
    const Problem problem(function);
    for (const std::string way : {"sobol", "adaptive"}) {
      if (!Lists(flags["ways"], way)) continue;
      for (Index seed = 1; seed <= num_seeds; ++seed) {
        RunOnce(problem, way, static_cast<std::uint64_t>(seed), tally);
      }
    }
  }
  for (const auto& [name, ratios] : tally.values) PrintRatios("value", name, ratios);
  for (const auto& [name, ratios] : tally.gradients) PrintRatios("gradient", name, ratios);
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
