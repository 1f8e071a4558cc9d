// Who may compute: a few at a time, the others in the order in which they came.

#ifndef SOBOLEV_SERVER_JOBS_COMPUTE_SLOTS_H_
#define SOBOLEV_SERVER_JOBS_COMPUTE_SLOTS_H_

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <iterator>
#include <mutex>
#include <stop_token>
#include <vector>

namespace sobolev::server {

// Thread-safe.
class ComputeSlots {
 public:
  // A place in the line, left by its end. One thread at a time.
  class Place {
   public:
    // `slots` outlives this.
    explicit Place(ComputeSlots& slots) : slots_(slots), number_(slots.Enter()) {}
    ~Place() { slots_.Leave(number_); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;

    // Whether it has a slot, which it then keeps.
    bool HasSlot() const { return slots_.HasSlot(number_); }
    // Waits for one, or until `stop` fires. Whether it has one.
    bool WaitForSlot(const std::stop_token& stop) const {
      return slots_.WaitForSlot(number_, stop);
    }

   private:
    ComputeSlots& slots_;
    const std::uint64_t number_;
  };

  explicit ComputeSlots(int count) : count_(count) {}

  int count() const { return count_; }

 private:
  std::uint64_t Enter() {
    const std::lock_guard lock(mutex_);
    line_.push_back(++last_number_);
    return last_number_;
  }

  void Leave(std::uint64_t number) {
    {
      const std::lock_guard lock(mutex_);
      std::erase(line_, number);
    }
    moved_.notify_all();
  }

  bool HasSlot(std::uint64_t number) {
    const std::lock_guard lock(mutex_);
    return IsServed(number);
  }

  bool WaitForSlot(std::uint64_t number, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    return moved_.wait(lock, stop, [&] { return IsServed(number); });
  }

  // The first ones have the slots.
  bool IsServed(std::uint64_t number) const {
    return std::distance(line_.begin(), std::ranges::find(line_, number)) < count_;
  }

  const int count_;
  std::mutex mutex_;
  std::condition_variable_any moved_;
  std::vector<std::uint64_t> line_;  // Guarded by mutex_.
  std::uint64_t last_number_ = 0;    // Guarded by mutex_.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_COMPUTE_SLOTS_H_
