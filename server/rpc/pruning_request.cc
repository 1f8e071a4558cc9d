#include "server/rpc/pruning_request.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/base/number_text.h"
#include "engine/nn/network_surrogate.h"
#include "engine/prune/network_pruning.h"
#include "engine/train/samples.h"
#include "server/convert/names.h"
#include "server/convert/pruning.h"
#include "server/convert/resources.h"
#include "server/jobs/pruning_data.h"
#include "server/rpc/own_records.h"

namespace sobolev::server {
namespace {

// The samples that a job reads.
struct Data {
  DatasetRecord dataset;
  std::shared_ptr<const Snapshot> snapshot;
  std::vector<Index> columns;  // Of its inputs, those of the model.
};

// As the same error about another field.
Error Renamed(const Error& error, const std::string& field) {
  const std::string message = error.what();
  const std::size_t begin = error.field().empty() ? 0 : error.field().size() + 2;
  return {error.code(), error.reason(), field, message.substr(std::min(message.size(), begin))};
}

void CheckNetwork(const nn::NetworkSurrogate& network, const prune::NetworkPruningOptions& options,
                  std::size_t memory_limit) {
  try {
    prune::CheckPruning(network, options);
  } catch (const Error& error) {
    if (error.field().rfind("network.", 0) == 0) throw Renamed(error, "model");
    throw;
  }
  const double bytes = prune::MemoryBytes(network.architecture(), options);
  if (bytes <= static_cast<double>(memory_limit)) return;
  throw Error(ErrorCode::kResourceExhausted, "JOB_MEMORY", "num_points",
              "expected a pruning that needs at most " + std::to_string(memory_limit) +
                  " bytes, got one that needs about " + NumberText(bytes) +
                  "; use fewer points or raise the server's limit");
}

Data Open(Store& store, const std::string& dataset_id, std::int64_t version,
          const v1::ModelVersion& model) {
  Data data{.dataset = store.GetDataset(dataset_id), .snapshot = nullptr, .columns = {}};
  if (data.dataset.version == 0) {
    throw FailedPrecondition("TOO_FEW_SAMPLES", "dataset",
                             "expected samples, got an empty dataset; append some");
  }
  data.snapshot = store.OpenSnapshot(dataset_id, version);
  v1::Schema schema;
  schema.ParseFromString(data.dataset.schema);
  data.columns = ColumnsOf(model.schema(), schema);
  return data;
}

Data OpenNamed(Store& store, const v1::PruneRequest::Retraining& retraining,
               const v1::ModelVersion& model) {
  const std::string field = "retraining.dataset";
  const std::string id = ParseDatasetName(retraining.dataset(), field);
  try {
    return Open(store, id, retraining.dataset_version(), model);
  } catch (const Error& error) {
    if (error.field() != "dataset") throw;
    throw Renamed(error, field);
  }
}

// What the model was trained on, unless that is gone or was replaced.
std::optional<Data> OpenOwn(Store& store, const v1::ModelVersion& model) {
  const v1::TrainingReport& report = model.report();
  if (report.dataset().empty()) return std::nullopt;
  try {
    Data data =
        Open(store, ParseDatasetName(report.dataset(), "dataset"), report.dataset_version(), model);
    const DatasetStatistics& statistics = data.snapshot->statistics();
    const bool is_same = statistics.fingerprint == report.dataset_fingerprint();
    if (is_same && statistics.sample_count >= 2) return data;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kInternal) throw;
  }
  return std::nullopt;
}

void CheckRetraining(const v1::PruneRequest& request, const nn::NetworkSurrogate& network,
                     const v1::ModelVersion& model, const Data& data, std::size_t memory_limit) {
  train::SampleShape shape = train::ShapeOf(data.snapshot->samples());
  if (shape.layout.n != network.n()) {  // As SelectedSamples leaves it.
    shape.layout.n = network.n();
    shape.layout.num_tangents = 0;
    shape.num_hvps = 0;
  }
  const HeldOut held_out = HeldOutOf(model.report(), DatasetName(data.dataset.id),
                                     data.snapshot->version(), shape.num_samples);
  ToRetrainingOptions(request, network.architecture(), shape, held_out.fraction, memory_limit);
}

// What the job reads, if anything.
std::optional<Data> FindData(const v1::PruneRequest& request, const nn::NetworkSurrogate& network,
                             const v1::ModelVersion& model, Store& store,
                             std::size_t memory_limit) {
  const v1::PruneRequest::Retraining& retraining = request.retraining();
  RequireDatasetVersion(retraining.dataset_version(), "retraining.dataset_version");
  std::optional<Data> data = retraining.dataset().empty()
                                 ? OpenOwn(store, model)
                                 : std::optional<Data>(OpenNamed(store, retraining, model));
  if (!request.has_retraining()) return data;
  if (!data) {
    throw FailedPrecondition("NO_DATASET", "retraining.dataset",
                             "expected a dataset to retrain on, because the one that the model was "
                             "trained on is not known or no longer there; name one");
  }
  if (retraining.dataset().empty() && retraining.dataset_version() > 0) {
    data->snapshot = store.OpenSnapshot(data->dataset.id, retraining.dataset_version());
  }
  CheckRetraining(request, network, model, *data, memory_limit);
  return data;
}

}  // namespace

JobRecord CheckPruningRequest(const v1::PruneRequest& request, Store& store, ModelRegistry& models,
                              std::size_t memory_limit) {
  const ModelRef ref = ParseModelName(request.model(), "model");
  if (!request.model_id().empty()) {
    RequireResourceId(request.model_id(), "model_id");
    RequireNoPipeline(store, StoredId(request.model_id()));
  }
  if (!request.request_id().empty()) RequireToken(request.request_id(), "request_id");
  const prune::NetworkPruningOptions options = ToPruningOptions(request);
  const ModelRegistry::Handle model = models.Get(ref.id, ref.version);
  const nn::NetworkSurrogate& network = RequireNetwork(*model->surrogate);
  ToPruningBox(request, model->description);
  CheckNetwork(network, options, memory_limit);
  CertificateBoxes(request, network.architecture(), memory_limit);
  const std::optional<Data> data =
      FindData(request, network, model->description, store, memory_limit);
  JobRecord job{
      .kind = JobKind::kPrune,
      .source_model_id = model->model_id,
      .source_model_version = model->version,
      .model_id = request.model_id().empty() ? model->model_id : StoredId(request.model_id()),
      .spec = SerializeDeterministic(request),
      .request_id = request.request_id().empty() ? "" : StoredId(request.request_id())};
  if (data) {
    job.dataset_id = data->dataset.id;
    job.dataset_uid = data->dataset.uid;
    job.dataset_version = data->snapshot->version();
  }
  return job;
}

}  // namespace sobolev::server
