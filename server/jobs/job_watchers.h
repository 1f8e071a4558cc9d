// Who wants to hear when a job has news.

#ifndef SOBOLEV_SERVER_JOBS_JOB_WATCHERS_H_
#define SOBOLEV_SERVER_JOBS_JOB_WATCHERS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace sobolev::server {

// Calls carry no news themselves: a watcher reads the store. Thread-safe.
class JobWatchers {
 public:
  // `on_news` is called from any thread, under a lock: it must be quick and must not call back.
  std::uint64_t Subscribe(const std::string& job_id, std::function<void()> on_news) {
    const std::lock_guard lock(mutex_);
    watchers_.emplace(job_id, Watcher{.id = ++last_id_, .on_news = std::move(on_news)});
    return last_id_;
  }

  // After the return `on_news` is never called again.
  void Unsubscribe(const std::string& job_id, std::uint64_t subscription) {
    const std::lock_guard lock(mutex_);
    const auto [first, last] = watchers_.equal_range(job_id);
    for (auto it = first; it != last; ++it) {
      if (it->second.id != subscription) continue;
      watchers_.erase(it);
      return;
    }
  }

  void Notify(const std::string& job_id) {
    const std::lock_guard lock(mutex_);
    const auto [first, last] = watchers_.equal_range(job_id);
    for (auto it = first; it != last; ++it) it->second.on_news();
  }

  // The server shuts down: every watcher is called once more and then finds is_closed().
  void Close() {
    const std::lock_guard lock(mutex_);
    is_closed_ = true;
    for (const auto& [job_id, watcher] : watchers_) watcher.on_news();
  }

  bool is_closed() const { return is_closed_; }

 private:
  struct Watcher {
    std::uint64_t id;
    std::function<void()> on_news;
  };

  std::mutex mutex_;
  std::atomic<bool> is_closed_{false};
  std::uint64_t last_id_ = 0;
  std::multimap<std::string, Watcher> watchers_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_JOB_WATCHERS_H_
