// One ReadSamples stream.

#ifndef SOBOLEV_SERVER_RPC_READ_CALL_H_
#define SOBOLEV_SERVER_RPC_READ_CALL_H_

#include <cstdint>
#include <memory>

#include <grpcpp/grpcpp.h>

#include "proto/sobolev/v1/datasets.pb.h"
#include "server/base/thread_pool.h"
#include "server/metrics/metrics.h"
#include "server/rpc/call_context.h"
#include "server/rpc/unary_call.h"
#include "server/storage/store.h"

namespace sobolev::server {

// Each stored block is checked before its first row is sent, and sent in pieces of about 1 MiB. One
// piece is in memory at a time.
class ReadCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  // The call owns itself until gRPC is done with it.
  static ReadCall* Start(Store& store, MethodMetrics* metrics, ThreadPool& pool,
                         grpc::CallbackServerContext* context, const grpc::ByteBuffer& request);

 private:
  ReadCall(Store& store, MethodMetrics* metrics, ThreadPool& pool,
           grpc::CallbackServerContext* context);

  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

  void Open(const grpc::ByteBuffer& request);
  // In the pool: prepares and writes the next piece, or ends the call.
  void Continue();
  void End(const grpc::Status& status);

  Store& store_;
  ThreadPool& pool_;
  CallContext& context_;
  CallMeter meter_;
  v1::ReadSamplesRequest request_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::size_t block_ = 0;  // Index in the snapshot.
  Index row_ = 0;          // Next row in the block.
  std::int64_t pieces_ = 0;
  grpc::ByteBuffer outgoing_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_READ_CALL_H_
