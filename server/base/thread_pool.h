// Threads for work that may block on the disk, so that gRPC's own threads never do.

#ifndef SOBOLEV_SERVER_BASE_THREAD_POOL_H_
#define SOBOLEV_SERVER_BASE_THREAD_POOL_H_

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace sobolev::server {

// Runs tasks in the order of submission. Tasks must not throw. Thread-safe.
class ThreadPool {
 public:
  // max_queued: how many tasks TrySubmit lets wait.
  ThreadPool(int num_threads, std::size_t max_queued);
  // Runs what is queued, then joins.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // For new work: false, and nothing happens, if too many tasks wait already.
  [[nodiscard]] bool TrySubmit(std::function<void()> task);
  // For the next step of work that was let in.
  void Submit(std::function<void()> task);

 private:
  void Run();

  const std::size_t max_queued_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_BASE_THREAD_POOL_H_
