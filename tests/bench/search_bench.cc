// Evaluations until a search for a minimum has come within 1e-2, 1e-4 and 1e-6 of it, four at a
// time: medians over the seeds. "-": not in 200 evaluations.
//
//     search_bench [--seeds=5] [--functions=branin2,rosenbrock2] [--labels=values,gradients]

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/sampling/evidence.h"
#include "engine/sampling/placement.h"
#include "tests/bench/flags.h"

namespace sobolev::sampling {
namespace {

constexpr Index kMostEvaluations = 200;
constexpr Index kAtATime = 4;
constexpr std::array kGaps = {1e-2, 1e-4, 1e-6};

// A function on a box; writes the gradient. The least value is the published one, to more digits.
struct Function {
  std::string name;
  Vector lo;
  Vector hi;
  double least = 0;
  std::function<double(const Vector& x, Vector& gradient)> evaluate;
};

double Branin(const Vector& x, Vector& gradient) {
  const double pi = std::numbers::pi;
  const double b = 5.1 / (4 * pi * pi);
  const double t = 1 / (8 * pi);
  const double bend = x(1) - b * x(0) * x(0) + 5 / pi * x(0) - 6;
  gradient(0) = 2 * bend * (5 / pi - 2 * b * x(0)) - 10 * (1 - t) * std::sin(x(0));
  gradient(1) = 2 * bend;
  return bend * bend + 10 * (1 - t) * std::cos(x(0)) + 10;
}

double Rosenbrock(const Vector& x, Vector& gradient) {
  const double bend = x(1) - x(0) * x(0);
  gradient(0) = -400 * bend * x(0) - 2 * (1 - x(0));
  gradient(1) = 200 * bend;
  return 100 * bend * bend + (1 - x(0)) * (1 - x(0));
}

// −Σ c exp(−Σ A (x − P)²), one row of A and P for each term.
double Hartmann(const Matrix& A, const Matrix& P, const Vector& x, Vector& gradient) {
  const Vector c{{1.0, 1.2, 3.0, 3.2}};
  double value = 0;
  gradient.setZero();
  for (Index k = 0; k < c.size(); ++k) {
    const Vector offset = x - P.row(k).transpose();
    const Vector pull = A.row(k).transpose().cwiseProduct(offset);
    const double term = c(k) * std::exp(-pull.dot(offset));
    value -= term;
    gradient += 2 * term * pull;
  }
  return value;
}

std::vector<Function> Functions() {
  const Matrix steepness3{{3, 10, 30}, {0.1, 10, 35}, {3, 10, 30}, {0.1, 10, 35}};
  const Matrix centres3{{0.3689, 0.1170, 0.2673},
                        {0.4699, 0.4387, 0.7470},
                        {0.1091, 0.8732, 0.5547},
                        {0.0381, 0.5743, 0.8828}};
  const Matrix steepness6{{10, 3, 17, 3.5, 1.7, 8},
                          {0.05, 10, 17, 0.1, 8, 14},
                          {3, 3.5, 1.7, 10, 17, 8},
                          {17, 8, 0.05, 10, 0.1, 14}};
  const Matrix centres6{{0.1312, 0.1696, 0.5569, 0.0124, 0.8283, 0.5886},
                        {0.2329, 0.4135, 0.8307, 0.3736, 0.1004, 0.9991},
                        {0.2348, 0.1451, 0.3522, 0.2883, 0.3047, 0.6650},
                        {0.4047, 0.8828, 0.8732, 0.5743, 0.1091, 0.0381}};
  const auto hartmann = [](const Matrix& A, const Matrix& P) {
    return [A, P](const Vector& x, Vector& gradient) { return Hartmann(A, P, x, gradient); };
  };
  return {
      {"branin2", Vector{{-5, 0}}, Vector{{10, 15}}, 0.39788735772973816, Branin},
      {"rosenbrock2", Vector{{-2, -2}}, Vector{{2, 2}}, 0, Rosenbrock},
      {"hartmann3", Vector::Zero(3), Vector::Ones(3), -3.862779787332663,
       hartmann(steepness3, centres3)},
      {"hartmann6", Vector::Zero(6), Vector::Ones(6), -3.322368011415515,
       hartmann(steepness6, centres6)},
  };
}

void Evaluate(const Function& f, const Matrix& U, bool gradients, Evidence& evidence) {
  const Index n = U.rows();
  const Index before = evidence.NumSamples();
  const Vector side = f.hi - f.lo;
  evidence.X.conservativeResize(n, before + U.cols());
  evidence.Y.conservativeResize(1, before + U.cols());
  if (gradients) evidence.J.conservativeResize(n, before + U.cols());
  Vector gradient(n);
  for (Index s = 0; s < U.cols(); ++s) {
    const Vector x = f.lo + side.cwiseProduct(U.col(s));
    evidence.X.col(before + s) = U.col(s);
    evidence.Y(0, before + s) = f.evaluate(x, gradient);
    if (gradients) evidence.J.col(before + s) = gradient.cwiseProduct(side);
  }
}

// For each gap the number of evaluations; infinite: more than there are.
std::array<double, kGaps.size()> Search(const Function& f, bool gradients, std::uint64_t seed) {
  const Index n = f.lo.size();
  Evidence evidence{.X = Matrix(n, 0), .Y = Matrix(1, 0), .J = Matrix(gradients ? n : 0, 0)};
  PlacementOptions options{.goal = Goal::kMinimum, .seed = seed};
  while (evidence.NumSamples() < kMostEvaluations) {
    const Matrix U = NextPoints(evidence, options, kAtATime);
    Evaluate(f, U, gradients, evidence);
    options.num_proposed += U.cols();
  }
  std::array<double, kGaps.size()> counts{};
  counts.fill(INFINITY);
  for (Index s = evidence.NumSamples() - 1; s >= 0; --s) {
    for (std::size_t k = 0; k < kGaps.size(); ++k) {
      if (evidence.Y(0, s) - f.least <= kGaps[k]) counts[k] = static_cast<double>(s + 1);
    }
  }
  return counts;
}

double Median(std::vector<double> values) {
  const auto middle = values.begin() + std::ssize(values) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

int Run(const bench::Flags& flags) {
  const Index num_seeds = flags.Whole("seeds", 5);
  std::printf("%-12s %-10s %6s %6s %6s\n", "function", "labels", "1e-2", "1e-4", "1e-6");
  for (const Function& f : Functions()) {
    if (!flags.Lists("functions", f.name)) continue;
    for (const bool gradients : {false, true}) {
      const std::string label = gradients ? "gradients" : "values";
      if (!flags.Lists("labels", label)) continue;
      std::array<std::vector<double>, kGaps.size()> counts;
      for (Index seed = 1; seed <= num_seeds; ++seed) {
        const auto found = Search(f, gradients, static_cast<std::uint64_t>(seed));
        for (std::size_t k = 0; k < kGaps.size(); ++k) counts[k].push_back(found[k]);
      }
      std::printf("%-12s %-10s", f.name.c_str(), label.c_str());
      for (std::vector<double>& each : counts) {
        const double median = Median(std::move(each));
        std::printf(" %6s",
                    std::isfinite(median) ? std::to_string(std::lround(median)).c_str() : "-");
      }
      std::printf("\n");
      std::fflush(stdout);
    }
  }
  return 0;
}

}  // namespace
}  // namespace sobolev::sampling

int main(int argc, char** argv) {
  return sobolev::sampling::Run(sobolev::bench::Flags(argc, argv));
}
