// The services through an in-process server: real engine, real store, requests over a real channel.
// Bad input over the raw wire is tests/e2e's.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
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
namespace {

using testing::HasSubstr;

std::string Reason(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (!details.ParseFromString(status.error_details())) return "";
  for (const google::protobuf::Any& detail : details.details()) {
    if (detail.UnpackTo(&info)) return info.reason();
  }
  return "";
}

void SetTensor(const std::vector<std::int64_t>& shape, const std::vector<double>& values,
               v1::Tensor* tensor) {
  tensor->mutable_shape()->Assign(shape.begin(), shape.end());
  tensor->set_data(values.data(), values.size() * sizeof(double));
}

std::vector<double> Values(const v1::Tensor& tensor) {
  std::vector<double> values(tensor.data().size() / sizeof(double));
  std::memcpy(values.data(), tensor.data().data(), tensor.data().size());
  return values;
}

// y = sin(x0) + x0·x1 on a grid, with its gradient.
v1::SampleBlock GridBlock(std::int64_t block_id, int rows) {
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

TEST_F(ServicesTest, AnUploadBecomesVisibleWithItsCommitAndNotBefore) {
  ASSERT_TRUE(CreateDataset("grid").ok());
  const UploadResult broken = Upload("grid", "u", {GridBlock(0, 100)}, false);
  EXPECT_EQ(broken.status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(Reason(broken.status), "UPLOAD_NOT_COMMITTED");
  EXPECT_EQ(GetDataset("grid").statistics().sample_count(), 0);

  const UploadResult whole = Upload("grid", "u", {GridBlock(0, 100), GridBlock(1, 50)}, true);
  ASSERT_TRUE(whole.status.ok()) << whole.status.error_message();
  ASSERT_EQ(whole.replies.size(), 4U);
  ASSERT_EQ(whole.replies[0].opened().stored_blocks_size(), 1);
  EXPECT_EQ(whole.replies[0].opened().sample_count(), 100);
  EXPECT_TRUE(whole.replies[1].stored().already_stored());
  EXPECT_FALSE(whole.replies[2].stored().already_stored());
  EXPECT_EQ(whole.replies[3].committed().dataset_version(), 1);
  const v1::Dataset dataset = GetDataset("grid");
  EXPECT_EQ(dataset.version(), 1);
  EXPECT_EQ(dataset.statistics().sample_count(), 150);
  EXPECT_EQ(dataset.statistics().jacobian_count(), 150);
  EXPECT_DOUBLE_EQ(dataset.statistics().inputs(0).max(), 1.01);

  const UploadResult again = Upload("grid", "u", {}, false);
  EXPECT_TRUE(again.status.ok());
  ASSERT_EQ(again.replies.size(), 1U);
  EXPECT_EQ(again.replies[0].committed().dataset_version(), 1);
}

TEST_F(ServicesTest, AWrongCommitCommitsNothing) {
  ASSERT_TRUE(CreateDataset("grid").ok());
  const UploadResult result = Upload("grid", "u", {GridBlock(0, 10)}, true, /*extra_rows=*/1);
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(result.status.error_message(), HasSubstr("sample_count"));
  EXPECT_EQ(GetDataset("grid").version(), 0);
}

TEST_F(ServicesTest, ABlockOutsideTheSchemasBoundsIsRefusedByRowAndColumn) {
  ASSERT_TRUE(CreateDataset("grid").ok());
  v1::SampleBlock block = GridBlock(0, 3);
  std::vector<double> x = Values(block.x());
  x[4] = 2.5;
  SetTensor({3, 2}, x, block.mutable_x());
  block.clear_jacobian();
  std::uint32_t crc = Crc32c(std::as_bytes(std::span(block.x().data())));
  block.set_crc32c(Crc32c(std::as_bytes(std::span(block.y().data())), crc));
  const UploadResult result = Upload("grid", "u", {block}, true);
  EXPECT_EQ(result.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Reason(result.status), "OUT_OF_BOUNDS");
  EXPECT_THAT(result.status.error_message(), HasSubstr("block.x[2][0]: expected a <= 2"));
}

TEST_F(ServicesTest, SamplesComeBackAsTheyWent) {
  MakeGridDataset();
  v1::ReadSamplesRequest request;
  request.set_name("datasets/grid");
  grpc::ClientContext context;
  const auto stream = datasets_->ReadSamples(&context, request);
  std::string x;
  std::string jacobian;
  v1::ReadSamplesResponse response;
  while (stream->Read(&response)) {
    x += response.block().x().data();
    jacobian += response.block().jacobian().data();
  }
  ASSERT_TRUE(stream->Finish().ok());
  EXPECT_EQ(x, GridBlock(0, 256).x().data() + GridBlock(1, 256).x().data());
  EXPECT_EQ(jacobian, GridBlock(0, 256).jacobian().data() + GridBlock(1, 256).jacobian().data());
}

TEST_F(ServicesTest, AnInputThatMayBeMissingIsRefused) {
  v1::CreateDatasetRequest request;
  request.set_dataset_id("d");
  v1::Schema* schema = request.mutable_dataset()->mutable_schema();
  schema->add_inputs()->set_name("a");
  schema->add_outputs()->set_name("u");
  schema->mutable_inputs(0)->set_allow_missing(true);
  grpc::ClientContext context;
  v1::Dataset dataset;
  const grpc::Status status = datasets_->CreateDataset(&context, request, &dataset);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("dataset.schema.inputs[0].allow_missing"));
}

// A row of three without value, a row with half a Jacobian, and directional labels for all.
TEST_F(ServicesTest, TrainingUsesWhatIsKnownOfEverySample) {
  v1::CreateDatasetRequest request;
  request.set_dataset_id("grid");
  v1::Schema* schema = request.mutable_dataset()->mutable_schema();
  schema->add_inputs()->set_name("a");
  schema->add_inputs()->set_name("b");
  schema->add_outputs()->set_name("y");
  schema->mutable_outputs(0)->set_allow_missing(true);
  schema->set_allow_missing_derivatives(true);
  grpc::ClientContext context;
  v1::Dataset dataset;
  ASSERT_TRUE(datasets_->CreateDataset(&context, request, &dataset).ok());
  v1::SampleBlock block = GridBlock(0, 240);
  std::vector<double> y = Values(block.y());
  std::vector<double> jacobian = Values(block.jacobian());
  for (std::size_t row = 0; row < 240; row += 3) {
    y[row] = std::nan("");
    jacobian[2 * (row + 1)] = std::nan("");
  }
  SetTensor({240, 1}, y, block.mutable_y());
  SetTensor({240, 1, 2}, jacobian, block.mutable_jacobian());
  SetTensor({240, 1, 2}, std::vector<double>(480, 1), block.mutable_tangents());
  SetTensor({240, 1, 1}, std::vector<double>(240, 2), block.mutable_jvp());
  std::uint32_t crc = 0;
  for (const v1::Tensor* tensor :
       {&block.x(), &block.y(), &block.jacobian(), &block.tangents(), &block.jvp()}) {
    crc = Crc32c(std::as_bytes(std::span(tensor->data())), crc);
  }
  block.set_crc32c(crc);
  const UploadResult upload = Upload("grid", "u", {block}, true);
  ASSERT_TRUE(upload.status.ok()) << upload.status.error_message();
  const v1::DatasetStatistics statistics = GetDataset("grid").statistics();
  EXPECT_EQ(statistics.missing_value_count(), 80);
  EXPECT_EQ(statistics.missing_derivative_count(), 80);
  EXPECT_EQ(statistics.jacobian_count(), 240);
  EXPECT_EQ(statistics.tangent_count(), 240);

  v1::Job job;
  const grpc::Status status = Train(SmallTraining(3), &job);
  ASSERT_TRUE(status.ok()) << status.error_message();
  job = Wait(job.name());
  ASSERT_EQ(job.state(), v1::Job::STATE_SUCCEEDED) << job.error().message();
  v1::GetModelVersionRequest version_request;
  version_request.set_name(job.model());
  grpc::ClientContext version_context;
  v1::ModelVersion version;
  ASSERT_TRUE(models_->GetModelVersion(&version_context, version_request, &version).ok());
  EXPECT_EQ(version.report().training_samples() + version.report().validation_samples(), 240);
  EXPECT_EQ(version.report().jacobian_samples(), version.report().training_samples());
}

TEST_F(ServicesTest, TrainingMakesAModelWhoseDerivativesAreRight) {
  MakeGridDataset();
  v1::Job job;
  ASSERT_TRUE(Train(SmallTraining(400), &job).ok());
  std::vector<v1::JobEvent> events;
  job = Wait(job.name(), &events);
  ASSERT_EQ(job.state(), v1::Job::STATE_SUCCEEDED) << job.error().message();
  EXPECT_EQ(job.model(), "models/grid/versions/1");
  for (std::size_t i = 1; i < events.size(); ++i) {
    EXPECT_GT(events[i].number(), events[i - 1].number());
  }

  v1::PredictRequest request;
  request.set_model("models/grid");
  SetTensor({2, 2}, {0.3, -0.4, 5, 0}, request.mutable_x());
  for (const auto quantity :
       {v1::QUANTITY_VALUE, v1::QUANTITY_JACOBIAN, v1::QUANTITY_JVP, v1::QUANTITY_VJP}) {
    request.add_quantities(quantity);
  }
  SetTensor({1, 2}, {1, 2}, request.mutable_tangents());
  SetTensor({2, 1, 1}, {3, 4}, request.mutable_adjoints());
  v1::PredictResponse response;
  const grpc::Status status = Predict(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.model_version(), "models/grid/versions/1");
  const std::vector<double> jacobian = Values(response.jacobian());
  EXPECT_NEAR(Values(response.value())[0], std::sin(0.3) - 0.12, 0.01);
  EXPECT_NEAR(jacobian[0], std::cos(0.3) - 0.4, 0.05);
  EXPECT_NEAR(jacobian[1], 0.3, 0.05);
  EXPECT_NEAR(Values(response.jvp())[0], jacobian[0] + 2 * jacobian[1], 1e-12);
  EXPECT_NEAR(Values(response.vjp())[3], 4 * jacobian[3], 1e-12);
  EXPECT_TRUE(response.in_domain(0));
  EXPECT_FALSE(response.in_domain(1));
}

// A period, a bound and linear wings around a polynomial: all of it, Hessians too, over the wire.
TEST_F(ServicesTest, AComposedModelKeepsWhatItsSpecSays) {
  MakeGridDataset();
  v1::TrainRequest training;
  training.set_dataset("datasets/grid");
  training.set_model_id("grid");
  training.mutable_spec()->set_kind(v1::TrainingSpec::KIND_POLYNOMIAL);
  v1::InputMap* input = training.mutable_spec()->add_input_maps();
  input->set_input("a");
  input->set_period(8);
  input->set_harmonics(2);
  v1::OutputMap* output = training.mutable_spec()->add_output_maps();
  output->set_output("y");
  output->set_lower(-3);
  training.mutable_spec()->set_extrapolation(v1::TrainingSpec::EXTRAPOLATION_LINEAR);
  v1::Job job;
  const grpc::Status trained = Train(training, &job);
  ASSERT_TRUE(trained.ok()) << trained.error_message();
  job = Wait(job.name());
  ASSERT_EQ(job.state(), v1::Job::STATE_SUCCEEDED) << job.error().message();
  v1::GetModelVersionRequest of_version;
  of_version.set_name(job.model());
  grpc::ClientContext context;
  v1::ModelVersion version;
  ASSERT_TRUE(models_->GetModelVersion(&context, of_version, &version).ok());
  EXPECT_EQ(version.kind(), v1::ModelVersion::KIND_COMPOSED);
  EXPECT_EQ(version.core_kind(), v1::ModelVersion::KIND_POLYNOMIAL);
  EXPECT_FALSE(version.has_network());
  ASSERT_EQ(version.input_maps_size(), 1);
  EXPECT_EQ(version.input_maps(0).input(), "a");
  EXPECT_DOUBLE_EQ(version.input_maps(0).period(), 8);
  EXPECT_EQ(version.input_maps(0).harmonics(), 2);
  EXPECT_FALSE(version.input_maps(0).logarithmic());
  EXPECT_EQ(version.feature_degree(), 1);
  ASSERT_EQ(version.output_maps_size(), 1);
  EXPECT_EQ(version.output_maps(0).output(), "y");
  EXPECT_EQ(version.output_maps(0).lower(), -3);
  EXPECT_FALSE(version.output_maps(0).has_upper());
  EXPECT_EQ(version.extrapolation(), v1::ModelVersion::EXTRAPOLATION_LINEAR);
  EXPECT_LT(version.report().validation().value_relative(), 0.01);

  // A point, the same one period further, its neighbours, and two far outside.
  constexpr double kStep = 1e-4;
  v1::PredictRequest request;
  request.set_model("models/grid");
  SetTensor({8, 2},
            {0.3, -0.4, 8.3, -0.4, 0.3 + kStep, -0.4, 0.3 - kStep, -0.4, 0.3, -0.4 + kStep, 0.3,
             -0.4 - kStep, 0.3, -1e6, 0.3, 1e6},
            request.mutable_x());
  for (const auto quantity : {v1::QUANTITY_VALUE, v1::QUANTITY_JACOBIAN, v1::QUANTITY_HESSIAN}) {
    request.add_quantities(quantity);
  }
  v1::PredictResponse response;
  const grpc::Status status = Predict(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const std::vector<double> value = Values(response.value());
  const std::vector<double> jacobian = Values(response.jacobian());
  const std::vector<double> hessian = Values(response.hessian());
  EXPECT_NEAR(value[0], std::sin(0.3) - 0.12, 0.01);
  EXPECT_NEAR(value[1], value[0], 1e-10);
  EXPECT_NEAR(jacobian[2], jacobian[0], 1e-10);
  for (std::size_t j = 0; j < 2; ++j) {
    // Central differences: h² of a function of unit scale, and rounding/h.
    const double second = (jacobian[4 + j] - jacobian[6 + j]) / (2 * kStep);
    EXPECT_NEAR(hessian[j], second, 1e-6);
    EXPECT_NEAR(hessian[2 + j], (jacobian[8 + j] - jacobian[10 + j]) / (2 * kStep), 1e-6);
  }
  // Wings take the mean slope, that of sin a + a b in b being the mean of a, which is about 0.
  EXPECT_NEAR(jacobian[13], 0, 0.3);
  EXPECT_NEAR(jacobian[15], 0, 0.3);
  EXPECT_GE(*std::ranges::min_element(value), -3);
}

TEST_F(ServicesTest, WhatIsSaidOfInputsAndOutputsIsCheckedAtOnce) {
  MakeGridDataset();
  struct Case {
    std::string spec;
    std::string message;
  };
  for (const Case& bad : std::vector<Case>{
           {"kind: KIND_POLYNOMIAL input_maps { input: 'c' period: 1 }",
            "spec.input_maps[0].input: expected the name of an input of the dataset, got 'c'; the "
            "inputs are a, b"},
           {"output_maps { output: 'y' lower: 0 } output_maps { output: 'y' upper: 1 }",
            "spec.output_maps[1].output: expected one map of each output"},
           {"input_maps { input: 'a' period: -1 }",
            "spec.input_maps: expected a finite period > 0 of input 'a', got -1"},
           {"input_maps { input: 'a' logarithmic: true period: 1 }", "unset one of them"},
           {"feature_degree: 9", "spec.feature_degree: expected 1 to 4, got 9"},
           {"extrapolation: 17", "spec.extrapolation: expected own, constant or linear"},
           {"epochs: 3 extrapolation: EXTRAPOLATION_LINEAR", "spec.extrapolation: expected unset"},
           {"optimizer: OPTIMIZER_ADAM output_maps { output: 'y' lower: 0 }",
            "spec.output_maps: expected unset"}}) {
    v1::TrainRequest request;
    request.set_dataset("datasets/grid");
    ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(bad.spec, request.mutable_spec()))
        << bad.spec;
    v1::Job job;
    const grpc::Status status = Train(request, &job);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << bad.spec;
    EXPECT_THAT(status.error_message(), HasSubstr(bad.message));
  }
}

// Whether samples keep the bounds is seen when they are read.
TEST_F(ServicesTest, AJobWithSamplesOutOfBoundsNamesTheFirst) {
  MakeGridDataset();
  v1::TrainRequest request;
  request.set_dataset("datasets/grid");
  v1::OutputMap* output = request.mutable_spec()->add_output_maps();
  output->set_output("y");
  output->set_lower(0);
  v1::Job job;
  ASSERT_TRUE(Train(request, &job).ok());
  job = Wait(job.name());
  EXPECT_EQ(job.state(), v1::Job::STATE_FAILED);
  EXPECT_THAT(job.error().message(), HasSubstr("values of output 'y' above 0, got "));
  EXPECT_THAT(job.error().message(), HasSubstr("in sample "));
}

TEST_F(ServicesTest, ARequestIdMakesTrainIdempotent) {
  MakeGridDataset();
  v1::TrainRequest request = SmallTraining(5);
  request.set_request_id("once");
  v1::Job first;
  v1::Job second;
  ASSERT_TRUE(Train(request, &first).ok());
  ASSERT_TRUE(Train(request, &second).ok());
  EXPECT_EQ(first.name(), second.name());
  request.mutable_spec()->set_epochs(6);
  const grpc::Status other = Train(request, &second);
  EXPECT_EQ(other.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Reason(other), "REQUEST_ID_REUSED");
}

TEST_F(ServicesTest, ValidateOnlyChecksAndStartsNothing) {
  MakeGridDataset();
  v1::TrainRequest request = SmallTraining(5);
  request.set_validate_only(true);
  v1::Job job;
  ASSERT_TRUE(Train(request, &job).ok());
  EXPECT_EQ(job.name(), "");
  request.mutable_spec()->set_epochs(0);
  EXPECT_EQ(Train(request, &job).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  grpc::ClientContext context;
  v1::ListJobsResponse jobs;
  ASSERT_TRUE(jobs_->ListJobs(&context, v1::ListJobsRequest(), &jobs).ok());
  EXPECT_EQ(jobs.jobs_size(), 0);
}

TEST_F(ServicesTest, CancelEndsARunningJobAndFreesTheWorkerForTheNext) {
  MakeGridDataset();
  v1::Job longest;
  ASSERT_TRUE(Train(SmallTraining(1'000'000), &longest).ok());
  v1::Job next;
  ASSERT_TRUE(Train(SmallTraining(2), &next).ok());
  v1::CancelJobRequest cancel;
  cancel.set_name(longest.name());
  grpc::ClientContext context;
  v1::Job cancelled;
  ASSERT_TRUE(jobs_->CancelJob(&context, cancel, &cancelled).ok());
  EXPECT_TRUE(cancelled.cancel_requested());
  EXPECT_EQ(Wait(longest.name()).state(), v1::Job::STATE_CANCELLED);
  EXPECT_EQ(Wait(next.name()).state(), v1::Job::STATE_SUCCEEDED);
}

TEST_F(ServicesTest, AJobInterruptedByAShutdownEndsWithTheSameWeights) {
  MakeGridDataset();
  v1::Job undisturbed;
  ASSERT_TRUE(Train(SmallTraining(3000), &undisturbed).ok());
  ASSERT_EQ(Wait(undisturbed.name()).state(), v1::Job::STATE_SUCCEEDED);

  v1::Job interrupted;
  ASSERT_TRUE(Train(SmallTraining(3000), &interrupted).ok());
  for (int restart = 0; restart < 3; ++restart) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    StartServer();
  }
  ASSERT_EQ(Wait(interrupted.name()).state(), v1::Job::STATE_SUCCEEDED);

  const auto weights = [this](const std::string& version) {
    v1::GetModelVersionRequest request;
    request.set_name(version);
    grpc::ClientContext context;
    v1::ModelVersion reply;
    EXPECT_TRUE(models_->GetModelVersion(&context, request, &reply).ok());
    return reply.weights_sha256();
  };
  EXPECT_EQ(weights("models/grid/versions/1"), weights("models/grid/versions/2"));
  EXPECT_EQ(weights("models/grid/versions/1").size(), 64U);
}

TEST_F(ServicesTest, ADeletedModelIsGoneAndItsNameIsFree) {
  MakeGridDataset();
  v1::Job job;
  ASSERT_TRUE(Train(SmallTraining(2), &job).ok());
  ASSERT_EQ(Wait(job.name()).state(), v1::Job::STATE_SUCCEEDED);
  v1::PredictRequest request;
  request.set_model("models/grid");
  SetTensor({1, 2}, {0, 0}, request.mutable_x());
  v1::PredictResponse before;
  ASSERT_TRUE(Predict(request, &before).ok());

  v1::DeleteModelRequest remove;
  remove.set_name("models/grid");
  grpc::ClientContext context;
  v1::DeleteModelResponse removed;
  ASSERT_TRUE(models_->DeleteModel(&context, remove, &removed).ok());
  v1::PredictResponse after;
  EXPECT_EQ(Predict(request, &after).error_code(), grpc::StatusCode::NOT_FOUND);

  ASSERT_TRUE(Train(SmallTraining(50), &job).ok());
  ASSERT_EQ(Wait(job.name()).state(), v1::Job::STATE_SUCCEEDED);
  ASSERT_TRUE(Predict(request, &after).ok());
  EXPECT_NE(before.value().data(), after.value().data());
}

TEST_F(ServicesTest, PredictAnswersAnEmptyBatchAndRefusesATooLargeOne) {
  MakeGridDataset();
  v1::Job job;
  ASSERT_TRUE(Train(SmallTraining(2), &job).ok());
  ASSERT_EQ(Wait(job.name()).state(), v1::Job::STATE_SUCCEEDED);
  v1::PredictRequest request;
  request.set_model("models/grid");
  SetTensor({0, 2}, {}, request.mutable_x());
  v1::PredictResponse response;
  ASSERT_TRUE(Predict(request, &response).ok());
  EXPECT_EQ(response.value().shape(0), 0);
  SetTensor({1001, 2}, std::vector<double>(2002), request.mutable_x());
  const grpc::Status status = Predict(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("expected at most 1000 points, got 1001"));
}

TEST_F(ServicesTest, APredictionThatOverflowsIsRefusedWithItsPoint) {
  MakeGridDataset();
  v1::TrainRequest training = SmallTraining(2);
  training.mutable_spec()->mutable_network()->set_activation(v1::Network::ACTIVATION_SOFTPLUS);
  v1::Job job;
  ASSERT_TRUE(Train(training, &job).ok());
  ASSERT_EQ(Wait(job.name()).state(), v1::Job::STATE_SUCCEEDED);
  v1::PredictRequest request;
  request.set_model("models/grid");
  SetTensor({2, 2}, {0, 0, 1e308, -1e308}, request.mutable_x());
  v1::PredictResponse response;
  const grpc::Status status = Predict(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Reason(status), "PREDICTION_OVERFLOW");
  EXPECT_THAT(status.error_message(), HasSubstr("x[1]"));
}

TEST_F(ServicesTest, ListsGoPageByPage) {
  for (const char* id : {"c", "a", "b"}) ASSERT_TRUE(CreateDataset(id).ok());
  v1::ListDatasetsRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  do {
    grpc::ClientContext context;
    v1::ListDatasetsResponse response;
    ASSERT_TRUE(datasets_->ListDatasets(&context, request, &response).ok());
    for (const v1::Dataset& dataset : response.datasets()) names.push_back(dataset.name());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, testing::ElementsAre("datasets/a", "datasets/b", "datasets/c"));
}

TEST_F(ServicesTest, ADatasetInUseIsNotDeleted) {
  MakeGridDataset();
  v1::Job job;
  ASSERT_TRUE(Train(SmallTraining(1'000'000), &job).ok());
  v1::DeleteDatasetRequest remove;
  remove.set_name("datasets/grid");
  v1::DeleteDatasetResponse removed;
  grpc::ClientContext busy;
  const grpc::Status status = datasets_->DeleteDataset(&busy, remove, &removed);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(Reason(status), "DATASET_IN_USE");
  v1::CancelJobRequest cancel;
  cancel.set_name(job.name());
  grpc::ClientContext cancel_context;
  ASSERT_TRUE(jobs_->CancelJob(&cancel_context, cancel, &job).ok());
  Wait(cancel.name());
  grpc::ClientContext idle;
  EXPECT_TRUE(datasets_->DeleteDataset(&idle, remove, &removed).ok());
}

}  // namespace
}  // namespace sobolev::server
