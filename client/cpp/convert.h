// Between the wire messages of sobolev.v1 and the client's types.

#ifndef SOBOLEV_CLIENT_CPP_CONVERT_H_
#define SOBOLEV_CLIENT_CPP_CONVERT_H_

#include <cstdint>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>
#include <sobolev/types.h>

#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/jobs.pb.h"
#include "proto/sobolev/v1/models.pb.h"
#include "proto/sobolev/v1/tensor.pb.h"

namespace sobolev::client {

// The columns of A one after another, as a float64 tensor of this shape. The product of the shape
// is the size of A.
v1::Tensor ToTensor(const ConstMatrixRef& A, const std::vector<std::int64_t>& shape);
// The same bytes as columns: the last dimension becomes the rows, the others the columns. An unset
// tensor is empty. Throws RpcError(kInternal) if the reply's tensor is not float64 or its bytes do
// not fit its shape.
Matrix ToMatrix(const v1::Tensor& tensor);

Time FromProto(const google::protobuf::Timestamp& time);

std::vector<Range> FromProto(const google::protobuf::RepeatedPtrField<v1::Range>& ranges);
v1::Schema ToProto(const Schema& schema);

Dataset FromProto(const v1::Dataset& dataset);
JobStatus FromProto(const v1::Job& job);
JobEvent FromProto(const v1::JobEvent& event);
v1::PipelineStage ToProto(const PipelineStage& stage);
Pipeline FromProto(const v1::Pipeline& proto);
ModelVersion FromProto(const v1::ModelVersion& version);
Model FromProto(const v1::Model& model);
// Throws RpcError(kDataLoss) if the checksum is wrong.
Samples FromProto(const v1::SampleBlock& block);

// CRC-32C of the block's data fields, one after another in the order that its field crc32c says.
std::uint32_t Checksum(const v1::SampleBlock& block);

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_CPP_CONVERT_H_
