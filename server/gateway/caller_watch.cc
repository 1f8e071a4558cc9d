#include "server/gateway/caller_watch.h"

#include <chrono>
#include <condition_variable>
#include <utility>
#include <vector>

namespace sobolev::server {

CallerWatch::CallerWatch() : thread_([this](const std::stop_token& stop) { Run(stop); }) {}

CallerWatch::Watched::Watched(CallerWatch& owner, std::function<bool()> has_left,
                              std::stop_source stop)
    : owner_(owner) {
  const std::lock_guard lock(owner_.mutex_);
  place_ = owner_.callers_.insert(owner_.callers_.end(), {std::move(has_left), std::move(stop)});
}

CallerWatch::Watched::~Watched() {
  const std::lock_guard lock(owner_.mutex_);
  owner_.callers_.erase(place_);
}

void CallerWatch::Run(const std::stop_token& stop) {
  constexpr std::chrono::milliseconds kPause{50};
  std::condition_variable_any wake;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    std::vector<std::stop_source> gone;
    for (const Caller& caller : callers_) {
      if (!caller.stop.stop_requested() && caller.has_left()) gone.push_back(caller.stop);
    }
    lock.unlock();
    for (std::stop_source& source : gone) source.request_stop();
    lock.lock();
    wake.wait_for(lock, stop, kPause, [] { return false; });
  }
}

}  // namespace sobolev::server
