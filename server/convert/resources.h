// Resources between their stored form and their wire form.

#ifndef SOBOLEV_SERVER_CONVERT_RESOURCES_H_
#define SOBOLEV_SERVER_CONVERT_RESOURCES_H_

#include <cstdint>
#include <string>

#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/jobs.pb.h"
#include "proto/sobolev/v1/models.pb.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The same message always gives the same bytes.
std::string SerializeDeterministic(const google::protobuf::Message& message);

google::protobuf::Timestamp ToTimestamp(std::int64_t wall_micros);

// Throws Error(kInvalidArgument) naming "<field>.inputs[2].lower" and the like: counts, names,
// uniqueness, bounds.
void ValidateSchema(const v1::Schema& schema, const std::string& field);

v1::DatasetStatistics ToProto(const DatasetStatistics& statistics);
v1::Dataset ToProto(const DatasetRecord& record);
v1::Job ToProto(const JobRecord& record);
// Of a job that is not submitted: without a name.
v1::Job Preview(const JobRecord& record);
v1::JobEvent ToProto(const JobEventRecord& record);
v1::Model ToProto(const ModelRecord& record);
v1::ModelVersion ToProto(const ModelVersionRecord& record);

// Whether a version was made of others and not trained.
bool IsPipeline(const ModelVersionRecord& record);
// Versions of one model are of one making. Throws Error(kAlreadyExists MODEL_ALREADY_EXISTS) naming
// model_id unless a trained version may follow this one.
void RequireNoPipeline(const ModelVersionRecord& newest);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_RESOURCES_H_
