// What plans are worth: Jacobians of a network with a waist by its plan, against all rows by
// adjoints and all columns by tangents; and what planning itself takes. Before that, what plans
// predict, against the multiply-adds that are counted while they are carried out.
//
//   chain_bench --benchmark_enable_random_interleaving=true
//
// 64-32-16-2-16-32-64 with activations, 1,024 points, double precision, one thread. Planners use
// all threads.

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include <benchmark/benchmark.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/chain/chain_planner.h"
#include "engine/chain/jacobian_chain.h"
#include "engine/chain/memory_planner.h"
#include "engine/chain/memory_search.h"
#include "engine/chain/memory_sizes.h"
#include "engine/chain/pipeline.h"
#include "engine/chain/plan_execution.h"
#include "engine/chain/scheduled_planner.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/surrogate.h"
#include "tests/bench/ratio_reporter.h"

namespace sobolev::bench {
namespace {

constexpr Index kSide = 64;
constexpr Index kPoints = 1024;

enum class Mode { kPlan, kTangents, kAdjoints };

void Jacobians(benchmark::State& state, Mode mode) {
  const nn::Architecture architecture{
      .n = kSide, .m = kSide, .hidden = {32, 16, 2, 16, 32}, .activation = nn::Activation::kTanh};
  const nn::NetworkSurrogate network(architecture,
                                     {.x_mean = Vector::Zero(kSide),
                                      .x_scale = Vector::Ones(kSide),
                                      .y_mean = Vector::Zero(kSide),
                                      .y_scale = Vector::Ones(kSide)},
                                     nn::InitialParameters(architecture, 1));
  Rng rng(1);
  Matrix X(kSide, kPoints);
  for (double& entry : X.reshaped()) entry = rng.Normal();
  const Matrix units = Matrix::Identity(kSide, kSide);
  const Directions directions{{units.data(), kSide, kSide}, kSide, false};
  Matrix J(kSide, kSide * kPoints);
  const PredictionBuffers out{.J = mode == Mode::kPlan ? J.data() : nullptr,
                              .Y_dot = mode == Mode::kTangents ? J.data() : nullptr,
                              .X_bar = mode == Mode::kAdjoints ? J.data() : nullptr};
  oneapi::tbb::task_arena arena(1);
  arena.execute([&] {
    for ([[maybe_unused]] auto iteration : state) {
      network.Predict({X.data(), kSide, kPoints}, directions, directions, out);
      benchmark::ClobberMemory();
    }
  });
  state.SetItemsProcessed(state.iterations() * kPoints);
}

// An elemental function with as many edges as a factor says, from random inputs and vertices to
// random later ones; all partial derivatives are 1.
class CountingTape {
 public:
  CountingTape(const chain::ChainFactor& factor, Rng& rng, std::atomic<std::uint64_t>& counted)
      : n_(static_cast<Index>(factor.n)), m_(static_cast<Index>(factor.m)), counted_(counted) {
    edges_.reserve(factor.edges);
    for (std::uint64_t e = 0; e < factor.edges; ++e) {
      const auto from = static_cast<Index>(rng.Below(factor.n));
      const auto to = static_cast<Index>(rng.Below(factor.m));
      edges_.emplace_back(from, to);
    }
  }

  chain::LinearisedFactor Linearised() const {
    return {.n = n_,
            .m = m_,
            .tangents =
                [this](const ConstMatrixMap& U_dot, Index, double* Y_dot) {
                  MatrixMap result(Y_dot, m_, U_dot.cols());
                  result.setZero();
                  for (Index column = 0; column < U_dot.cols(); ++column) {
                    for (const auto& [from, to] : edges_) {
                      result(to, column) += U_dot(from, column);
                      ++counted_;
                    }
                  }
                },
            .adjoints =
                [this](const ConstMatrixMap& Y_bar, Index, double* U_bar) {
                  MatrixMap result(U_bar, n_, Y_bar.cols());
                  result.setZero();
                  for (Index column = 0; column < Y_bar.cols(); ++column) {
                    for (const auto& [from, to] : edges_) {
                      result(from, column) += Y_bar(to, column);
                      ++counted_;
                    }
                  }
                }};
  }

