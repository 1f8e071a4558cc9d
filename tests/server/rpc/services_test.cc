// Datasets, models and predictions. Bad input over the raw wire is tests/e2e's.

#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>
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
