// Resources between their stored form, their wire form and the engine's form. With tensor.h the
// only place where wire and engine types meet.

#ifndef SOBOLEV_SERVER_CONVERT_RESOURCES_H_
#define SOBOLEV_SERVER_CONVERT_RESOURCES_H_

#include <cstdint>
#include <string>

#include <google/protobuf/message.h>
#include <google/protobuf/timestamp.pb.h>

#include "engine/train/trainer.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/jobs.pb.h"
#include "proto/sobolev/v1/models.pb.h"
#include "proto/sobolev/v1/training.pb.h"
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
v1::JobEvent ToProto(const JobEventRecord& record);
v1::Model ToProto(const ModelRecord& record);
v1::ModelVersion ToProto(const ModelVersionRecord& record);

// Throws Error(kInvalidArgument UNKNOWN_ENUM_VALUE) naming "spec.<field>"; ranges are the engine's
// to check (train::ResolveOptions).
train::Options ToOptions(const v1::TrainingSpec& spec);

v1::EpochRecord ToProto(const train::EpochRecord& record);
v1::ErrorReport ToProto(const train::Errors& errors);
v1::Network ToProto(const nn::Architecture& architecture);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_RESOURCES_H_
