// What a sampling job looks for, and the best that was found.

#ifndef SOBOLEV_SERVER_JOBS_SAMPLING_GOAL_H_
#define SOBOLEV_SERVER_JOBS_SAMPLING_GOAL_H_

#include <optional>
#include <span>
#include <stop_token>

#include "engine/base/matrix.h"
#include "engine/sampling/domain.h"
#include "engine/train/samples.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/jobs.pb.h"
#include "proto/sobolev/v1/sampling.pb.h"

namespace sobolev::server {

// The number of the output of a complete goal; 0 without one.
Index OutputOf(const v1::SamplingGoal& goal, const v1::Schema& schema);

// Whether it is a least or greatest value.
bool HasBest(const v1::SamplingGoal& goal);

// Whether a value is better than the best, which may be none. A NaN is not.
bool IsBetter(const v1::SamplingGoal& goal, double value,
              const std::optional<v1::SamplingBest>& best);

v1::SamplingBest MakeBest(std::span<const double> x, double value);

// The best of the samples that are feasible; none if the goal is another one.
std::optional<v1::SamplingBest> BestOf(const train::SampleSet& samples,
                                       const sampling::Domain& domain, const v1::SamplingGoal& goal,
                                       Index output, const std::stop_token& stop);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_SAMPLING_GOAL_H_
