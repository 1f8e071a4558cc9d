#include "server/jobs/sampling_pull.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>

#include "server/base/log.h"
#include "server/convert/sample_rows.h"
#include "server/http/http_client.h"

namespace sobolev::server {
namespace {

constexpr std::chrono::milliseconds kIdle{200};
// Between attempts to reach a simulator, growing from the first to the second.
constexpr std::chrono::milliseconds kFirstDelay{500};
constexpr std::chrono::milliseconds kLastDelay{30'000};
// A point stays leased for a moment longer than its evaluation may take.
constexpr std::int64_t kGraceMicros = 10'000'000;

void Sleep(std::chrono::milliseconds time, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, time, [] { return false; });
}

// Whether the job cannot go on, whatever other simulators do.
bool IsFault(const Error& error) {
  return error.code() == ErrorCode::kFailedPrecondition && error.reason() != "BAD_REPLY";
}

}  // namespace

SamplingPull::SamplingPull(const JobContext& context, const v1::SamplingSpec& spec, Index n,
                           Index m)
    : context_(context), spec_(spec), n_(n), m_(m) {
  for (int i = 0; i < spec.um_bridge().urls_size(); ++i) {
    threads_.emplace_back(
        [this, worker = "um-bridge-" + std::to_string(i),
         url = spec.um_bridge().urls(i)](const std::stop_token& stop) { Work(worker, url, stop); });
  }
}

void SamplingPull::RequireSound() const {
  const std::lock_guard lock(mutex_);
  if (fault_) throw Error(*fault_);
}

void SamplingPull::Work(const std::string& worker, const std::string& url,
                        const std::stop_token& stop) {
  const HttpLimits limits{
      .total = std::chrono::milliseconds(static_cast<std::int64_t>(1000 * spec_.lease_seconds()))};
  std::chrono::milliseconds delay = kFirstDelay;
  std::optional<UmBridgeSimulator> simulator;
  while (!stop.stop_requested()) {
    try {
      if (!simulator) {
        simulator.emplace(ParseHttpUrl(url, "spec.um_bridge.urls"), spec_.um_bridge().model(), n_,
                          m_, spec_.jacobian(), limits, stop);
        delay = kFirstDelay;
      }
      if (!EvaluateNext(worker, *simulator, stop)) Sleep(kIdle, stop);
    } catch (const Error& error) {
      if (stop.stop_requested()) return;
      LogWarning("simulator unusable",
                 {{"job", context_.job.id}, {"url", url}, {"what", error.what()}});
      if (!simulator && IsFault(error)) {
        const std::lock_guard lock(mutex_);
        fault_ = error;
        return;
      }
      simulator.reset();
      Sleep(delay, stop);
      delay = std::min(2 * delay, kLastDelay);
    }
  }
}

bool SamplingPull::EvaluateNext(const std::string& worker, const UmBridgeSimulator& simulator,
                                const std::stop_token& stop) const {
  Store& store = context_.environment.store;
  const std::string& job = context_.job.id;
  const SamplingRecord record = store.GetSampling(job);
  if (record.paused || record.stop_requested) return false;
  const std::int64_t now = context_.environment.clock.WallMicros();
  const auto longest = static_cast<std::int64_t>(spec_.lease_seconds() * 1e6);
  // One call for the value and one for each row of the Jacobian, each of which may take as long.
  const std::int64_t calls = 1 + (spec_.jacobian() ? m_ * n_ : 0);
  const SamplingLeaseTerms terms{.now_micros = now,
                                 .expire_micros = now + calls * longest + kGraceMicros,
                                 .max_attempts = spec_.max_attempts()};
  const std::vector<SamplingPointRecord> asked = store.AskSamplingPoints(job, worker, 1, terms);
  if (asked.empty()) return false;
  const SamplingPointRecord& point = asked.front();
  try {
    const Evaluation evaluation = simulator.Evaluate(point.x, stop);
    if (evaluation.y.allFinite() && evaluation.jacobian.allFinite()) {
      const Vector x = Eigen::Map<const Vector>(point.x.data(), n_);
      const SampleRow row = MakeRow(x, evaluation.y.data(), m_,
                                    spec_.jacobian() ? evaluation.jacobian.data() : nullptr);
      store.TellSamplingPoints(job, worker, {{.point = point.id, .x = point.x, .result = row}}, {},
                               terms);
    } else {
      store.TellSamplingPoints(job, worker, {},
                               {{.point = point.id,
                                 .infeasible = true,
                                 .reason = "the simulator's numbers are not finite"}},
                               terms);
    }
  } catch (const Error& error) {
    if (stop.stop_requested()) throw;  // The next attempt of the job has the point again.
    store.TellSamplingPoints(job, worker, {},
                             {{.point = point.id,
                               .attempt = point.attempt,
                               .infeasible = false,
                               .reason = error.what()}},
                             terms);
    context_.environment.desk.Ring(job);
    throw;
  }
  context_.environment.desk.Ring(job);
  return true;
}

}  // namespace sobolev::server
