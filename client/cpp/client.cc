#include <utility>

#include <sobolev/client.h>

#include "client/cpp/connection.h"
#include "client/cpp/convert.h"
#include "client/cpp/derivatives.h"
#include "client/cpp/training.h"
#include "client/cpp/upload.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace sobolev::client {

Client::Client(const std::string& target, const Options& options)
    : connection_(std::make_shared<Connection>(target, options)) {}
Client::~Client() = default;
Client::Client(Client&&) noexcept = default;
Client& Client::operator=(Client&&) noexcept = default;

bool Client::IsServing() const {
  using grpc::health::v1::Health;
  using grpc::health::v1::HealthCheckResponse;
  Health::Stub stub(connection_->channel());
  return connection_->Call(stub, &Health::Stub::Check, {}).status() == HealthCheckResponse::SERVING;
}

Dataset Client::CreateDataset(const std::string& dataset_id, const Schema& schema) const {
  v1::CreateDatasetRequest request;
  request.set_dataset_id(dataset_id);
  *request.mutable_dataset()->mutable_schema() = ToProto(schema);
  return FromProto(connection_->Call(connection_->datasets(),
                                     &v1::DatasetService::Stub::CreateDataset, request));
}

Dataset Client::GetDataset(const std::string& dataset) const {
  v1::GetDatasetRequest request;
  request.set_name(ResourceName("datasets", dataset));
  return FromProto(
      connection_->Call(connection_->datasets(), &v1::DatasetService::Stub::GetDataset, request));
}

std::vector<Dataset> Client::ListDatasets() const {
  std::vector<Dataset> datasets;
  connection_->CallForAllPages(connection_->datasets(), &v1::DatasetService::Stub::ListDatasets,
                               v1::ListDatasetsRequest(),
                               [&](const v1::ListDatasetsResponse& page) {
                                 for (const v1::Dataset& dataset : page.datasets())
                                   datasets.push_back(FromProto(dataset));
                               });
  return datasets;
}

void Client::DeleteDataset(const std::string& dataset) const {
  v1::DeleteDatasetRequest request;
  request.set_name(ResourceName("datasets", dataset));
  connection_->Call(connection_->datasets(), &v1::DatasetService::Stub::DeleteDataset, request);
}

Uploader Client::Upload(const std::string& dataset, const std::string& upload_id) const {
  return Uploader(std::make_unique<Uploader::Impl>(connection_, ResourceName("datasets", dataset),
                                                   upload_id.empty() ? RandomId() : upload_id));
}

std::int64_t Client::Append(const std::string& dataset, const ConstMatrixRef& X,
                            const ConstMatrixRef& Y, const ConstMatrixRef& jacobian,
                            const ConstVectorRef& weight) const {
  Uploader uploader = Upload(dataset);
  uploader.Append(X, Y, jacobian, weight);
  return uploader.Commit();
}

std::int64_t Client::Append(const std::string& dataset, const Samples& samples) const {
  Uploader uploader = Upload(dataset);
  uploader.Append(samples);
  return uploader.Commit();
}

void Client::ReadSamples(const std::string& dataset,
                         const std::function<void(const Samples&)>& on_samples,
                         std::int64_t version) const {
  v1::ReadSamplesRequest request;
  request.set_name(ResourceName("datasets", dataset));
  request.set_version(version);
  request.set_data_type(v1::Tensor::DATA_TYPE_FLOAT64);
  grpc::ClientContext context;
  const std::unique_ptr<grpc::ClientReader<v1::ReadSamplesResponse>> reader =
      connection_->datasets().ReadSamples(connection_->Authorize(context), request);
  ThrowUnlessOk(ReadAll(context, *reader, [&](const v1::ReadSamplesResponse& response) {
    on_samples(FromProto(response.block()));
  }));
}

Job Client::Train(const std::string& dataset, const TrainingSpec& spec,
                  const TrainOptions& options) const {
  v1::TrainRequest request;
  request.set_dataset(ResourceName("datasets", dataset));
  request.set_dataset_version(options.dataset_version);
  request.set_model_id(options.model);
  *request.mutable_spec() = ToProto(spec);
  // With a request id, a retry after a lost answer does not start a second job.
  request.set_request_id(options.request_id.empty() ? RandomId() : options.request_id);
  const v1::Job job =
      connection_->Call(connection_->training(), &v1::TrainingService::Stub::Train, request);
  return Job(connection_, job.name());
}

