// Networks with zeros among their weights: the evaluation without the zeros against that of a dense
// network of the same shape.
//
//   sparse_bench
//
// One thread, double precision, a batch of 1,024 points and single points, evaluated in turns; the
// least time of all turns. The weights of the dense network are the same, with 1e-200 for 0, so
// that it does all multiply-adds and comes to the same results.

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <limits>
#include <vector>

#include <oneapi/tbb/task_arena.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"

namespace sobolev::bench {
namespace {

constexpr int kTurns = 15;
constexpr Index kPoints = 1024;
constexpr double kShares[] = {0.5, 0.7, 0.8, 0.9, 0.95};

// Every weight is 0, or `zero`, with that probability.
nn::NetworkSurrogate Network(const nn::Architecture& architecture, double share, double zero) {
  Vector theta = nn::InitialParameters(architecture, 1);
  Rng rng(2);
  Index next = 0;
  for (Index l = 1; l <= architecture.Depth(); ++l) {
    const Index num_weights = architecture.Rows(l) * architecture.Cols(l);
    for (Index i = 0; i < num_weights; ++i, ++next) {
      if (rng.Uniform() < share) theta[next] = zero;
    }
    next += architecture.Rows(l);
  }
  return {architecture,
          {.x_mean = Vector::Zero(architecture.n),
           .x_scale = Vector::Ones(architecture.n),
           .y_mean = Vector::Zero(architecture.m),
           .y_scale = Vector::Ones(architecture.m)},
          theta};
}

// Of the processor, for this thread: what others do does not count.
double ThreadSeconds() {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

class Predictor {
 public:
  Predictor(const nn::NetworkSurrogate& network, Index num_points, bool jacobian)
      : network_(network),
        points_(network.n(), num_points),
        values_(network.m(), num_points),
        jacobian_(network.n(), jacobian ? network.m() * num_points : 0) {
    Rng rng(3);
    for (double& entry : points_.reshaped()) entry = rng.Normal();
  }

  double Seconds() {
    const Index repetitions = std::max<Index>(1, 512 / points_.cols());
    const double start = ThreadSeconds();
    for (Index i = 0; i < repetitions; ++i) {
      network_.Predict(
          {points_.data(), points_.rows(), points_.cols()}, {}, {},
          {.Y = values_.data(), .J = jacobian_.size() > 0 ? jacobian_.data() : nullptr});
    }
    return (ThreadSeconds() - start) / static_cast<double>(repetitions);
  }

 private:
  const nn::NetworkSurrogate& network_;
  Matrix points_;
  Matrix values_;
  Matrix jacobian_;
};

// How many times as long the dense network takes.
double Gain(const nn::NetworkSurrogate& sparse, const nn::NetworkSurrogate& dense, Index num_points,
            bool jacobian) {
  Predictor without_zeros(sparse, num_points, jacobian);
  Predictor with_zeros(dense, num_points, jacobian);
  double of_sparse = std::numeric_limits<double>::infinity();
  double of_dense = std::numeric_limits<double>::infinity();
  for (int turn = 0; turn < kTurns; ++turn) {
    of_sparse = std::min(of_sparse, without_zeros.Seconds());
    of_dense = std::min(of_dense, with_zeros.Seconds());
  }
  return of_dense / of_sparse;
}

void Measure(Index n, Index m, const std::vector<Index>& hidden) {
  const nn::Architecture architecture{.n = n, .m = m, .hidden = hidden};
  std::printf("%td", n);
  for (const Index width : hidden) std::printf("-%td", width);
  std::printf("-%td\n", m);
  for (const double share : kShares) {
    const nn::NetworkSurrogate sparse = Network(architecture, share, 0);
    const nn::NetworkSurrogate dense = Network(architecture, share, 1e-200);
    std::printf(
        "  %3.0f%% zeros  batch: value %5.2f  Jacobian %5.2f   point: value %5.2f  "
        "Jacobian %5.2f\n",
        100 * share, Gain(sparse, dense, kPoints, false), Gain(sparse, dense, kPoints, true),
        Gain(sparse, dense, 1, false), Gain(sparse, dense, 1, true));
  }
}

void Run() {
  std::printf("time of the dense network, times that of the sparse one\n");
  Measure(8, 1, {64, 64});
  Measure(8, 8, {64, 64, 64});
  Measure(32, 32, {64, 64, 64});
  Measure(16, 16, {128, 128, 128});
  Measure(32, 32, {256, 256});
}

}  // namespace
}  // namespace sobolev::bench

int main() {
  oneapi::tbb::task_arena arena(1);
  arena.execute([] { sobolev::bench::Run(); });
}
