#include "tests/bench/predict_service.h"

#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <stdlib.h>

#include "proto/sobolev/v1/datasets.grpc.pb.h"
#include "proto/sobolev/v1/jobs.grpc.pb.h"
#include "proto/sobolev/v1/prediction.grpc.pb.h"
#include "proto/sobolev/v1/training.grpc.pb.h"
#include "proto/wire/crc32c.h"
#include "server/app/process.h"
#include "server/base/config.h"
#include "server/base/log.h"
#include "server/convert/message_codec.h"

namespace sobolev::bench {
namespace {

constexpr int kInputs = 20;
constexpr int kRows = 256;
constexpr std::size_t kEntries = std::size_t{kRows} * kInputs;
constexpr const char* kMethod = "/sobolev.v1.PredictionService/Predict";

void SetTensor(const std::vector<std::int64_t>& shape, const std::vector<double>& values,
               v1::Tensor& tensor) {
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  tensor.set_data(values.data(), values.size() * sizeof(double));
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

}  // namespace

void Require(bool ok, const std::string& what) {
  if (ok) return;
  std::fprintf(stderr, "%s\n", what.c_str());
  std::exit(1);
}

void Require(const grpc::Status& status, const char* what) {
  Require(status.ok(), std::string(what) + ": " + status.error_message());
}

PredictServer::PredictServer()
    : directory_((std::filesystem::temp_directory_path() / "sobolev-bench-XXXXXX").string()) {
  Require(mkdtemp(directory_.data()) != nullptr, "no temporary directory");
  server::TuneProcess();
  server::ConfigureLog(server::LogLevel::kError, server::LogFormat::kText);
  server::ServerConfig config;
  config.listen.port = 0;
  config.metrics.port = 0;
  config.gateway.port = 0;
  config.data_dir = directory_;
  server_ = std::make_unique<server::Server>(config);
  MakeModel(grpc::CreateChannel(address(), grpc::InsecureChannelCredentials()));
  request_ = MakeRequest();
}

PredictServer::~PredictServer() {
  server_.reset();
  std::filesystem::remove_all(directory_);
}

EchoServer::EchoServer(const grpc::ByteBuffer& reply)
    : service_(std::make_unique<EchoService>(reply)) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(service_.get());
  server_ = builder.BuildAndStart();
  address_ = "127.0.0.1:" + std::to_string(port);
}

EchoServer::~EchoServer() { server_->Shutdown(); }

namespace {

std::shared_ptr<grpc::Channel> OwnConnection(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

PredictClient::PredictClient(const std::string& address) : stub_(OwnConnection(address)) {}

void PredictClient::Call(const grpc::ByteBuffer& request,
                         std::function<void(const grpc::ByteBuffer&)> done) {
  struct Exchange {
    grpc::ClientContext context;
    grpc::ByteBuffer request;
    grpc::ByteBuffer reply;
  };
  const auto exchange = std::make_shared<Exchange>();
  exchange->request = request;
  stub_.UnaryCall(&exchange->context, kMethod, grpc::StubOptions(), &exchange->request,
                  &exchange->reply, [exchange, done = std::move(done)](const grpc::Status& status) {
                    Require(status, "Predict");
                    done(exchange->reply);
                  });
}

grpc::ByteBuffer PredictClient::Call(const grpc::ByteBuffer& request) {
  std::mutex mutex;
  std::condition_variable answered;
  std::optional<grpc::ByteBuffer> reply;
  Call(request, [&](const grpc::ByteBuffer& bytes) {
    const std::lock_guard lock(mutex);
    reply = bytes;
    answered.notify_one();
  });
  std::unique_lock lock(mutex);
  answered.wait(lock, [&] { return reply.has_value(); });
  return *reply;
}

}  // namespace sobolev::bench
