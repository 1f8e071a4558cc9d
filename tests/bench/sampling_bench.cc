// How many evaluations of value and gradient a strategy needs until the same model, local Taylor
// models of order 3 (2 in more than 4 inputs), is good enough; how true reported errors are; and
// how long a batch of points takes.
//
//     sampling_bench [--seeds=5] [--functions=bump2,circle2] [--target=0.01]
//                    [--tables=evaluations,batches,values,failures,errors,times,boxes,process]
//
// "process": placed in the same way, judged by a Gaussian process instead. "values": judged by the
// better of the two, with a gradient that costs two values. Functions whose names end in _h were
// looked at only after constants of the placement had been chosen.
//
// Errors are RMS over 2,048 points by the standard deviation of the function. Counts are geometric
// means over seeds, between the sizes that were tried; ">" marks those with a seed that did not get
// there. A grid has one run. S1 to S7 are the goals that the figures are held against.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <limits>
#include <map>
#include <memory>
#include <numbers>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/regression/gaussian_process_fit.h"
#include "engine/sampling/boxes.h"
#include "engine/sampling/error_estimate.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/placement.h"
#include "engine/sampling/sobol.h"
#include "engine/sampling/taylor_model.h"
#include "engine/surrogate/affine_maps.h"
#include "engine/surrogate/labelled_points.h"
#include "engine/surrogate/surrogate.h"
#include "tests/bench/flags.h"
#include "tests/bench/placement_run.h"
#include "tests/bench/ratios.h"
#include "tests/bench/test_functions.h"
#include "tests/bench/unit_function.h"
#include "tests/support/every_kind.h"

namespace sobolev::sampling {
namespace {

using bench::Explore;
using bench::FindTestFunction;
using bench::Flags;
using bench::UnitFunction;
using bench::Way;

// What is asked of a test function.
struct Function {
  const char* name = "";  // Of tests/bench/test_functions.h.
  double target = 0;
  Index most = 0;     // Evaluations.
  double factor = 0;  // Fewer than Sobol by at least this (S1); 0: at most 1.1 times as many (S2).
  bool uniform = false;
};

constexpr Function kFunctions[] = {
    {"bump2n", 3e-2, 1024, 8, false},     {"bump2", 1e-2, 1024, 4, false},
    {"bump3", 1e-2, 2048, 4, false},      {"circle2", 3e-3, 1536, 3, false},
    {"corner4", 1e-2, 1024, 2.5, false},  {"quad4", 1e-2, 256, 0, true},
    {"sines2", 1e-3, 512, 0, true},       {"sines4", 1e-2, 1024, 0, true},
    {"osc4", 1e-2, 1024, 0, true},        {"borehole8", 3e-2, 512, 0, true},
    {"franke2", 1e-2, 512, 0, false},     {"tanh2", 3e-3, 1024, 0, false},
    {"camel2", 1e-2, 512, 0, false},      {"branin2", 1e-2, 512, 0, false},
    {"rosenbrock2", 1e-3, 512, 0, false}, {"bump2n_h", 3e-2, 1024, 8, false},
    {"bump2_h", 1e-2, 1024, 4, false},    {"bump3_h", 1e-2, 2048, 4, false},
    {"circle2_h", 3e-3, 1536, 3, false},  {"corner4_h", 1e-2, 1024, 2.5, false},
    {"osc4_h", 1e-2, 1024, 0, true},      {"otl6", 1e-2, 512, 0, true},
    {"gauss6", 3e-2, 512, 0, true},       {"sines8", 1e-1, 512, 0, true},
};

// From the corner (1, 0, 1, …) of the cube.
double DistanceToCorner(const Vector& u) {
  double square = 0;
  for (Index i = 0; i < u.size(); ++i) square += std::pow(i % 2 == 0 ? 1 - u(i) : u(i), 2);
  return std::sqrt(square);
}

// Of the ball around a corner that fills a fifth of the cube, n <= 4.
double FailureRadius(Index n) {
  const double whole = std::pow(std::numbers::pi, 0.5 * static_cast<double>(n)) /
                       std::tgamma(0.5 * static_cast<double>(n) + 1);
  return 2 * std::pow(0.2 / whole, 1 / static_cast<double>(n));
}

// Where evaluations fail, if they shall.
bool IsInCorner(const Vector& u) { return DistanceToCorner(u) < FailureRadius(u.size()); }

enum class Judge { kTaylor, kProcess, kBetter };

class Problem {
 public:
  explicit Problem(const Function& function)
      : function_(function), unit_(FindTestFunction(function.name)) {}

