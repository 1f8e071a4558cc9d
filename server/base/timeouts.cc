#include "server/base/timeouts.h"

#include <algorithm>
#include <condition_variable>
#include <utility>
#include <vector>

namespace sobolev::server {

Timeouts::Timeouts(std::chrono::steady_clock::duration timeout)
    : timeout_(timeout), thread_([this](const std::stop_token& stop) { Run(stop); }) {}

void Timeouts::Start(std::stop_source stop, std::optional<Watch>& watch) {
  const std::lock_guard lock(mutex_);
  const auto place = waiting_.insert(
      waiting_.end(),
      {.end = std::chrono::steady_clock::now() + timeout_, .stop = std::move(stop)});
  watch.emplace(*this, place);
}

void Timeouts::Forget(std::list<Watched>::iterator place) {
  const std::lock_guard lock(mutex_);
  (place->fired ? fired_ : waiting_).erase(place);
}

void Timeouts::Run(const std::stop_token& stop) {
  using std::chrono::steady_clock;
  const steady_clock::duration pause = std::clamp<steady_clock::duration>(
      timeout_ / 10, std::chrono::milliseconds(1), std::chrono::seconds(1));
  std::condition_variable_any wake;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested()) {
    std::vector<std::stop_source> late;
    while (!waiting_.empty() && waiting_.front().end <= steady_clock::now()) {
      waiting_.front().fired = true;
      late.push_back(waiting_.front().stop);
      fired_.splice(fired_.end(), waiting_, waiting_.begin());
    }
    lock.unlock();
    // What a stop sets off may end the watch.
    for (std::stop_source& source : late) source.request_stop();
    lock.lock();
    wake.wait_for(lock, stop, pause, [] { return false; });
  }
}

}  // namespace sobolev::server
