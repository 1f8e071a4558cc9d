// The store layer against the least that durability costs: appending to a file and fdatasync after
// each block. Same bytes, same block sizes, same disk, turn by turn in one run.
//
//   store_bench [DIRECTORY] [MEBIBYTES]
//
// writes MEBIBYTES (default 1024) per block size and side into DIRECTORY (default: the current
// one), deletes them again, and prints for 1 MB and 4 MB blocks the rates, their ratio (claim: at
// least 0.7), and the peak of the process's memory.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "engine/base/rng.h"
#include "proto/wire/crc32c.h"
#include "server/base/clock.h"
#include "server/storage/sqlite_store.h"

namespace sobolev::server {
namespace {

constexpr std::int64_t kInputs = 20;
constexpr std::int64_t kOutputs = 1;
constexpr std::int64_t kRowDoubles = kInputs + kOutputs + kInputs * kOutputs;
constexpr std::size_t kRowBytes = kRowDoubles * sizeof(double);
constexpr std::size_t kWindowBytes = std::size_t{16} << 20;  // As the server allows one stream.
constexpr int kTurns = 8;

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Samples that are cut into one block, again and again.
SampleBlockData MakeBlock(std::size_t block_bytes) {
  const std::size_t rows = block_bytes / kRowBytes;
  const auto values = std::make_shared<std::vector<double>>(rows * kRowDoubles);
  Rng rng(1);
  for (double& value : *values) value = rng.Uniform();
  const std::span<const std::byte> bytes = std::as_bytes(std::span(*values));
  const std::size_t x_bytes = rows * kInputs * sizeof(double);
  const std::size_t y_bytes = rows * kOutputs * sizeof(double);
  const std::uint32_t crc = Crc32c(bytes);
  return {.rows = static_cast<std::int64_t>(rows),
          .x = bytes.first(x_bytes),
          .y = bytes.subspan(x_bytes, y_bytes),
          .jacobian = bytes.subspan(x_bytes + y_bytes),
          .wire_crc32c = crc,
          .payload_crc32c = crc,
          .inputs = std::vector<ValueRange>(kInputs),
          .outputs = std::vector<ValueRange>(kOutputs),
          .owner = values};
}

double PlainSeconds(const std::filesystem::path& path, std::span<const std::byte> block,
                    std::size_t num_blocks) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < num_blocks; ++i) {
    for (std::span<const std::byte> rest = block; !rest.empty();) {
      const ssize_t written = write(fd, rest.data(), rest.size());
      if (written < 0) std::abort();
      rest = rest.subspan(static_cast<std::size_t>(written));
    }
    if (fdatasync(fd) != 0) std::abort();
  }
  const double seconds = SecondsSince(start);
  close(fd);
  std::filesystem::remove(path);
  return seconds;
}

// From the first block to the last acknowledgement and the commit of the upload.
double StoreSeconds(Store& store, const SampleBlockData& block, std::size_t num_blocks) {
  store.CreateDataset("bench", "schema", kInputs, kOutputs);
  const std::string token = store.OpenUpload("bench", "upload").token;
  const std::size_t window =
      std::max<std::size_t>(1, kWindowBytes / (static_cast<std::size_t>(block.rows) * kRowBytes));
  std::mutex mutex;
  std::condition_variable wake;
  std::size_t in_flight = 0;
  std::uint32_t upload_crc32c = 0;
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < num_blocks; ++i) {
    {
      std::unique_lock lock(mutex);
      wake.wait(lock, [&] { return in_flight < window; });
      ++in_flight;
    }
    SampleBlockData data = block;
    data.block_id = static_cast<std::int64_t>(i);
    upload_crc32c = Crc32c(std::as_bytes(std::span(&data.wire_crc32c, 1)), upload_crc32c);
    store.AppendBlock(token, std::move(data), [&](const std::exception_ptr& error, bool) {
      if (error) std::abort();
      const std::lock_guard lock(mutex);
      --in_flight;
      wake.notify_one();
    });
  }
  {
    std::unique_lock lock(mutex);
    wake.wait(lock, [&] { return in_flight == 0; });
  }
  store.CommitUpload(token, static_cast<std::int64_t>(num_blocks),
                     block.rows * static_cast<std::int64_t>(num_blocks), upload_crc32c);
  const double seconds = SecondsSince(start);
  store.DeleteDataset("bench");
  return seconds;
}

void Compare(const std::filesystem::path& directory, Store& store, std::size_t block_bytes,
             std::size_t total_bytes) {
  const SampleBlockData block = MakeBlock(block_bytes);
  const std::span<const std::byte> bytes(block.x.data(),
                                         static_cast<std::size_t>(block.rows) * kRowBytes);
  const std::size_t num_blocks = std::max<std::size_t>(1, total_bytes / kTurns / bytes.size());
  double plain_seconds = 0;
  double store_seconds = 0;
  for (int turn = 0; turn < kTurns; ++turn) {
    if (turn % 2 == 0) plain_seconds += PlainSeconds(directory / "plain", bytes, num_blocks);
    store_seconds += StoreSeconds(store, block, num_blocks);
    if (turn % 2 == 1) plain_seconds += PlainSeconds(directory / "plain", bytes, num_blocks);
  }
  const double megabytes = static_cast<double>(kTurns * num_blocks * bytes.size()) * 1e-6;
  std::printf("%zu MB blocks: store %.0f MB/s, append + fdatasync %.0f MB/s, ratio %.3f (>= 0.7)\n",
              block_bytes >> 20, megabytes / store_seconds, megabytes / plain_seconds,
              plain_seconds / store_seconds);
}

int Main(int argc, char** argv) {
  constexpr std::size_t kMebibyte = std::size_t{1} << 20;
  const std::filesystem::path directory =
      std::filesystem::path(argc > 1 ? argv[1] : ".") / "store_bench.tmp";
  const std::size_t total_bytes = (argc > 2 ? std::stoul(argv[2]) : 1024) * kMebibyte;
  {
    const SystemClock clock;
    PosixIoEnv env;
    const std::unique_ptr<Store> store =
        OpenSqliteStore({.directory = (directory / "data").string(), .clock = &clock, .env = &env});
    Compare(directory, *store, 1 * kMebibyte, total_bytes);
    Compare(directory, *store, 4 * kMebibyte, total_bytes);
  }
  std::filesystem::remove_all(directory);
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("peak memory %ld MiB\n", usage.ru_maxrss >> 10);
  return 0;
}

}  // namespace
}  // namespace sobolev::server

int main(int argc, char** argv) { return sobolev::server::Main(argc, argv); }
