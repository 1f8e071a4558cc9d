#include "server/rpc/training_service.h"

#include <memory>
#include <string>

#include "engine/base/error.h"
#include "engine/train/composed_trainer.h"
#include "engine/train/options.h"
#include "engine/train/samples.h"
#include "engine/train/selection_options.h"
#include "server/convert/composition.h"
#include "server/convert/names.h"
#include "server/convert/resources.h"
#include "server/convert/training.h"
#include "server/rpc/own_records.h"
#include "server/rpc/unary_call.h"

namespace sobolev::server {
TrainingService::TrainingService(Store& store, JobManager& jobs, Metrics& metrics, ThreadPool& pool,
                                 const ServerConfig& config)
    : store_(store),
      jobs_(jobs),
      pool_(pool),
      config_(config),
      train_metrics_(metrics.Method(RpcType::kUnary, "sobolev.v1.TrainingService", "Train")) {}

grpc::ServerUnaryReactor* TrainingService::Train(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) {
  return UnaryCall<v1::TrainRequest, v1::Job>::Start(
      train_metrics_, pool_, context, request, response,
      [this](const v1::TrainRequest& parsed, v1::Job& reply, const std::stop_token&) {
        reply = Start(parsed);
      });
}

v1::Job TrainingService::Start(const v1::TrainRequest& request) const {
  const std::string dataset_id = ParseDatasetName(request.dataset(), "dataset");
  if (!request.model_id().empty()) {
    RequireResourceId(request.model_id(), "model_id");
    RequireNoPipeline(store_, StoredId(request.model_id()));
  }
  if (!request.request_id().empty()) RequireToken(request.request_id(), "request_id");
  RequireDatasetVersion(request.dataset_version(), "dataset_version");
  const bool is_selection = IsSelection(request.spec());
  const DatasetRecord dataset = store_.GetDataset(dataset_id);
  const std::int64_t version =
      request.dataset_version() > 0 ? request.dataset_version() : dataset.version;
  train::SampleSet samples{.n = dataset.n, .m = dataset.m, .blocks = {}};
  std::shared_ptr<const Snapshot> snapshot;
  if (version > 0) {
    snapshot = store_.OpenSnapshot(dataset_id, version);
    samples = snapshot->samples();
  }
  v1::Schema schema;
  schema.ParseFromString(dataset.schema);
  if (is_selection) {
    train::CheckSelection(ToSelectionOptions(request.spec(), schema), samples.n, samples.m,
                          samples.NumSamples());
  } else {
    train::ResolveComposed(ToOptions(request.spec(), schema), ToComposition(request.spec(), schema),
                           train::ShapeOf(samples),
                           static_cast<std::size_t>(config_.job_memory_bytes));
  }

  const JobRecord job{
      .dataset_id = dataset_id,
      .dataset_uid = dataset.uid,
      .dataset_version = version,
      .model_id = StoredId(request.model_id().empty() ? RandomModelId() : request.model_id()),
      .spec = SerializeDeterministic(request),
      .request_id = request.request_id().empty() ? "" : StoredId(request.request_id())};
  if (request.validate_only()) return Preview(job);
  return ToProto(jobs_.Submit(job));
}

}  // namespace sobolev::server
