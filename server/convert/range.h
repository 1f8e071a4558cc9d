// Ranges of inputs in requests.

#ifndef SOBOLEV_SERVER_CONVERT_RANGE_H_
#define SOBOLEV_SERVER_CONVERT_RANGE_H_

#include <string>

#include "proto/sobolev/v1/datasets.pb.h"

namespace sobolev::server {

// Throws Error(kInvalidArgument) naming `field`.min or `field`.max unless both are finite and
// min <= max.
void CheckRange(const v1::Range& range, const std::string& field);

// Throws Error(kInvalidArgument OUTSIDE_DOMAIN) naming `field` unless the range of an input lies
// within the domain of a model; the message has the domain as command lines take it, to the last
// bit.
void CheckWithinDomain(const v1::Range& range, const v1::Range& domain, const std::string& input,
                       const std::string& field);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_RANGE_H_
