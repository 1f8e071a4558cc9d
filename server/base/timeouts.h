// Stops work that goes on for too long.

#ifndef SOBOLEV_SERVER_BASE_TIMEOUTS_H_
#define SOBOLEV_SERVER_BASE_TIMEOUTS_H_

#include <chrono>
#include <list>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

namespace sobolev::server {

// It looks at what it watches now and then, so that to watch something costs no other thread's
// attention: what it stops it stops up to a tenth of the timeout late, and a second at most.
// Thread-safe.
class Timeouts {
 private:
  struct Watched {
    std::chrono::steady_clock::time_point end;
    std::stop_source stop;
    bool fired = false;
  };

 public:
  // Watches until it is gone; the Timeouts outlive it.
  class Watch {
   public:
    Watch(Timeouts& owner, std::list<Watched>::iterator place) : owner_(&owner), place_(place) {}
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() { owner_->Forget(place_); }

   private:
    Timeouts* const owner_;
    const std::list<Watched>::iterator place_;
  };

  explicit Timeouts(std::chrono::steady_clock::duration timeout);

  std::chrono::steady_clock::duration timeout() const { return timeout_; }

  // Makes `watch`, which stops `stop` once the timeout has passed from now.
  void Start(std::stop_source stop, std::optional<Watch>& watch);

 private:
  void Run(const std::stop_token& stop);
  void Forget(std::list<Watched>::iterator place);

  const std::chrono::steady_clock::duration timeout_;
  std::mutex mutex_;
  std::list<Watched> waiting_;  // Guarded by mutex_. In order of their end.
  std::list<Watched> fired_;    // Guarded by mutex_.
  std::jthread thread_;         // Last: it ends first.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_BASE_TIMEOUTS_H_
