// Latencies of Predict at 80 % of the load that the server can take, against those of an echo
// server with messages of the same sizes at 80 % of what that can take; then with 256 connections,
// and with 10,000 idle ones beside them.
//
//   latency_bench [--seconds=5] [--idle=10000] [--busy=256]
//
// Calls arrive by a Poisson process, whether earlier ones are answered or not; a latency counts
// from the time at which the call was due. Servers and clients share this process and its
// processors.

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

struct Options {
  double seconds = 5;
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

void Run(const Options& options) {
  const PredictServer server;
  const EchoServer echo_server(PredictClient(server.address()).Call(server.request()));
  Latencies of_predict;
  {
    Load predict(server.address(), server.request(), 1);
    Load echo(echo_server.address(), server.request(), 1);
    predict.Capacity(1);
    const double predict_rate = 0.8 * predict.Capacity(options.seconds / 2);
    const double echo_rate = 0.8 * echo.Capacity(options.seconds / 2);
    of_predict = predict.AtRate(predict_rate, options.seconds);
    const Latencies of_echo = echo.AtRate(echo_rate, options.seconds);
    Print("Predict at 80 %", predict_rate, of_predict);
    Print("Echo at 80 %", echo_rate, of_echo);
    std::printf("ratio of p99 = %.2f (claim: <= 1.5)\n", of_predict.p99 / of_echo.p99);
  }
  Load busy(server.address(), server.request(), options.busy);
  busy.Capacity(1);
  const double rate = 0.5 * busy.Capacity(options.seconds / 2);
  const Latencies alone = busy.AtRate(rate, options.seconds);
  const IdleConnections idle(server.address(), options.idle);
  std::this_thread::sleep_for(std::chrono::seconds(10));  // Till the server has taken them in.
  const Latencies beside_idle = busy.AtRate(rate, options.seconds);
  Print("Predict, many connections, at 50 %", rate, alone);
  Print("Predict beside idle connections", rate, beside_idle);
  std::printf("ratio of p99 = %.2f (claim: <= 2)\n", beside_idle.p99 / alone.p99);
  std::printf("resident, server and clients: %.0f MiB (claim: < 1024)\n", ResidentMiB());
}

int Main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    const std::string value = argument.substr(argument.find('=') + 1);
    if (argument.starts_with("--seconds=")) {
      options.seconds = std::stod(value);
    } else if (argument.starts_with("--idle=")) {
      options.idle = std::stoi(value);
    } else if (argument.starts_with("--busy=")) {
      options.busy = std::stoi(value);
    } else {
      Require(false, "latency_bench: expected --seconds=, --idle= or --busy=, got " + argument);
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
