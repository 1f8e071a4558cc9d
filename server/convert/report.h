// How a training went, from the engine's form to the wire form.

#ifndef SOBOLEV_SERVER_CONVERT_REPORT_H_
#define SOBOLEV_SERVER_CONVERT_REPORT_H_

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

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_REPORT_H_
