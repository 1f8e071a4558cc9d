// Bounds, certificates and significance of a trained model, over a real channel.

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "proto/sobolev/v1/models.grpc.pb.h"
#include "proto/sobolev/v1/prediction.grpc.pb.h"
#include "tests/server/rpc/services_testing.h"

namespace sobolev::server {
namespace {

using testing::HasSubstr;

class BoundServiceTest : public ServicesTest {
 protected:
  void SetUp() override {
    ServicesTest::SetUp();
    MakeGridDataset();
    v1::Job job;
    ASSERT_TRUE(Train(SmallTraining(30), &job).ok());
    ASSERT_EQ(Wait(job.name()).state(), v1::Job::STATE_SUCCEEDED);
  }

  template <class Request>
  static Request Parse(const std::string& text) {
    Request request;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
    return request;
  }

  grpc::Status Bound(const std::string& text, v1::BoundResponse* response) {
    grpc::ClientContext context;
    return predictions_->Bound(&context, Parse<v1::BoundRequest>(text), response);
  }
  grpc::Status Certify(const std::string& text, v1::CertifyResponse* response) {
    grpc::ClientContext context;
    return predictions_->Certify(&context, Parse<v1::CertifyRequest>(text), response);
  }
  grpc::Status Analyze(const std::string& text, v1::AnalyzeSignificanceResponse* response) {
    grpc::ClientContext context;
    return models_->AnalyzeSignificance(&context, Parse<v1::AnalyzeSignificanceRequest>(text),
                                        response);
  }

