// Unary Predict of one point, value and Jacobian, against an echo server of the same message sizes.
//
//   predict_bench
//
// Both servers run in this process on loopback; 16 calls are in flight. The echo server answers
// with ready bytes and parses nothing: the ceiling of this transport.

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <stdlib.h>

#include "proto/sobolev/v1/datasets.grpc.pb.h"
#include "proto/sobolev/v1/jobs.grpc.pb.h"
#include "proto/sobolev/v1/prediction.grpc.pb.h"
#include "proto/sobolev/v1/training.grpc.pb.h"
#include "proto/wire/crc32c.h"
#include "server/app/server.h"
#include "server/base/config.h"
#include "server/base/log.h"
#include "server/convert/message_codec.h"
#include "tests/bench/ratio_reporter.h"

namespace sobolev::bench {
namespace {

constexpr int kInputs = 20;
constexpr int kRows = 256;
constexpr std::size_t kEntries = std::size_t{kRows} * kInputs;
constexpr int kInFlight = 16;
constexpr int kCallsPerIteration = 4096;
constexpr const char* kMethod = "/sobolev.v1.PredictionService/Predict";

void SetTensor(const std::vector<std::int64_t>& shape, const std::vector<double>& values,
               v1::Tensor& tensor) {
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.set_data(values.data(), values.size() * sizeof(double));
}

void Require(bool ok, const std::string& what) {
  if (ok) return;
  std::fprintf(stderr, "predict_bench: %s\n", what.c_str());
  std::exit(1);
}

void Require(const grpc::Status& status, const char* what) {
  Require(status.ok(), std::string(what) + ": " + status.error_message());
}

// Trains one epoch of the quickstart's network on y = sum of x: the weights do not matter here.
void MakeModel(const std::shared_ptr<grpc::Channel>& channel) {
  const auto datasets = v1::DatasetService::NewStub(channel);
  v1::CreateDatasetRequest create;
  create.set_dataset_id("bench");
  for (int j = 0; j < kInputs; ++j) {
    create.mutable_dataset()->mutable_schema()->add_inputs()->set_name("x" + std::to_string(j));
  }
  create.mutable_dataset()->mutable_schema()->add_outputs()->set_name("y");
  v1::Dataset dataset;
  grpc::ClientContext create_context;
  Require(datasets->CreateDataset(&create_context, create, &dataset), "CreateDataset");

  std::vector<double> x(kEntries);
  std::vector<double> y(kRows);
  for (int i = 0; i < kRows * kInputs; ++i) {
    x[static_cast<std::size_t>(i)] = static_cast<double>((i * 7919) % 1000) / 1000;
    y[static_cast<std::size_t>(i / kInputs)] += x[static_cast<std::size_t>(i)];
  }
  v1::AppendSamplesRequest open;
  open.mutable_open()->set_dataset("datasets/bench");
  open.mutable_open()->set_upload_id("all");
  v1::AppendSamplesRequest block;
  SetTensor({kRows, kInputs}, x, *block.mutable_block()->mutable_x());
  SetTensor({kRows, 1}, y, *block.mutable_block()->mutable_y());
  SetTensor({kRows, 1, kInputs}, std::vector<double>(kEntries, 1.0),
            *block.mutable_block()->mutable_jacobian());
  std::uint32_t crc = 0;
  for (const v1::Tensor* tensor :
       {&block.block().x(), &block.block().y(), &block.block().jacobian()}) {
    crc = Crc32c(std::as_bytes(std::span(tensor->data())), crc);
  }
  block.mutable_block()->set_crc32c(crc);
  v1::AppendSamplesRequest commit;
  commit.mutable_commit()->set_block_count(1);
  commit.mutable_commit()->set_sample_count(kRows);
  commit.mutable_commit()->set_crc32c(Crc32c(std::as_bytes(std::span(&crc, 1))));
  grpc::ClientContext append_context;
  const auto stream = datasets->AppendSamples(&append_context);
  stream->Write(open);
  stream->Write(block);
  stream->Write(commit);
  stream->WritesDone();
  v1::AppendSamplesResponse reply;
  while (stream->Read(&reply)) {
  }
  Require(stream->Finish(), "AppendSamples");

  v1::TrainRequest train;
  train.set_dataset("datasets/bench");
  train.set_model_id("bench");
  train.mutable_spec()->set_epochs(1);
  v1::Job job;
  grpc::ClientContext train_context;
  Require(v1::TrainingService::NewStub(channel)->Train(&train_context, train, &job), "Train");
  v1::WatchJobRequest watch;
  watch.set_name(job.name());
  grpc::ClientContext watch_context;
  const auto events = v1::JobService::NewStub(channel)->WatchJob(&watch_context, watch);
  v1::WatchJobResponse event;
  while (events->Read(&event)) {
  }
  Require(events->Finish(), "WatchJob");
  Require(event.job().state() == v1::Job::STATE_SUCCEEDED, "training failed");
}

grpc::ByteBuffer MakeRequest() {
  v1::PredictRequest request;
  request.set_model("models/bench");
  SetTensor({1, kInputs}, std::vector<double>(kInputs, 0.5), *request.mutable_x());
  request.add_quantities(v1::QUANTITY_VALUE);
  request.add_quantities(v1::QUANTITY_JACOBIAN);
  return server::Serialize(request);
}

// Answers every Predict with the same bytes.
class EchoService final
    : public v1::PredictionService::WithRawCallbackMethod_Predict<v1::PredictionService::Service> {
 public:
  explicit EchoService(const grpc::ByteBuffer& reply) : reply_(reply) {}

  grpc::ServerUnaryReactor* Predict(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                    grpc::ByteBuffer* response) override {
    *response = reply_;
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  const grpc::ByteBuffer reply_;
};

// Keeps kInFlight calls under way until `total` are answered.
class ClosedLoop {
 public:
  ClosedLoop(const std::shared_ptr<grpc::Channel>& channel, const grpc::ByteBuffer& request)
      : stub_(channel), request_(request) {}

  void Run(int total) {
    left_ = total;
    running_ = kInFlight;
    for (int i = 0; i < kInFlight; ++i) Next(std::make_unique<Call>());
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return running_ == 0; });
  }

