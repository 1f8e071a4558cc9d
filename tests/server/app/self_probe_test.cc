#include "server/app/self_probe.h"

#include <atomic>
#include <chrono>
#include <future>
#include <thread>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace sobolev::server {
namespace {

// A socket that listens, and hangs up on whoever connects while it answers.
class Listener {
 public:
  Listener() : socket_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(socket_, 64), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    endpoint_ = {"127.0.0.1", ntohs(address.sin_port)};
    thread_ = std::jthread([this](const std::stop_token& stop) {
      while (!stop.stop_requested()) {
        const int connection = answers_ ? accept(socket_, nullptr, nullptr) : -1;
        if (connection >= 0) {
          ++answered_;
          close(connection);
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
    });
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  ~Listener() {
    thread_.request_stop();
    thread_.join();
    close(socket_);
  }

  const Endpoint& endpoint() const { return endpoint_; }
  int answered() const { return answered_; }
  void FallSilent() { answers_ = false; }

 private:
  const int socket_;
  Endpoint endpoint_;
  std::atomic<bool> answers_ = true;
  std::atomic<int> answered_ = 0;
  std::jthread thread_;
};

TEST(SelfProbeTest, SaysWhenTheListenerNoLongerReacts) {
  Listener listener;
  std::promise<void> dead;
  std::future<void> found = dead.get_future();
  const SelfProbe probe(listener.endpoint(), std::chrono::milliseconds(50),
                        [&dead] { dead.set_value(); });
  while (listener.answered() < 2 * SelfProbe::kMaxFailures) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_EQ(found.wait_for(std::chrono::seconds(0)), std::future_status::timeout);
  listener.FallSilent();  // The kernel goes on taking connections.
  found.wait();
}

TEST(SelfProbeTest, NobodyListeningIsNoReaction) {
  Endpoint gone;
  {
    const Listener listener;
    gone = listener.endpoint();
  }
  std::promise<void> dead;
  const SelfProbe probe(gone, std::chrono::milliseconds(10), [&dead] { dead.set_value(); });
  dead.get_future().wait();
}

}  // namespace
}  // namespace sobolev::server
