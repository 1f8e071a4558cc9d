// Watches what passes through operator new, as all rows do: a program of its own, because it
// replaces it.

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>
#include <vector>

#include <gtest/gtest.h>
#include <malloc.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/trainer.h"
#include "tests/engine/train/problems.h"

namespace {

std::atomic<std::size_t> live_bytes = 0;
std::atomic<std::size_t> peak_bytes = 0;

void* Allocate(std::size_t size, std::size_t alignment) {
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  const std::size_t live = live_bytes += malloc_usable_size(memory);
  std::size_t peak = peak_bytes;
  while (live > peak && !peak_bytes.compare_exchange_weak(peak, live)) {
  }
  return memory;
}

void Release(void* memory) noexcept {
  live_bytes -= malloc_usable_size(memory);
  std::free(memory);
}

}  // namespace

void* operator new(std::size_t size) { return Allocate(size, alignof(std::max_align_t)); }
void* operator new(std::size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { Release(memory); }
void operator delete(void* memory, std::size_t /*size*/) noexcept { Release(memory); }
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept { Release(memory); }
void operator delete(void* memory, std::size_t /*size*/, std::align_val_t /*alignment*/) noexcept {
  Release(memory);
}

namespace sobolev::train {
namespace {

// The most that `body` holds at once beyond what was there before.
template <class Body>
double PeakOf(const Body& body) {
  const std::size_t before = live_bytes;
  peak_bytes = before;
  body();
  return static_cast<double>(peak_bytes - before);
}

OwnedSamples Wide(Index n, Index m, Index num_samples) {
  Rng rng(1);
  OwnedSamples samples{.X = Matrix(n, num_samples),
                       .Y = Matrix(m, num_samples),
                       .J = Matrix(n, m * num_samples),
                       .weight = {}};
  for (double& x : samples.X.reshaped()) x = rng.Normal();
  for (double& y : samples.Y.reshaped()) y = rng.Normal();
  for (double& entry : samples.J.reshaped()) entry = rng.Uniform();
  return samples;
}

TEST(MemoryTest, TheCounterCounts) {
  EXPECT_GE(PeakOf([] { const std::vector<double> numbers(1000); }), 8000);
}

// Samples of 66 MB in a trainer that may hold 24.
TEST(MemoryTest, AStreamedTrainingHoldsWhatItPromises) {
  const OwnedSamples samples = Wide(20, 1, 200'000);
  const SampleSet view = samples.View();
  constexpr std::size_t kLimit = 24'000'000;
  const Options options{.hidden = {32, 32}, .epochs = 2, .batch_size = 1000};
  const Options resolved = ResolveOptions(options, ShapeOf(view), kLimit);
  ASSERT_TRUE(resolved.streamed);
  Status status = Status::kRunning;
  const double peak = PeakOf([&] {
    Trainer trainer(view, resolved);
    status = RunToEnd(trainer);
  });
  EXPECT_EQ(status, Status::kMaxEpochs);
  EXPECT_LT(peak, kLimit);
  EXPECT_NEAR(peak, static_cast<double>(MemoryBytes(resolved, ShapeOf(view))), 0.1 * kLimit);
  Options resident = resolved;
  resident.streamed = false;
  EXPECT_GT(PeakOf([&] { Trainer(view, resident); }), kLimit);
}

// Jacobians of 20 numbers fitted of 2,000: the rows of the others are never copied.
TEST(MemoryTest, ASketchHoldsAFractionOfTheJacobians) {
  const OwnedSamples samples = Wide(40, 50, 2000);
  const SampleSet view = samples.View();
  const Options options{.hidden = {16}, .epochs = 2, .batch_size = 200};
  const Options resolved =
      ResolveOptions(options, ShapeOf(view), std::numeric_limits<std::size_t>::max());
  ASSERT_EQ(*resolved.derivative_sketch, kSketchedOutputs);
  const double peak = PeakOf([&] {
    Trainer trainer(view, resolved);
    RunToEnd(trainer);
  });
  EXPECT_LT(peak, 0.8 * static_cast<double>(samples.J.size()) * sizeof(double));
  EXPECT_LT(peak, 1.2 * static_cast<double>(MemoryBytes(resolved, ShapeOf(view))));
}

}  // namespace
}  // namespace sobolev::train
