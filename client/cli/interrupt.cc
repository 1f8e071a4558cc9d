#include "client/cli/interrupt.h"

namespace sobolev::cli {

InterruptToken::InterruptToken(std::initializer_list<int> signals) : first_(*signals.begin()) {
  sigemptyset(&signals_);
  for (const int signal : signals) sigaddset(&signals_, signal);
  pthread_sigmask(SIG_BLOCK, &signals_, &previous_);
  waiter_ = std::jthread([this] {
    int signal = 0;
    sigwait(&signals_, &signal);
    stop_.request_stop();
  });
}

InterruptToken::~InterruptToken() {
  // Ends the wait, if no signal has.
  pthread_kill(waiter_.native_handle(), first_);
  waiter_.join();
  // What is pending would end the process once the signals are let through.
  const timespec now{};
  while (sigtimedwait(&signals_, nullptr, &now) > 0) {
  }
  pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

}  // namespace sobolev::cli
