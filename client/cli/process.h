// Commands of the shell, run with text on their standard input.

#ifndef SOBOLEV_CLIENT_CLI_PROCESS_H_
#define SOBOLEV_CLIENT_CLI_PROCESS_H_

#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>

namespace sobolev::cli {

// How a command ended and what it printed.
struct ProcessResult {
  enum class End {
    kExited,     // With `code`.
    kSignalled,  // By signal number `code`.
    kTimedOut,
    kStopped,  // The token fired.
    kFlooded   // Printed more than is read.
  };

  End end = End::kExited;
  int code = 0;
  std::string out;
  std::string error_tail;  // The last kErrorTailBytes of standard error.
};

inline constexpr std::size_t kErrorTailBytes = 768;

// Runs `/bin/sh -c command` in a process group of its own, with `input` on standard input, and
// waits for its end. After `timeout`, or when `stop` fires, all of its group gets SIGTERM and two
// seconds later SIGKILL. Throws std::system_error if no process can be made. Thread-safe, in
// threads that block SIGPIPE.
ProcessResult RunProcess(const std::string& command, const std::string& input,
                         std::optional<std::chrono::duration<double>> timeout,
                         const std::stop_token& stop);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_PROCESS_H_
