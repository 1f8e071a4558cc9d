// Pictures of sampling jobs.

#ifndef SOBOLEV_CLIENT_CLI_SAMPLING_PICTURE_H_
#define SOBOLEV_CLIENT_CLI_SAMPLING_PICTURE_H_

#include <cstddef>
#include <string>
#include <vector>

#include <sobolev/sampling.h>

namespace sobolev::cli {

// SVG files that need no other.

// The points over the inputs `first` and `second`, coloured by the round that placed them, with
// crosses where there is no value, on the boxes that hold the middle of the other inputs: white
// where they are open, the darker the simpler the function is in them.
std::string DrawPlane(const client::Sampling& sampling,
                      const std::vector<client::SamplingPoint>& points,
                      const client::SamplingBoxes& boxes, const client::Schema& schema,
                      std::size_t first, std::size_t second);

// The same beside the errors over the rounds, with what evenly spread points would give
// (ErrorOfEvenPoints).
std::string DrawSampling(const client::Sampling& sampling,
                         const std::vector<client::SamplingPoint>& points,
                         const client::SamplingBoxes& boxes, const client::Schema& schema,
                         std::size_t first, std::size_t second);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_SAMPLING_PICTURE_H_
