// One PredictStream: requests are answered one after the other; the next one is read while one is
// answered, and no further ahead.

#ifndef SOBOLEV_SERVER_RPC_PREDICT_STREAM_CALL_H_
#define SOBOLEV_SERVER_RPC_PREDICT_STREAM_CALL_H_

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include "server/base/thread_pool.h"
#include "server/metrics/metrics.h"
#include "server/rpc/call_context.h"
#include "server/rpc/predict_answer.h"
#include "server/rpc/unary_call.h"

namespace sobolev::server {

class PredictStreamCall final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  // The call owns itself until gRPC and the pool are done with it.
  static PredictStreamCall* Start(const PredictAnswer& answer, MethodMetrics* metrics,
                                  ThreadPool& pool, grpc::CallbackServerContext* context);

 private:
  PredictStreamCall(const PredictAnswer& answer, MethodMetrics* metrics, ThreadPool& pool,
                    CallContext& context);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  // Does all that is due until there is nothing, or the pool has it.
  void Proceed();
  // Starts to read, to write, to finish, if that is due. A request whose turn it is.
  std::optional<grpc::ByteBuffer> Step();
  // Answers what is broken or small; leaves the rest to the pool and returns false.
  bool AnswerHere(const grpc::ByteBuffer& bytes);
  void Answered(const grpc::Status& status, const grpc::ByteBuffer& reply);
  // Reads on after so many seconds. Needs mutex_.
  void Pause(double seconds);

  const PredictAnswer& answer_;
  ThreadPool& pool_;
  CallContext& context_;
  std::string tenant_;  // The context may be gone when an answer ends.
  CallMeter meter_;
  std::stop_source stop_;
  std::shared_ptr<PredictStreamCall> self_;  // Reset by OnDone; work under way holds copies.

  std::mutex mutex_;
  grpc::Alarm pause_end_;
  // Guarded by mutex_.
  grpc::ByteBuffer incoming_;
  grpc::ByteBuffer outgoing_;
  bool reading_ = false;
  bool paused_ = false;  // The caller's rate allows nothing more for now.
  bool client_is_done_ = false;
  bool answering_ = false;
  bool writing_ = false;
  bool finished_ = false;
  std::int64_t num_begun_ = 0;
  std::optional<grpc::ByteBuffer> request_;  // Read, not begun.
  MemoryBudget::Reservation request_memory_;
  MemoryBudget::Reservation answer_memory_;  // Of the request that is being answered.
  std::optional<grpc::ByteBuffer> reply_;    // Answered, not begun to be written.
  std::optional<grpc::Status> error_;        // Nothing is read or begun any more.
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_PREDICT_STREAM_CALL_H_
