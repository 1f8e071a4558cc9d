// Training on a mapped file with rows that are all in memory, and with rows that are made while
// they are needed (engine/train/batches.h): samples per second of both, epoch by epoch in turn, and
// the memory that the second holds.
//
//     stream_bench [--samples=N] [--batch=B] [--epochs=E] [--threads=T] [--directory=D]
//
// 20 inputs, network 20-32-32-1, values and gradients, float32. The file takes 328 bytes a sample
// and is removed at the end.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include <fcntl.h>
#include <oneapi/tbb/task_arena.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/base/matrix.h"
#include "engine/base/rng.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/trainer.h"
#include "tests/bench/flags.h"

namespace sobolev {
namespace {

constexpr Index kInputs = 20;

double Seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Private memory of the process, without mapped files.
double AnonymousMegabytes() {
  std::ifstream status("/proc/self/status");
  std::string line;
  while (std::getline(status, line)) {
    if (line.rfind("RssAnon:", 0) == 0) return std::strtod(line.c_str() + 8, nullptr) / 1024;
  }
  return 0;
}

// x, y and ∇y one after the other, each for all samples.
void WriteFile(const std::string& path, Index num_samples) {
  std::FILE* const file = std::fopen(path.c_str(), "wb");
  if (file == nullptr) std::exit(2);
  Vector w(kInputs);
  for (Index j = 0; j < kInputs; ++j) w[j] = std::sin(1.0 + static_cast<double>(j));
  for (int column = 0; column < 3; ++column) {
    Rng rng(1);
    for (Index s = 0; s < num_samples; ++s) {
      Vector x(kInputs);
      for (double& entry : x) entry = 2 * rng.Uniform() - 1;
      const double z = w.dot(x);
      const double y = std::sin(z) + 0.1 * z * z;
      const Vector gradient = (std::cos(z) + 0.2 * z) * w;
      const auto write = [&](const double* numbers, Index count) {
        std::fwrite(numbers, sizeof(double), static_cast<std::size_t>(count), file);
      };
      if (column == 0) write(x.data(), kInputs);
      if (column == 1) write(&y, 1);
      if (column == 2) write(gradient.data(), kInputs);
    }
  }
  std::fclose(file);
}

// One epoch with its validation; training samples per second.
double EpochRate(train::Trainer& trainer) {
  const double start = Seconds();
  while (trainer.Advance({}, std::numeric_limits<Index>::max()) == train::Status::kRunning) {
  }
  return static_cast<double>(trainer.NumTrainingSamples()) / (Seconds() - start);
}

double Median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

int Run(const bench::Flags& flags) {
  const Index num_samples = flags.Whole("samples", 1'000'000);
  const Index epochs = flags.Whole("epochs", 5);
  std::string path = flags.Text("directory", "/tmp") + "/stream_bench.XXXXXX";
  const int reserved_name = mkstemp(path.data());
  if (reserved_name < 0) return 2;
  close(reserved_name);
  WriteFile(path, num_samples);
  const int file = open(path.c_str(), O_RDONLY);
  const auto bytes = static_cast<std::size_t>(num_samples * (2 * kInputs + 1)) * sizeof(double);
  void* const mapped = mmap(nullptr, bytes, PROT_READ, MAP_SHARED, file, 0);
  unlink(path.c_str());
  if (mapped == MAP_FAILED) return 2;
  const auto* const x = static_cast<const double*>(mapped);
  const double* const y = x + num_samples * kInputs;
  const train::SampleSet samples{
      .n = kInputs,
      .m = 1,
      .blocks = {{.rows = num_samples, .x = x, .y = y, .jacobian = y + num_samples}}};

  train::Options options{.hidden = {32, 32},
                         .epochs = epochs,
                         .batch_size = flags.Whole("batch", 1024),
                         .patience = 0};
  options.streamed = true;
  const train::SampleShape shape = train::ShapeOf(samples);
  const train::Options resolved =
      train::ResolveOptions(options, shape, std::numeric_limits<std::size_t>::max());
  const double promised = static_cast<double>(train::MemoryBytes(resolved, shape)) / 1e6;

  oneapi::tbb::task_arena arena(static_cast<int>(flags.Whole("threads", 1)));
  arena.execute([&] {
    double start = Seconds();
    const double before = AnonymousMegabytes();
    train::Trainer streamed(samples, options);
    const double streamed_start = Seconds() - start;
    EpochRate(streamed);
    const double held = AnonymousMegabytes() - before;
    options.streamed = false;
    start = Seconds();
    train::Trainer resident(samples, options);
    const double resident_start = Seconds() - start;
    EpochRate(resident);
    std::printf(
        "file %.0f MB; streamed trainer %.0f MB (promised %.0f), starts in %.2f s; "
        "resident %.0f MB, starts in %.2f s\n",
        static_cast<double>(bytes) / 1e6, held, promised, streamed_start,
        AnonymousMegabytes() - before - held, resident_start);
    std::vector<double> resident_rates;
    std::vector<double> streamed_rates;
    for (Index epoch = 1; epoch < epochs; ++epoch) {
      resident_rates.push_back(EpochRate(resident));
      streamed_rates.push_back(EpochRate(streamed));
    }
    std::printf("samples/s resident %.4g streamed %.4g ratio %.3f; validation loss %.3g %.3g\n",
                Median(resident_rates), Median(streamed_rates),
                Median(streamed_rates) / Median(resident_rates),
                resident.History().back().validation_loss,
                streamed.History().back().validation_loss);
  });
  munmap(mapped, bytes);
  close(file);
  return 0;
}

}  // namespace
}  // namespace sobolev

int main(int argc, char** argv) { return sobolev::Run(sobolev::bench::Flags(argc, argv)); }
