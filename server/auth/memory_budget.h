// How much memory the messages under way may take, all together.

#ifndef SOBOLEV_SERVER_AUTH_MEMORY_BUDGET_H_
#define SOBOLEV_SERVER_AUTH_MEMORY_BUDGET_H_

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

namespace sobolev::server {

// Thread-safe.
class MemoryBudget {
 public:
  // So many bytes are taken until it is gone. The budget outlives it.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(std::atomic<std::size_t>& used, std::size_t bytes) : used_(&used), bytes_(bytes) {}
    Reservation(Reservation&& other) noexcept
        : used_(std::exchange(other.used_, nullptr)), bytes_(other.bytes_) {}
    Reservation& operator=(Reservation&& other) noexcept {
      Release();
      used_ = std::exchange(other.used_, nullptr);
      bytes_ = other.bytes_;
      return *this;
    }
    ~Reservation() { Release(); }

    void Release() {
      if (std::atomic<std::size_t>* const used = std::exchange(used_, nullptr)) *used -= bytes_;
    }

   private:
    std::atomic<std::size_t>* used_ = nullptr;  // Null: nothing is taken.
    std::size_t bytes_ = 0;
  };

  explicit MemoryBudget(std::size_t limit) : limit_(limit) {}

  // Nothing if that would be more than the limit with what is taken already.
  std::optional<Reservation> Reserve(std::size_t bytes) {
    std::size_t used = used_;
    do {
      if (bytes > limit_ - used) return std::nullopt;
    } while (!used_.compare_exchange_weak(used, used + bytes));
    return Reservation(used_, bytes);
  }

  std::size_t used() const { return used_; }
  std::size_t limit() const { return limit_; }

 private:
  const std::size_t limit_;
  std::atomic<std::size_t> used_ = 0;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_AUTH_MEMORY_BUDGET_H_
