// Time as an argument, so that tests can move it.

#ifndef SOBOLEV_SERVER_BASE_CLOCK_H_
#define SOBOLEV_SERVER_BASE_CLOCK_H_

#include <chrono>
#include <cstdint>

namespace sobolev::server {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Microseconds since the Unix epoch; may jump. For timestamps only.
  virtual std::int64_t WallMicros() const = 0;
  // Never goes back. For intervals.
  virtual std::chrono::steady_clock::time_point Steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  std::int64_t WallMicros() const override {
    return std::chrono::duration_cast<std::chrono::microseconds>(
               std::chrono::system_clock::now().time_since_epoch())
        .count();
  }
  std::chrono::steady_clock::time_point Steady() const override {
    return std::chrono::steady_clock::now();
  }
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_BASE_CLOCK_H_
