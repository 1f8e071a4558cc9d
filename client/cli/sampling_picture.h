// Pictures of sampling jobs.

#ifndef SOBOLEV_CLIENT_CLI_SAMPLING_PICTURE_H_
#define SOBOLEV_CLIENT_CLI_SAMPLING_PICTURE_H_

#include <cstddef>
#include <string>
#include <vector>

#include <sobolev/sampling.h>

namespace sobolev::cli {

// An SVG file that needs no other: the points over the inputs `first` and `second`, coloured by the
// round that placed them, with crosses where there is no value; and the errors over the rounds.
std::string DrawSampling(const client::Sampling& sampling,
                         const std::vector<client::SamplingPoint>& points,
                         const client::Schema& schema, std::size_t first, std::size_t second);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_SAMPLING_PICTURE_H_
