// What the tensors of a block must be before their samples are stored.
//
// All functions throw Error(kInvalidArgument) naming "block.y[17][3]" and the like, and how to mend
// it.

#ifndef SOBOLEV_SERVER_CONVERT_SAMPLE_CHECKS_H_
#define SOBOLEV_SERVER_CONVERT_SAMPLE_CHECKS_H_

#include <array>

#include "proto/sobolev/v1/datasets.pb.h"
#include "server/convert/tensor.h"
#include "server/storage/block_layout.h"

namespace sobolev::server {

// Directions of one kind that a sample may have.
inline constexpr std::int64_t kMaxDirections = 64;

// The tensors of a block, their shapes checked; null: unset.
struct BlockViews {
  std::array<const TensorView*, kNumSampleArrays> views = {};

  const TensorView* operator[](SampleArray array) const {
    return views[static_cast<std::size_t>(array)];
  }
};

// That directions come with results, results with directions and variances with what varies, and
// that y is there unless all of it may be missing.
void RequireWholeKinds(const v1::SampleBlock& block, const v1::Schema& schema);

// That numbers are finite, or NaN where the schema takes it for a missing label; that weights and
// variances are positive; that each row has a label. Returns how many there are of each kind.
LabelCounts CheckNumbers(const BlockViews& block, const v1::Schema& schema);

// That what CheckNumbers let through lies within the schema's bounds. `ranges` are those of the
// tensor's columns, one for each variable.
void RequireBounds(const google::protobuf::RepeatedPtrField<v1::Variable>& variables,
                   const std::vector<ValueRange>& ranges, const TensorView& tensor);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_SAMPLE_CHECKS_H_
