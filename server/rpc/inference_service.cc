#include "server/rpc/inference_service.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "server/base/config.h"
#include "server/convert/inference.h"
#include "server/rpc/own_records.h"
#include "server/rpc/unary_call.h"

namespace sobolev::server {
namespace {

constexpr const char* kService = "inference.GRPCInferenceService";
constexpr std::int64_t kRecordsPerFetch = 1000;

}  // namespace

InferenceService::InferenceService(Store& store, ModelRegistry& models, const Predictor& predictor,
                                   Metrics& metrics, ThreadPool& pool,
                                   std::function<bool()> serving)
    : store_(store),
      models_(models),
      answer_(models, predictor),
      pool_(pool),
      serving_(std::move(serving)),
      live_metrics_(metrics.Method(RpcType::kUnary, kService, "ServerLive")),
      ready_metrics_(metrics.Method(RpcType::kUnary, kService, "ServerReady")),
      model_ready_metrics_(metrics.Method(RpcType::kUnary, kService, "ModelReady")),
      metadata_metrics_(metrics.Method(RpcType::kUnary, kService, "ServerMetadata")),
      model_metadata_metrics_(metrics.Method(RpcType::kUnary, kService, "ModelMetadata")),
      infer_metrics_(metrics.Method(RpcType::kUnary, kService, "ModelInfer")),
      index_metrics_(metrics.Method(RpcType::kUnary, kService, "RepositoryIndex")) {}

grpc::ServerUnaryReactor* InferenceService::ServerLive(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return UnaryCall<inference::ServerLiveRequest, inference::ServerLiveResponse>::Start(
      live_metrics_, pool_, context, request, response,
      [](const inference::ServerLiveRequest&, inference::ServerLiveResponse& reply,
         const std::stop_token&) { reply.set_live(true); },
      [](const inference::ServerLiveRequest&) { return true; });
}

grpc::ServerUnaryReactor* InferenceService::ServerReady(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return UnaryCall<inference::ServerReadyRequest, inference::ServerReadyResponse>::Start(
      ready_metrics_, pool_, context, request, response,
      [this](const inference::ServerReadyRequest&, inference::ServerReadyResponse& reply,
             const std::stop_token&) { reply.set_ready(serving_()); },
      [](const inference::ServerReadyRequest&) { return true; });
}

grpc::ServerUnaryReactor* InferenceService::ModelReady(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return UnaryCall<inference::ModelReadyRequest, inference::ModelReadyResponse>::Start(
      model_ready_metrics_, pool_, context, request, response,
      [this](const inference::ModelReadyRequest& parsed, inference::ModelReadyResponse& reply,
             const std::stop_token&) {
        const ModelRef ref =
            ParseInferenceModel(parsed.name(), parsed.version(), "name", "version");
        try {
          models_.Get(ref.id, ref.version);
          reply.set_ready(true);
        } catch (const Error& error) {
          if (error.code() != ErrorCode::kNotFound) throw;
        }
      });
}

grpc::ServerUnaryReactor* InferenceService::ServerMetadata(grpc::CallbackServerContext* context,
                                                           const grpc::ByteBuffer* request,
                                                           grpc::ByteBuffer* response) {
  return UnaryCall<inference::ServerMetadataRequest, inference::ServerMetadataResponse>::Start(
      metadata_metrics_, pool_, context, request, response,
      [](const inference::ServerMetadataRequest&, inference::ServerMetadataResponse& reply,
         const std::stop_token&) {
        reply.set_name("sobolev");
        reply.set_version(std::string(Version()));
        reply.add_extensions("sobolev_derivatives");
        reply.add_extensions("model_repository");
      },
      [](const inference::ServerMetadataRequest&) { return true; });
}

grpc::ServerUnaryReactor* InferenceService::ModelMetadata(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return UnaryCall<inference::ModelMetadataRequest, inference::ModelMetadataResponse>::Start(
      model_metadata_metrics_, pool_, context, request, response,
      [this](const inference::ModelMetadataRequest& parsed, inference::ModelMetadataResponse& reply,
             const std::stop_token&) { AnswerMetadata(parsed, reply); });
}

void InferenceService::AnswerMetadata(const inference::ModelMetadataRequest& request,
                                      inference::ModelMetadataResponse& response) const {
  const ModelRef ref = ParseInferenceModel(request.name(), request.version(), "name", "version");
  const ModelRegistry::Handle model = models_.Get(ref.id, ref.version);
  std::vector<std::int64_t> versions;
  std::size_t fetched = 0;
  do {
    const std::vector<ModelVersionRecord> records =
        store_.ListModelVersions(ref.id, versions.empty() ? 0 : versions.back(), kRecordsPerFetch);
    for (const ModelVersionRecord& record : records) versions.push_back(record.version);
    fetched = records.size();
  } while (fetched == static_cast<std::size_t>(kRecordsPerFetch));
  response = ToMetadata(*model, versions);
}

grpc::ServerUnaryReactor* InferenceService::ModelInfer(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return UnaryCall<inference::ModelInferRequest, inference::ModelInferResponse>::Start(
      infer_metrics_, pool_, context, request, response,
      [this](const inference::ModelInferRequest& parsed, inference::ModelInferResponse& reply,
             const std::stop_token& stop) {
        v1::PredictResponse predicted;
        answer_.Fill(ToPredictRequest(parsed), predicted, stop);
        reply = ToInferResponse(parsed, std::move(predicted));
      });
}

grpc::ServerUnaryReactor* InferenceService::RepositoryIndex(grpc::CallbackServerContext* context,
                                                            const grpc::ByteBuffer* request,
                                                            grpc::ByteBuffer* response) {
  return UnaryCall<inference::RepositoryIndexRequest, inference::RepositoryIndexResponse>::Start(
      index_metrics_, pool_, context, request, response,
      [this](const inference::RepositoryIndexRequest& parsed,
             inference::RepositoryIndexResponse& reply, const std::stop_token&) {
        if (!parsed.repository_name().empty()) {
          throw NotFound("repository_name", parsed.repository_name());
        }
        ForEachOwnModel(store_, [&](const ModelRecord& record) {
          inference::RepositoryIndexResponse::ModelIndex& model = *reply.add_models();
          model.set_name(LocalId(record.id));
          model.set_version(std::to_string(record.latest.version));
          model.set_state("READY");
        });
      });
}

}  // namespace sobolev::server
