// Latencies of Predict at 80 % of the load that the server can take, against those of an echo
// server with messages of the same sizes at 80 % of what that can take; then with 256 connections,
// and with 10,000 idle ones beside them.
//
//   latency_bench [--windows=9] [--idle=10000] [--busy=256]
//
// Calls arrive by a Poisson process, whether earlier ones are answered or not; a latency counts
// from the time at which the call was due. Figures are medians over windows of a second. Servers
// and clients share this process and its processors.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <grpcpp/grpcpp.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/predict_service.h"

namespace sobolev::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kWindowSeconds = 1;

struct Options {
  int windows = 9;
  int idle = 10'000;
  int busy = 256;
};

struct Latencies {
  double p50 = 0;  // Seconds.
  double p99 = 0;
};

// Calls over some connections in turn.
class Load {
 public:
  Load(const std::string& address, const grpc::ByteBuffer& request, int connections)
      : request_(request) {
    for (int i = 0; i < connections; ++i) {
      clients_.push_back(std::make_unique<PredictClient>(address));
      clients_.back()->Call(request_);
    }
  }

  // Calls per second with 16 in flight.
  double Capacity(double seconds) {
    std::atomic<std::int64_t> answered = 0;
    std::atomic<int> running = 16;
    const Clock::time_point end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                                     std::chrono::duration<double>(seconds));
    std::function<void(std::size_t)> next = [&](std::size_t k) {
      if (Clock::now() >= end) {
        --running;
        return;
      }
      clients_[k % clients_.size()]->Call(request_, [&, k](const grpc::ByteBuffer&) {
        ++answered;
        next(k + 16);
      });
    };
    const Clock::time_point start = Clock::now();
    for (std::size_t k = 0; k < 16; ++k) next(k);
    while (running > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return static_cast<double>(answered) /
           std::chrono::duration<double>(Clock::now() - start).count();
  }

  Latencies AtRate(double per_second, double seconds) {
    std::mt19937_64 random(1);
    std::exponential_distribution<double> gap(per_second);
    const auto total = static_cast<std::size_t>(per_second * seconds);
    std::vector<double> latencies(total);
    std::atomic<std::size_t> answered = 0;
    Clock::time_point due = Clock::now();
    for (std::size_t k = 0; k < total; ++k) {
      due +=
          std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(gap(random)));
      std::this_thread::sleep_until(due);
      clients_[k % clients_.size()]->Call(
          request_, [&latencies, &answered, due, k](const grpc::ByteBuffer&) {
            latencies[k] = std::chrono::duration<double>(Clock::now() - due).count();
            ++answered;
          });
    }
    while (answered < total) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::ranges::sort(latencies);
    return {latencies[total / 2], latencies[total * 99 / 100]};
  }

 private:
  const grpc::ByteBuffer request_;
  std::vector<std::unique_ptr<PredictClient>> clients_;
};

