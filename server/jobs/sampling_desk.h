// What calls and running sampling jobs tell each other in between.

#ifndef SOBOLEV_SERVER_JOBS_SAMPLING_DESK_H_
#define SOBOLEV_SERVER_JOBS_SAMPLING_DESK_H_

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

namespace sobolev::server {

// Nothing that must survive: what counts is in the store. Thread-safe.
class SamplingDesk {
 public:
  // Something happened to the job: points were told, or it was paused, resumed or stopped. Workers
  // asked for `missing` points more than there were.
  void Ring(const std::string& job_id, std::int64_t missing = 0) {
    {
      const std::lock_guard lock(mutex_);
      News& news = news_[job_id];
      news.rang = true;
      news.missing = std::max(news.missing, missing);
    }
    wake_.notify_all();
  }

  // Waits until the bell has rung since the last call, `stop` fires or the time is over. Returns
  // the largest number of missing points since then.
  std::int64_t Wait(const std::string& job_id, std::chrono::milliseconds timeout,
                    const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    wake_.wait_for(lock, stop, timeout, [&] { return news_[job_id].rang; });
    return std::exchange(news_[job_id], {}).missing;
  }

  // The job has ended.
  void Forget(const std::string& job_id) {
    const std::lock_guard lock(mutex_);
    news_.erase(job_id);
  }

 private:
  struct News {
    bool rang = false;
    std::int64_t missing = 0;
  };

  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::map<std::string, News> news_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_SAMPLING_DESK_H_
