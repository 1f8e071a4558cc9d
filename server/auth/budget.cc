#include "server/auth/budget.h"

#include <algorithm>

namespace sobolev::server {

double Budget::Take(double units, Time now) {
  if (rate_ <= 0) return 0;
  const std::lock_guard lock(mutex_);
  Fill(now);
  // Calls are units of one; a rounding error must not refuse the last of them.
  constexpr double kRounding = 1e-9;
  const double needed = std::min(1.0, units) - kRounding;
  if (level_ < needed) return (needed - level_) / rate_;
  level_ -= units;
  return 0;
}

double Budget::Charge(double units, Time now) {
  if (rate_ <= 0) return 0;
  const std::lock_guard lock(mutex_);
  Fill(now);
  level_ -= units;
  return std::max(0.0, -level_ / rate_);
}

void Budget::Fill(Time now) {
  if (last_ != Time{}) {
    const double seconds = std::max(0.0, std::chrono::duration<double>(now - last_).count());
    level_ = std::min(capacity_, level_ + rate_ * seconds);
  }
  last_ = std::max(last_, now);
}

}  // namespace sobolev::server
