// The real server in a process of its own, for tests of what crosses the wire.

#ifndef SOBOLEV_TESTS_CLIENT_CPP_SERVER_PROCESS_H_
#define SOBOLEV_TESTS_CLIENT_CPP_SERVER_PROCESS_H_

#include <filesystem>
#include <string>

#include <sys/types.h>

namespace sobolev::tests {

// Keeps its data and its port from start to start. Not thread-safe.
class ServerProcess {
 public:
  ServerProcess();   // Starts it, on a port of the kernel's choice.
  ~ServerProcess();  // Kills it and removes its data.
  ServerProcess(const ServerProcess&) = delete;
  ServerProcess& operator=(const ServerProcess&) = delete;

  // Starts it again and waits until it serves. Throws std::runtime_error with its log if it ends.
  void Start();
  void Kill();       // As a crash does.
  void Terminate();  // Asks it to drain, and waits for its end.

  const std::string& target() const { return target_; }

 private:
  void Stop(int signal);
  std::string Log() const;

  std::filesystem::path directory_;
  std::string target_ = "127.0.0.1:0";
  pid_t pid_ = 0;
};

}  // namespace sobolev::tests

#endif  // SOBOLEV_TESTS_CLIENT_CPP_SERVER_PROCESS_H_
