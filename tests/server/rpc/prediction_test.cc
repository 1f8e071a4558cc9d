// PredictionService over a real channel.

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "proto/sobolev/v1/prediction.grpc.pb.h"
#include "tests/server/rpc/services_testing.h"

namespace sobolev::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class PredictionServiceTest : public ServicesTest {
 protected:
  void SetUp() override {
    ServicesTest::SetUp();
    ASSERT_TRUE(CreateDataset("grid").ok());
    ASSERT_TRUE(Upload("grid", "one", {GridBlock(1, 64)}, true).status.ok());
    v1::Job job;
    ASSERT_TRUE(Train(SmallTraining(3), &job).ok());
    ASSERT_EQ(Wait(job.name()).state(), v1::Job::STATE_SUCCEEDED);
  }

  static v1::PredictRequest Request(const std::vector<v1::Quantity>& quantities) {
    v1::PredictRequest request;
    request.set_model("models/grid");
    SetTensor({2, 2}, {0.1, 0.2, -0.3, 0.4}, request.mutable_x());
    for (const v1::Quantity quantity : quantities) request.add_quantities(quantity);
    return request;
  }

  v1::PredictResponse Answer(const v1::PredictRequest& request) {
    v1::PredictResponse response;
    const grpc::Status status = Predict(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
};

TEST_F(PredictionServiceTest, SecondOrderAdjointsAreProductsWithTheHessian) {
  v1::PredictRequest request = Request({v1::QUANTITY_HESSIAN, v1::QUANTITY_HVP});
  SetTensor({2, 2}, {1, 0, 2, -1}, request.mutable_tangents());
  SetTensor({1, 1}, {3}, request.mutable_adjoints());
  const v1::PredictResponse response = Answer(request);
  EXPECT_THAT(response.hvp().shape(), ElementsAre(2, 1, 2, 2));
  const std::vector<double> H = Values(response.hessian());
  const std::vector<double> products = Values(response.hvp());
  for (std::size_t s = 0; s < 2; ++s) {
    for (std::size_t j = 0; j < 2; ++j) {
      const double* row = H.data() + 4 * s + 2 * j;
      EXPECT_NEAR(products[4 * s + j], 3 * row[0], 1e-12);
      EXPECT_NEAR(products[4 * s + 2 + j], 3 * (2 * row[0] - row[1]), 1e-12);
    }
  }
}

TEST_F(PredictionServiceTest, ABlockHasItsInputsInTheirOrder) {
  v1::PredictRequest request =
      Request({v1::QUANTITY_JACOBIAN, v1::QUANTITY_JVP, v1::QUANTITY_HESSIAN});
  const std::vector<double> whole = [&] {
    v1::PredictRequest all = Request({v1::QUANTITY_JACOBIAN});
    return Values(Answer(all).jacobian());
  }();
  request.add_inputs(1);
  request.add_outputs(0);
  SetTensor({1, 1}, {2}, request.mutable_tangents());
  const v1::PredictResponse response = Answer(request);
  EXPECT_THAT(response.jacobian().shape(), ElementsAre(2, 1, 1));
  EXPECT_THAT(response.hessian().shape(), ElementsAre(2, 1, 1, 1));
  const std::vector<double> J = Values(response.jacobian());
  EXPECT_NEAR(J[0], whole[1], 1e-14);
  EXPECT_NEAR(J[1], whole[3], 1e-14);
  EXPECT_NEAR(Values(response.jvp())[1], 2 * whole[3], 1e-14);
}

TEST_F(PredictionServiceTest, ABlockOutsideTheModelIsRefusedByPlace) {
  v1::PredictRequest request = Request({v1::QUANTITY_JACOBIAN});
  request.add_inputs(1);
  request.add_inputs(2);
  v1::PredictResponse response;
  grpc::Status status = Predict(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              HasSubstr("inputs[1]: expected positions from 0 to 1, each at most once, got 2"));
  request.set_inputs(1, 1);
  status = Predict(request, &response);
  EXPECT_THAT(status.error_message(), HasSubstr("got 1 twice"));
  request.clear_inputs();
  request.add_outputs(-1);
  status = Predict(request, &response);
  EXPECT_THAT(status.error_message(), HasSubstr("outputs[0]: expected positions from 0 to 0"));
}

TEST_F(PredictionServiceTest, HeldOutErrorsAreThoseOfTheReport) {
  const v1::PredictResponse response = Answer(Request({v1::QUANTITY_HELD_OUT_ERRORS}));
  EXPECT_FALSE(response.has_value());
  v1::GetModelRequest request;
  request.set_name("models/grid");
  grpc::ClientContext context;
  v1::Model model;
  ASSERT_TRUE(models_->GetModel(&context, request, &model).ok());
  EXPECT_GT(response.held_out_errors().value_relative(), 0);
  EXPECT_EQ(response.held_out_errors().SerializeAsString(),
            model.latest_version().report().validation().SerializeAsString());
}

TEST_F(PredictionServiceTest, AStreamAnswersInOrder) {
  constexpr int kRequests = 500;
  const std::vector<v1::Quantity> quantities = {v1::QUANTITY_VALUE, v1::QUANTITY_HESSIAN};
  grpc::ClientContext context;
  const auto stream = predictions_->PredictStream(&context);
  std::vector<double> expected;
  for (int k = 0; k < kRequests; ++k) {
    v1::PredictRequest request = Request(quantities);
    // Every seventh is too large to be answered where it was read.
    const int rows = k % 7 == 0 ? 700 : 1;
    SetTensor({rows, 2}, std::vector<double>(static_cast<std::size_t>(2 * rows), 0.001 * k),
              request.mutable_x());
    if (k % 50 == 0) expected.push_back(Values(Answer(request).value()).back());
    ASSERT_TRUE(stream->Write(request));
    if (k < 4) continue;  // A few requests ahead of the replies.
    v1::PredictResponse response;
    ASSERT_TRUE(stream->Read(&response));
    const int answered = k - 4;
    if (answered % 50 == 0) {
      EXPECT_EQ(Values(response.value()).back(), expected[static_cast<std::size_t>(answered / 50)]);
    }
    EXPECT_EQ(response.value().shape(0), answered % 7 == 0 ? 700 : 1);
  }
  stream->WritesDone();
  int rest = 0;
  v1::PredictResponse response;
  while (stream->Read(&response)) ++rest;
  EXPECT_EQ(rest, 4);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(PredictionServiceTest, AStreamEndsWithItsFirstBadRequest) {
  grpc::ClientContext context;
  const auto stream = predictions_->PredictStream(&context);
  const v1::PredictRequest good = Request({});
  v1::PredictRequest bad = Request({});
  SetTensor({1, 3}, {1, 2, 3}, bad.mutable_x());
  stream->Write(good);
  stream->Write(good);
  stream->Write(bad);
  stream->Write(good);
  stream->WritesDone();
  v1::PredictResponse response;
  int replies = 0;
  while (stream->Read(&response)) ++replies;
  EXPECT_EQ(replies, 2);
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("request[2].x: expected shape [N, 2]"));
  EXPECT_EQ(Reason(status), "SHAPE_MISMATCH");
}

TEST_F(PredictionServiceTest, AnEmptyStreamEndsWell) {
  grpc::ClientContext context;
  const auto stream = predictions_->PredictStream(&context);
  stream->WritesDone();
  v1::PredictResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

// The server reads no further than the client does: the client's writes come to a halt.
TEST_F(PredictionServiceTest, AStreamWhoseRepliesNobodyReadsIsNotRead) {
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto stream = predictions_->AsyncPredictStream(&context, &queue, nullptr);
  void* tag = nullptr;
  bool ok = false;
  ASSERT_TRUE(queue.Next(&tag, &ok));
  v1::PredictRequest request = Request({v1::QUANTITY_HESSIAN});
  SetTensor({1000, 2}, std::vector<double>(2000), request.mutable_x());
  // Replies of 32 KB against windows of 64 KB or so; 4 MB of requests would be 250 of them.
  bool halted = false;
  for (int k = 0; k < 10'000 && !halted; ++k) {
    stream->Write(request, nullptr);
    const auto deadline = std::chrono::system_clock::now() + std::chrono::seconds(2);
    halted = queue.AsyncNext(&tag, &ok, deadline) == grpc::CompletionQueue::TIMEOUT;
  }
  EXPECT_TRUE(halted);
  context.TryCancel();
  if (halted) {
    ASSERT_TRUE(queue.Next(&tag, &ok));
    EXPECT_FALSE(ok);
  }
  grpc::Status status;
  stream->Finish(&status, nullptr);
  ASSERT_TRUE(queue.Next(&tag, &ok));
  EXPECT_EQ(status.error_code(), grpc::StatusCode::CANCELLED);
  queue.Shutdown();
  while (queue.Next(&tag, &ok)) {
  }
}

}  // namespace
}  // namespace sobolev::server
