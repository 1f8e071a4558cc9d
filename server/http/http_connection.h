// One connection of an HTTP client, which can be asked whether the client is still there.

#ifndef SOBOLEV_SERVER_HTTP_HTTP_CONNECTION_H_
#define SOBOLEV_SERVER_HTTP_HTTP_CONNECTION_H_

#include <array>
#include <chrono>
#include <cstddef>
#include <string>

#include <httplib.h>

namespace sobolev::server {

// Whether the client at the other end has closed the connection, or its half of it.
bool HasPeerLeft(int socket);

// What the library reads requests from and writes replies to. One thread at a time.
class HttpConnection final : public httplib::Stream {
 public:
  // `socket` outlives the connection and stays the caller's.
  HttpConnection(int socket, std::chrono::milliseconds read_timeout,
                 std::chrono::milliseconds write_timeout)
      : socket_(socket), read_timeout_(read_timeout), write_timeout_(write_timeout) {}

  // Whether something more comes within this time.
  bool WaitForData(std::chrono::milliseconds timeout) const;

  bool is_readable() const override { return WaitForData(read_timeout_); }
  bool is_writable() const override;
  ssize_t read(char* data, std::size_t size) override;
  ssize_t write(const char* data, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

 private:
  const int socket_;
  const std::chrono::milliseconds read_timeout_;
  const std::chrono::milliseconds write_timeout_;
  // Read and not yet asked for: buffer_[begin_, end_).
  std::array<char, 4096> buffer_{};
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_HTTP_HTTP_CONNECTION_H_
