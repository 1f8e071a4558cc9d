#include "server/rpc/dataset_service.h"

#include <string>
#include <vector>

#include "server/convert/names.h"
#include "server/convert/resources.h"
#include "server/rpc/append_call.h"
#include "server/rpc/own_records.h"
#include "server/rpc/read_call.h"
#include "server/rpc/unary_call.h"

namespace sobolev::server {
namespace {

constexpr const char* kService = "sobolev.v1.DatasetService";

}  // namespace

DatasetService::DatasetService(Store& store, Metrics& metrics, ThreadPool& pool,
                               const ServerConfig& config)
    : store_(store),
      metrics_(metrics),
      pool_(pool),
      config_(config),
      create_metrics_(metrics.Method(RpcType::kUnary, kService, "CreateDataset")),
      get_metrics_(metrics.Method(RpcType::kUnary, kService, "GetDataset")),
      list_metrics_(metrics.Method(RpcType::kUnary, kService, "ListDatasets")),
      delete_metrics_(metrics.Method(RpcType::kUnary, kService, "DeleteDataset")),
      append_metrics_(metrics.Method(RpcType::kBidiStream, kService, "AppendSamples")),
      read_metrics_(metrics.Method(RpcType::kServerStream, kService, "ReadSamples")) {}

grpc::ServerUnaryReactor* DatasetService::CreateDataset(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return UnaryCall<v1::CreateDatasetRequest, v1::Dataset>::Start(
      create_metrics_, pool_, context, request, response,
      [this](const v1::CreateDatasetRequest& parsed, v1::Dataset& reply, const std::stop_token&) {
        RequireResourceId(parsed.dataset_id(), "dataset_id");
        const v1::Schema& schema = parsed.dataset().schema();
        ValidateSchema(schema, "dataset.schema");
        reply = ToProto(store_.CreateDataset(StoredId(parsed.dataset_id()),
                                             SerializeDeterministic(schema), schema.inputs_size(),
                                             schema.outputs_size()));
      });
}

grpc::ServerUnaryReactor* DatasetService::GetDataset(grpc::CallbackServerContext* context,
                                                     const grpc::ByteBuffer* request,
                                                     grpc::ByteBuffer* response) {
  return UnaryCall<v1::GetDatasetRequest, v1::Dataset>::Start(
      get_metrics_, pool_, context, request, response,
      [this](const v1::GetDatasetRequest& parsed, v1::Dataset& reply, const std::stop_token&) {
        reply = ToProto(store_.GetDataset(ParseDatasetName(parsed.name(), "name")));
      });
}

grpc::ServerUnaryReactor* DatasetService::ListDatasets(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request,
                                                       grpc::ByteBuffer* response) {
  return UnaryCall<v1::ListDatasetsRequest, v1::ListDatasetsResponse>::Start(
      list_metrics_, pool_, context, request, response,
      [this](const v1::ListDatasetsRequest& parsed, v1::ListDatasetsResponse& reply,
             const std::stop_token&) {
        const std::int64_t limit = PageSize(parsed.page_size());
        const std::string after = DecodePageToken("datasets", parsed.page_token());
        const std::vector<DatasetRecord> records =
            ListOwn(after, limit + 1, [this](const std::string& from, std::int64_t count) {
              return store_.ListDatasets(from, count);
            });
        for (const DatasetRecord& record : FirstPage(records, limit)) {
          *reply.add_datasets() = ToProto(record);
        }
        if (HasNextPage(records, limit)) {
          reply.set_next_page_token(EncodePageToken(
              "datasets", LocalId(records[static_cast<std::size_t>(limit) - 1].id)));
        }
      });
}

grpc::ServerUnaryReactor* DatasetService::DeleteDataset(grpc::CallbackServerContext* context,
                                                        const grpc::ByteBuffer* request,
                                                        grpc::ByteBuffer* response) {
  return UnaryCall<v1::DeleteDatasetRequest, v1::DeleteDatasetResponse>::Start(
      delete_metrics_, pool_, context, request, response,
      [this](const v1::DeleteDatasetRequest& parsed, v1::DeleteDatasetResponse&,
             const std::stop_token&) {
        store_.DeleteDataset(ParseDatasetName(parsed.name(), "name"));
      });
}

grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* DatasetService::AppendSamples(
    grpc::CallbackServerContext* context) {
  return AppendCall::Start(store_, metrics_, append_metrics_, pool_, config_, context);
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* DatasetService::ReadSamples(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* request) {
  return ReadCall::Start(store_, read_metrics_, pool_, context, *request);
}

}  // namespace sobolev::server