  const Function& function() const { return function_; }
  const UnitFunction& unit() const { return unit_; }
  Index n() const { return unit_.n(); }

  // Largest error of the Taylor polynomial about the centre of a closed box, over 64 points in it.
  double LargestError(const TaylorBox& box) const {
    const Index n = unit_.n();
    const Vector centre = 0.5 * (box.lo + box.hi);
    Evidence around = unit_.Nothing();
    Matrix U(n, 65);
    U.col(0) = centre;
    U.rightCols(64) =
        ((box.hi - box.lo).asDiagonal() * SobolPoints(n, 0, 64, 7)).colwise() + box.lo;
    unit_.Add(U, true, around);
    const Matrix H = unit_.HessianAt(centre);
    double largest = 0;
    for (Index s = 1; s <= 64; ++s) {
      const Vector step = U.col(s) - centre;
      double value = around.Y(0, 0);
      if (box.quasi >= Quasi::kLinear) value += around.J.col(0).dot(step);
      if (box.quasi >= Quasi::kQuadratic) value += 0.5 * step.dot(H * step);
      largest = std::max(largest, std::abs(around.Y(0, s) - value));
    }
    return largest;
  }

  // Of the model from the evidence, relative to the spread.
  double Error(const Evidence& evidence, Judge judge = Judge::kTaylor) const {
    double error = std::numeric_limits<double>::infinity();
    if (judge != Judge::kProcess) {
      error = unit_.ValueError(TaylorModel(evidence).Predict(unit_.truth().X, n() <= 4 ? 3 : 2).Y);
    }
    if (judge != Judge::kTaylor) error = std::min(error, unit_.ValueError(ByProcess(evidence)));
    return error;
  }

  // Where evaluations do not fail.
  double ErrorWithoutCorner(const Evidence& evidence) const {
    const Evidence& truth = unit_.truth();
    const Matrix Y = TaylorModel(evidence).Predict(truth.X, 3).Y;
    double squares = 0;
    double count = 0;
    for (Index s = 0; s < truth.NumSamples(); ++s) {
      if (IsInCorner(truth.X.col(s))) continue;
      squares += std::pow(Y(0, s) - truth.Y(0, s), 2);
      count += 1;
    }
    return std::sqrt(squares / count) / unit_.spread();
  }

 private:
  // What a Gaussian process predicts at the test points.
  Matrix ByProcess(const Evidence& evidence) const {
    const double root = 2 * std::sqrt(3.0);  // 1 / the standard deviation of a uniform number.
    const double mean = evidence.Y.mean();
    const double scale = OutputScales(evidence)(0);
    LabelledPoints points;
    points.X = root * (evidence.X.array() - 0.5);
    points.Y = (evidence.Y.array() - mean) / scale;
    points.J = evidence.J / (scale * root);
    if (!evidence.HasDerivatives()) points.J.resize(n(), 0);
    points.weight = Vector::Ones(evidence.NumSamples());
    const regression::GaussianProcessFit fit = regression::FitGaussianProcess(
        points,
        {.alpha = 1, .beta = evidence.HasDerivatives() ? 1.0 : 0, .lambda = Matrix::Ones(n(), 1)},
        AffineMaps::Standard(Vector::Constant(n(), 0.5), Vector::Constant(n(), 1 / root),
                             Vector::Constant(1, mean), Vector::Constant(1, scale)));
    const Matrix& U = unit_.truth().X;
    Matrix Y(1, U.cols());
    fit.surrogate->Predict(ConstMatrixMap(U.data(), n(), U.cols()), {}, {}, {.Y = Y.data()});
    return Y;
  }

  Function function_;
  UnitFunction unit_;
};

// Evaluations to a target, between the sizes that were tried.
class Crossing {
 public:
  explicit Crossing(double target) : target_(target) {}

  // Returns whether the target is reached.
  bool Add(Index count, double error) {
    const auto size = static_cast<double>(count);
    if (error <= target_) {
      reached_ = true;
      const double part =
          size_ == 0 ? 1 : std::log(error_ / target_) / std::log(error_ / std::max(error, 1e-300));
      evaluations_ = size_ == 0 ? size : size_ * std::pow(size / size_, part);
      return true;
    }
    size_ = size;
    error_ = error;
    evaluations_ = size;
    return false;
  }

