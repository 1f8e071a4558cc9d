// Tensors and errors of requests, and an in-process server with real engine and real store, and
// clients of its services over a real channel.

#ifndef SOBOLEV_TESTS_SERVER_RPC_SERVICES_TESTING_H_
#define SOBOLEV_TESTS_SERVER_RPC_SERVICES_TESTING_H_

#include <cmath>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <google/rpc/error_details.pb.h>
#include <google/rpc/status.pb.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "proto/sobolev/v1/datasets.grpc.pb.h"
#include "proto/sobolev/v1/jobs.grpc.pb.h"
#include "proto/sobolev/v1/models.grpc.pb.h"
#include "proto/sobolev/v1/prediction.grpc.pb.h"
#include "proto/sobolev/v1/training.grpc.pb.h"
#include "proto/wire/crc32c.h"
#include "server/app/server.h"
#include "server/base/config.h"
#include "server/base/log.h"

namespace sobolev::server {

inline std::string Reason(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details())) return "";
  for (const google::protobuf::Any& detail : details.details()) {
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

inline void SetTensor(const std::vector<std::int64_t>& shape, const std::vector<double>& values,
                      v1::Tensor* tensor) {
  tensor->mutable_shape()->Assign(shape.begin(), shape.end());
  tensor->set_data(values.data(), values.size() * sizeof(double));
}

inline std::vector<double> Values(const v1::Tensor& tensor) {
  std::vector<double> values(tensor.data().size() / sizeof(double));
  std::memcpy(values.data(), tensor.data().data(), tensor.data().size());
  return values;
}

// y = sin(x0) + x0·x1 on a grid, with its gradient.
inline v1::SampleBlock GridBlock(std::int64_t block_id, int rows) {
  std::vector<double> x;
  std::vector<double> y;
  std::vector<double> jacobian;
  for (int i = 0; i < rows; ++i) {
    const double a = -1 + 2.0 * (i % 16) / 15 + 0.01 * static_cast<double>(block_id);
    const double b = -1 + 2.0 * (i / 16 % 16) / 15;
    x.insert(x.end(), {a, b});
    y.push_back(std::sin(a) + a * b);
    jacobian.insert(jacobian.end(), {std::cos(a) + b, a});
  }
  v1::SampleBlock block;
  block.set_block_id(block_id);
  SetTensor({rows, 2}, x, block.mutable_x());
  SetTensor({rows, 1}, y, block.mutable_y());
  SetTensor({rows, 1, 2}, jacobian, block.mutable_jacobian());
  std::uint32_t crc = 0;
  for (const v1::Tensor* tensor : {&block.x(), &block.y(), &block.jacobian()}) {
    crc = Crc32c(std::as_bytes(std::span(tensor->data())), crc);
  }
  block.set_crc32c(crc);
  return block;
}

class ServicesTest : public testing::Test {
 protected:
  void SetUp() override {
    ConfigureLog(LogLevel::kError, LogFormat::kText);
    directory_ = std::filesystem::temp_directory_path() / "sobolev-services-XXXXXX";
    std::string name = directory_.string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    StartServer();
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  void StartServer() {
    ServerConfig config;
    config.listen.port = 0;
    config.metrics.port = 0;
    config.gateway.port = 0;
    config.data_dir = directory_.string();
    config.max_predict_rows = 1000;
    server_.reset();
    server_ = std::make_unique<Server>(config);
    channel_ = grpc::CreateChannel(server_->grpc_address(), grpc::InsecureChannelCredentials());
    datasets_ = v1::DatasetService::NewStub(channel_);
    training_ = v1::TrainingService::NewStub(channel_);
    models_ = v1::ModelService::NewStub(channel_);
    jobs_ = v1::JobService::NewStub(channel_);
    predictions_ = v1::PredictionService::NewStub(channel_);
  }

  grpc::Status CreateDataset(const std::string& id) {
    v1::CreateDatasetRequest request;
    request.set_dataset_id(id);
    v1::Schema* schema = request.mutable_dataset()->mutable_schema();
    schema->add_inputs()->set_name("a");
    schema->add_inputs()->set_name("b");
    schema->mutable_inputs(0)->set_upper(2);
    schema->add_outputs()->set_name("y");
    grpc::ClientContext context;
    v1::Dataset dataset;
    return datasets_->CreateDataset(&context, request, &dataset);
  }

  v1::Dataset GetDataset(const std::string& id) {
    v1::GetDatasetRequest request;
    request.set_name("datasets/" + id);
    grpc::ClientContext context;
    v1::Dataset dataset;
    const grpc::Status status = datasets_->GetDataset(&context, request, &dataset);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return dataset;
  }

  // Sends open, the blocks and, if asked for, a right commit; collects the replies.
  struct UploadResult {
    std::vector<v1::AppendSamplesResponse> replies;
    grpc::Status status;
  };
  UploadResult Upload(const std::string& dataset, const std::string& upload_id,
                      const std::vector<v1::SampleBlock>& blocks, bool commit,
                      std::int64_t extra_rows = 0) {
    grpc::ClientContext context;
    const auto stream = datasets_->AppendSamples(&context);
    v1::AppendSamplesRequest open;
    open.mutable_open()->set_dataset("datasets/" + dataset);
    open.mutable_open()->set_upload_id(upload_id);
    stream->Write(open);
    v1::AppendSamplesRequest end;
    std::string checksums;
    for (const v1::SampleBlock& block : blocks) {
      v1::AppendSamplesRequest message;
      *message.mutable_block() = block;
      stream->Write(message);
      const std::uint32_t crc = block.crc32c();
      checksums.append(reinterpret_cast<const char*>(&crc), sizeof crc);
      end.mutable_commit()->set_sample_count(end.commit().sample_count() + block.x().shape(0));
    }
    end.mutable_commit()->set_block_count(static_cast<std::int64_t>(blocks.size()));
    end.mutable_commit()->set_sample_count(end.commit().sample_count() + extra_rows);
    end.mutable_commit()->set_crc32c(Crc32c(std::as_bytes(std::span(checksums))));
    if (commit) stream->Write(end);
    stream->WritesDone();
    UploadResult result;
    v1::AppendSamplesResponse reply;
    while (stream->Read(&reply)) result.replies.push_back(reply);
    result.status = stream->Finish();
    return result;
  }

  grpc::Status Train(const v1::TrainRequest& request, v1::Job* job) {
    grpc::ClientContext context;
    return training_->Train(&context, request, job);
  }

  // Follows the job to its end; the job as the last event has it.
  v1::Job Wait(const std::string& name, std::vector<v1::JobEvent>* events = nullptr) {
    v1::WatchJobRequest request;
    request.set_name(name);
    grpc::ClientContext context;
    const auto stream = jobs_->WatchJob(&context, request);
    v1::WatchJobResponse response;
    v1::Job job;
    while (stream->Read(&response)) {
      if (events != nullptr) events->push_back(response.event());
      if (response.has_job()) job = response.job();
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
    return job;
  }

  v1::TrainRequest SmallTraining(int epochs) {
    v1::TrainRequest request;
    request.set_dataset("datasets/grid");
    request.set_model_id("grid");
    request.mutable_spec()->mutable_network()->add_hidden(16);
    request.mutable_spec()->mutable_network()->add_hidden(16);
    request.mutable_spec()->mutable_network()->set_activation(v1::Network::ACTIVATION_TANH);
    request.mutable_spec()->set_epochs(epochs);
    return request;
  }

  void MakeGridDataset() {
    ASSERT_TRUE(CreateDataset("grid").ok());
    ASSERT_TRUE(Upload("grid", "u", {GridBlock(0, 256), GridBlock(1, 256)}, true).status.ok());
  }

  grpc::Status Predict(const v1::PredictRequest& request, v1::PredictResponse* response) {
    grpc::ClientContext context;
    return predictions_->Predict(&context, request, response);
  }

  std::filesystem::path directory_;
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::DatasetService::Stub> datasets_;
  std::unique_ptr<v1::TrainingService::Stub> training_;
  std::unique_ptr<v1::ModelService::Stub> models_;
  std::unique_ptr<v1::JobService::Stub> jobs_;
  std::unique_ptr<v1::PredictionService::Stub> predictions_;
};

}  // namespace sobolev::server

#endif  // SOBOLEV_TESTS_SERVER_RPC_SERVICES_TESTING_H_
