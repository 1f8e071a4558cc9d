// One optimiser step on value and gradient losses: gather of random rows, twin sweep, Adam.
// tests/bench/train_step.py compares it with PyTorch and JAX. Names are
// TrainStep/NET/PRECISION/BATCH/THREADS; peak_share is the share of the processor's multiply-adds,
// as measured in the same process, that the step's arithmetic makes up.

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <sstream>
#include <vector>

#include <benchmark/benchmark.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/nn/twin_sweep.h"
#include "engine/train/adam.h"
#include "tests/bench/peak_rate.h"

namespace sobolev {
namespace {

constexpr Index kNumSamples = 8192;

// Of one sample: three products per layer for the values and three per output for the derivatives,
// of which the first layer saves one per output.
double MultiplyAdds(const nn::Architecture& architecture) {
  double products = 0;
  const auto m = static_cast<double>(architecture.m);
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const auto size = static_cast<double>(architecture.Rows(l) * architecture.Cols(l));
    products += size * (l == 1 ? 2 + 3 * m : l < architecture.Depth() ? 3 + 3 * m : 3);
  }
  return products;
}

template <class T>
void TrainStep(benchmark::State& state, const nn::Architecture& architecture, int batch,
               int threads) {
  oneapi::tbb::task_arena arena(threads);
  const Index n = architecture.n;
  const Index m = architecture.m;
  const Index stride = nn::RowSize(n, m);
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
  const std::vector<T> lambda(static_cast<std::size_t>(m * n), T{1});
  const double alpha = 1 / (1 + static_cast<double>(n));
  nn::TwinSweep<T> sweep(architecture, lambda, batch);
  train::Adam<T> adam(theta.size());
  std::size_t next = 0;
  arena.execute([&] {
    for (auto _ : state) {
      const std::span<const std::uint32_t> indices =
          std::span(order).subspan(next, static_cast<std::size_t>(batch));
      next = (next + static_cast<std::size_t>(batch)) % order.size();
      sweep.SetParameters(theta);
      benchmark::DoNotOptimize(
          sweep.LossAndGradient({rows.data(), stride}, indices, alpha, 1 - alpha, gradient));
      adam.Step(theta, gradient, 1e-4);
    }
  });
  const double samples = static_cast<double>(state.iterations()) * batch;
  state.counters["samples_per_second"] = benchmark::Counter(samples, benchmark::Counter::kIsRate);
  state.counters["peak_share"] =
      benchmark::Counter(samples * MultiplyAdds(architecture) / (PeakRate<T>() * threads),
                         benchmark::Counter::kIsRate);
}

void Register() {
  struct Net {
    const char* name;
    nn::Architecture architecture;
  };
  const Net nets[] = {
      {"narrow", {.n = 20, .m = 1, .hidden = {20, 20, 20, 20}}},
      {"wide", {.n = 8, .m = 4, .hidden = {128, 128, 128}, .activation = nn::Activation::kTanh}}};
  for (const Net& net : nets) {
    for (const int batch : {256, 1024, 4096}) {
      for (const int threads : {1, 2}) {
        const auto add = [&](const char* precision, auto step) {
          std::ostringstream name;
          name << "TrainStep/" << net.name << '/' << precision << '/' << batch << '/' << threads;
          auto* const registered = benchmark::RegisterBenchmark(name.str().c_str(), step,
                                                                net.architecture, batch, threads);
          if (threads > 1) registered->UseRealTime();
        };
        add("float32", TrainStep<float>);
        add("float64", TrainStep<double>);
      }
    }
  }
}

}  // namespace
}  // namespace sobolev

int main(int argc, char** argv) {
  sobolev::Register();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
