// Samples as the arrays of a v1::SampleBlock.

#ifndef SOBOLEV_CLIENT_CPP_SAMPLE_PARTS_H_
#define SOBOLEV_CLIENT_CPP_SAMPLE_PARTS_H_

#include <cstdint>
#include <vector>

#include <sobolev/types.h>

#include "proto/sobolev/v1/datasets.pb.h"

namespace sobolev::client {

// One array of a block, and what it holds of each sample.
struct PartShape {
  v1::Tensor* (v1::SampleBlock::*tensor)();
  Index rows;     // The tensor's last dimension.
  Index columns;  // Of `rows` numbers, of each sample.
  int rank;       // 1: [N]; 2: [N, rows]; 3: [N, columns, rows].

  bool operator==(const PartShape&) const = default;
};

struct SamplePart {
  PartShape shape;
  ConstMatrixRef numbers;  // rows×(columns·N)
};

// The numbers of inputs and outputs; 0: not known yet.
struct SampleSizes {
  Index n = 0;
  Index m = 0;
};

// Views of what is not empty, X first. Of `others` only what follows the weight is looked at; all
// arguments outlive the parts. Fills in sizes that are not known yet. Throws
// RpcError(kInvalidArgument) naming the array if a shape disagrees with X or with the sizes.
std::vector<SamplePart> PartsOf(const ConstMatrixRef& X, const ConstMatrixRef& Y,
                                const ConstMatrixRef& jacobian, const ConstVectorRef& weight,
                                const Samples& others, SampleSizes& sizes);

// Samples [first, first + count) of the part, behind what its tensor holds.
void AppendRows(const SamplePart& part, Index first, Index count, v1::SampleBlock& block);

// Writes element type and shape of the tensor, once its block has all of its `num_samples`.
void SetShape(const PartShape& part, Index num_samples, v1::SampleBlock& block);

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_CPP_SAMPLE_PARTS_H_
