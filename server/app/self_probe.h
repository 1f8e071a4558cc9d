// Watches the server's own listener, which may stop taking connections while the process lives on.

#ifndef SOBOLEV_SERVER_APP_SELF_PROBE_H_
#define SOBOLEV_SERVER_APP_SELF_PROBE_H_

#include <chrono>
#include <functional>
#include <stop_token>
#include <thread>

#include "server/base/config.h"

namespace sobolev::server {

// From construction to destruction it connects to the endpoint now and then and ends its own half
// of the connection at once. A listener that lives reacts, whatever it speaks: it greets or hangs
// up.
class SelfProbe {
 public:
  // Connects every `interval` and waits as long for a reaction. Calls on_dead, from its own thread,
  // once kMaxFailures in a row got none.
  SelfProbe(Endpoint endpoint, std::chrono::milliseconds interval, std::function<void()> on_dead);

  static constexpr int kMaxFailures = 3;

 private:
  void Run(const std::stop_token& stop);

  const Endpoint endpoint_;
  const std::chrono::milliseconds interval_;
  const std::function<void()> on_dead_;
  std::jthread thread_;  // Last: it ends first.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_APP_SELF_PROBE_H_