 private:
  Index n_;
  Index m_;
  std::vector<std::pair<Index, Index>> edges_;
  std::atomic<std::uint64_t>& counted_;
};

// One point of a chain, by its plan; multiply-adds of products are those of the matrices' sizes.
void PrintCounts(const std::string& name, const chain::JacobianChain& chain,
                 const chain::ChainPlan& plan) {
  std::atomic<std::uint64_t> counted = 0;
  Rng rng(1);
  std::vector<CountingTape> tapes;
  std::vector<chain::LinearisedFactor> factors;
  tapes.reserve(chain.factors().size());
  factors.reserve(chain.factors().size());
  for (const chain::ChainFactor& factor : chain.factors()) {
    factors.push_back(tapes.emplace_back(factor, rng, counted).Linearised());
  }
  std::uint64_t products = 0;
  for (const chain::PlanStep& step : plan.steps) {
    if (step.kind != chain::StepKind::kProduct) continue;
    const int k = plan.steps[static_cast<std::size_t>(step.earlier)].last;
    products += chain[step.last].m * chain[k].m * chain[step.first].n;
  }
  benchmark::DoNotOptimize(ExecutePlan(plan, factors, 1));
  const std::uint64_t total = counted + products;
  std::printf("%-36s %12s %12llu %12llu %12llu%s\n", name.c_str(), plan.cost.ToString().c_str(),
              static_cast<unsigned long long>(counted.load()),
              static_cast<unsigned long long>(products), static_cast<unsigned long long>(total),
              chain::Cost(total) == plan.cost ? "" : "  DIFFERENT");
}

void PrintAllCounts() {
  std::printf("%-36s %12s %12s %12s %12s\n", "multiply-adds of a point", "predicted", "in sweeps",
              "in products", "counted");
  std::vector<chain::ChainFactor> waist;
  const std::vector<std::uint64_t> sizes{64, 32, 16, 2, 16, 32, 64};
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
    waist.push_back({sizes[l], sizes[l + 1], sizes[l] * sizes[l + 1]});
    if (l + 2 < sizes.size()) waist.push_back({sizes[l + 1], sizes[l + 1], sizes[l + 1]});
  }
  const chain::JacobianChain network(waist);
  PrintCounts("64-32-16-2-16-32-64", network, PlanChain(network));
  PrintCounts("the same, only tangents", network, PlanChain(network, {.tape_memory = 0}));
  PrintCounts("the same, on 3 workers", network, PlanScheduled(network, 3).plan);
  for (const int length : {10, 50, 100}) {
    const chain::JacobianChain random = chain::RandomChain(length, 30, 1);
    PrintCounts("random, " + std::to_string(length) + " factors", random, PlanChain(random));
  }
  std::printf("\n");
}

void Plan(benchmark::State& state) {
  const chain::JacobianChain chain = chain::RandomChain(static_cast<int>(state.range(0)), 100, 1);
  for ([[maybe_unused]] auto iteration : state) {
    benchmark::DoNotOptimize(chain::PlanChain(chain));
  }
}

// Chains as published: sizes in [5, 50], edges in [1000, 10000].
void PlanForWorkers(benchmark::State& state) {
  constexpr int kChains = 100;
  Rng rng(47111);
  std::vector<chain::JacobianChain> chains;
  for (int c = 0; c < kChains; ++c) {
    std::vector<chain::ChainFactor> factors;
    std::uint64_t n = 5 + rng.Below(46);
    for (int i = 0; i < state.range(0); ++i) {
      const std::uint64_t m = 5 + rng.Below(46);
      factors.push_back({n, m, 1000 + rng.Below(9001)});
      n = m;
    }
    chains.emplace_back(factors);
  }
  int proven = 0;
  for ([[maybe_unused]] auto iteration : state) {
    proven = 0;
    for (const chain::JacobianChain& chain : chains) {
      proven += chain::PlanScheduled(chain, static_cast<int>(state.range(1))).optimal ? 1 : 0;
    }
  }
  state.SetItemsProcessed(state.iterations() * kChains);
  state.counters["proven_optimal_%"] = 100.0 * proven / kChains;
}

// Products of n×n Jacobians at 256 points; the time of a multiply-add is 1 over the rate.
void MultiplyJacobians(benchmark::State& state) {
  constexpr Index kNumPoints = 256;
  const Index n = state.range(0);
  const Matrix later = Matrix::Constant(n, n * kNumPoints, 0.5);
  const Matrix earlier = Matrix::Constant(n, n * kNumPoints, 0.25);
  for ([[maybe_unused]] auto iteration : state) {
    benchmark::DoNotOptimize(chain::MultiplyJacobians(later, earlier, kNumPoints).data());
  }
  state.SetItemsProcessed(state.iterations() * kNumPoints * n * n * n);
}

// Jacobians of a chain of three networks through two waists, of a batch of so many points, on all
// threads.
void PipelineJacobians(benchmark::State& state) {
  const auto network = [](Index n, Index m) {
    const nn::Architecture architecture{.n = n, .m = m, .hidden = {64}};
    return std::make_shared<nn::NetworkSurrogate>(architecture,
                                                  nn::Scaling{.x_mean = Vector::Zero(n),
                                                              .x_scale = Vector::Ones(n),
                                                              .y_mean = Vector::Zero(m),
                                                              .y_scale = Vector::Ones(m)},
                                                  nn::InitialParameters(architecture, 1));
  };
  const auto range = [](Index first, Index count) {
    std::vector<Index> positions(static_cast<std::size_t>(count));
    std::iota(positions.begin(), positions.end(), first);
    return positions;
  };
  const chain::Pipeline pipeline(48,
                                 {{network(48, 8), range(0, 48)},
                                  {network(8, 8), range(48, 8)},
                                  {network(8, 48), range(56, 8)}},
                                 range(64, 48));
  const Index num_points = state.range(0);
  const Matrix X = Matrix::Constant(48, num_points, 0.3);
  Matrix J(48, 48 * num_points);
  for ([[maybe_unused]] auto iteration : state) {
    pipeline.Predict({X.data(), 48, num_points}, {}, {}, {.J = J.data()});
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * num_points);
}

// How far plans of the heuristics for long chains are above the optimum within the same memory, for
// memories between the least and that of the cheapest plan. Up to 6 factors their beam is about as
// wide as all states that there are; beyond 8 factors no optimum is asked for otherwise.
void PlanWithinMemory(benchmark::State& state) {
  struct Case {
    chain::JacobianChain chain;
    std::uint64_t memory;
    std::uint64_t optimum;
  };
  const int length = static_cast<int>(state.range(0));
  std::vector<Case> cases;
  for (std::uint64_t seed = 0; cases.size() < static_cast<std::size_t>(state.range(1)); ++seed) {
    const chain::JacobianChain chain = chain::RandomChain(length, 10, 1000 + seed);
    const chain::MemorySizes sizes(chain);
    chain::MemorySearch search(sizes, {});
    const std::uint64_t least = search.Leanest().plan->memory;
    const std::uint64_t most = search.Exact(UINT64_MAX).plan->memory;
    for (std::uint64_t part = 0; part <= 5; ++part) {
      const std::uint64_t memory = least + (most - least) * part / 5;
      cases.push_back({chain, memory, search.Exact(memory).plan->cost});
    }
  }
  double sum = 0;
  double worst = 1;
  int infeasible = 0;
  for ([[maybe_unused]] auto iteration : state) {
    for (const Case& each : cases) {
      try {
        const chain::MemoryPlan plan =
            chain::PlanWithinMemory(each.chain, each.memory, {.max_exact_factors = 0});
        const double ratio = plan.cost.ToDouble() / static_cast<double>(each.optimum);
        sum += ratio;
        worst = std::max(worst, ratio);
      } catch (const Error&) {
        ++infeasible;
      }
    }
  }
  const int count = static_cast<int>(cases.size());
  state.SetItemsProcessed(count);
  state.counters["plans"] = count;
  state.counters["mean_over_optimum"] = sum / (count - infeasible);
  state.counters["worst_over_optimum"] = worst;
  state.counters["none_found"] = infeasible;
}

int Main(int argc, char** argv) {
  benchmark::RegisterBenchmark("Plan", Jacobians, Mode::kPlan)->Repetitions(9);
  benchmark::RegisterBenchmark("Tangents", Jacobians, Mode::kTangents)->Repetitions(9);
  benchmark::RegisterBenchmark("Adjoints", Jacobians, Mode::kAdjoints)->Repetitions(9);
  benchmark::RegisterBenchmark("PlanChain", Plan)
      ->Arg(500)
      ->Arg(2000)
      ->Arg(5000)
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("PlanScheduled", PlanForWorkers)
      ->ArgsProduct({{4, 6, 8}, {2, 3, 4, 5}})
      ->Unit(benchmark::kMillisecond);
  benchmark::RegisterBenchmark("PipelineJacobians", PipelineJacobians)
      ->Arg(1)
      ->Arg(64)
      ->Arg(256)
      ->Arg(1024)
      ->UseRealTime();
  benchmark::RegisterBenchmark("MultiplyJacobians", MultiplyJacobians)
      ->Arg(2)
      ->Arg(4)
      ->Arg(8)
      ->Arg(16)
      ->Arg(32)
      ->Arg(64);
  benchmark::RegisterBenchmark("PlanWithinMemory", PlanWithinMemory)
      ->Args({4, 120})
      ->Args({6, 120})
      ->Args({8, 60})
      ->Args({9, 60})
      ->Args({10, 30})
      ->Iterations(1)
      ->Unit(benchmark::kMillisecond);
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  RatioReporter reporter(
      {{"Plan", "Tangents", "claim: >= 5"}, {"Plan", "Adjoints", "claim: >= 5"}});
  PrintAllCounts();
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace sobolev::bench

int main(int argc, char** argv) { return sobolev::bench::Main(argc, argv); }
