// Counts what passes through operator new: a program of its own, because it replaces it.

#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/nn/twin_sweep.h"
#include "tests/support/counting_new.h"

namespace sobolev::nn {
namespace {

const Architecture kArchitecture{.n = 7, .m = 3, .hidden = {20, 20}};

// The number of allocations that `body` makes.
template <class Body>
int AllocationsOf(const Body& body) {
  const int before = num_allocations;
  body();
  return num_allocations - before;
}

TEST(AllocationTest, TheCounterCounts) {
  EXPECT_GT(AllocationsOf([] { const std::vector<int> numbers(100); }), 0);
  EXPECT_GT(
      AllocationsOf([] { const TwinSweep<float> sweep(kArchitecture, std::vector<float>(21), 1); }),
      0);
}

// Within a tenth and the few kilobytes of bookkeeping.
TEST(AllocationTest, MemoryBytesIsWhatTheConstructorAllocates) {
  for (const Architecture& architecture :
       {kArchitecture, Architecture{.n = 50, .m = 6, .hidden = {300, 200}},
        Architecture{.n = 2, .m = 1, .hidden = {2000, 2000}}}) {
    for (const Index max_batch : {1, 1000, 100'000}) {
      const auto num_entries = static_cast<std::size_t>(architecture.n * architecture.m);
      const std::vector<float> lambda(num_entries, 1.0F);
      const std::size_t before = num_bytes;
      const TwinSweep<float> sweep(architecture, lambda, max_batch);
      const auto allocated = static_cast<double>(num_bytes - before);
      const auto promised = static_cast<double>(TwinSweep<float>::MemoryBytes(
          architecture, {.n = architecture.n, .m = architecture.m}, max_batch));
      EXPECT_NEAR(allocated, promised, 0.1 * promised + 16384);
    }
  }
}

TEST(AllocationTest, TrainingStepsAllocateNothing) {
  constexpr std::size_t kBatch = 100;
  const Vector initial = InitialParameters(kArchitecture, 1);
  const std::vector<double> theta(initial.begin(), initial.end());
  std::vector<std::uint32_t> indices(kBatch);
  std::iota(indices.begin(), indices.end(), 0);
  std::vector<double> gradient(theta.size());
  std::vector<double> sums(3);
  const RowLayout jacobians{.n = kArchitecture.n, .m = kArchitecture.m};
  RowLayout all_kinds = jacobians;
  all_kinds.entry_weights = true;
  all_kinds.num_tangents = 2;
  all_kinds.num_adjoints = 3;
  for (const RowLayout& layout : {jacobians, all_kinds}) {
    const std::vector<double> rows(kBatch * static_cast<std::size_t>(layout.Size()), 0.5);
    TwinSweep<double> sweep(kArchitecture, layout, std::vector<double>(21, 1.0), kBatch);
    const auto step = [&] {
      sweep.SetParameters(theta);
      sweep.LossAndGradient({rows.data(), layout.Size()}, indices, 0.5, 0.5, gradient);
      sweep.Residuals({rows.data(), layout.Size()}, indices, sums, sums);
    };
    step();  // oneTBB starts its threads.
    EXPECT_EQ(AllocationsOf([&] {
                for (int i = 0; i < 3; ++i) step();
              }),
              0);
  }
}

TEST(AllocationTest, PredictionsAllocateNothingAfterTheFirst) {
  const NetworkSurrogate surrogate(kArchitecture,
                                   {.x_mean = Vector::Zero(7),
                                    .x_scale = Vector::Ones(7),
                                    .y_mean = Vector::Zero(3),
                                    .y_scale = Vector::Ones(3)},
                                   InitialParameters(kArchitecture, 1));
  const Matrix X = Matrix::Constant(7, 100, 0.5);
  const Directions tangents{{X.data(), 7, 2}, 2, false};
  const Directions adjoints{{X.data(), 3, 2}, 2, false};
  Matrix Y(3, 100);
  Matrix J(7, 300);
  Matrix Y_dot(3, 200);
  Matrix X_bar(7, 200);
  Matrix X_bar_dot(7, 400);
  const auto predict = [&](Index num_points) {
    surrogate.Predict({X.data(), 7, num_points}, tangents, adjoints,
                      {.Y = Y.data(),
                       .J = J.data(),
                       .Y_dot = Y_dot.data(),
                       .X_bar = X_bar.data(),
                       .X_bar_dot = X_bar_dot.data()});
  };
  predict(100);
  EXPECT_EQ(AllocationsOf([&] { predict(1); }), 0);
  EXPECT_EQ(AllocationsOf([&] { predict(100); }), 0);
}

}  // namespace
}  // namespace sobolev::nn
