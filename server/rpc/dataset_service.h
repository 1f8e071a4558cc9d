// sobolev.v1.DatasetService. The two streams live in append_call.h and read_call.h.

#ifndef SOBOLEV_SERVER_RPC_DATASET_SERVICE_H_
#define SOBOLEV_SERVER_RPC_DATASET_SERVICE_H_

#include "proto/sobolev/v1/datasets.grpc.pb.h"
#include "server/base/config.h"
#include "server/base/thread_pool.h"
#include "server/metrics/metrics.h"
#include "server/storage/store.h"

namespace sobolev::server {

// The service with every method raw.
using RawDatasetService = v1::DatasetService::WithRawCallbackMethod_CreateDataset<
    v1::DatasetService::WithRawCallbackMethod_GetDataset<
        v1::DatasetService::WithRawCallbackMethod_ListDatasets<
            v1::DatasetService::WithRawCallbackMethod_DeleteDataset<
                v1::DatasetService::WithRawCallbackMethod_AppendSamples<
                    v1::DatasetService::WithRawCallbackMethod_ReadSamples<
                        v1::DatasetService::Service>>>>>>;

class DatasetService final : public RawDatasetService {
 public:
  // The references outlive the service.
  DatasetService(Store& store, Metrics& metrics, ThreadPool& pool, const ServerConfig& config);

  grpc::ServerUnaryReactor* CreateDataset(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* GetDataset(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* ListDatasets(grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request,
                                         grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* DeleteDataset(grpc::CallbackServerContext* context,
                                          const grpc::ByteBuffer* request,
                                          grpc::ByteBuffer* response) override;
  grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* AppendSamples(
      grpc::CallbackServerContext* context) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* ReadSamples(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request) override;

 private:
  Store& store_;
  Metrics& metrics_;
  ThreadPool& pool_;
  const ServerConfig& config_;
  MethodMetrics* const create_metrics_;
  MethodMetrics* const get_metrics_;
  MethodMetrics* const list_metrics_;
  MethodMetrics* const delete_metrics_;
  MethodMetrics* const append_metrics_;
  MethodMetrics* const read_metrics_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_DATASET_SERVICE_H_
