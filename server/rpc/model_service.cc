#include "server/rpc/model_service.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/error.h"
#include "engine/train/surrogate_codec.h"
#include "server/convert/derivative_plan.h"
#include "server/convert/names.h"
#include "server/convert/pipeline.h"
#include "server/convert/resources.h"
#include "server/models/pipeline_parts.h"
#include "server/predict/jacobian_timing.h"
#include "server/rpc/own_records.h"
#include "server/rpc/pruning_request.h"
#include "server/rpc/significance_answer.h"
#include "server/rpc/unary_call.h"
#include "server/storage/sha256.h"

namespace sobolev::server {
namespace {

constexpr const char* kService = "sobolev.v1.ModelService";
// In memory, of a pipeline with its parts.
constexpr std::size_t kMaxPipelineBytes = std::size_t{1} << 30;

// "models/{model}" where a version makes no sense.
std::string ParseModelId(const std::string& name, const std::string& field) {
  const ModelRef ref = ParseModelName(name, field);
  if (ref.version == 0) return ref.id;
  throw InvalidArgument("INVALID_NAME", field,
                        "expected \"models/{model}\" without a version, got \"" + name + "\"");
}

}  // namespace

ModelService::ModelService(Store& store, ModelRegistry& models, JobManager& jobs, Metrics& metrics,
                           ThreadPool& pool, ThreadPool& analyses, const ServerConfig& config)
    : store_(store),
      models_(models),
      jobs_(jobs),
      pool_(pool),
      analyses_(analyses),
      config_(config),
      get_metrics_(metrics.Method(RpcType::kUnary, kService, "GetModel")),
      list_metrics_(metrics.Method(RpcType::kUnary, kService, "ListModels")),
      delete_metrics_(metrics.Method(RpcType::kUnary, kService, "DeleteModel")),
      get_version_metrics_(metrics.Method(RpcType::kUnary, kService, "GetModelVersion")),
      list_versions_metrics_(metrics.Method(RpcType::kUnary, kService, "ListModelVersions")),
      create_pipeline_metrics_(metrics.Method(RpcType::kUnary, kService, "CreatePipeline")),
      plan_derivatives_metrics_(metrics.Method(RpcType::kUnary, kService, "PlanDerivatives")),
      prune_metrics_(metrics.Method(RpcType::kUnary, kService, "Prune")),
      analyze_significance_metrics_(
          metrics.Method(RpcType::kUnary, kService, "AnalyzeSignificance")) {}

grpc::ServerUnaryReactor* ModelService::GetModel(grpc::CallbackServerContext* context,
                                                 const grpc::ByteBuffer* request,
                                                 grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetModelRequest, v1::Model>::Start(
      get_metrics_, pool_, context, request, response,
      [this](const v1::GetModelRequest& parsed, v1::Model& reply, const std::stop_token&) {
        reply = ToProto(store_.GetModel(ParseModelId(parsed.name(), "name")));
      });
}

grpc::ServerUnaryReactor* ModelService::ListModels(grpc::CallbackServerContext* context,
                                                   const grpc::ByteBuffer* request,
                                                   grpc::ByteBuffer* response) {
  return UnaryCall<v1::ListModelsRequest, v1::ListModelsResponse>::Start(
      list_metrics_, pool_, context, request, response,
      [this](const v1::ListModelsRequest& parsed, v1::ListModelsResponse& reply,
             const std::stop_token&) {
        const std::int64_t limit = PageSize(parsed.page_size());
        const std::string after = DecodePageToken("models", parsed.page_token());
        const std::vector<ModelRecord> records =
            ListOwn(after, limit + 1, [this](const std::string& from, std::int64_t count) {
              return store_.ListModels(from, count);
            });
        for (const ModelRecord& record : FirstPage(records, limit)) {
          *reply.add_models() = ToProto(record);
        }
        if (HasNextPage(records, limit)) {
          reply.set_next_page_token(
              EncodePageToken("models", LocalId(records[static_cast<std::size_t>(limit) - 1].id)));
        }
      });
}

grpc::ServerUnaryReactor* ModelService::DeleteModel(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request,
                                                    grpc::ByteBuffer* response) {
  return UnaryCall<v1::DeleteModelRequest, v1::DeleteModelResponse>::Start(
      delete_metrics_, pool_, context, request, response,
      [this](const v1::DeleteModelRequest& parsed, v1::DeleteModelResponse&,
             const std::stop_token&) {
        const std::string id = ParseModelId(parsed.name(), "name");
        store_.DeleteModel(id);
        models_.Remove(id);
      });
}

grpc::ServerUnaryReactor* ModelService::GetModelVersion(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetModelVersionRequest, v1::ModelVersion>::Start(
      get_version_metrics_, pool_, context, request, response,
      [this](const v1::GetModelVersionRequest& parsed, v1::ModelVersion& reply,
             const std::stop_token&) {
        const ModelRef ref = ParseModelName(parsed.name(), "name");
        if (ref.version == 0) {
          throw InvalidArgument("INVALID_NAME", "name",
                                "expected \"models/{model}/versions/{version}\", got \"" +
                                    parsed.name() + "\"; GetModel takes the name of a model");
        }
        reply = ToProto(store_.GetModelVersion(ref.id, ref.version));
      });
}

grpc::ServerUnaryReactor* ModelService::ListModelVersions(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request,
                                                          grpc::ByteBuffer* response) {
  return UnaryCall<v1::ListModelVersionsRequest, v1::ListModelVersionsResponse>::Start(
      list_versions_metrics_, pool_, context, request, response,
      [this](const v1::ListModelVersionsRequest& parsed, v1::ListModelVersionsResponse& reply,
             const std::stop_token&) {
        const std::int64_t limit = PageSize(parsed.page_size());
        const std::string id = ParseModelId(parsed.parent(), "parent");
        const std::string listing = ModelName(id) + "/versions";
        const std::string token = DecodePageToken(listing, parsed.page_token());
        const std::int64_t after =
            token.empty()
                ? 0
                : ParseModelName(ModelName(id) + "/versions/" + token, "page_token").version;
        const std::vector<ModelVersionRecord> records =
            store_.ListModelVersions(id, after, limit + 1);
        for (const ModelVersionRecord& record : FirstPage(records, limit)) {
          *reply.add_model_versions() = ToProto(record);
        }
        if (HasNextPage(records, limit)) {
          const ModelVersionRecord& last = records[static_cast<std::size_t>(limit) - 1];
          reply.set_next_page_token(EncodePageToken(listing, std::to_string(last.version)));
        }
      });
}

grpc::ServerUnaryReactor* ModelService::CreatePipeline(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return UnaryCall<v1::CreatePipelineRequest, v1::ModelVersion>::Start(
      create_pipeline_metrics_, pool_, context, request, response,
      [this](const v1::CreatePipelineRequest& parsed, v1::ModelVersion& reply,
             const std::stop_token&) { reply = Compose(parsed); });
}

grpc::ServerUnaryReactor* ModelService::PlanDerivatives(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return UnaryCall<v1::PlanDerivativesRequest, v1::DerivativePlan>::Start(
      plan_derivatives_metrics_, pool_, context, request, response,
      [this](const v1::PlanDerivativesRequest& parsed, v1::DerivativePlan& reply,
             const std::stop_token& stop) { reply = Plan(parsed, stop); });
}

grpc::ServerUnaryReactor* ModelService::Prune(grpc::CallbackServerContext* context,
                                              const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) {
  return UnaryCall<v1::PruneRequest, v1::Job>::Start(
      prune_metrics_, pool_, context, request, response,
      [this](const v1::PruneRequest& parsed, v1::Job& reply, const std::stop_token&) {
        const JobRecord job = CheckPruningRequest(
            parsed, store_, models_, static_cast<std::size_t>(config_.job_memory_bytes));
        reply = parsed.validate_only() ? Preview(job) : ToProto(jobs_.Submit(job));
      });
}

grpc::ServerUnaryReactor* ModelService::AnalyzeSignificance(grpc::CallbackServerContext* context,
                                                            const grpc::ByteBuffer* request,
                                                            grpc::ByteBuffer* response) {
  return UnaryCall<v1::AnalyzeSignificanceRequest, v1::AnalyzeSignificanceResponse>::Start(
      analyze_significance_metrics_, analyses_, context, request, response,
      [this](const v1::AnalyzeSignificanceRequest& parsed, v1::AnalyzeSignificanceResponse& reply,
             const std::stop_token& stop) {
        AnswerSignificance(parsed, models_, store_, reply, stop);
      });
}

v1::DerivativePlan ModelService::Plan(const v1::PlanDerivativesRequest& request,
                                      const std::stop_token& stop) const {
  const ModelRef ref = ParseModelName(request.model(), "model");
  const ModelRegistry::Handle model = models_.Get(ref.id, ref.version);
  v1::DerivativePlan plan = server::PlanDerivatives(request, *model->surrogate, stop);
  plan.set_model(ModelVersionName(model->model_id, model->version));
  const std::vector<JacobianTiming> timings = TimeJacobians(*model, stop);
  for (const JacobianTiming& timing : timings) {
    v1::DerivativePlan::Timing& added = *plan.add_timings();
    added.set_mode(timing.mode);
    added.set_cost(static_cast<std::int64_t>(std::min(timing.multiply_adds, 9e18)));
    added.set_predicted_seconds(timing.predicted_seconds);
    if (timing.measured_seconds) added.set_measured_seconds(*timing.measured_seconds);
  }
  if (plan.has_makespan() || plan.has_memory()) return plan;
  if (const auto seconds = TimeMultiplyAdds(timings)) {
    Calibrate(request, *model->surrogate, *seconds, stop, plan);
  }
  return plan;
}

v1::ModelVersion ModelService::Compose(const v1::CreatePipelineRequest& request) const {
  RequireResourceId(request.model_id(), "model_id");
  const std::string id = StoredId(request.model_id());
  const WiredPipeline wired = WirePipeline(request, FindPipelineParts(request, models_, store_));
  if (wired.surrogate->SizeBytes() > kMaxPipelineBytes) {
    throw InvalidArgument("OUT_OF_RANGE", "stages",
                          "expected parts of at most " + std::to_string(kMaxPipelineBytes) +
                              " bytes in memory, got " +
                              std::to_string(wired.surrogate->SizeBytes()) +
                              "; use smaller models, or each of them once");
  }
  const std::string weights = train::EncodeSurrogate(*wired.surrogate);
  const std::string description = SerializeDeterministic(wired.description);
  const std::string sha256 = Sha256Hex(weights);
  const auto is_same = [&](const ModelVersionRecord& newest) {
    if (IsPipeline(newest)) {
      return newest.blob_sha256 == sha256 && newest.description == description;
    }
    throw Error(ErrorCode::kAlreadyExists, "MODEL_ALREADY_EXISTS", "model_id",
                "\"" + request.model_id() +
                    "\" is a model that was trained; choose another id or delete it");
  };
  const ModelVersionRecord record = store_.AddModelVersion(id, weights, description, is_same);
  models_.Publish(record.model_id, record.version);
  return ToProto(record);
}

}  // namespace sobolev::server