  // Values and Jacobians at points of [-0.5, 0.5]².
  v1::PredictResponse AtRandomPoints(std::int64_t count) {
    std::mt19937_64 generator(1);
    std::uniform_real_distribution<double> uniform(-0.5, 0.5);
    std::vector<double> x(static_cast<std::size_t>(2 * count));
    for (double& number : x) number = uniform(generator);
    v1::PredictRequest request;
    request.set_model("models/grid");
    SetTensor({count, 2}, x, request.mutable_x());
    request.add_quantities(v1::QUANTITY_VALUE);
    request.add_quantities(v1::QUANTITY_JACOBIAN);
    v1::PredictResponse response;
    const grpc::Status status = Predict(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
};

constexpr const char* kInside =
    R"(model: "models/grid" box { min: -0.5 max: 0.5 } box { min: -0.5 max: 0.5 } )";

TEST_F(BoundServiceTest, NoPredictionIsOutside) {
  v1::BoundResponse bound;
  const grpc::Status status = Bound(
      std::string(kInside) + "quantities: QUANTITY_VALUE quantities: QUANTITY_JACOBIAN", &bound);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(bound.function(), "models/grid/versions/1");
  EXPECT_TRUE(bound.tight());
  EXPECT_EQ(bound.box(1).max(), 0.5);
  const v1::PredictResponse points = AtRandomPoints(1000);
  const double low = Values(bound.value_min()).at(0);
  const double high = Values(bound.value_max()).at(0);
  for (const double y : Values(points.value())) {
    EXPECT_LE(low, y);
    EXPECT_LE(y, high);
  }
  const std::vector<double> J = Values(points.jacobian());
  for (std::size_t k = 0; k < J.size(); ++k) {
    EXPECT_LE(Values(bound.jacobian_min()).at(k % 2), J[k]);
    EXPECT_LE(J[k], Values(bound.jacobian_max()).at(k % 2));
  }
  // What was sampled is within, and nearly as wide.
  EXPECT_LE(low, Values(bound.sampled_value_min()).at(0));
  EXPECT_LE(high - low, 1.05 * (Values(bound.sampled_value_max()).at(0) -
                                Values(bound.sampled_value_min()).at(0)));
}

TEST_F(BoundServiceTest, TheDomainIsTheBoxUnlessThereIsOne) {
  v1::BoundResponse bound;
  ASSERT_TRUE(Bound(R"(model: "models/grid/versions/1")", &bound).ok());
  EXPECT_EQ(bound.box(1).min(), -1);
  EXPECT_EQ(bound.box(1).max(), 1);
  EXPECT_FALSE(bound.has_jacobian_min());
}

TEST_F(BoundServiceTest, ConditionsAreCertified) {
  v1::CertifyResponse all;
  ASSERT_TRUE(
      Certify(std::string(kInside) + "values { min: -9 max: 9 } derivatives { most: 9 }", &all)
          .ok());
  EXPECT_EQ(all.proved(), 1);
  ASSERT_EQ(all.pieces_size(), 1);
  EXPECT_EQ(all.pieces(0).verdict(), v1::CertifyResponse::VERDICT_PROVED);
  v1::CertifyResponse some;
  ASSERT_TRUE(
      Certify(std::string(kInside) + R"(values { output: "y" max: 0 } max_pieces: 1)", &some).ok());
  EXPECT_GT(some.proved(), 0.2);
  EXPECT_GT(some.violated(), 0.2);
  EXPECT_NEAR(some.proved() + some.violated() + some.refuted() + some.undecided(), 1, 1e-12);
  EXPECT_LE(some.pieces_size(), 4);
}

TEST_F(BoundServiceTest, UnitsAndInputsHaveSignificance) {
  v1::AnalyzeSignificanceResponse response;
  const grpc::Status status =
      Analyze(std::string(kInside) + R"(edges: true cuts { input: "b" pieces: 3 })", &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(response.inputs_size(), 2);
  for (const auto& input : response.inputs()) {
    EXPECT_GT(input.sampled(0), 0);
    EXPECT_LE(input.sampled(0), input.relaxed_sigma(0));
    EXPECT_LE(input.relaxed_sigma(0), input.sigma(0));
    EXPECT_LE(input.sliced_sigma(0), input.sigma(0));
  }
  ASSERT_EQ(response.layers_size(), 2);
  EXPECT_THAT(response.layers(0).sigma().shape(), testing::ElementsAre(16, 1));
  const std::vector<double> sigma = Values(response.layers(1).sigma());
  const std::vector<double> sampled = Values(response.layers(1).sampled());
  const std::vector<double> relaxed = Values(response.layers(1).relaxed_sigma());
  ASSERT_EQ(relaxed.size(), sigma.size());
  for (std::size_t k = 0; k < sigma.size(); ++k) {
    EXPECT_LE(sampled[k], sigma[k]);
    EXPECT_LE(sampled[k], relaxed[k]);
    EXPECT_LE(relaxed[k], sigma[k]);
  }
  ASSERT_EQ(response.edges_size(), 3);
  EXPECT_THAT(response.edges(0).shape(), testing::ElementsAre(1, 16, 2));
}

TEST_F(BoundServiceTest, RefusalsNameTheFieldAndTheReason) {
  v1::BoundResponse bound;
  const auto refuse = [&](const std::string& text, grpc::StatusCode code, const char* reason,
                          const char* says) {
    const grpc::Status status = Bound(text, &bound);
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_EQ(Reason(status), reason);
    EXPECT_THAT(status.error_message(), HasSubstr(says));
  };
  refuse("", grpc::INVALID_ARGUMENT, "MISSING_FIELD", "function: ");
  refuse(R"(model: "models/none")", grpc::NOT_FOUND, "NOT_FOUND", "model: ");
  refuse(R"(model: "models/grid" box { max: 1 })", grpc::INVALID_ARGUMENT, "SHAPE_MISMATCH",
         "box: expected 2 ranges, one for each of a, b, got 1");
  refuse(R"(model: "models/grid" box { min: 1 max: 0 } box { })", grpc::INVALID_ARGUMENT,
         "INVERTED_BOX", "box[0].min: ");
  refuse(R"(model: "models/grid" box { max: nan } box { })", grpc::INVALID_ARGUMENT, "NON_FINITE",
         "box[0].max: ");
  refuse(R"(model: "models/grid" box { max: 1 } box { max: 1.5 })", grpc::INVALID_ARGUMENT,
         "OUTSIDE_DOMAIN", "box[1]: expected a range within the domain of the model, b=-1:1, ");
  refuse(std::string(kInside) + "max_boxes: 0", grpc::INVALID_ARGUMENT, "OUT_OF_RANGE",
         "max_boxes: ");
  refuse(std::string(kInside) + R"(compare_to: "models/none")", grpc::NOT_FOUND, "NOT_FOUND",
         "compare_to: ");
  refuse(std::string(kInside) + "quantities: QUANTITY_HVP", grpc::INVALID_ARGUMENT,
         "UNSUPPORTED_QUANTITY", "quantities: ");
}

TEST_F(BoundServiceTest, ADeadlineEndsTheSearch) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  v1::BoundResponse bound;
  const auto request = Parse<v1::BoundRequest>(
      R"(model: "models/grid" quantities: [1, 2] max_boxes: 1000000 tolerance: 0)");
  EXPECT_EQ(predictions_->Bound(&context, request, &bound).error_code(), grpc::DEADLINE_EXCEEDED);
  // Its thread is free again, or the server would not end.
  ASSERT_TRUE(Bound(std::string(kInside) + "max_boxes: 1", &bound).ok());
}

}  // namespace
}  // namespace sobolev::server
