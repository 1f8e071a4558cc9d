// Sampling jobs and their points, as text and JSON.

#ifndef SOBOLEV_CLIENT_CLI_SAMPLING_FORMAT_H_
#define SOBOLEV_CLIENT_CLI_SAMPLING_FORMAT_H_

#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <sobolev/sampling.h>

#include "client/cli/json_format.h"

namespace sobolev::cli {

// "space-filling", "paused", "infeasible" and so on.
std::string_view Name(client::SamplingStrategy strategy);
std::string_view Name(client::SamplingGoalKind goal);
std::string_view Name(client::SamplingPhase phase);
std::string_view Name(client::SamplingPointState state);
std::string_view Name(client::TellOutcome outcome);
std::string_view Name(client::BoxOrder order);

Json ToJson(const client::SamplingProgress& progress);
Json ToJson(const client::Sampling& sampling);
// With the names of inputs and outputs.
Json ToJson(const client::SamplingPoint& point, const client::Schema& schema);
// With the names of inputs.
Json ToJson(const client::SamplingBoxes& boxes, const client::Schema& schema);

// "minimum of u" or "level 0.5 of u".
std::string Describe(const client::SamplingGoal& goal);
// "12.5% constant, 50% linear, 0% quadratic (proved)".
std::string Describe(const client::ClosedShare& closed);
// "evaluations >= 100 and value error <= 0.1%".
std::string Describe(const client::StopRule& rule);
// "2 queued, 4 leased, 1 infeasible, 0 failed".
std::string DescribeWaiting(const client::SamplingCounts& counts);
// "40 evaluated, 2 queued, 4 leased, 1 infeasible, 0 failed; round 3: value error 1.2%, gradient
// error 3%".
std::string Describe(const client::SamplingProgress& progress);

// A prediction of the error of values of a round with as many evenly spread points: the largest
// that follows from the errors of the rounds so far, if it fell like N^(-3/n), the rate of
// piecewise quadratic models in n inputs, fixed ones included. NaN where it is unknown.
double ErrorOfEvenPoints(const client::Sampling& sampling, const client::SamplingRound& round);

// Where a job stands.
void PrintSampling(std::ostream& out, const client::Sampling& sampling);
// A line for each round, after the names of the columns.
std::vector<std::vector<std::string>> RoundTable(const client::Sampling& sampling);
// A line for each point.
void PrintPoints(std::ostream& out, const std::vector<client::SamplingPoint>& points,
                 const client::Schema& schema);
// How many points were placed for which reason, what came of them, and the reasons of failures.
void PrintSpending(std::ostream& out, const std::vector<client::SamplingPoint>& points);
// A line for each box.
void PrintBoxes(std::ostream& out, const client::SamplingBoxes& boxes,
                const client::Schema& schema);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_SAMPLING_FORMAT_H_
