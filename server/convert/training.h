// What to fit and how, from its wire form to the engine's.

#ifndef SOBOLEV_SERVER_CONVERT_TRAINING_H_
#define SOBOLEV_SERVER_CONVERT_TRAINING_H_

#include "engine/train/options.h"
#include "engine/train/selection_options.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/training.pb.h"

namespace sobolev::server {

// Whether the spec asks for a selection (train::Selection), be it among recipes or of a single one,
// and not for a network trained with Adam alone (train::Trainer). Throws
// Error(kInvalidArgument UNKNOWN_ENUM_VALUE) naming "spec.kind" or "spec.optimizer".
bool IsSelection(const v1::TrainingSpec& spec);

// Whether that is KIND_AUTO, by name or by default. Throws likewise.
bool IsAutomatic(const v1::TrainingSpec& spec);

// Throws Error(kInvalidArgument UNKNOWN_ENUM_VALUE) naming "spec.<field>", or UNKNOWN_INPUT if
// `schema` does not name an input; ranges are the engine's to check (train::ResolveOptions).
train::Options ToOptions(const v1::TrainingSpec& spec, const v1::Schema& schema);

// Throws Error(kInvalidArgument) naming "spec.<field>" for numbers out of range, for variables that
// `schema`, that of the dataset, does not name and for fields that do not apply.
train::SelectionOptions ToSelectionOptions(const v1::TrainingSpec& spec, const v1::Schema& schema);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_TRAINING_H_
