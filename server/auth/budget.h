// How fast one principal may call.

#ifndef SOBOLEV_SERVER_AUTH_BUDGET_H_
#define SOBOLEV_SERVER_AUTH_BUDGET_H_

#include <algorithm>
#include <chrono>
#include <mutex>

namespace sobolev::server {

// A token bucket: `rate` units flow in each second, up to one second's worth and one unit at least.
// Thread-safe.
class Budget {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // rate 0: no limit. It starts full.
  explicit Budget(double rate) : rate_(rate), capacity_(std::max(1.0, rate)), level_(capacity_) {}

  // Takes `units` if anything is left, be it less: what is missing is a debt that the next pay.
  // Returns 0, or takes nothing and returns the seconds until something is there again.
  double Take(double units, Time now);
  // Takes `units` in any case; returns the seconds until the debt is paid, if there is one.
  double Charge(double units, Time now);

 private:
  // Needs mutex_.
  void Fill(Time now);

  const double rate_;
  const double capacity_;
  std::mutex mutex_;
  double level_;  // Guarded by mutex_; negative in debt.
  Time last_{};   // Guarded by mutex_; when level_ was right.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_AUTH_BUDGET_H_
