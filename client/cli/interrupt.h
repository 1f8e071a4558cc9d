// Ctrl-C and other signals as a stop token.

#ifndef SOBOLEV_CLIENT_CLI_INTERRUPT_H_
#define SOBOLEV_CLIENT_CLI_INTERRUPT_H_

#include <initializer_list>
#include <stop_token>
#include <thread>

#include <signal.h>

namespace sobolev::cli {

// While it lives, these signals fire the token instead of ending the process. Make it before other
// threads start: they inherit the blocked signals.
class InterruptToken {
 public:
  InterruptToken(std::initializer_list<int> signals = {SIGINT});
  ~InterruptToken();
  InterruptToken(const InterruptToken&) = delete;
  InterruptToken& operator=(const InterruptToken&) = delete;

  std::stop_token token() const { return stop_.get_token(); }

 private:
  const int first_;
  sigset_t signals_{};
  sigset_t previous_{};
  std::stop_source stop_;
  std::jthread waiter_;
};

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_INTERRUPT_H_
