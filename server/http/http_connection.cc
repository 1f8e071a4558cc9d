#include "server/http/http_connection.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

namespace sobolev::server {
namespace {

// Whether `events` come within the time.
bool Poll(int socket, short events, std::chrono::milliseconds timeout) {
  using std::chrono::steady_clock;
  const steady_clock::time_point end = steady_clock::now() + timeout;
  pollfd polled{.fd = socket, .events = events, .revents = 0};
  while (true) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(end - steady_clock::now());
    const int count = poll(&polled, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (count >= 0 || errno != EINTR) return count > 0;
  }
}

template <class Function>
ssize_t Uninterrupted(const Function& function) {
  while (true) {
    const ssize_t result = function();
    if (result >= 0 || errno != EINTR) return result;
  }
}

void Describe(const sockaddr_storage& address, std::string& ip, int& port) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = nullptr;
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    bytes = &v4.sin_addr;
    port = ntohs(v4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    bytes = &v6.sin6_addr;
    port = ntohs(v6.sin6_port);
  } else {
    return;
  }
  if (inet_ntop(address.ss_family, bytes, text.data(), text.size()) != nullptr) ip = text.data();
}

}  // namespace

bool HasPeerLeft(int socket) {
  char byte = 0;
  const ssize_t size = recv(socket, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return size == 0 || (size < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

bool HttpConnection::WaitForData(std::chrono::milliseconds timeout) const {
  return begin_ < end_ || Poll(socket_, POLLIN, timeout);
}

bool HttpConnection::is_writable() const { return Poll(socket_, POLLOUT, write_timeout_); }

ssize_t HttpConnection::read(char* data, std::size_t size) {
  if (begin_ == end_) {
    if (!is_readable()) return -1;
    // What is larger than the buffer needs none.
    if (size >= buffer_.size()) {
      return Uninterrupted([&] { return recv(socket_, data, size, 0); });
    }
    const ssize_t received =
        Uninterrupted([&] { return recv(socket_, buffer_.data(), buffer_.size(), 0); });
    if (received <= 0) return received;
    begin_ = 0;
    end_ = static_cast<std::size_t>(received);
  }
  const std::size_t count = std::min(size, end_ - begin_);
  std::copy_n(buffer_.data() + begin_, count, data);
  begin_ += count;
  return static_cast<ssize_t>(count);
}

ssize_t HttpConnection::write(const char* data, std::size_t size) {
  if (!is_writable()) return -1;
  return Uninterrupted([&] { return send(socket_, data, size, MSG_NOSIGNAL); });
}

void HttpConnection::get_remote_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getpeername(socket_, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    Describe(address, ip, port);
  }
}

void HttpConnection::get_local_ip_and_port(std::string& ip, int& port) const {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  if (getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    Describe(address, ip, port);
  }
}

}  // namespace sobolev::server
