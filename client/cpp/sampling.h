// How far sampling jobs are, from the wire.

#ifndef SOBOLEV_CLIENT_CPP_SAMPLING_H_
#define SOBOLEV_CLIENT_CPP_SAMPLING_H_

#include <sobolev/types.h>

#include "proto/sobolev/v1/jobs.pb.h"

namespace sobolev::client {

SamplingProgress FromProto(const v1::SamplingProgress& progress);

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_CPP_SAMPLING_H_
