// When a sampling job has enough.

#ifndef SOBOLEV_SERVER_JOBS_SAMPLING_RULES_H_
#define SOBOLEV_SERVER_JOBS_SAMPLING_RULES_H_

#include <cstdint>
#include <optional>

#include "proto/sobolev/v1/sampling.pb.h"

namespace sobolev::server {

// What stop rules speak of.
struct SamplingStatus {
  std::int64_t evaluations = 0;
  double cost = 0;
  double seconds = 0;  // Since the start of the job.
};

// The first of the rules that holds. Errors are those of the last of `rounds`.
std::optional<int> HoldingRule(const google::protobuf::RepeatedPtrField<v1::StopRule>& rules,
                               const SamplingStatus& status,
                               const google::protobuf::RepeatedPtrField<v1::SamplingRound>& rounds);

// The first of the rules that would hold but for errors that it asks for and noise hides: those of
// the last round have come down to the noise of the values, and gradients were not better in the
// last rounds.
std::optional<int> RuleAtNoise(const google::protobuf::RepeatedPtrField<v1::StopRule>& rules,
                               const SamplingStatus& status,
                               const google::protobuf::RepeatedPtrField<v1::SamplingRound>& rounds);

// How far the job is, 0 to 1, as Sampling.fraction has it.
double StopFraction(const google::protobuf::RepeatedPtrField<v1::StopRule>& rules,
                    const SamplingStatus& status,
                    const google::protobuf::RepeatedPtrField<v1::SamplingRound>& rounds);

// How many evaluations more, at this price, until a rule of counts and costs alone holds; nothing
// if none can.
std::optional<std::int64_t> EvaluationsLeft(
    const google::protobuf::RepeatedPtrField<v1::StopRule>& rules, const SamplingStatus& status,
    double evaluation_cost);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_JOBS_SAMPLING_RULES_H_
