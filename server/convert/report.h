// How a training went and what came of it, from the engine's form to the wire form.

#ifndef SOBOLEV_SERVER_CONVERT_REPORT_H_
#define SOBOLEV_SERVER_CONVERT_REPORT_H_

#include "engine/nn/network.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/errors.h"
#include "engine/train/label_checks.h"
#include "engine/train/trainer.h"
#include "engine/train/trial.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/models.pb.h"

namespace sobolev::server {

v1::EpochRecord ToProto(const train::EpochRecord& record);
v1::ErrorReport ToProto(const train::Errors& errors);
v1::Trial ToProto(const train::Trial& trial);
v1::ComparisonPoint ToProto(const train::CurvePoint& point);
// `schema` names the variables.
v1::LabelWarning ToProto(const train::SuspectLabel& suspect, const v1::Schema& schema);
v1::Network ToProto(const nn::Architecture& architecture);

// Fills kind, network and parameter_count.
void Describe(const Surrogate& surrogate, v1::ModelVersion& version);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_REPORT_H_
