// Unary Predict of one point, value and Jacobian, against an echo server of the same message sizes.
//
//   predict_bench
//
// 16 calls are in flight.

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

#include <benchmark/benchmark.h>
#include <grpcpp/grpcpp.h>

#include "tests/bench/predict_service.h"
#include "tests/bench/ratio_reporter.h"

namespace sobolev::bench {
namespace {

constexpr int kInFlight = 16;
constexpr int kCallsPerIteration = 4096;

// Keeps kInFlight calls under way until `total` are answered.
class ClosedLoop {
 public:
  ClosedLoop(const std::string& address, const grpc::ByteBuffer& request)
      : client_(address), request_(request) {}

  void Run(int total) {
    left_ = total;
    running_ = kInFlight;
    for (int i = 0; i < kInFlight; ++i) Next();
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
  }

 private:
  void Next() {
    if (left_.fetch_sub(1) > 0) {
      client_.Call(request_, [this](const grpc::ByteBuffer&) { Next(); });
      return;
    }
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) done_.notify_one();
  }

  PredictClient client_;
  const grpc::ByteBuffer request_;
  std::atomic<int> left_{0};
  std::mutex mutex_;
  std::condition_variable done_;
  int running_ = 0;  // Guarded by mutex_.
};

void BM_Calls(benchmark::State& state, ClosedLoop* loop) {
  for ([[maybe_unused]] auto iteration : state) loop->Run(kCallsPerIteration);
  state.SetItemsProcessed(state.iterations() * kCallsPerIteration);
}

int Main(int argc, char** argv) {
  const PredictServer server;
  const EchoServer echo_server(PredictClient(server.address()).Call(server.request()));
  ClosedLoop predict(server.address(), server.request());
  ClosedLoop echo(echo_server.address(), server.request());
  benchmark::Initialize(&argc, argv);
  for (const auto& [name, loop] : {std::pair("Predict", &predict), std::pair("Echo", &echo)}) {
    benchmark::RegisterBenchmark(name, BM_Calls, loop)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime()
        ->MinTime(1)
        ->Repetitions(7);
  }
  RatioReporter reporter({{"Predict", "Echo", "claim: >= 0.9"}});
  benchmark::RunSpecifiedBenchmarks(&reporter);
  return 0;
}

}  // namespace
}  // namespace sobolev::bench

int main(int argc, char** argv) { return sobolev::bench::Main(argc, argv); }
