// Jobs that prune, from the request to the version.

#include <chrono>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <google/protobuf/util/message_differencer.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "proto/sobolev/v1/jobs.grpc.pb.h"
#include "proto/sobolev/v1/models.grpc.pb.h"
#include "proto/sobolev/v1/prediction.grpc.pb.h"
#include "server/jobs/pruning_data.h"
#include "tests/server/rpc/services_testing.h"

namespace sobolev::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PruningTest : public ServicesTest {
 protected:
  void SetUp() override {
    ServicesTest::SetUp();
    MakeGridDataset();
    v1::Job job;
    ASSERT_TRUE(Train(SmallTraining(100), &job).ok());
    ASSERT_EQ(Wait(job.name()).state(), v1::Job::STATE_SUCCEEDED);
  }

  static v1::PruneRequest Request(const std::string& text) {
    v1::PruneRequest request;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
    if (request.model().empty()) request.set_model("models/grid/versions/1");
    if (request.model_id().empty()) request.set_model_id("small");
    return request;
  }

  grpc::Status Prune(const std::string& text, v1::Job* job) {
    grpc::ClientContext context;
    return models_->Prune(&context, Request(text), job);
  }

  v1::ModelVersion Version(const std::string& name) {
    v1::GetModelVersionRequest request;
    request.set_name(name);
    grpc::ClientContext context;
    v1::ModelVersion version;
    EXPECT_TRUE(models_->GetModelVersion(&context, request, &version).ok()) << name;
    return version;
  }

