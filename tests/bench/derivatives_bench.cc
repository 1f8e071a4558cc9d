// Derivatives of a network on batches, in multiply-adds of this processor and in gradients.
//
//   derivatives_bench --benchmark_enable_random_interleaving=true
//
// One thread, double precision. peak_share is the share of the multiply-adds that the processor
// can do, as measured in the same process, that those of the chosen sweeps make up.

#include <string>

#include <benchmark/benchmark.h>
#include <oneapi/tbb/task_arena.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/surrogate/surrogate.h"
#include "tests/bench/peak_rate.h"
#include "tests/bench/ratio_reporter.h"

namespace sobolev::bench {
namespace {

constexpr Index kInputs = 8;

nn::NetworkSurrogate Network(Index m) {
  const nn::Architecture architecture{
      .n = kInputs, .m = m, .hidden = {128, 128, 128}, .activation = nn::Activation::kTanh};
  return {architecture,
          {.x_mean = Vector::Zero(kInputs),
           .x_scale = Vector::Ones(kInputs),
           .y_mean = Vector::Zero(m),
           .y_scale = Vector::Ones(m)},
          nn::InitialParameters(architecture, 1)};
}

// Predicts what `size` asks for: value and Jacobian, Hessian, or second-order adjoints.
void Predict(benchmark::State& state, Index m, PredictionSize size) {
  const nn::NetworkSurrogate surrogate = Network(m);
  const Index num_points = size.num_points;
  Rng rng(1);
  Matrix X(kInputs, num_points);
  for (double& entry : X.reshaped()) entry = rng.Normal();
  const Matrix X_dot = Matrix::Ones(kInputs, size.num_tangents);
  const Matrix Y_bar = Matrix::Ones(m, size.num_adjoints);
  const Directions tangents{{X_dot.data(), kInputs, X_dot.cols()}, X_dot.cols(), false};
  const Directions adjoints{{Y_bar.data(), m, Y_bar.cols()}, Y_bar.cols(), false};
  Matrix Y(m, num_points);
  Matrix J(kInputs, m * num_points);
  Matrix H(kInputs, size.hessian ? kInputs * m * num_points : 0);
  Matrix X_bar_dot(kInputs, size.num_tangents * size.num_adjoints * num_points);
  const PredictionBuffers out{.Y = size.jacobian ? Y.data() : nullptr,
                              .J = size.jacobian ? J.data() : nullptr,
                              .H = size.hessian ? H.data() : nullptr,
                              .X_bar_dot = size.second_adjoint ? X_bar_dot.data() : nullptr};
  oneapi::tbb::task_arena arena(1);
  arena.execute([&] {
    for (auto _ : state) {
      surrogate.Predict({X.data(), kInputs, num_points}, tangents, adjoints, out);
      benchmark::ClobberMemory();
    }
  });
  // Cost counts a value sweep for every kind, and products of first order that are not asked for.
  PredictionSize counted = size;
  const PredictionSize first_order{.num_points = num_points,
                                   .num_tangents = size.num_tangents,
                                   .num_adjoints = size.num_adjoints};
  const double excess = size.jacobian ? 0 : surrogate.Cost(first_order);
  const double multiply_adds = surrogate.Cost(counted) - excess;
  state.SetItemsProcessed(state.iterations() * num_points);
  state.counters["peak_share"] = benchmark::Counter(
      static_cast<double>(state.iterations()) * multiply_adds / PeakRate<double>(),
      benchmark::Counter::kIsRate);
}

void Register(const std::string& name, Index m, const PredictionSize& size) {
  benchmark::RegisterBenchmark(name.c_str(), Predict, m, size)->MinTime(0.05)->Repetitions(15);
}

int Main(int argc, char** argv) {
  constexpr Index kBatch = 1024;
  const PredictionSize gradient{.num_points = kBatch, .jacobian = true};
  const PredictionSize hessian{.num_points = kBatch, .hessian = true};
  PredictionSize product{
      .num_points = kBatch, .num_tangents = 1, .num_adjoints = 1, .second_adjoint = true};
  Register("Gradient", 1, gradient);
  Register("Hessian", 1, hessian);
  Register("Product", 1, product);
  Register("Jacobian", 4, gradient);
  Register("HessianOfFour", 4, hessian);
  product.num_points = 1;
  Register("GradientOfOne", 1, {.num_points = 1, .jacobian = true});
  Register("ProductOfOne", 1, product);
  Register("HessianOfOne", 1, {.num_points = 1, .hessian = true});
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  RatioReporter reporter(
      {{"Gradient", "Hessian", "gradients that a Hessian costs, claim: <= 8"},
       {"Gradient", "Product", "gradients that a Hessian-vector product costs"},
       {"GradientOfOne", "ProductOfOne", "the same for a single point"},
       {"GradientOfOne", "HessianOfOne", "gradients that the Hessian of a single point costs"},
       {"Jacobian", "HessianOfFour", "Jacobians that a Hessian of four outputs costs"}});
  benchmark::RunSpecifiedBenchmarks(&reporter);
  benchmark::Shutdown();
  return 0;
}

}  // namespace
}  // namespace sobolev::bench

int main(int argc, char** argv) { return sobolev::bench::Main(argc, argv); }
