// Stops the work of callers who have gone.

#ifndef SOBOLEV_SERVER_GATEWAY_CALLER_WATCH_H_
#define SOBOLEV_SERVER_GATEWAY_CALLER_WATCH_H_

#include <functional>
#include <list>
#include <mutex>
#include <stop_token>
#include <thread>

namespace sobolev::server {

// Asks all its callers now and then whether they are still there. Thread-safe.
class CallerWatch {
 private:
  struct Caller {
    std::function<bool()> has_left;
    std::stop_source stop;
  };

 public:
  CallerWatch();

  // While it lives, `stop` is stopped once has_left() says true, which is asked from another
  // thread.
  class Watched {
   public:
    Watched(CallerWatch& owner, std::function<bool()> has_left, std::stop_source stop);
    Watched(const Watched&) = delete;
    Watched& operator=(const Watched&) = delete;
    ~Watched();

   private:
    CallerWatch& owner_;
    std::list<Caller>::iterator place_;
  };

 private:
  void Run(const std::stop_token& stop);

  std::mutex mutex_;
  std::list<Caller> callers_;  // Guarded by mutex_.
  std::jthread thread_;        // Last: it ends first.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_GATEWAY_CALLER_WATCH_H_
