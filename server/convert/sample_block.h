// Blocks of samples as they travel: checked on the way in, cut to size on the way out.

#ifndef SOBOLEV_SERVER_CONVERT_SAMPLE_BLOCK_H_
#define SOBOLEV_SERVER_CONVERT_SAMPLE_BLOCK_H_

#include <memory>

#include "engine/train/samples.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The block's samples for the store: views of the message's bytes, or of copies where it carries
// float32. Throws Error(kInvalidArgument) naming "block.x[17][3]" and the like for a wrong
// checksum, shape, number of bytes, a number that is not finite and not missing as the schema
// allows it, a value outside the schema's bounds, a weight or variance that is not positive,
// directions without results or the reverse, a row without any label, or more than max_rows rows.
SampleBlockData CheckBlock(const std::shared_ptr<const v1::SampleBlock>& block,
                           const v1::Schema& schema, std::int64_t max_rows);

// Which arrays the samples have.
BlockLayout LayoutOf(const train::SampleBlock& samples);

// Rows [first, first + count) of `samples` as a message with its checksum.
void FillBlock(const train::SampleBlock& samples, Index n, Index m, Index first, Index count,
               v1::Tensor::DataType data_type, v1::SampleBlock& block);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_SAMPLE_BLOCK_H_