// Connections that have said hello in HTTP/2 and nothing more.
class IdleConnections {
 public:
  IdleConnections(const std::string& address, int count) {
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port =
        htons(static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    // The preface, an empty SETTINGS frame, and the acknowledgement of the server's; RFC 9113.
    constexpr std::string_view kHello(
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0", 42);
    for (int i = 0; i < count; ++i) {
      const int connection = socket(AF_INET, SOCK_STREAM, 0);
      Require(connection >= 0, "no more sockets; raise the limit of open files");
      sockets_.push_back(connection);
      Require(connect(connection, reinterpret_cast<const sockaddr*>(&server), sizeof server) == 0,
              "connect");
      Require(
          write(connection, kHello.data(), kHello.size()) == static_cast<ssize_t>(kHello.size()),
          "write");
    }
  }
  ~IdleConnections() {
    for (const int connection : sockets_) close(connection);
  }
  IdleConnections(const IdleConnections&) = delete;
  IdleConnections& operator=(const IdleConnections&) = delete;

 private:
  std::vector<int> sockets_;
};

double ResidentMiB() {
  std::ifstream file("/proc/self/statm");
  std::int64_t pages = 0;
  file >> pages >> pages;
  return static_cast<double>(pages * sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void Print(const char* name, double rate, const Latencies& latencies) {
  std::printf("%-34s %8.0f/s   p50 %7.0f us   p99 %7.0f us\n", name, rate, latencies.p50 * 1e6,
              latencies.p99 * 1e6);
}

// The middle of what the windows saw; what is compared takes turns in them, since the speed of the
// machine may change from second to second.
class Windows {
 public:
  void Add(const Latencies& latencies) {
    p50s_.push_back(latencies.p50);
    p99s_.push_back(latencies.p99);
  }
  Latencies Middle() const { return {MiddleOf(p50s_), MiddleOf(p99s_)}; }

  static double MiddleOf(std::vector<double> values) {
    std::ranges::sort(values);
    return values[values.size() / 2];
  }

 private:
  std::vector<double> p50s_;
  std::vector<double> p99s_;
};

void CompareWithEcho(const PredictServer& server, const EchoServer& echo_server, int windows) {
  Load predict(server.address(), server.request(), 1);
  Load echo(echo_server.address(), server.request(), 1);
  std::vector<double> predict_capacities;
  std::vector<double> echo_capacities;
  for (int window = 0; window < windows; ++window) {
    predict_capacities.push_back(predict.Capacity(kWindowSeconds));
    echo_capacities.push_back(echo.Capacity(kWindowSeconds));
  }
  const double predict_rate = 0.8 * Windows::MiddleOf(predict_capacities);
  const double echo_rate = 0.8 * Windows::MiddleOf(echo_capacities);
  Windows of_predict;
  Windows of_echo;
  for (int window = 0; window < windows; ++window) {
    of_predict.Add(predict.AtRate(predict_rate, kWindowSeconds));
    of_echo.Add(echo.AtRate(echo_rate, kWindowSeconds));
  }
  Print("Predict at 80 %", predict_rate, of_predict.Middle());
  Print("Echo at 80 %", echo_rate, of_echo.Middle());
  std::printf("ratio of p99 = %.2f (claim: <= 1.5)\n",
              of_predict.Middle().p99 / of_echo.Middle().p99);
}

void CompareWithIdle(const PredictServer& server, const Options& options) {
  // The server takes connections in, and lets go of them, over some seconds.
  constexpr std::chrono::seconds kSettling{4};
  Load busy(server.address(), server.request(), options.busy);
  std::vector<double> capacities;
  capacities.reserve(static_cast<std::size_t>(options.windows));
  for (int window = 0; window < options.windows; ++window) {
    capacities.push_back(busy.Capacity(kWindowSeconds));
  }
  const double rate = 0.5 * Windows::MiddleOf(capacities);
  Windows alone;
  Windows beside_idle;
  double resident = 0;
  for (int window = 0; window < options.windows; ++window) {
    alone.Add(busy.AtRate(rate, kWindowSeconds));
    {
      const IdleConnections idle(server.address(), options.idle);
      std::this_thread::sleep_for(kSettling);
      beside_idle.Add(busy.AtRate(rate, kWindowSeconds));
      resident = std::max(resident, ResidentMiB());
    }
    std::this_thread::sleep_for(kSettling);
  }
  Print("Predict, many connections, at 50 %", rate, alone.Middle());
  Print("Predict beside idle connections", rate, beside_idle.Middle());
  std::printf("ratio of p99 = %.2f (claim: <= 2)\n", beside_idle.Middle().p99 / alone.Middle().p99);
  std::printf("resident, server and clients: %.0f MiB (claim: < 1024)\n", resident);
}

void Run(const Options& options) {
  const PredictServer server;
  const EchoServer echo_server(PredictClient(server.address()).Call(server.request()));
  CompareWithEcho(server, echo_server, options.windows);
  CompareWithIdle(server, options);
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::string value = argument.substr(argument.find('=') + 1);
    if (argument.starts_with("--windows=")) {
      options.windows = std::stoi(value);
    } else if (argument.starts_with("--idle=")) {
      options.idle = std::stoi(value);
    } else if (argument.starts_with("--busy=")) {
      options.busy = std::stoi(value);
    } else {
      Require(false, "latency_bench: expected --windows=, --idle= or --busy=, got " + argument);
    }
  }
  const rlim_t files =
      1000 + 2 * static_cast<rlim_t>(options.idle) + 2 * static_cast<rlim_t>(options.busy);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::max(limit.rlim_cur, files);
  limit.rlim_max = std::max(limit.rlim_max, files);
  Require(setrlimit(RLIMIT_NOFILE, &limit) == 0, "cannot raise the limit of open files");
  Run(options);
  return 0;
}

}  // namespace
}  // namespace sobolev::bench

int main(int argc, char** argv) { return sobolev::bench::Main(argc, argv); }
