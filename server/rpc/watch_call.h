// One WatchJob stream.

#ifndef SOBOLEV_SERVER_RPC_WATCH_CALL_H_
#define SOBOLEV_SERVER_RPC_WATCH_CALL_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <grpcpp/grpcpp.h>

#include "proto/sobolev/v1/jobs.pb.h"
#include "server/base/thread_pool.h"
#include "server/jobs/job_watchers.h"
#include "server/metrics/metrics.h"
#include "server/rpc/call_context.h"
#include "server/rpc/unary_call.h"
#include "server/storage/store.h"

namespace sobolev::server {

// Reads events from the store when told that there is news, and sends them one after another, the
// next batch only when the last one is out: a slow client costs nothing but its own delay.
class WatchCall final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  // The call owns itself until gRPC and its last task are done with it.
  static WatchCall* Start(Store& store, JobWatchers& watchers, MethodMetrics* metrics,
                          ThreadPool& pool, grpc::CallbackServerContext* context,
                          const grpc::ByteBuffer& request);

 private:
  WatchCall(Store& store, JobWatchers& watchers, MethodMetrics* metrics, ThreadPool& pool,
            grpc::CallbackServerContext* context);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

  void Open(const grpc::ByteBuffer& request);
  // From any thread: there may be events that were not read yet.
  void OnNews();
  // In the pool: reads the next events.
  void Fetch();
  // Sends the next event, or fetches, or ends, or waits. Needs mutex_.
  void Step();
  void End(const grpc::Status& status);

  Store& store_;
  JobWatchers& watchers_;
  ThreadPool& pool_;
  CallContext& context_;
  CallMeter meter_;
  std::shared_ptr<WatchCall> self_;  // Reset by OnDone; tasks hold copies.
  std::string tenant_;               // The context may be gone when Open begins.
  std::string job_id_;
  std::uint64_t subscription_ = 0;

  std::mutex mutex_;
  // Guarded by mutex_.
  std::int64_t last_event_ = 0;
  std::deque<v1::WatchJobResponse> events_;
  grpc::ByteBuffer outgoing_;
  bool news_ = true;
  bool fetching_ = false;
  bool writing_ = false;
  bool finished_ = false;
  std::optional<grpc::Status> end_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_RPC_WATCH_CALL_H_
