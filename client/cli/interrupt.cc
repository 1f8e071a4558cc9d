#include "client/cli/interrupt.h"

namespace sobolev::cli {

InterruptToken::InterruptToken() {
  sigemptyset(&interrupt_);
  sigaddset(&interrupt_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &interrupt_, &previous_);
  waiter_ = std::jthread([this] {
    int signal = 0;
    sigwait(&interrupt_, &signal);
    stop_.request_stop();
  });
}

InterruptToken::~InterruptToken() {
  // Ends the wait, if no interrupt has.
  pthread_kill(waiter_.native_handle(), SIGINT);
  waiter_.join();
  // What is pending would end the process once the signal is let through.
  const timespec now{};
  while (sigtimedwait(&interrupt_, nullptr, &now) == SIGINT) {
  }
  pthread_sigmask(SIG_SETMASK, &previous_, nullptr);
}

}  // namespace sobolev::cli
