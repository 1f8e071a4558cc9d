// The channel to a server, its stubs, and how calls are made on it.

#ifndef SOBOLEV_CLIENT_CPP_CONNECTION_H_
#define SOBOLEV_CLIENT_CPP_CONNECTION_H_

#include <chrono>
#include <memory>
#include <stop_token>
#include <string>

#include <grpcpp/grpcpp.h>
#include <sobolev/client.h>

#include "client/cpp/status.h"
#include "proto/sobolev/v1/datasets.grpc.pb.h"
#include "proto/sobolev/v1/jobs.grpc.pb.h"
#include "proto/sobolev/v1/models.grpc.pb.h"
#include "proto/sobolev/v1/prediction.grpc.pb.h"
#include "proto/sobolev/v1/programs.grpc.pb.h"
#include "proto/sobolev/v1/sampling.grpc.pb.h"
#include "proto/sobolev/v1/training.grpc.pb.h"

namespace sobolev::client {

// Thread-safe.
class Connection {
 public:
  Connection(const std::string& target, const Options& options);

  v1::DatasetService::Stub& datasets() { return datasets_; }
  v1::JobService::Stub& jobs() { return jobs_; }
  v1::ModelService::Stub& models() { return models_; }
  v1::PredictionService::Stub& prediction() { return prediction_; }
  v1::ProgramService::Stub& programs() { return programs_; }
  v1::SamplingService::Stub& sampling() { return sampling_; }
  v1::TrainingService::Stub& training() { return training_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

  // Puts the token, if there is one, into a call that has not begun. Returns the call.
  grpc::ClientContext* Authorize(grpc::ClientContext& context) const {
    if (!authorization_.empty()) context.AddMetadata("authorization", authorization_);
    return &context;
  }

  // Makes a unary call with the default deadline. Throws RpcError.
  template <typename Stub, typename Request, typename Response>
  Response Call(Stub& stub,
                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                const Request& request) {
    grpc::ClientContext context;
    Authorize(context);
    context.set_deadline(std::chrono::system_clock::now() + timeout_);
    Response response;
    ThrowUnlessOk((stub.*method)(&context, request, &response));
    return response;
  }

  // Fetches page after page of a List call; `on_page` takes each response.
  template <typename Stub, typename Request, typename Response, typename OnPage>
  void CallForAllPages(Stub& stub,
                       grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                    Response*),
                       Request request, OnPage on_page) {
    do {
      const Response response = Call(stub, method, request);
      on_page(response);
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
  }

 private:
  const std::chrono::milliseconds timeout_;
  const std::string authorization_;  // The value of that header.
  const std::shared_ptr<grpc::Channel> channel_;
  v1::DatasetService::Stub datasets_;
  v1::JobService::Stub jobs_;
  v1::ModelService::Stub models_;
  v1::PredictionService::Stub prediction_;
  v1::ProgramService::Stub programs_;
  v1::SamplingService::Stub sampling_;
  v1::TrainingService::Stub training_;
};

// Reads a stream to its end and returns its status. If `handle` throws, the call is cancelled and
// the exception goes on.
template <typename Response, typename Handle>
grpc::Status ReadAll(grpc::ClientContext& context, grpc::ClientReader<Response>& reader,
                     Handle handle) {
  Response response;
  while (reader.Read(&response)) {
    try {
      handle(response);
    } catch (...) {
      context.TryCancel();
      reader.Finish();
      throw;
    }
  }
  return reader.Finish();
}

// The pauses between attempts to reach a server again. Not thread-safe.
class Backoff {
 public:
  explicit Backoff(std::shared_ptr<grpc::Channel> channel);

  // Pauses for 0.1 s, doubling up to 1 s, and then until the channel is connected or `stop` fires.
  // False once all pauses since the last news make 60 s, or 2 s before the first contact.
  bool Wait(const std::stop_token& stop = {});
  // The server answered.
  void Contact();
  // The server did something for us.
  void Progress();

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  std::chrono::milliseconds patience_;
  std::chrono::milliseconds pause_;
  std::chrono::steady_clock::duration waited_{};
};

// "datasets/{id}" from an id or from the name itself; likewise for the other collections.
std::string ResourceName(const std::string& collection, const std::string& id_or_name);

// 32 hexadecimal digits from the operating system's entropy.
std::string RandomId();

}  // namespace sobolev::client

#endif  // SOBOLEV_CLIENT_CPP_CONNECTION_H_
