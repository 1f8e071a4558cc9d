// Sampling jobs between their wire form, the store's and the engine's.

#ifndef SOBOLEV_SERVER_CONVERT_SAMPLING_H_
#define SOBOLEV_SERVER_CONVERT_SAMPLING_H_

#include "engine/base/matrix.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/jobs.pb.h"
#include "proto/sobolev/v1/sampling.pb.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The spec with every default filled in. Throws Error(kInvalidArgument) naming "spec.domain[2].min"
// and the like.
v1::SamplingSpec CompleteSpec(const v1::SamplingSpec& spec, const v1::Schema& schema);

// The box of a complete spec, and points between it and the unit cube. Derivatives by coordinates
// of the cube are those by x times the width.
struct SamplingBox {
  Vector min;    // n
  Vector width;  // n, > 0

  explicit SamplingBox(const v1::SamplingSpec& spec);

  Vector ToUser(const Vector& u) const {
    return (min.array() + width.array() * u.array()).matrix();
  }
  Vector ToUnit(const Vector& x) const { return ((x - min).array() / width.array()).matrix(); }
};

// What an evaluation costs by a complete spec.
double EvaluationCost(const v1::SamplingSpec& spec);

v1::SamplingCounts ToProto(const SamplingPointCounts& counts);
// m: number of outputs.
v1::SamplingPoint ToProto(const SamplingPointRecord& point, Index m);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_SAMPLING_H_
