// One AppendSamples call: from `open` until it breaks or is committed.

#ifndef SOBOLEV_CLIENT_CPP_APPEND_STREAM_H_
#define SOBOLEV_CLIENT_CPP_APPEND_STREAM_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "client/cpp/connection.h"

namespace sobolev::client {

// What the server has said so far.
struct AppendNews {
  std::optional<v1::AppendSamplesResponse::Opened> opened;
  std::optional<v1::AppendSamplesResponse::Committed> committed;
  std::vector<std::int64_t> stored;  // Acknowledged blocks that TakeStored has not taken yet.
  bool ended = false;                // Nothing more will come: Finish tells why.
};

// A thread of its own reads the answers, so that the caller can write on. Write and Finish belong
// to one thread; the rest is thread-safe.
class AppendStream {
 public:
  // Starts the call and sends `open`.
  AppendStream(Connection& connection, const std::string& dataset, const std::string& upload_id);
  // Cancels the call unless it is finished.
  ~AppendStream();

  // False if the stream has ended.
  bool Write(const v1::AppendSamplesRequest& request);

  // Waits until `condition` holds for the news, or the stream has ended.
  void WaitUntil(const std::function<bool(const AppendNews&)>& condition);

  // The blocks acknowledged since the last call.
  std::vector<std::int64_t> TakeStored();

  // A copy of the rest of the news.
  AppendNews News();

  // Ends our side, waits for the server's and returns the status. Once.
  grpc::Status Finish();

 private:
  void ReadUntilEnd();

  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::AppendSamplesRequest, v1::AppendSamplesResponse>>
      stream_;
  std::optional<grpc::Status> status_;  // Once finished.

  std::mutex mutex_;
  std::condition_variable changed_;
  AppendNews news_;  // Guarded by mutex_.

  std::thread reader_;
};

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_CPP_APPEND_STREAM_H_
