// One optimiser step on value and gradient losses: gather of random rows, twin sweep, Adam. The net
// is 20-20-20-20-20-1 softplus, one thread. tests/bench/train_step.py compares it with PyTorch.

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include <benchmark/benchmark.h>
#include <oneapi/tbb/global_control.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/nn/twin_sweep.h"
#include "engine/train/adam.h"

namespace sobolev {
namespace {

constexpr Index kNumSamples = 8192;

template <class T>
void TrainStep(benchmark::State& state) {
  const oneapi::tbb::global_control one_thread(oneapi::tbb::global_control::max_allowed_parallelism,
                                               1);
  const nn::Architecture architecture{.n = 20, .m = 1, .hidden = {20, 20, 20, 20}};
  const Index stride = nn::RowSize(architecture.n, architecture.m);
  Rng rng(1);
  std::vector<T> rows(static_cast<std::size_t>(kNumSamples * stride));
  for (T& entry : rows) entry = static_cast<T>(rng.Normal());
  for (std::size_t s = 0; s < static_cast<std::size_t>(kNumSamples); ++s) {
    rows[(s + 1) * static_cast<std::size_t>(stride) - 2] = 1;
    rows[(s + 1) * static_cast<std::size_t>(stride) - 1] = 1;
  }
  std::vector<std::uint32_t> order(static_cast<std::size_t>(kNumSamples));
  std::iota(order.begin(), order.end(), 0);
  Shuffle<std::uint32_t>(order, rng);

  const Vector initial = nn::InitialParameters(architecture, 1);
  std::vector<T> theta(initial.begin(), initial.end());
  std::vector<T> gradient(theta.size());
  const std::vector<T> lambda(static_cast<std::size_t>(architecture.n), T{1});
  const auto batch = static_cast<std::size_t>(state.range(0));
  nn::TwinSweep<T> sweep(architecture, lambda, state.range(0));
  train::Adam<T> adam(theta.size());
  std::size_t next = 0;
  for (auto _ : state) {
    const std::span<const std::uint32_t> indices = std::span(order).subspan(next, batch);
    next = (next + batch) % order.size();
    sweep.SetParameters(theta);
    benchmark::DoNotOptimize(
        sweep.LossAndGradient({rows.data(), stride}, indices, 1.0 / 21, 20.0 / 21, gradient));
    adam.Step(theta, gradient, 1e-4);
  }
  state.counters["samples_per_second"] =
      benchmark::Counter(static_cast<double>(state.iterations()) * static_cast<double>(batch),
                         benchmark::Counter::kIsRate);
}

BENCHMARK(TrainStep<float>)->Name("TrainStep/float32")->Arg(256)->Arg(1024)->Arg(4096);
BENCHMARK(TrainStep<double>)->Name("TrainStep/float64")->Arg(256)->Arg(1024)->Arg(4096);

}  // namespace
}  // namespace sobolev

BENCHMARK_MAIN();
