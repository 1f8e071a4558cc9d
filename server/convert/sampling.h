// Sampling jobs between their wire form, the store's and the engine's.

#ifndef SOBOLEV_SERVER_CONVERT_SAMPLING_H_
#define SOBOLEV_SERVER_CONVERT_SAMPLING_H_

#include <string>

#include <google/protobuf/field_mask.pb.h>

#include "engine/base/matrix.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/jobs.pb.h"
#include "proto/sobolev/v1/sampling.pb.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The spec with every default filled in. Throws Error(kInvalidArgument) naming "spec.domain[2].min"
// and the like, and Error(kFailedPrecondition) for UM-Bridge servers that are not among
// `um_bridge_hosts`, "host:port" separated by commas.
v1::SamplingSpec CompleteSpec(const v1::SamplingSpec& spec, const v1::Schema& schema,
                              const std::string& um_bridge_hosts);

// A complete spec with what `change` says of the fields that `mask` names; of all that are set, if
// it names none. Throws Error(kInvalidArgument) naming "update_mask" or "spec.stop_rules[0].cost"
// and the like.
v1::SamplingSpec ChangeSpec(const v1::SamplingSpec& spec, const v1::SamplingChange& change,
                            const google::protobuf::FieldMask& mask, const v1::Schema& schema);

// The part of a complete spec that may change.
v1::SamplingChange ChangeableOf(const v1::SamplingSpec& spec);

// Throws Error(kFailedPrecondition HOST_NOT_ALLOWED) naming the first that is not allowed.
void RequireAllowedHosts(const v1::UmBridge& um_bridge, const std::string& um_bridge_hosts);

// What an evaluation costs by a complete spec.
double EvaluationCost(const v1::SamplingSpec& spec);
// What those cost that are over.
double SpentCost(const SamplingPointCounts& counts, const v1::SamplingSpec& spec);

v1::SamplingCounts ToProto(const SamplingPointCounts& counts);
// m: number of outputs.
v1::SamplingPoint ToProto(const SamplingPointRecord& point, Index m);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_SAMPLING_H_
