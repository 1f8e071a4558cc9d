#include "server/http/http_thread.h"

#include <chrono>
#include <ctime>
#include <functional>
#include <semaphore>
#include <utility>

#include <sys/socket.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "server/http/http_connection.h"

namespace sobolev::server {
namespace {

constexpr time_t kIdleSeconds = 5;

// Threads for a bounded number of connections: with too many, the thread that accepts them waits.
class ConnectionThreads : public httplib::TaskQueue {
 public:
  ConnectionThreads(std::size_t num_threads, std::size_t max_waiting)
      : slots_(static_cast<std::ptrdiff_t>(num_threads + max_waiting)), threads_(num_threads) {}

  void enqueue(std::function<void()> serve) override {
    slots_.acquire();
    threads_.enqueue([this, serve = std::move(serve)] {
      serve();
      slots_.release();
    });
  }

  void shutdown() override { threads_.shutdown(); }

 private:
  std::counting_semaphore<> slots_;
  httplib::ThreadPool threads_;
};

// The socket of the request that this thread answers.
thread_local int answered_socket = -1;

// The library's server on connections of ours.
class HttpServer final : public httplib::Server {
 private:
  bool process_and_close_socket(socket_t socket) override {
    HttpConnection connection(socket, std::chrono::seconds(read_timeout_sec_),
                              std::chrono::seconds(write_timeout_sec_));
    bool answered = false;
    bool closed = false;
    for (std::size_t left = keep_alive_max_count_; left > 0 && !closed; --left) {
      if (!AwaitRequest(connection)) break;
      answered_socket = socket;
      answered = process_request(connection, left == 1, closed, nullptr);
      if (!answered) break;
    }
    shutdown(socket, SHUT_RDWR);
    close(socket);
    return answered;
  }

  // False once the connection was idle for too long, or the server stops.
  bool AwaitRequest(const HttpConnection& connection) const {
    constexpr std::chrono::milliseconds kPause{100};
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::seconds(keep_alive_timeout_sec_);
    while (svr_sock_ != INVALID_SOCKET && std::chrono::steady_clock::now() < end) {
      if (connection.WaitForData(kPause)) return true;
    }
    return false;
  }
};

}  // namespace

std::function<bool()> HttpThread::PeerProbe() {
  return [socket = answered_socket] { return HasPeerLeft(socket); };
}

HttpThread::HttpThread(const HttpLimits& limits) : server_(std::make_unique<HttpServer>()) {
  server_->set_payload_max_length(limits.max_body_bytes);
  server_->set_keep_alive_max_count(limits.max_requests_per_connection);
  server_->set_keep_alive_timeout(kIdleSeconds);
  server_->set_read_timeout(kIdleSeconds);
  server_->set_write_timeout(kIdleSeconds);
  // Head and body of a reply are two writes, and the second shall not wait for the client's ACK.
  server_->set_tcp_nodelay(true);
  server_->new_task_queue = [limits] {
    return new ConnectionThreads(limits.num_threads, limits.max_waiting);
  };
  // The library's default also sets SO_REUSEPORT, with which a second server on the same port
  // would silently take half of the requests.
  server_->set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
}

HttpThread::~HttpThread() { Stop(); }

int HttpThread::Start(const std::string& host, int port, const std::string& setting) {
  const bool any = port == 0;
  const int bound = any                                 ? server_->bind_to_any_port(host)
                    : server_->bind_to_port(host, port) ? port
                                                        : -1;
  if (bound <= 0) {
    throw FailedPrecondition("CANNOT_LISTEN", setting,
                             "cannot listen on " + host + ":" + std::to_string(port) +
                                 "; is the port taken, or the address not of this machine?");
  }
  thread_ = std::thread([this] { server_->listen_after_bind(); });
  // Server::stop does nothing before the loop runs.
  while (!server_->is_running()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return bound;
}

void HttpThread::Stop() {
  if (!thread_.joinable()) return;
  server_->stop();
  thread_.join();
}

}  // namespace sobolev::server
