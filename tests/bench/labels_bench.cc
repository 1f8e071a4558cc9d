// What checks of labels find: how often they accuse labels that are right, and how often they find
// a mistake; whether noise of values is seen; and what noise and gaps in derivatives do to a fit.
//
//     labels_bench [--seeds=20] [--functions=franke2,borehole8]
//                  [--tables=clean,mistakes,noise,errors]
//
// Samples are those of Sobol sequences. A share is over seeds, and of mistakes over inputs that
// matter: whose part of the variance of the gradient, in units of the ranges, is at least 1 %.
// Noise is normal, as a share of the standard deviation of the values.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/noise.h"
#include "engine/sampling/sobol.h"
#include "engine/train/sample_checks.h"
#include "engine/train/samples.h"
#include "engine/train/selection.h"
#include "tests/bench/flags.h"
#include "tests/bench/test_functions.h"
#include "tests/bench/unit_function.h"

namespace sobolev::train {
namespace {

using bench::FindTestFunction;
using bench::Flags;
using bench::UnitFunction;

// Of tests/bench/test_functions.h.
constexpr const char* kFunctions[] = {"bump2",      "circle2",      "step2",  "franke2",  "camel2",
                                      "rastrigin2", "decades2",     "root2",  "sines4",   "linear6",
                                      "borehole8",  "rosenbrock10", "wing10", "ripples10"};

// Samples that own their numbers.
struct Samples {
  Matrix X;
  Matrix Y;
  Matrix J;

  SampleSet View() const {
    return {.n = X.rows(),
            .m = 1,
            .blocks = {{.rows = X.cols(), .x = X.data(), .y = Y.data(), .jacobian = J.data()}}};
  }
};

class Problem {
 public:
  explicit Problem(const char* name) : name_(name), unit_(FindTestFunction(name)), n_(unit_.n()) {
    const Samples truth = Draw(2048, 4242);
    Vector sizes(n_);
    for (Index j = 0; j < n_; ++j) {
      sizes(j) = unit_.side()(j) * unit_.side()(j) * truth.J.row(j).squaredNorm();
    }
    for (Index j = 0; j < n_; ++j) {
      if (sizes(j) >= 0.01 * sizes.sum()) matters_.push_back(j);
    }
    slopes_ = (truth.J.rowwise().squaredNorm() / 2048).cwiseSqrt();
    spread_ = std::sqrt((truth.Y.array() - truth.Y.mean()).square().mean());
  }

  const char* name() const { return name_; }
  Index n() const { return n_; }
  const std::vector<Index>& matters() const { return matters_; }

  Samples Draw(Index count, std::uint64_t seed) const {
    Samples samples{.X = sampling::SobolPoints(n_, 0, count, seed),
                    .Y = Matrix(1, count),
                    .J = Matrix(n_, count)};
    for (Index j = 0; j < n_; ++j) {
      samples.X.row(j) = (unit_.side()(j) * samples.X.row(j)).array() + unit_.lo()(j);
    }
    unit_.program().Predict(ConstMatrixMap(samples.X.data(), n_, count), {}, {},
                            {.Y = samples.Y.data(), .J = samples.J.data()});
    return samples;
  }

  double spread() const { return spread_; }

  sampling::Evidence InUnits(const Samples& samples) const {
    sampling::Evidence evidence{.X = samples.X, .Y = samples.Y, .J = samples.J};
    for (Index j = 0; j < n_; ++j) {
      evidence.X.row(j) = (samples.X.row(j).array() - unit_.lo()(j)).max(0.0) / unit_.side()(j);
      evidence.J.row(j) *= unit_.side()(j);
    }
    evidence.X = evidence.X.cwiseMin(1.0);
    return evidence;
  }

  // Normal, by shares of the spread of values and of the RMS of each partial derivative.
  void AddNoise(double of_values, double of_slopes, std::uint64_t seed, Samples& samples) const {
    Rng rng(seed, 77);
    for (double& y : samples.Y.reshaped()) y += of_values * spread_ * rng.Normal();
    for (Index s = 0; s < samples.J.cols(); ++s) {
      for (Index j = 0; j < n_; ++j) samples.J(j, s) += of_slopes * slopes_(j) * rng.Normal();
    }
  }