Job Client::GetJob(const std::string& job) const {
  return Job(connection_, ResourceName("jobs", job));
}

std::vector<JobStatus> Client::ListJobs() const {
  std::vector<JobStatus> jobs;
  connection_->CallForAllPages(connection_->jobs(), &v1::JobService::Stub::ListJobs,
                               v1::ListJobsRequest(), [&](const v1::ListJobsResponse& page) {
                                 for (const v1::Job& job : page.jobs())
                                   jobs.push_back(FromProto(job));
                               });
  return jobs;
}

Model Client::GetModel(const std::string& model) const {
  v1::GetModelRequest request;
  request.set_name(ResourceName("models", model));
  return FromProto(
      connection_->Call(connection_->models(), &v1::ModelService::Stub::GetModel, request));
}

std::vector<Model> Client::ListModels() const {
  std::vector<Model> models;
  connection_->CallForAllPages(connection_->models(), &v1::ModelService::Stub::ListModels,
                               v1::ListModelsRequest(), [&](const v1::ListModelsResponse& page) {
                                 for (const v1::Model& model : page.models())
                                   models.push_back(FromProto(model));
                               });
  return models;
}

void Client::DeleteModel(const std::string& model) const {
  v1::DeleteModelRequest request;
  request.set_name(ResourceName("models", model));
  connection_->Call(connection_->models(), &v1::ModelService::Stub::DeleteModel, request);
}

ModelVersion Client::GetModelVersion(const std::string& model_version) const {
  if (model_version.find("/versions/") == std::string::npos) {
    return GetModel(model_version).latest_version;
  }
  v1::GetModelVersionRequest request;
  request.set_name(ResourceName("models", model_version));
  return FromProto(
      connection_->Call(connection_->models(), &v1::ModelService::Stub::GetModelVersion, request));
}

std::vector<ModelVersion> Client::ListModelVersions(const std::string& model) const {
  v1::ListModelVersionsRequest request;
  request.set_parent(ResourceName("models", model));
  std::vector<ModelVersion> versions;
  connection_->CallForAllPages(connection_->models(), &v1::ModelService::Stub::ListModelVersions,
                               request, [&](const v1::ListModelVersionsResponse& page) {
                                 for (const auto& version : page.model_versions())
                                   versions.push_back(FromProto(version));
                               });
  return versions;
}

ModelVersion Client::CreatePipeline(const std::string& model_id, const Pipeline& pipeline) const {
  v1::CreatePipelineRequest request;
  request.set_model_id(model_id);
  for (const PipelineStage& stage : pipeline.stages) *request.add_stages() = ToProto(stage);
  for (const std::string& output : pipeline.outputs) request.add_outputs(output);
  return FromProto(
      connection_->Call(connection_->models(), &v1::ModelService::Stub::CreatePipeline, request));
}

Prediction Client::Predict(const std::string& model, const ConstMatrixRef& X,
                           const Quantities& quantities, const PredictionBlock& block) const {
  v1::PredictRequest request;
  request.set_model(ResourceName("models", model));
  *request.mutable_x() = ToTensor(X, {X.cols(), X.rows()});
  SetQuantities(quantities, X.cols(), request);
  request.mutable_outputs()->Assign(block.outputs.begin(), block.outputs.end());
  request.mutable_inputs()->Assign(block.inputs.begin(), block.inputs.end());
  const v1::PredictResponse response =
      connection_->Call(connection_->prediction(), &v1::PredictionService::Stub::Predict, request);
  return {.model_version = response.model_version(),
          .value = ToMatrix(response.value()),
          .jacobian = ToMatrix(response.jacobian()),
          .hessian = ToMatrix(response.hessian()),
          .jvp = ToMatrix(response.jvp()),
          .vjp = ToMatrix(response.vjp()),
          .hvp = ToMatrix(response.hvp()),
          .spread = ToMatrix(response.spread()),
          .jacobian_spread = ToMatrix(response.jacobian_spread()),
          .in_domain = {response.in_domain().begin(), response.in_domain().end()}};
}

}  // namespace sobolev::client
