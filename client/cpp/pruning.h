// What pruning reports, from the wire messages of sobolev.v1.

#ifndef SOBOLEV_CLIENT_CPP_PRUNING_H_
#define SOBOLEV_CLIENT_CPP_PRUNING_H_

#include <sobolev/pruning.h>

#include "proto/sobolev/v1/pruning.pb.h"

namespace sobolev::client {

PruningReport FromProto(const v1::PruningReport& report);

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_CPP_PRUNING_H_