 private:
  const char* name_;
  UnitFunction unit_;
  Index n_;
  std::vector<Index> matters_;
  Vector slopes_;
  double spread_ = 1;
};

constexpr Index kSizes[] = {20, 50, 200, 1000};

void PrintClean(const std::vector<Problem>& problems, Index num_seeds) {
  std::printf("share of datasets with right labels that are accused, %%\n");
  std::printf("%-14s %-14s", "function", "noise of y, J");
  for (const Index count : kSizes) std::printf(" %7d", static_cast<int>(count));
  std::printf("\n");
  const std::vector<std::pair<double, double>> noises = {{0, 0},    {0.01, 0},  {0.1, 0},
                                                         {0, 0.05}, {0.1, 0.3}, {1, 1}};
  Index accused = 0;
  Index judged = 0;
  for (const Problem& problem : problems) {
    for (const auto& [of_values, of_slopes] : noises) {
      std::printf("%-14s %5.2f, %5.2f  ", problem.name(), of_values, of_slopes);
      for (const Index count : kSizes) {
        Index found = 0;
        for (Index seed = 1; seed <= num_seeds; ++seed) {
          Samples samples = problem.Draw(count, static_cast<std::uint64_t>(seed));
          problem.AddNoise(of_values, of_slopes, static_cast<std::uint64_t>(seed), samples);
          found += CheckLabels(samples.View(), count).empty() ? 0 : 1;
        }
        accused += found;
        judged += num_seeds;
        std::printf(" %7.1f", 100.0 * static_cast<double>(found) / static_cast<double>(num_seeds));
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
  std::printf("in all: %d of %d\n", static_cast<int>(accused), static_cast<int>(judged));
}

void PrintMistakes(const std::vector<Problem>& problems, Index num_seeds) {
  std::printf(
      "\nshare of mistakes that are found and named, %% (and with another input or kind)\n%-14s "
      "%-8s",
      "function", "mistake");
  for (const Index count : kSizes) std::printf(" %13d", static_cast<int>(count));
  std::printf("\n");
  struct Mistake {
    std::string name;
    SuspectLabel::Kind kind;
    std::function<void(Matrix& J, Index j, Index k)> make;
  };
  const std::vector<Mistake> mistakes = {
      {"sign", SuspectLabel::Kind::kSign, [](Matrix& J, Index j, Index) { J.row(j) *= -1; }},
      {"unit", SuspectLabel::Kind::kScale, [](Matrix& J, Index j, Index) { J.row(j) *= 100; }},
      {"swapped", SuspectLabel::Kind::kSwapped,
       [](Matrix& J, Index j, Index k) { J.row(j).swap(J.row(k)); }},
  };
  for (const Problem& problem : problems) {
    for (const Mistake& mistake : mistakes) {
      std::printf("%-14s %-8s", problem.name(), mistake.name.c_str());
      for (const Index count : kSizes) {
        double named = 0;
        double found = 0;
        double all = 0;
        for (Index seed = 1; seed <= num_seeds; ++seed) {
          for (std::size_t i = 0; i < problem.matters().size(); ++i) {
            const Index j = problem.matters()[i];
            const Index k = problem.matters()[(i + 1) % problem.matters().size()];
            if (mistake.kind == SuspectLabel::Kind::kSwapped && j == k) continue;
            Samples samples = problem.Draw(count, static_cast<std::uint64_t>(seed));
            mistake.make(samples.J, j, k);
            const std::vector<SuspectLabel> suspects = CheckLabels(samples.View(), count);
            all += 1;
            found += suspects.empty() ? 0 : 1;
            const bool right = std::ranges::any_of(suspects, [&](const SuspectLabel& suspect) {
              return suspect.input == j && suspect.kind == mistake.kind;
            });
            named += right ? 1 : 0;
          }
        }
        if (all > 0)
          std::printf("   %3.0f (%3.0f)  ", 100 * named / all, 100 * (found - named) / all);
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
}

void PrintNoise(const std::vector<Problem>& problems, Index num_seeds) {
  std::printf(
      "\nshare of datasets found noisy, %% (median of estimated over true noise)\n%-14s %-8s",
      "function", "noise");
  for (const Index count : kSizes) std::printf(" %13d", static_cast<int>(count));
  std::printf("\n");
  for (const Problem& problem : problems) {
    for (const double noise : {0.0, 0.001, 0.01, 0.1}) {
      std::printf("%-14s %-8.3f", problem.name(), noise);
      for (const Index count : kSizes) {
        std::vector<double> ratios;
        for (Index seed = 1; seed <= num_seeds; ++seed) {
          Samples samples = problem.Draw(count, static_cast<std::uint64_t>(seed));
          problem.AddNoise(noise, 0, static_cast<std::uint64_t>(seed), samples);
          const double found = sampling::EstimateNoise(problem.InUnits(samples))(0);
          if (found > 0) ratios.push_back(noise > 0 ? found / noise / problem.spread() : 1);
        }
        std::ranges::sort(ratios);
        std::printf("   %3.0f (%4.2f) ",
                    100.0 * static_cast<double>(ratios.size()) / static_cast<double>(num_seeds),
                    ratios.empty() || noise == 0 ? 0 : ratios[ratios.size() / 2]);
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
}

// Of the choice of a sampling job, at other points, relative to the spread.
double ErrorOfFit(const Problem& problem, const Samples& samples, const Samples& truth) {
  SelectionOptions options;
  options.budget = 0.5e10;
  const SampleSet view = samples.View();
  Selection selection(view, options);
  for (auto status = SelectionStatus::kRunning; status != SelectionStatus::kFinished;) {
    status = selection.Advance({});
    if (status == SelectionStatus::kFailed) return std::numeric_limits<double>::infinity();
  }
  Matrix Y(1, truth.X.cols());
  selection.MakeSurrogate()->Predict(ConstMatrixMap(truth.X.data(), problem.n(), truth.X.cols()),
                                     {}, {}, {.Y = Y.data()});
  return std::sqrt((Y - truth.Y).squaredNorm() / static_cast<double>(Y.cols())) / problem.spread();
}

void PrintErrors(const std::vector<Problem>& problems, Index num_seeds) {
  std::printf(
      "\nerrors of fits to 20 n samples: with exact derivatives, with 5 %% noise in them, and with "
      "30 "
      "%% of the entries missing; geometric means, and over the first (R3: 1.5x)\n%-14s %9s %20s "
      "%20s\n",
      "function", "exact", "noisy", "missing");
  for (const Problem& problem : problems) {
    const Samples truth = problem.Draw(2048, 4242);
    double clean = 0;
    double noisy = 0;
    double missing = 0;
    for (Index seed = 1; seed <= num_seeds; ++seed) {
      const auto number = static_cast<std::uint64_t>(seed);
      Samples samples = problem.Draw(20 * problem.n(), number);
      clean += std::log(ErrorOfFit(problem, samples, truth));
      Samples gaps = samples;
      Rng rng(number, 5);
      for (double& entry : gaps.J.reshaped()) {
        if (rng.Uniform() < 0.3) entry = std::numeric_limits<double>::quiet_NaN();
      }
      missing += std::log(ErrorOfFit(problem, gaps, truth));
      problem.AddNoise(0, 0.05, number, samples);
      noisy += std::log(ErrorOfFit(problem, samples, truth));
    }
    const auto count = static_cast<double>(num_seeds);
    const auto mean = [&](double logs) { return std::exp(logs / count); };
    std::printf("%-14s %9.1e %9.1e %9.2gx %9.1e %9.2gx\n", problem.name(), mean(clean), mean(noisy),
                mean(noisy - clean), mean(missing), mean(missing - clean));
    std::fflush(stdout);
  }
}

int Run(const Flags& flags) {
  const Index num_seeds = flags.Whole("seeds", 20);
  std::vector<Problem> problems;
  for (const char* const function : kFunctions) {
    if (flags.Lists("functions", function)) problems.emplace_back(function);
  }
  const auto wants = [&](const char* table) { return flags.Lists("tables", table); };
  if (wants("clean")) PrintClean(problems, num_seeds);
  if (wants("mistakes")) PrintMistakes(problems, num_seeds);
  if (wants("noise")) PrintNoise(problems, num_seeds);
  if (wants("errors")) PrintErrors(problems, num_seeds);
  return 0;
}

}  // namespace
}  // namespace sobolev::train

int main(int argc, char** argv) { return sobolev::train::Run(sobolev::bench::Flags(argc, argv)); }
