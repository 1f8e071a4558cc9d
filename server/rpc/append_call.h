// One AppendSamples stream.
//
// Reading, storing and acknowledging overlap: the next block is read and checked while earlier ones
// are on their way to the disk, up to `upload_window_bytes` per stream.

#ifndef SOBOLEV_SERVER_RPC_APPEND_CALL_H_
#define SOBOLEV_SERVER_RPC_APPEND_CALL_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include "proto/sobolev/v1/datasets.pb.h"
#include "server/auth/memory_budget.h"
#include "server/base/config.h"
#include "server/base/thread_pool.h"
#include "server/metrics/metrics.h"
#include "server/rpc/call_context.h"
#include "server/rpc/unary_call.h"
#include "server/storage/store.h"

namespace sobolev::server {

class AppendCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // The call owns itself until gRPC and the store are done with it.
  static AppendCall* Start(Store& store, Metrics& metrics, MethodMetrics* method_metrics,
                           ThreadPool& pool, const ServerConfig& config,
                           grpc::CallbackServerContext* context);

 private:
  AppendCall(Store& store, Metrics& metrics, MethodMetrics* method_metrics, ThreadPool& pool,
             const ServerConfig& config, grpc::CallbackServerContext* context);

  // A message and its share of the memory for requests.
  struct Received {
    v1::AppendSamplesRequest message;
    MemoryBudget::Reservation memory;
  };

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // The three messages of the client. They throw Error.
  void Open(const v1::AppendSamplesRequest::Open& open);
  void Append(const std::shared_ptr<Received>& received);
  void Commit(const v1::AppendSamplesRequest::Commit& commit);
  // Once every block is durable.
  void CommitNow();
  // The answer, with what the labels look like.
  v1::AppendSamplesResponse Committed(std::int64_t version, std::int64_t sample_count) const;

  // What OnReadDone hands to the pool.
  void HandleMessage(const std::shared_ptr<Received>& received);
  void BlockDone(std::int64_t block_id, std::int64_t rows, std::size_t bytes,
                 const std::exception_ptr& error, bool already_stored);

  void Reply(const v1::AppendSamplesResponse& response);
  // Ends the call with this status once the blocks under way and their acknowledgements are out.
  // The first status stays.
  void EndWith(const grpc::Status& status);

  // The next step of each direction, if it is due. All need mutex_.
  void ReadIfRoom();
  void Pause(double seconds);
  // Ends the call once its caller has rested for too long.
  void WatchIdleness();
  void EndIdle();
  void WriteIfIdle();
  void FinishIfDone();

  Store& store_;
  Metrics& metrics_;
  ThreadPool& pool_;
  const ServerConfig& config_;
  CallContext& context_;
  CallMeter meter_;
  std::shared_ptr<AppendCall> self_;  // Reset by OnDone; work under way holds copies.

  // Touched only by the one message being handled.
  std::optional<DatasetRecord> dataset_;
  v1::Schema schema_;
  std::string upload_token_;

  std::mutex mutex_;
  // Guarded by mutex_.
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  bool reading_ = false;
  bool client_is_done_ = false;  // Its half of the stream ended, by a commit or not.
  bool handling_ = false;
  bool paused_ = false;  // Its caller sends more bytes a second than it may.
  grpc::Alarm pause_end_;
  std::chrono::steady_clock::time_point last_progress_ = std::chrono::steady_clock::now();
  std::optional<grpc::Alarm> idle_alarm_;
  bool writing_ = false;
  bool finished_ = false;
  std::size_t pending_blocks_ = 0;
  std::size_t pending_bytes_ = 0;
  std::deque<grpc::ByteBuffer> replies_;
  std::optional<grpc::Status> end_;
  // The commit waits until every block before it is durable.
  std::optional<v1::AppendSamplesRequest::Commit> commit_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_APPEND_CALL_H_
