// The report of a sampling job as a page.

#ifndef SOBOLEV_CLIENT_CLI_SAMPLING_PAGE_H_
#define SOBOLEV_CLIENT_CLI_SAMPLING_PAGE_H_

#include <string>
#include <vector>

#include <sobolev/sampling.h>

namespace sobolev::cli {

// An HTML file that needs no other: where the job stands, its rounds, where its points went, and
// pictures of points and boxes over each pair of the first inputs.
std::string MakePage(const client::Sampling& sampling,
                     const std::vector<client::SamplingPoint>& points,
                     const client::SamplingBoxes& boxes, const client::Schema& schema);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_SAMPLING_PAGE_H_
