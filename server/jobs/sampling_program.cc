#include "server/jobs/sampling_program.h"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "server/convert/sample_rows.h"

namespace sobolev::server {
namespace {

// Evaluated at a time.
constexpr std::int64_t kProgramBatch = 256;
constexpr const char* kOwnWorker = "server";

}  // namespace

void EvaluateQueued(Store& store, const Clock& clock, const std::string& job_id,
                    const v1::SamplingSpec& spec, const Surrogate& program,
                    const std::stop_token& stop) {
  const SamplingLeaseTerms terms{.now_micros = clock.WallMicros(),
                                 .expire_micros = std::numeric_limits<std::int64_t>::max(),
                                 .max_attempts = spec.max_attempts()};
  const std::vector<SamplingPointRecord> points =
      store.AskSamplingPoints(job_id, kOwnWorker, kProgramBatch, terms);
  if (points.empty()) return;
  const Index n = program.n();
  const Index m = program.m();
  const auto count = static_cast<Index>(points.size());
  Matrix X(n, count);
  for (Index i = 0; i < count; ++i) {
    X.col(i) = Eigen::Map<const Vector>(points[static_cast<std::size_t>(i)].x.data(), n);
  }
  Matrix Y(m, count);
  Matrix J(n, spec.jacobian() ? m * count : 0);
  program.Predict({X.data(), n, count}, std::nullopt, std::nullopt,
                  {.Y = Y.data(), .J = spec.jacobian() ? J.data() : nullptr}, stop);
  std::vector<SamplingResult> results;
  std::vector<SamplingFailure> failures;
  for (Index i = 0; i < count; ++i) {
    const std::int64_t id = points[static_cast<std::size_t>(i)].id;
    const bool is_finite =
        Y.col(i).allFinite() && (!spec.jacobian() || J.middleCols(m * i, m).allFinite());
    if (!is_finite) {
      failures.push_back(
          {.point = id, .infeasible = true, .reason = "the program has no finite value here"});
      continue;
    }
    results.push_back({.point = id,
                       .x = points[static_cast<std::size_t>(i)].x,
                       .result = MakeRow(X.col(i), Y.data() + m * i, m,
                                         spec.jacobian() ? J.data() + n * m * i : nullptr)});
  }
  store.TellSamplingPoints(job_id, kOwnWorker, results, failures, terms);
}

}  // namespace sobolev::server
