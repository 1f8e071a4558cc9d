#include "server/jobs/sampling_goal.h"

#include <cmath>
#include <cstddef>

#include "server/jobs/sampling_evidence.h"

namespace sobolev::server {

Index OutputOf(const v1::SamplingGoal& goal, const v1::Schema& schema) {
  for (int i = 0; i < schema.outputs_size(); ++i) {
    if (schema.outputs(i).name() == goal.output()) return i;
  }
  return 0;
}

bool HasBest(const v1::SamplingGoal& goal) {
  return goal.kind() == v1::SamplingGoal::KIND_MINIMUM ||
         goal.kind() == v1::SamplingGoal::KIND_MAXIMUM;
}

bool IsBetter(const v1::SamplingGoal& goal, double value,
              const std::optional<v1::SamplingBest>& best) {
  if (!best) return !std::isnan(value);
  return goal.kind() == v1::SamplingGoal::KIND_MAXIMUM ? value > best->value()
                                                       : value < best->value();
}

v1::SamplingBest MakeBest(std::span<const double> x, double value) {
  v1::SamplingBest best;
  best.mutable_x()->Assign(x.begin(), x.end());
  best.set_value(value);
  return best;
}

std::optional<v1::SamplingBest> BestOf(const train::SampleSet& samples,
                                       const sampling::Domain& domain, const v1::SamplingGoal& goal,
                                       Index output, const std::stop_token& stop) {
  std::optional<v1::SamplingBest> best;
  if (!HasBest(goal)) return best;
  train::ForEachSample(samples, {}, [&](Index, const train::Sample& sample) {
    if (sample.y == nullptr || !IsBetter(goal, sample.y[output], best)) return;
    if (!IsInside(domain, sample.x)) return;
    const Matrix x = Eigen::Map<const Vector>(sample.x, domain.n());
    if (domain.HasConstraints() && domain.Feasible(x, stop).front() == 0) return;
    best = MakeBest({sample.x, static_cast<std::size_t>(domain.n())}, sample.y[output]);
  });
  return best;
}

}  // namespace sobolev::server