  double ValueAt(const std::string& model, double a, double b) {
    v1::PredictRequest request;
    request.set_model(model);
    SetTensor({1, 2}, {a, b}, request.mutable_x());
    request.add_quantities(v1::QUANTITY_VALUE);
    v1::PredictResponse response;
    const grpc::Status status = Predict(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return Values(response.value()).at(0);
  }
};

TEST_F(PruningTest, AJobGoesThroughItsStagesAndReports) {
  v1::Job job;
  const grpc::Status status =
      Prune("target { fraction: 0.5 } retraining { steps: 200 } certificate_boxes: 50", &job);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(job.kind(), v1::Job::KIND_PRUNE);
  EXPECT_EQ(job.source_model(), "models/grid/versions/1");
  EXPECT_EQ(job.dataset(), "datasets/grid");
  std::vector<v1::JobEvent> events;
  job = Wait(job.name(), &events);
  ASSERT_EQ(job.state(), v1::Job::STATE_SUCCEEDED) << job.error().message();
  EXPECT_EQ(job.model(), "models/small/versions/1");
  double fraction = 0;
  for (const v1::JobEvent& event : events) {
    if (!event.has_progress()) continue;
    EXPECT_GE(event.progress().fraction(), fraction);
    fraction = event.progress().fraction();
  }
  EXPECT_EQ(fraction, 1);

  const v1::ModelVersion version = Version(job.model());
  const v1::PruningReport& report = version.pruning();
  EXPECT_EQ(report.job(), job.name());
  EXPECT_THAT(report.inputs(), ElementsAre("a", "b"));
  EXPECT_EQ(report.removed_vertices(0) + report.removed_vertices(1), 16);
  EXPECT_EQ(report.retraining().steps() % report.retraining().epochs(), 0);
  EXPECT_TRUE(report.has_source_errors() && report.has_pruned_errors() &&
              report.has_result_errors() && report.has_scratch_errors());
  EXPECT_EQ(report.certificate().value_size(), 1);
  EXPECT_EQ(report.certificate().jacobian_size(), 2);
  EXPECT_EQ(version.report().validation().value_relative(),
            report.result_errors().value_relative());
  const double difference =
      std::abs(ValueAt("models/small", 0.3, -0.4) - ValueAt("models/grid/versions/1", 0.3, -0.4));
  EXPECT_LE(difference, report.certificate().value(0).proved());
}

TEST_F(PruningTest, AnInterruptedJobEndsWithTheSameVersion) {
  const std::string request =
      "target { fraction: 0.5 } retraining { steps: 3000 } certificate_boxes: 50";
  v1::Job undisturbed;
  ASSERT_TRUE(Prune(request, &undisturbed).ok());
  ASSERT_EQ(Wait(undisturbed.name()).state(), v1::Job::STATE_SUCCEEDED);
  v1::Job interrupted;
  ASSERT_TRUE(Prune(request, &interrupted).ok());
  for (int restart = 0; restart < 4; ++restart) {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    StartServer();
  }
  ASSERT_EQ(Wait(interrupted.name()).state(), v1::Job::STATE_SUCCEEDED);
  v1::ModelVersion one = Version("models/small/versions/1");
  v1::ModelVersion other = Version("models/small/versions/2");
  EXPECT_EQ(one.weights_sha256(), other.weights_sha256());
  for (v1::ModelVersion* version : {&one, &other}) version->mutable_pruning()->clear_job();
  EXPECT_TRUE(google::protobuf::util::MessageDifferencer::Equals(one.pruning(), other.pruning()));
}

TEST_F(PruningTest, TheNewVersionMayBeOfTheSameModel) {
  v1::Job job;
  ASSERT_TRUE(Prune("model_id: 'grid' target { fraction: 0.2 } certificate_boxes: 0", &job).ok());
  job = Wait(job.name());
  EXPECT_EQ(job.model(), "models/grid/versions/2");
  EXPECT_FALSE(Version(job.model()).pruning().has_certificate());
  // The newest is now the pruned one, which can be pruned again.
  ASSERT_TRUE(
      Prune("model: 'models/grid' target { fraction: 0.2 } certificate_boxes: 0", &job).ok());
  EXPECT_EQ(job.source_model(), "models/grid/versions/2");
  job = Wait(job.name());
  ASSERT_EQ(job.state(), v1::Job::STATE_SUCCEEDED) << job.error().message();
  EXPECT_TRUE(Version(job.model()).pruning().has_source_errors());
}

TEST_F(PruningTest, AJobWhoseModelIsGoneFails) {
  v1::Job blocking;
  ASSERT_TRUE(Train(SmallTraining(1'000'000), &blocking).ok());
  v1::Job job;
  ASSERT_TRUE(Prune("target { fraction: 0.5 }", &job).ok());
  v1::DeleteModelRequest remove;
  remove.set_name("models/grid");
  grpc::ClientContext context;
  v1::DeleteModelResponse removed;
  ASSERT_TRUE(models_->DeleteModel(&context, remove, &removed).ok());
  v1::CancelJobRequest cancel;
  cancel.set_name(blocking.name());
  grpc::ClientContext cancel_context;
  ASSERT_TRUE(jobs_->CancelJob(&cancel_context, cancel, &blocking).ok());
  job = Wait(job.name());
  EXPECT_EQ(job.state(), v1::Job::STATE_FAILED);
  EXPECT_EQ(job.error().code(), static_cast<int>(grpc::StatusCode::NOT_FOUND));
}

TEST_F(PruningTest, WhatCannotBePrunedIsRefusedAtOnce) {
  struct Case {
    const char* request;
    const char* message;
  };
  for (const Case& bad : std::vector<Case>{
           {"", "target: expected one of fraction, parameters, multiply_adds, or errors"},
           {"target {}", "target: expected one of"},
           {"target { fraction: 0.9 }", "target.fraction: expected at most 0.8125"},
           {"target { fraction: 0 }", "target.fraction: expected at least "},
           {"target { parameters: 1000000 }", "target.parameters: expected less than the "},
           {"target { fraction: 1.5 }", "target.fraction: expected at least 0 and less than 1"},
           {"target { fraction: 0.1 } box { min: 0 max: 1 }", "box: expected a range for each"},
           {"target { fraction: 0.1 } box { min: 0 max: 9 } box { max: 1 }",
            "box[0]: expected a range within the domain of the model, a=-1:1"},
           {"target { fraction: 0.1 } box { min: -1e300 max: 1e300 } box { max: 1 }",
            "got -1e+300:1e+300; shrink the box"},
           {"target { fraction: 0.1 } box { min: 1 max: 0 } box { max: 1 }",
            "box[0].min: expected at most max = 0, got 1; exchange the two"},
           {"target { fraction: 0.1 } box { max: inf } box { max: 1 }",
            "box[0].max: expected a finite number, got inf"},
           {"target { fraction: 0.1 } certificate_boxes: 1000001",
            "certificate_boxes: expected 0 to 1000000"},
           {"target { fraction: 0.1 } retraining { steps: 0 }", "retraining.steps: expected 1 to"},
           {"target { fraction: 0.1 } retraining { alpha: 0 beta: 0 }", "retraining."},
           {"target { fraction: 0.1 } rule: RULE_WANDA", "rule: expected a rule for vertices"},
           {"input_threshold: -1", "input_threshold: expected a finite number of 0 or more"}}) {
    v1::Job job;
    const grpc::Status status = Prune(bad.request, &job);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << bad.request;
    EXPECT_THAT(status.error_message(), HasSubstr(bad.message));
  }
}

TEST(HeldOutTest, ThatOfTheTrainingIfItWasOnTheseSamples) {
  v1::TrainingReport report;
  report.set_dataset("datasets/d");
  report.set_dataset_version(2);
  report.set_training_samples(75);
  report.set_validation_samples(25);
  report.set_seed(9);
  const HeldOut same = HeldOutOf(report, "datasets/d", 2, 100);
  EXPECT_EQ(same.fraction, 0.25);
  EXPECT_EQ(same.seed, 9U);
  EXPECT_EQ(HeldOutOf(report, "datasets/e", 2, 100).fraction, 0.1);
  EXPECT_EQ(HeldOutOf(report, "datasets/d", 3, 100).fraction, 0.1);
  EXPECT_EQ(HeldOutOf(report, "datasets/d", 2, 125).fraction, 0.1);
  report.set_training_samples(100);  // Cross-validated: all are training samples, too.
  EXPECT_EQ(HeldOutOf(report, "datasets/d", 2, 100).fraction, 0.1);
}

}  // namespace
}  // namespace sobolev::server
