// For benchmarks of calls: a server with a small model and an echo server with messages of the same
// sizes, both in this process on loopback.

#ifndef SOBOLEV_TESTS_BENCH_PREDICT_SERVICE_H_
#define SOBOLEV_TESTS_BENCH_PREDICT_SERVICE_H_

#include <functional>
#include <memory>
#include <string>

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include "server/app/server.h"

namespace sobolev::bench {

// Ends the program with the message unless it is OK.
void Require(bool ok, const std::string& what);
void Require(const grpc::Status& status, const char* what);

// Serves Predict of models/bench: 20 inputs, four hidden layers of 20, one output.
class PredictServer {
 public:
  PredictServer();
  ~PredictServer();
  PredictServer(const PredictServer&) = delete;
  PredictServer& operator=(const PredictServer&) = delete;

  const std::string& address() const { return server_->grpc_address(); }
  // Value and Jacobian at one point.
  const grpc::ByteBuffer& request() const { return request_; }

 private:
  std::string directory_;
  std::unique_ptr<server::Server> server_;
  grpc::ByteBuffer request_;
};

// Answers every Predict with the same bytes and parses nothing: the ceiling of the transport.
class EchoServer {
 public:
  explicit EchoServer(const grpc::ByteBuffer& reply);
  ~EchoServer();

  const std::string& address() const { return address_; }

 private:
  std::unique_ptr<grpc::Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
};

// Predict with ready bytes over a connection of its own.
class PredictClient {
 public:
  explicit PredictClient(const std::string& address);

  // Calls `done` with the reply; a failed call ends the program.
  void Call(const grpc::ByteBuffer& request, std::function<void(const grpc::ByteBuffer&)> done);
  // Waits.
  grpc::ByteBuffer Call(const grpc::ByteBuffer& request);

 private:
  grpc::GenericStub stub_;
};

}  // namespace sobolev::bench

#endif  // SOBOLEV_TESTS_BENCH_PREDICT_SERVICE_H_