  grpc::ByteBuffer CallOnce() {
    Run(1);
    return last_reply_;
  }

 private:
  struct Call {
    std::unique_ptr<grpc::ClientContext> context;
    grpc::ByteBuffer request;
    grpc::ByteBuffer reply;
  };

  void Next(std::unique_ptr<Call> call) {
    if (left_.fetch_sub(1) <= 0) {
      const std::lock_guard lock(mutex_);
      if (--running_ == 0) done_.notify_one();
      return;
    }
    call->context = std::make_unique<grpc::ClientContext>();
    call->request = request_;
    call->reply.Clear();
    Call* raw = call.release();
    stub_.UnaryCall(raw->context.get(), kMethod, grpc::StubOptions(), &raw->request, &raw->reply,
                    [this, raw](const grpc::Status& status) {
                      Require(status, "Predict");
                      if (left_.load() <= 0) {
                        const std::lock_guard lock(mutex_);
                        last_reply_ = raw->reply;
                      }
                      Next(std::unique_ptr<Call>(raw));
                    });
  }

  grpc::GenericStub stub_;
  const grpc::ByteBuffer request_;
  std::atomic<int> left_{0};
  std::mutex mutex_;
  std::condition_variable done_;
  int running_ = 0;
  grpc::ByteBuffer last_reply_;
};

void BM_Calls(benchmark::State& state, ClosedLoop* loop) {
  for ([[maybe_unused]] auto iteration : state) loop->Run(kCallsPerIteration);
  state.SetItemsProcessed(state.iterations() * kCallsPerIteration);
}

int Main(int argc, char** argv) {
  std::string directory =
      (std::filesystem::temp_directory_path() / "sobolev-bench-XXXXXX").string();
  Require(mkdtemp(directory.data()) != nullptr, "no temporary directory");
  server::ConfigureLog(server::LogLevel::kError, server::LogFormat::kText);
  server::ServerConfig config;
  config.listen.port = 0;
  config.metrics.port = 0;
  config.gateway.host = "";
  config.data_dir = directory;
  auto server = std::make_unique<server::Server>(config);
  const auto channel =
      grpc::CreateChannel(server->grpc_address(), grpc::InsecureChannelCredentials());
  MakeModel(channel);

  const grpc::ByteBuffer request = MakeRequest();
  ClosedLoop predict(channel, request);
  EchoService echo_service(predict.CallOnce());
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&echo_service);
  const std::unique_ptr<grpc::Server> echo_server = builder.BuildAndStart();
  ClosedLoop echo(
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials()),
      request);

  benchmark::Initialize(&argc, argv);
  for (const auto& [name, loop] : {std::pair("Predict", &predict), std::pair("Echo", &echo)}) {
    benchmark::RegisterBenchmark(name, BM_Calls, loop)
        ->Unit(benchmark::kMillisecond)
        ->UseRealTime()
        ->MinTime(1)
        ->Repetitions(7);
  }
  RatioReporter reporter({{"Predict", "Echo", "claim: >= 0.7"}});
  benchmark::RunSpecifiedBenchmarks(&reporter);
  echo_server->Shutdown();
  server.reset();
  std::filesystem::remove_all(directory);
  return 0;
}

}  // namespace
}  // namespace sobolev::bench

int main(int argc, char** argv) { return sobolev::bench::Main(argc, argv); }
