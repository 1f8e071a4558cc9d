// Where the points of a sampling job went, and what they cost there.

#ifndef SOBOLEV_CLIENT_CLI_SAMPLING_SPENDING_H_
#define SOBOLEV_CLIENT_CLI_SAMPLING_SPENDING_H_

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include <sobolev/sampling.h>

#include "client/cli/json_format.h"

namespace sobolev::cli {

// A part of the domain.
struct Portion {
  std::string where;        // "linear boxes", or "0 to 0.25 of a".
  double volume = 0;        // Its share of the domain; of slices, of the range.
  std::int64_t points = 0;  // In it.
  double cost = 0;          // Of the attempts to evaluate these.
};

// By how simple the function is in boxes, the open ones last. Without boxes, nothing.
std::vector<Portion> SpendingByOrder(const client::Sampling& sampling,
                                     const std::vector<client::SamplingPoint>& points,
                                     const client::SamplingBoxes& boxes);

// By quarters of the range of each input.
std::vector<Portion> SpendingBySlice(const client::Sampling& sampling,
                                     const std::vector<client::SamplingPoint>& points,
                                     const client::Schema& schema);

Json ToJson(const std::vector<Portion>& portions);
// As a table, with the shares of points and cost in all of the points.
std::vector<std::vector<std::string>> ToTable(const std::vector<Portion>& portions,
                                              const std::vector<client::SamplingPoint>& points);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_SAMPLING_SPENDING_H_
