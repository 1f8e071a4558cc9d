// Jobs that train, from the spec to the model.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "proto/sobolev/v1/datasets.grpc.pb.h"
#include "proto/sobolev/v1/jobs.grpc.pb.h"
#include "proto/sobolev/v1/models.grpc.pb.h"
#include "proto/sobolev/v1/prediction.grpc.pb.h"
#include "proto/sobolev/v1/training.grpc.pb.h"
#include "proto/wire/crc32c.h"
#include "tests/server/rpc/services_testing.h"

namespace sobolev::server {
namespace {

using testing::HasSubstr;

class TrainingServiceTest : public ServicesTest {};

// A row of three without value, a row with half a Jacobian, and directional labels for all.
TEST_F(TrainingServiceTest, TrainingUsesWhatIsKnownOfEverySample) {
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

TEST_F(TrainingServiceTest, TrainingMakesAModelWhoseDerivativesAreRight) {
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
TEST_F(TrainingServiceTest, AComposedModelKeepsWhatItsSpecSays) {
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

TEST_F(TrainingServiceTest, AdamAloneTrainsAComposedModel) {
  MakeGridDataset();
  v1::TrainRequest training;
  training.set_dataset("datasets/grid");
  ASSERT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "optimizer: OPTIMIZER_ADAM epochs: 300 precision: PRECISION_FLOAT64 "
      "input_maps { input: 'a' period: 8 } output_maps { output: 'y' lower: -3 } "
      "extrapolation: EXTRAPOLATION_LINEAR",
      training.mutable_spec()));
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
  EXPECT_EQ(version.core_kind(), v1::ModelVersion::KIND_NETWORK);
  EXPECT_DOUBLE_EQ(version.input_maps(0).period(), 8);
  EXPECT_EQ(version.output_maps(0).lower(), -3);
  EXPECT_GT(version.report().jacobian_samples(), 0);
  EXPECT_LT(version.report().validation().value_relative(), 0.05);

  v1::PredictRequest request;
  request.set_model(job.model());
  SetTensor({4, 2}, {0.3, -0.4, 8.3, -0.4, 0.3, -1e6, 0.3, 1e6}, request.mutable_x());
  v1::PredictResponse response;
  const grpc::Status status = Predict(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const std::vector<double> value = Values(response.value());
  EXPECT_NEAR(value[0], std::sin(0.3) - 0.12, 0.1);
  EXPECT_NEAR(value[1], value[0], 1e-10);
  EXPECT_GE(*std::ranges::min_element(value), -3);
}

TEST_F(TrainingServiceTest, WhatIsSaidOfInputsAndOutputsIsCheckedAtOnce) {
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
           {"epochs: 3 extrapolation: 17", "spec.extrapolation: expected own, constant or linear"},
           {"optimizer: OPTIMIZER_ADAM feature_degree: 9",
            "spec.feature_degree: expected 1 to 4, got 9"},
           {"optimizer: OPTIMIZER_ADAM output_maps { output: 'y' lower: 2 upper: 1 }",
            "spec.output_maps: expected lower < upper of output 'y'"},
           {"optimizer: OPTIMIZER_ADAM input_maps { input: 'a' period: 1 } "
            "monotone { key: 'a' value: SLOPE_INCREASING }",
            "spec.input_maps: expected no period of input 'a'"}}) {
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
TEST_F(TrainingServiceTest, AJobWithSamplesOutOfBoundsNamesTheFirst) {
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

TEST_F(TrainingServiceTest, ARequestIdMakesTrainIdempotent) {
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

TEST_F(TrainingServiceTest, ValidateOnlyChecksAndStartsNothing) {
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

TEST_F(TrainingServiceTest, CancelEndsARunningJobAndFreesTheWorkerForTheNext) {
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

TEST_F(TrainingServiceTest, AJobInterruptedByAShutdownEndsWithTheSameWeights) {
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

}  // namespace
}  // namespace sobolev::server
