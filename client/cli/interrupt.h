// Ctrl-C as a stop token.

#ifndef SOBOLEV_CLIENT_CLI_INTERRUPT_H_
#define SOBOLEV_CLIENT_CLI_INTERRUPT_H_

#include <stop_token>
#include <thread>

#include <signal.h>

namespace sobolev::cli {

// While it lives, SIGINT fires the token instead of ending the process. Make it before other
// threads start: they inherit the blocked signal.
class InterruptToken {
 public:
  InterruptToken();
  ~InterruptToken();
  InterruptToken(const InterruptToken&) = delete;
  InterruptToken& operator=(const InterruptToken&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  sigset_t interrupt_{};
  sigset_t previous_{};
  std::stop_source stop_;
  std::jthread waiter_;
};

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_INTERRUPT_H_
