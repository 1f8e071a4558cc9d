// What plans are worth: Jacobians of a network with a waist by its plan, against all rows by
// adjoints and all columns by tangents; and what planning itself takes.
//
//   chain_bench --benchmark_enable_random_interleaving=true
//
// 64-32-16-2-16-32-64 with activations, 1,024 points, double precision, one thread. Planners use
// all threads.

#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/chain/chain_planner.h"
#include "engine/chain/jacobian_chain.h"
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
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  RatioReporter reporter(
      {{"Plan", "Tangents", "claim: >= 5"}, {"Plan", "Adjoints", "claim: >= 5"}});
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace sobolev::bench

int main(int argc, char** argv) { return sobolev::bench::Main(argc, argv); }
