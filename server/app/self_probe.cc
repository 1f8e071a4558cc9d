#include "server/app/self_probe.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <utility>

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/base/log.h"

namespace sobolev::server {
namespace {

// A socket that is closed when it goes.
class Socket {
 public:
  explicit Socket(const addrinfo& address)
      : socket_(socket(address.ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (socket_ >= 0) close(socket_);
  }

  int get() const { return socket_; }

  bool Await(short events, std::chrono::milliseconds timeout) const {
    pollfd polled{.fd = socket_, .events = events, .revents = 0};
    return poll(&polled, 1, static_cast<int>(timeout.count())) > 0;
  }

 private:
  const int socket_;
};

// Whether the listener at this address does anything about a connection.
bool Reacts(const addrinfo& address, std::chrono::milliseconds timeout) {
  const Socket connection(address);
  if (connection.get() < 0) return false;
  // In progress, or refused, which shows next.
  std::ignore = connect(connection.get(), address.ai_addr, address.ai_addrlen);
  if (!connection.Await(POLLOUT, timeout)) return false;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(connection.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) {
    return false;
  }
  shutdown(connection.get(), SHUT_WR);
  return connection.Await(POLLIN, timeout);
}

bool Reacts(const Endpoint& endpoint, std::chrono::milliseconds timeout) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(endpoint.port);
  if (getaddrinfo(endpoint.host.c_str(), port.c_str(), &hints, &found) != 0) return false;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> addresses(found, &freeaddrinfo);
  for (const addrinfo* address = found; address != nullptr; address = address->ai_next) {
    if (Reacts(*address, timeout)) return true;
  }
  return false;
}

}  // namespace

SelfProbe::SelfProbe(Endpoint endpoint, std::chrono::milliseconds interval,
                     std::function<void()> on_dead)
    : endpoint_(std::move(endpoint)),
      interval_(interval),
      on_dead_(std::move(on_dead)),
      thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void SelfProbe::Run(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  int failures = 0;
  while (!wake.wait_for(lock, stop, interval_, [] { return false; }) && !stop.stop_requested()) {
    failures = Reacts(endpoint_, interval_) ? 0 : failures + 1;
    if (failures > 0 && !stop.stop_requested()) {
      LogWarning("the listener does not react", {{"failures", failures}});
    }
    if (failures == kMaxFailures && !stop.stop_requested()) on_dead_();
  }
}

}  // namespace sobolev::server
