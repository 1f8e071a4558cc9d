// What to prune and how, from its wire form to the engine's, and what a network then is, back.

#ifndef SOBOLEV_SERVER_CONVERT_PRUNING_H_
#define SOBOLEV_SERVER_CONVERT_PRUNING_H_

#include <cstddef>
#include <cstdint>
#include <stop_token>
#include <vector>

#include "engine/base/matrix.h"
#include "engine/bounds/bound.h"
#include "engine/nn/network.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/box.h"
#include "engine/prune/network_pruning.h"
#include "engine/surrogate/surrogate.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "proto/sobolev/v1/datasets.pb.h"
#include "proto/sobolev/v1/models.pb.h"
#include "proto/sobolev/v1/pruning.pb.h"

namespace sobolev::server {

// Throws Error(kInvalidArgument NOT_A_NETWORK) naming "model" unless it is a network without
// anything around it.
const nn::NetworkSurrogate& RequireNetwork(const Surrogate& surrogate);

// Throws Error(kInvalidArgument) naming "rule", "parts" or "compensation"; the ranges of numbers
// are the engine's to check (prune::CheckPruning).
prune::NetworkPruningOptions ToPruningOptions(const v1::PruneRequest& request);

// The box of the request, or the domain of the version. Throws Error(kInvalidArgument) naming "box"
// or "box[2]" unless it lies within the domain.
prune::Box ToPruningBox(const v1::PruneRequest& request, const v1::ModelVersion& version);

// Boxes to enclose for the certificate of a network with that many parameters, none if no
// certificate is wanted. Throws Error(kInvalidArgument) naming "certificate_boxes", and
// Error(kResourceExhausted) if they take more memory.
Index CertificateBoxes(const v1::PruneRequest& request, const nn::Architecture& architecture,
                       std::size_t memory_limit);

// Which of the dataset's inputs the inputs of the version are. Throws Error(kInvalidArgument
// SCHEMA_MISMATCH) naming "retraining.dataset" unless it has all of them and the same outputs.
std::vector<Index> ColumnsOf(const v1::Schema& version, const v1::Schema& dataset);

// The options of a training of that architecture, resolved, with the steps of the request and the
// learning rate of a training from scratch. Throws as train::ResolveOptions, with fields of
// "retraining".
train::Options ToRetrainingOptions(const v1::PruneRequest& request,
                                   const nn::Architecture& architecture,
                                   const train::SampleShape& shape, double validation_fraction,
                                   std::size_t memory_limit);

// Of the retraining itself.
double RetrainingRate(const v1::PruneRequest& request, const train::Options& from_scratch);
// What training from scratch takes instead of its default rate, each a share of that.
inline constexpr double kScratchShares[] = {1, 0.4, 0.2};

v1::PruningReport::Size SizeOf(const nn::NetworkSurrogate& network, const std::stop_token& stop);
v1::PruningReport::Deviation ToProto(const prune::Deviation& deviation);
// Of bounds of the difference's values, and of its values and derivatives.
v1::PruningReport::Certificate ToCertificate(const bounds::BoundResult& values,
                                             const bounds::BoundResult& all);

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_CONVERT_PRUNING_H_
