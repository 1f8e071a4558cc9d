// What to train and how it went, between the wire messages of sobolev.v1 and the client's types.

#ifndef SOBOLEV_CLIENT_CPP_TRAINING_H_
#define SOBOLEV_CLIENT_CPP_TRAINING_H_

#include <sobolev/types.h>

#include "proto/sobolev/v1/jobs.pb.h"
#include "proto/sobolev/v1/models.pb.h"
#include "proto/sobolev/v1/training.pb.h"

namespace sobolev::client {

v1::TrainingSpec ToProto(const TrainingSpec& spec);

Activation FromProto(v1::Network::Activation activation);
ModelKind FromProto(v1::ModelVersion::Kind kind);
Extrapolation FromProto(v1::ModelVersion::Extrapolation extrapolation);
InputMap FromProto(const v1::InputMap& map);
OutputMap FromProto(const v1::OutputMap& map);
LabelWarning FromProto(const v1::LabelWarning& warning);
ErrorReport FromProto(const v1::ErrorReport& errors);
TrainingProgress FromProto(const v1::TrainingProgress& progress);
TrainingReport FromProto(const v1::TrainingReport& report);

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_CPP_TRAINING_H_