  bool reached() const { return reached_; }
  double evaluations() const { return evaluations_; }

 private:
  double target_;
  double size_ = 0;
  double error_ = 0;
  bool reached_ = false;
  double evaluations_ = 0;
};

struct Count {
  double evaluations = 0;
  bool reached = true;
};

std::string Text(const Count& count) {
  if (count.evaluations == 0) return "-";
  std::string text = count.reached ? "" : ">";
  return text.append(std::to_string(std::lround(count.evaluations)));
}

Matrix Grid(Index n, Index per_axis) {
  Index count = 1;
  for (Index i = 0; i < n; ++i) count *= per_axis;
  Matrix X(n, count);
  for (Index s = 0; s < count; ++s) {
    Index rest = s;
    for (Index i = 0; i < n; ++i) {
      X(i, s) = (static_cast<double>(rest % per_axis) + 0.5) / static_cast<double>(per_axis);
      rest /= per_axis;
    }
  }
  return X;
}

Count OfGrid(const Problem& problem) {
  Crossing crossing(problem.function().target);
  Index largest = 0;
  for (Index per_axis = 2;; ++per_axis) {
    const double size = std::pow(static_cast<double>(per_axis), static_cast<double>(problem.n()));
    if (size > 2 * static_cast<double>(problem.function().most)) break;
    Evidence evidence = problem.unit().Nothing();
    problem.unit().Add(Grid(problem.n(), per_axis), true, evidence);
    largest = evidence.NumSamples();
    if (crossing.Add(largest, problem.Error(evidence))) break;
  }
  return {.evaluations = largest == 0 ? 0 : crossing.evaluations(), .reached = crossing.reached()};
}

Count OfWay(const Problem& problem, const Way& way, Index num_seeds, Judge judge = Judge::kTaylor) {
  double logs = 0;
  bool reached = true;
  for (Index seed = 1; seed <= num_seeds; ++seed) {
    Crossing crossing(problem.function().target);
    Index last = 0;
    Explore(problem.unit(), way, problem.function().most, static_cast<std::uint64_t>(seed),
            [&](const Evidence& evidence) {
              // One at a time, errors are looked at as often as otherwise.
              if (evidence.NumSamples() < last + last / 16) return false;
              last = evidence.NumSamples();
              return crossing.Add(last, problem.Error(evidence, judge));
            });
    logs += std::log(crossing.evaluations());
    reached = reached && crossing.reached();
  }
  return {.evaluations = std::exp(logs / static_cast<double>(num_seeds)), .reached = reached};
}

void PrintEvaluations(const std::vector<Problem>& problems, Index num_seeds) {
  std::printf("evaluations to the target\n%-12s %7s %8s %8s %8s %10s %12s %17s  %s\n", "function",
              "target", "sobol", "grid", "lola", "placement", "sobol/place.", "best static/place.",
              "goals");
  double ratios = 0;
  double local = 0;
  for (const Problem& problem : problems) {
    const Function& function = problem.function();
    const Count sobol = OfWay(problem, {.strategy = Strategy::kSpaceFilling}, num_seeds);
    const Count grid = OfGrid(problem);
    const Count lola = OfWay(problem, {.strategy = Strategy::kLolaVoronoi}, num_seeds);
    const Count placed = OfWay(problem, {}, num_seeds);
    const double gain = sobol.evaluations / placed.evaluations;
    const double best = grid.evaluations > 0 && grid.reached
                            ? std::min(grid.evaluations, sobol.evaluations)
                            : sobol.evaluations;
    std::string goals;
    if (function.factor > 0) {
      goals.append("S1 ").append(gain >= function.factor ? "met" : "MISSED").append(", ");
      ratios += std::log(best / placed.evaluations);
      local += 1;
    }
    if (function.uniform)
      goals.append("S2 ").append(gain >= 1 / 1.1 ? "met" : "MISSED").append(", ");
    goals.append("S3 ").append(
        placed.evaluations < 16 || best / placed.evaluations >= 1 / 1.15 ? "met" : "MISSED");
    std::printf("%-12s %7.0e %8s %8s %8s %10s %11.2fx %17.2fx  %s\n", function.name,
                function.target, Text(sobol).c_str(), Text(grid).c_str(), Text(lola).c_str(),
                Text(placed).c_str(), gain, best / placed.evaluations, goals.c_str());
    std::fflush(stdout);
  }
  if (local > 0) {
    std::printf("best static/place. over the functions of S1, geometric mean: %.2fx (S3: 2.5x)\n",
                std::exp(ratios / local));
  }
}

void PrintBatches(const std::vector<Problem>& problems, Index num_seeds) {
  std::printf("\nevaluations by the size of batches (S5: 32 at most 1.15x of one at a time)\n");
  std::printf("%-12s %8s %8s %8s %8s\n", "function", "1", "8", "32", "32/1");
  for (const Problem& problem : problems) {
    if (problem.n() > 4) continue;
    std::vector<Count> counts;
    for (const Index at_a_time : {1, 8, 32}) {
      counts.push_back(OfWay(problem, {.at_a_time = at_a_time}, num_seeds));
    }
    std::printf("%-12s %8s %8s %8s %7.2fx\n", problem.function().name, Text(counts[0]).c_str(),
                Text(counts[1]).c_str(), Text(counts[2]).c_str(),
                counts[2].evaluations / counts[0].evaluations);
    std::fflush(stdout);
  }
}

void PrintValuesOnly(const std::vector<Problem>& problems, Index num_seeds) {
  std::printf(
      "\ncosts to the target, in values; a gradient costs two\n%-12s %6s %8s %12s %16s %8s\n",
      "function", "inputs", "target", "values only", "with gradients", "ratio");
  std::map<Index, std::pair<double, double>> logs;  // Sum and number by inputs.
  for (const Problem& problem : problems) {
    const Count with = OfWay(problem, {.at_first = 2}, num_seeds, Judge::kBetter);
    Function longer = problem.function();
    longer.most *= 3;
    const Problem patient(longer);
    const Count without =
        OfWay(patient, {.gradients = false, .at_first = 2}, num_seeds, Judge::kBetter);
    const double ratio = without.evaluations / (3 * with.evaluations);
    logs[problem.n()].first += std::log(ratio);
    logs[problem.n()].second += 1;
    std::printf("%-12s %6d %8.0e %12s %16s %7.2fx\n", problem.function().name,
                static_cast<int>(problem.n()), problem.function().target, Text(without).c_str(),
                Text({.evaluations = 3 * with.evaluations, .reached = with.reached}).c_str(),
                ratio);
    std::fflush(stdout);
  }
  for (const auto& [n, sum] : logs) {
    std::printf("%d inputs: geometric mean %.2fx\n", static_cast<int>(n),
                std::exp(sum.first / sum.second));
  }
}

void PrintProcess(const std::vector<Problem>& problems, Index num_seeds) {
  std::printf("\nevaluations to the target, judged by a Gaussian process\n%-12s %7s %10s\n",
              "function", "target", "placement");
  for (const Problem& problem : problems) {
    const Count count = OfWay(problem, {}, num_seeds, Judge::kProcess);
    std::printf("%-12s %7.0e %10s\n", problem.function().name, problem.function().target,
                Text(count).c_str());
    std::fflush(stdout);
  }
}

// Successful evaluations until the part of the cube where none fails is predicted well enough.
struct Campaign {
  double evaluations = 0;  // Geometric mean.
  double failures = 0;     // Mean.
  Index repeats = 0;       // Failed points that were proposed again.
  bool reached = true;
};

Campaign OfCampaign(const Problem& problem, bool fails, Index num_seeds) {
  Way way;
  if (fails) way.fails = IsInCorner;
  Campaign campaign;
  double logs = 0;
  for (Index seed = 1; seed <= num_seeds; ++seed) {
    Crossing crossing(problem.function().target);
    Matrix failed;
    Explore(problem.unit(), way, problem.function().most, static_cast<std::uint64_t>(seed),
            [&](const Evidence& evidence) {
              failed = evidence.failed;
              return crossing.Add(evidence.NumSamples(), problem.ErrorWithoutCorner(evidence));
            });
    std::set<std::vector<double>> different;
    for (const auto& point : failed.colwise()) different.insert({point.begin(), point.end()});
    campaign.repeats += failed.cols() - std::ssize(different);
    campaign.failures += static_cast<double>(failed.cols()) / static_cast<double>(num_seeds);
    campaign.reached = campaign.reached && crossing.reached();
    logs += std::log(crossing.evaluations());
  }
  campaign.evaluations = std::exp(logs / static_cast<double>(num_seeds));
  return campaign;
}

void PrintFailures(const std::vector<Problem>& problems, Index num_seeds) {
  std::printf(
      "\nevaluations that succeed, to the target, where a fifth of the cube fails (R2: at most "
      "1.3x, none repeated)\n%-12s %12s %12s %8s %9s %9s\n",
      "function", "none fails", "some fail", "ratio", "failures", "repeated");
  for (const Problem& problem : problems) {
    if (problem.n() > 4) continue;
    const Campaign whole = OfCampaign(problem, false, num_seeds);
    const Campaign part = OfCampaign(problem, true, num_seeds);
    std::printf("%-12s %12s %12s %7.2fx %9.0f %9d\n", problem.function().name,
                Text({whole.evaluations, whole.reached}).c_str(),
                Text({part.evaluations, part.reached}).c_str(),
                part.evaluations / whole.evaluations, part.failures,
                static_cast<int>(part.repeats));
    std::fflush(stdout);
  }
}

// Reported errors where a job would have stopped: as soon as they are below a target.
void PrintErrors(const std::vector<Problem>& problems, Index num_seeds) {
  std::vector<double> ratios;
  for (const Problem& problem : problems) {
    if (problem.n() > 4) continue;
    for (Index seed = 1; seed <= num_seeds; ++seed) {
      std::vector<double> targets = {1e-1, 3e-2, 1e-2, 3e-3, 1e-3};
      Explore(problem.unit(), {}, problem.function().most, static_cast<std::uint64_t>(seed),
              [&](const Evidence& evidence) {
                if (evidence.NumSamples() < LeastSamplesToJudge(problem.n())) return false;
                const ErrorEstimate estimate = EstimateTaylorError(evidence, {.seed = 7});
                const double reported = estimate.value(0) / problem.unit().spread();
                while (!targets.empty() && reported <= targets.front()) {
                  const double truth = problem.Error(evidence);
                  // Polynomials of the order are exact, and errors are those of rounding.
                  if (truth > 1e-9) ratios.push_back(reported / truth);
                  targets.erase(targets.begin());
                }
                return targets.empty();
              });
    }
  }
  if (ratios.empty()) return;
  std::ranges::sort(ratios);
  std::printf(
      "\nreported over true RMS error at %d stops: median %.2f, within 2x %.0f %% (S6: 85 %%), too "
      "small by more than 2x %.1f %% (S6: 5 %%), 3x %.1f %%\n",
      static_cast<int>(ratios.size()), ratios[ratios.size() / 2],
      bench::PercentWithin(ratios, 0.5, 2), bench::PercentWithin(ratios, 0, 0.5),
      bench::PercentWithin(ratios, 0, 1.0 / 3));
}

// An ensemble of three networks with two hidden layers of 32.
std::vector<Model> Networks(Index n) {
  std::vector<Model> ensemble;
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    const std::shared_ptr<const Surrogate> network =
        every_kind::Network({.n = n, .m = 1, .hidden = {32, 32}}, seed);
    ensemble.emplace_back(
        [network](const Matrix& X, Matrix& Y, Matrix& J, const std::stop_token& stop) {
          network->Predict(ConstMatrixMap(X.data(), X.rows(), X.cols()), {}, {},
                           {.Y = Y.data(), .J = J.data()}, stop);
        });
  }
  return ensemble;
}

void PrintTimes() {
  std::printf("\ntime of 32 points at 1,000 samples, 16 pending, ms (S7: p99 <= 100)\n");
  std::printf("%-36s %8s %8s %15s\n", "", "median", "p99", "processor time");
  struct Case {
    Index n;
    bool ensemble;
    Strategy strategy;
  };
  for (const Case& each :
       {Case{2, false, Strategy::kDisagreement}, Case{3, false, Strategy::kDisagreement},
        Case{4, false, Strategy::kDisagreement}, Case{4, true, Strategy::kDisagreement},
        Case{10, true, Strategy::kDisagreement}, Case{10, false, Strategy::kDisagreement},
        Case{10, false, Strategy::kLolaVoronoi}}) {
    Evidence evidence{.X = SobolPoints(each.n, 0, 1000, 1), .Y = Matrix(1, 1000)};
    evidence.J = Matrix(each.n, 1000);
    for (Index s = 0; s < 1000; ++s) {
      const Vector x = evidence.X.col(s);
      evidence.Y(0, s) = std::exp(-8 * (x.array() - 0.4).square().sum());
      evidence.J.col(s) = -16 * evidence.Y(0, s) * (x.array() - 0.4);
    }
    evidence.pending = SobolPoints(each.n, 1000, 16, 1);
    PlacementOptions options{.strategy = each.strategy, .seed = 1, .num_proposed = 1016};
    if (each.ensemble) options.ensemble = Networks(each.n);
    std::vector<double> times;
    const std::clock_t clock = std::clock();
    constexpr int kRounds = 200;
    for (int round = 0; round < kRounds; ++round, options.num_proposed += 32) {
      const auto before = std::chrono::steady_clock::now();
      NextPoints(evidence, options, 32);
      times.push_back(
          1e3 * std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count());
    }
    const double processor =
        1e3 * static_cast<double>(std::clock() - clock) / CLOCKS_PER_SEC / kRounds;
    std::ranges::sort(times);
    const std::string row =
        std::to_string(each.n) + (each.strategy == Strategy::kLolaVoronoi ? " inputs, LOLA-Voronoi"
                                  : each.ensemble ? " inputs, 3 networks 32-32"
                                  : each.n > 4    ? " inputs, Sobol sequence"
                                                  : " inputs, Taylor models");
    std::printf("%-36s %8.1f %8.1f %15.1f\n", row.c_str(), times[times.size() / 2],
                times[times.size() * 99 / 100], processor);
  }
}

// Which part of the cube Taylor polynomials serve after 512 evaluations.
void PrintBoxes(const std::vector<Problem>& problems) {
  std::printf(
      "\nparts of the cube served by Taylor polynomials, error at most a share of the range, after "
      "512 evaluations (H2: 0.95 at 1e-2 on bump2, tanh2, franke2, branin2; H3: 1 %% wrong)\n");
  std::printf("%-12s %6s %9s %8s %10s %6s %6s %12s\n", "function", "share", "constant", "linear",
              "quadratic", "open", "boxes", "wrong boxes");
  for (const Problem& problem : problems) {
    if (problem.n() > 3) continue;
    const Matrix& Y = problem.unit().truth().Y;
    const double range = Y.maxCoeff() - Y.minCoeff();
    Explore(problem.unit(), {}, 600, 1, [&](const Evidence& evidence) {
      if (evidence.NumSamples() < 512) return false;
      for (const double share : {1e-2, 1e-3}) {
        const double tolerance = share * range;
        const Decomposition result =
            Decompose(evidence, {.tolerance = Vector::Constant(1, tolerance), .max_boxes = 4000});
        Index closed = 0;
        Index wrong = 0;
        for (const TaylorBox& box : result.boxes) {
          if (!box.quasi) continue;
          ++closed;
          if (problem.LargestError(box) > tolerance) ++wrong;
        }
        std::printf(
            "%-12s %6.0e %9.3f %8.3f %10.3f %6.3f %6d %11.1f%%\n", problem.function().name, share,
            result.closed[0], result.closed[1], result.closed[2], result.open,
            static_cast<int>(result.boxes.size()),
            100 * static_cast<double>(wrong) / static_cast<double>(std::max<Index>(1, closed)));
        std::fflush(stdout);
      }
      return true;
    });
  }
}

int Run(const Flags& flags) {
  const Index num_seeds = flags.Whole("seeds", 5);
  std::vector<Problem> problems;
  for (Function function : kFunctions) {
    if (!flags.Lists("functions", function.name)) continue;
    function.target = flags.Number("target", function.target);
    problems.emplace_back(function);
  }
  const auto wants = [&](const char* table) { return flags.Lists("tables", table); };
  if (wants("evaluations")) PrintEvaluations(problems, num_seeds);
  if (wants("batches")) PrintBatches(problems, num_seeds);
  if (wants("values")) PrintValuesOnly(problems, num_seeds);
  if (wants("failures")) PrintFailures(problems, num_seeds);
  if (wants("process")) PrintProcess(problems, num_seeds);
  if (wants("errors")) PrintErrors(problems, num_seeds);
  if (wants("times")) PrintTimes();
  if (wants("boxes")) PrintBoxes(problems);
  return 0;
}

}  // namespace
}  // namespace sobolev::sampling

int main(int argc, char** argv) {
  return sobolev::sampling::Run(sobolev::bench::Flags(argc, argv));
}
