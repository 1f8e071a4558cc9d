// Pruning rules on a network of the borehole function, 8-64-64-1 softplus: errors against the truth
// for each rule and sparsity, as pruned and after retraining with the differential loss, against
// small networks trained from scratch for as many steps; and what a Jacobian costs before and
// after.
//
//     pruning_bench [--seeds=3] [--steps=12000] [--retrain=1000] [--samples=4096]
//
// Then how far the retrained networks are proved to be from the whole one at most, anywhere, over
// what sampling finds.
//
// Errors are those of 8,192 other points: RMSE of the value over its standard deviation, and RMSE
// of the gradient by inputs on [-1, 1] over the RMS gradient; medians over the seeds.

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <numbers>
#include <string>
#include <utility>
#include <vector>

#include <oneapi/tbb/task_arena.h>

#include "engine/base/matrix.h"
#include "engine/bounds/bound.h"
#include "engine/bounds/box.h"
#include "engine/bounds/encloser.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/edge_order.h"
#include "engine/prune/edge_pruning.h"
#include "engine/prune/layers.h"
#include "engine/prune/pruning.h"
#include "engine/prune/vertex_pruning.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/trainer.h"
#include "tests/bench/flags.h"

namespace sobolev {
namespace {

using prune::Compensation;
using prune::VertexScore;

constexpr Index kInputs = 8;

// Peaks of the one-cycle schedule. From scratch 0.1 is the best of 0.01, 0.03, 0.05 and 0.1.
constexpr double kDenseRate = 0.01;
constexpr double kRetrainRate = 0.02;
constexpr double kScratchRate = 0.1;

// The borehole function (Morris, Mitchell and Ylvisaker 1993) of inputs on [-1, 1], and its
// gradient.
struct Labelled {
  Matrix X;
  Matrix Y;
  Matrix J;
};

Labelled Borehole(Index num_samples, std::uint64_t seed) {
  const Vector lo{{0.05, 100, 63070, 990, 63.1, 700, 1120, 9855}};
  const Vector hi{{0.15, 50000, 115600, 1110, 116, 820, 1680, 12045}};
  const prune::Box cube{.min = Vector::Constant(kInputs, -1), .max = Vector::Ones(kInputs)};
  Labelled data{.X = prune::UniformPoints(cube, num_samples, seed),
                .Y = Matrix(1, num_samples),
                .J = Matrix(kInputs, num_samples)};
  for (Index s = 0; s < num_samples; ++s) {
    // Radii of hole and influence, transmissivity and head of the upper aquifer, then of the lower,
    // length, conductivity.
    const Vector x = lo + 0.5 * (data.X.col(s).array() + 1).matrix().cwiseProduct(hi - lo);
    const double radius = x[0];
    const double upper = x[2];
    const double lower = x[4];
    const double head = x[3] - x[5];
    const double log_ratio = std::log(x[1] / radius);
    const double a = 2 * std::numbers::pi * upper * head;
    const double flow = 2 * x[6] * upper / (radius * radius * x[7]);
    const double b = log_ratio * (1 + upper / lower) + flow;
    const Vector da{{0, 0, a / upper, a / head, 0, -a / head, 0, 0}};
    const Vector db{{-(1 + upper / lower) / radius - 2 * flow / radius, (1 + upper / lower) / x[1],
                     flow / upper + log_ratio / lower, 0, -log_ratio * upper / (lower * lower), 0,
                     flow / x[6], -flow / x[7]}};
    data.Y(0, s) = a / b;
    data.J.col(s) = 0.5 * (da / b - a / (b * b) * db).cwiseProduct(hi - lo);
  }
  return data;
}

train::SampleSet View(const Labelled& data) {
  return {.n = kInputs,
          .m = 1,
          .blocks = {{.rows = data.X.cols(),
                      .x = data.X.data(),
                      .y = data.Y.data(),
                      .jacobian = data.J.data()}}};
}

struct Errors {
  double value = 0;
  double gradient = 0;
};

Errors ErrorsOf(const nn::NetworkSurrogate& network, const Labelled& truth) {
  Matrix Y(1, truth.X.cols());
  Matrix J(kInputs, truth.X.cols());
  network.Predict(ConstMatrixMap(truth.X.data(), kInputs, truth.X.cols()), {}, {},
                  {.Y = Y.data(), .J = J.data()});
  const double spread = (truth.Y.array() - truth.Y.mean()).matrix().norm();
  return {.value = (Y - truth.Y).norm() / spread,
          .gradient = (J - truth.J).norm() / truth.J.norm()};
}

// Steps of Adam with the differential loss, from a network or from scratch. The few samples that
// are held out only choose the best epoch.
nn::NetworkSurrogate Train(const Labelled& data, std::vector<Index> hidden, Index steps,
                           std::shared_ptr<const nn::NetworkSurrogate> start, double rate,
                           std::uint64_t seed) {
  train::Options options{.hidden = std::move(hidden),
                         .start = std::move(start),
                         .alpha = 0.5,
                         .beta = 0.5,
                         .batch_size = 256,
                         .learning_rate = rate,
                         .validation_fraction = 0.03,
                         .patience = 0,
                         .seed = seed};
  options.derivative_scale = train::DerivativeScale::kPerOutput;
  const Index held_out = train::NumHeldOut(data.X.cols(), options.validation_fraction);
  const Index steps_per_epoch = (data.X.cols() - held_out + 255) / 256;
  options.epochs = std::max<Index>(1, steps / steps_per_epoch);
  train::Trainer trainer(View(data), options);
  train::Status status = train::Status::kRunning;
  while (status == train::Status::kRunning || status == train::Status::kEpochDone) {
    status = trainer.Advance({}, std::numeric_limits<Index>::max());
  }
  return trainer.MakeSurrogate();
}

struct Rule {
  const char* name;
  VertexScore score;
  Compensation compensation;
};
constexpr std::array kRules = {
    Rule{"interval adjoint, midpoint", VertexScore::kInterval, Compensation::kMidpoint},
    Rule{"interval adjoint, mean", VertexScore::kInterval, Compensation::kMean},
    Rule{"magnitude, zero", VertexScore::kMagnitude, Compensation::kZero},
    Rule{"magnitude, mean", VertexScore::kMagnitude, Compensation::kMean},
    Rule{"first-order Taylor, mean", VertexScore::kTaylor, Compensation::kMean},
    Rule{"std(a) * adjoint, mean", VertexScore::kSampled, Compensation::kMean},
    Rule{"random, mean", VertexScore::kRandom, Compensation::kMean},
    Rule{"interval adjoint, Sobolev LS", VertexScore::kInterval, Compensation::kSobolev},
    Rule{"magnitude, Sobolev LS", VertexScore::kMagnitude, Compensation::kSobolev},
    Rule{"Sobolev OBS, Sobolev LS", VertexScore::kSobolevObs, Compensation::kSobolev}};

struct EdgeRule {
  const char* name;
  prune::EdgeScore score;
  Compensation compensation;
};
constexpr std::array kEdgeRules = {
    EdgeRule{"|w|, zero", prune::EdgeScore::kMagnitude, Compensation::kZero},
    EdgeRule{"|w|, mean", prune::EdgeScore::kMagnitude, Compensation::kMean},
    EdgeRule{"Wanda, mean", prune::EdgeScore::kWanda, Compensation::kMean},
    EdgeRule{"interval edges, midpoint", prune::EdgeScore::kInterval, Compensation::kMidpoint},
    EdgeRule{"random, mean", prune::EdgeScore::kRandom, Compensation::kMean},
    EdgeRule{"|w|, Sobolev LS", prune::EdgeScore::kMagnitude, Compensation::kSobolev},
    EdgeRule{"Sobolev OBS, Sobolev LS", prune::EdgeScore::kSobolevObs, Compensation::kSobolev}};
constexpr std::array kFractions = {0.5, 0.75, 0.875};

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Seconds that value and gradient of a point take in a batch of 1,024.
double JacobianTime(const nn::NetworkSurrogate& network, const Matrix& X) {
  Matrix Y(1, X.cols());
  Matrix J(kInputs, X.cols());
  const double start = Seconds();
  network.Predict(ConstMatrixMap(X.data(), kInputs, X.cols()), {}, {},
                  {.Y = Y.data(), .J = J.data()});
  return (Seconds() - start) / static_cast<double>(X.cols());
}

// The best of many on one thread, both in turn.
std::pair<double, double> JacobianTimes(const nn::NetworkSurrogate& before,
                                        const nn::NetworkSurrogate& after, const Matrix& points) {
  const Matrix X = points.leftCols(1024);
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  std::pair<double, double> best{kInfinity, kInfinity};
  oneapi::tbb::task_arena(1).execute([&] {
    for (int repeat = 0; repeat < 500; ++repeat) {
      best.first = std::min(best.first, JacobianTime(before, X));
      best.second = std::min(best.second, JacobianTime(after, X));
    }
  });
  return best;
}

// Errors of all seeds under the name of a row and the number of a column.
using Table = std::map<std::pair<std::string, std::size_t>, std::vector<Errors>>;

double Median(const std::vector<Errors>& errors, double Errors::*which) {
  std::vector<double> numbers;
  numbers.reserve(errors.size());
  for (const Errors& each : errors) numbers.push_back(each.*which);
  std::ranges::sort(numbers);
  return numbers[numbers.size() / 2];
}

void Print(Table& table, const std::string& row, std::size_t columns) {
  std::printf("%-30s", row.c_str());
  for (std::size_t column = 0; column < columns; ++column) {
    const std::vector<Errors>& errors = table[{row, column}];
    if (errors.empty()) {
      std::printf("               ");
    } else {
      std::printf("  %6.4f/%6.4f", Median(errors, &Errors::value),
                  Median(errors, &Errors::gradient));
    }
  }
  std::printf("\n");
}

struct Budget {
  Index samples;
  Index steps;
  Index retrain;
};

// Weights instead of vertices, without retraining.
void PruneWeights(const nn::NetworkSurrogate& dense, const Labelled& truth, std::uint64_t seed,
                  Table& table) {
  const prune::Box cube{.min = Vector::Constant(kInputs, -1), .max = Vector::Ones(kInputs)};
  for (const EdgeRule& rule : kEdgeRules) {
    for (std::size_t f = 0; f < kFractions.size(); ++f) {
      const prune::PrunedEdges pruned = prune::PruneEdges(dense, cube,
                                                          {.score = rule.score,
                                                           .compensation = rule.compensation,
                                                           .target = {.fraction = kFractions[f]},
                                                           .seed = seed});
      table[{rule.name, f}].push_back(ErrorsOf(pruned.network, truth));
    }
  }
}

// Of values and, the worst of all inputs, derivatives, in budgets of boxes.
void PrintCertificates(const nn::NetworkSurrogate& dense, const nn::NetworkSurrogate& pruned,
                       std::uint64_t seed, double fraction) {
  const auto difference = bounds::MakeDifferenceEncloser(dense, pruned);
  const bounds::Box cube{.lo = Vector::Constant(kInputs, -1), .hi = Vector::Ones(kInputs)};
  for (const bool jacobian : {false, true}) {
    for (const Index boxes : {1000, 10'000}) {
      const double start = Seconds();
      const bounds::BoundResult result = bounds::Bound(*difference, cube,
                                                       {.jacobian = jacobian,
                                                        .target = bounds::Target::kMagnitudes,
                                                        .max_boxes = boxes,
                                                        .tolerance = 0.1});
      const double seconds = Seconds() - start;
      const auto ratio = [](const auto& lo, const auto& hi, const auto& sampled_lo,
                            const auto& sampled_hi) {
        return hi.cwiseMax(-lo).cwiseQuotient(sampled_hi.cwiseMax(-sampled_lo)).maxCoeff();
      };
      const bounds::Enclosure& proven = result.proven;
      const bounds::Enclosure& sampled = result.sampled;
      const double of_proven = jacobian
                                   ? ratio(proven.J_lo, proven.J_hi, sampled.J_lo, sampled.J_hi)
                                   : ratio(proven.y_lo, proven.y_hi, sampled.y_lo, sampled.y_hi);
      std::printf("seed %d, %4.1f %%: %s proved below %.2f of sampled, %d boxes in %.1f s\n",
                  static_cast<int>(seed), 100 * fraction, jacobian ? "derivatives" : "values",
                  of_proven, static_cast<int>(result.num_boxes), seconds);
    }
  }
}

void RunSeed(std::uint64_t seed, const Budget& budget, Table& table, Table& of_weights) {
  const Labelled data = Borehole(budget.samples, seed);
  const Labelled truth = Borehole(8192, 1000 + seed);
  const nn::NetworkSurrogate dense = Train(data, {64, 64}, budget.steps, nullptr, kDenseRate, seed);
  table[{"dense", 0}].push_back(ErrorsOf(dense, truth));
  PruneWeights(dense, truth, seed, of_weights);
  const prune::Box cube{.min = Vector::Constant(kInputs, -1), .max = Vector::Ones(kInputs)};
  for (const Rule& rule : kRules) {
    for (std::size_t f = 0; f < kFractions.size(); ++f) {
      prune::PrunedVertices pruned = prune::PruneVertices(dense, cube,
                                                          {.score = rule.score,
                                                           .compensation = rule.compensation,
                                                           .target = {.fraction = kFractions[f]},
                                                           .seed = seed});
      const auto start = std::make_shared<nn::NetworkSurrogate>(std::move(pruned.network));
      table[{rule.name, f}].push_back(ErrorsOf(*start, truth));
      const nn::NetworkSurrogate retrained =
          Train(data, start->architecture().hidden, budget.retrain, start, kRetrainRate, seed);
      table[{rule.name, 3 + f}].push_back(ErrorsOf(retrained, truth));
      if (rule.score != VertexScore::kSobolevObs) continue;
      PrintCertificates(dense, retrained, seed, kFractions[f]);
      const nn::NetworkSurrogate scratch =
          Train(data, start->architecture().hidden, budget.retrain, nullptr, kScratchRate, seed);
      table[{"from scratch, same size", 3 + f}].push_back(ErrorsOf(scratch, truth));
      const auto [before, after] = JacobianTimes(dense, *start, truth.X);
      const std::vector<Index>& hidden = start->architecture().hidden;
      std::printf(
          "seed %d, %4.1f %%: 8-%d-%d-1, %d instead of %d multiply-adds for a gradient "
          "(%.1fx), %.0f instead of %.0f ns (%.1fx)\n",
          static_cast<int>(seed), 100 * kFractions[f], static_cast<int>(hidden[0]),
          static_cast<int>(hidden[1]), static_cast<int>(pruned.report.multiply_adds_after),
          static_cast<int>(pruned.report.multiply_adds_before),
          static_cast<double>(pruned.report.multiply_adds_before) /
              static_cast<double>(pruned.report.multiply_adds_after),
          1e9 * after, 1e9 * before, before / after);
    }
  }
}

int Run(const bench::Flags& flags) {
  const Budget budget{.samples = flags.Whole("samples", 4096),
                      .steps = flags.Whole("steps", 12000),
                      .retrain = flags.Whole("retrain", 1000)};
  Table table;
  Table of_weights;
  for (Index seed = 1; seed <= flags.Whole("seeds", 3); ++seed) {
    RunSeed(static_cast<std::uint64_t>(seed), budget, table, of_weights);
  }
  std::printf(
      "\nvalue/gradient, pruned by 50, 75, 87.5 %% of the vertices, then retrained for %d "
      "steps\n",
      static_cast<int>(budget.retrain));
  Print(table, "dense", 1);
  for (const Rule& rule : kRules) Print(table, rule.name, 6);
  Print(table, "from scratch, same size", 6);
  std::printf("\nlikewise of the weights, not retrained\n");
  for (const EdgeRule& rule : kEdgeRules) Print(of_weights, rule.name, 3);
  return 0;
}

}  // namespace
}  // namespace sobolev

int main(int argc, char** argv) { return sobolev::Run(sobolev::bench::Flags(argc, argv)); }
