// Pipelines over a real channel: a trained model and programs, composed, predicted and refused.

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/text_format.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "proto/sobolev/v1/models.grpc.pb.h"
#include "proto/sobolev/v1/prediction.grpc.pb.h"
#include "proto/sobolev/v1/programs.grpc.pb.h"
#include "tests/server/rpc/services_testing.h"

namespace sobolev::server {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;
using testing::UnorderedElementsAre;

// Of the model's output y, of one of its inputs, and of c.
const char* const kLift =
    "input y\n"
    "input c in [0.5, 2]\n"
    "input b in [-0.5, 9]\n"
    "output l = y^2 * c + b\n"
    "output k = c * y\n";

class PipelineServiceTest : public ServicesTest {
 protected:
  void SetUp() override {
    ServicesTest::SetUp();
    MakeGridDataset();
    TrainGrid();
    ASSERT_TRUE(CreateProgram("lift", kLift).ok());
  }

  void TrainGrid() {
    v1::Job job;
    ASSERT_TRUE(Train(SmallTraining(3), &job).ok());
    ASSERT_EQ(Wait(job.name()).state(), v1::Job::STATE_SUCCEEDED);
  }

  grpc::Status CreateProgram(const std::string& id, const std::string& source) {
    v1::CreateProgramRequest request;
    request.set_program_id(id);
    request.set_source(source);
    grpc::ClientContext context;
    v1::Program program;
    return v1::ProgramService::NewStub(channel_)->CreateProgram(&context, request, &program);
  }

  grpc::Status TryCreate(const v1::CreatePipelineRequest& request, v1::ModelVersion* version) {
    grpc::ClientContext context;
    return models_->CreatePipeline(&context, request, version);
  }
  v1::ModelVersion Create(const v1::CreatePipelineRequest& request) {
    v1::ModelVersion version;
    const grpc::Status status = TryCreate(request, &version);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return version;
  }

  static v1::CreatePipelineRequest Request(const std::string& text) {
    v1::CreatePipelineRequest request;
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &request)) << text;
    return request;
  }
  static v1::CreatePipelineRequest GridAndLift() {
    return Request(R"pb(model_id: "chain"
                        stages { model: "models/grid" }
                        stages { program: "programs/lift" })pb");
  }

  // Of a model at rows of x, with everything asked for.
  v1::PredictResponse At(const std::string& model, std::int64_t n, const std::vector<double>& x) {
    v1::PredictRequest request;
    request.set_model(model);
    SetTensor({static_cast<std::int64_t>(x.size()) / n, n}, x, request.mutable_x());
    for (const v1::Quantity quantity :
         {v1::QUANTITY_VALUE, v1::QUANTITY_JACOBIAN, v1::QUANTITY_HESSIAN}) {
      request.add_quantities(quantity);
    }
    v1::PredictResponse response;
    const grpc::Status status = Predict(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
};

TEST_F(PipelineServiceTest, ItIsDifferentiatedThroughTheWholeChain) {
  const v1::ModelVersion version = Create(GridAndLift());
  ASSERT_EQ(version.schema().inputs_size(), 3);  // a and b of the model, c of the program.
  const double c = 1.25;
  const std::vector<double> x = {0.1, -0.2, c, -0.7, -0.6, c};
  const v1::PredictResponse model = At("models/grid", 2, {0.1, -0.2, -0.7, -0.6});
  const v1::PredictResponse chain = At("models/chain", 3, x);
  const std::vector<double> y = Values(model.value());
  const std::vector<double> J = Values(model.jacobian());
  const std::vector<double> H = Values(model.hessian());
  const std::vector<double> value = Values(chain.value());
  const std::vector<double> jacobian = Values(chain.jacobian());
  const std::vector<double> hessian = Values(chain.hessian());
  ASSERT_EQ(hessian.size(), 2U * 2 * 3 * 3);
  for (std::size_t s = 0; s < 2; ++s) {
    const double y_a = J[2 * s];
    const double y_b = J[2 * s + 1];
    const double* const second = H.data() + 4 * s;
    EXPECT_NEAR(value[2 * s], y[s] * y[s] * c + x[3 * s + 1], 1e-12);
    EXPECT_NEAR(value[2 * s + 1], c * y[s], 1e-12);
    const double expected_jacobian[] = {
        2 * y[s] * c * y_a, 2 * y[s] * c * y_b + 1, y[s] * y[s], c * y_a, c * y_b, y[s]};
    for (std::size_t i = 0; i < 6; ++i) {
      EXPECT_NEAR(jacobian[6 * s + i], expected_jacobian[i], 1e-12) << i;
    }
    const double l_aa = 2 * c * (y_a * y_a + y[s] * second[0]);
    const double l_ab = 2 * c * (y_a * y_b + y[s] * second[1]);
    const double l_bb = 2 * c * (y_b * y_b + y[s] * second[3]);
    const double l_ac = 2 * y[s] * y_a;
    const double l_bc = 2 * y[s] * y_b;
    const double expected_hessian[] = {l_aa, l_ab, l_ac, l_ab, l_bb, l_bc, l_ac, l_bc, 0};
    for (std::size_t i = 0; i < 9; ++i) {
      EXPECT_NEAR(hessian[18 * s + i], expected_hessian[i], 1e-11) << i;
    }
  }
  EXPECT_THAT(chain.in_domain(), ElementsAre(true, false));  // lift has b >= −0.5.
}

TEST_F(PipelineServiceTest, TheVersionTellsWhatItIsMadeOf) {
  const v1::ModelVersion version = Create(GridAndLift());
  EXPECT_EQ(version.name(), "models/chain/versions/1");
  EXPECT_EQ(version.kind(), v1::ModelVersion::KIND_PIPELINE);
  EXPECT_FALSE(version.has_report());
  v1::GetModelRequest get;
  get.set_name("models/grid");
  grpc::ClientContext context;
  v1::Model grid;
  ASSERT_TRUE(models_->GetModel(&context, get, &grid).ok());
  EXPECT_EQ(version.parameter_count(), grid.latest_version().parameter_count());

  const v1::Pipeline& pipeline = version.pipeline();
  ASSERT_EQ(pipeline.stages_size(), 2);
  EXPECT_EQ(pipeline.stages(0).name(), "grid");
  EXPECT_EQ(pipeline.stages(0).model(), "models/grid/versions/1");
  EXPECT_EQ(pipeline.stages(0).sha256(), grid.latest_version().weights_sha256());
  EXPECT_THAT(pipeline.stages(0).inputs(), UnorderedElementsAre(Pair("a", "a"), Pair("b", "b")));
  EXPECT_EQ(pipeline.stages(1).program(), "programs/lift");
  EXPECT_EQ(pipeline.stages(1).sha256().size(), 64U);
  EXPECT_THAT(pipeline.stages(1).inputs(),
              UnorderedElementsAre(Pair("y", "grid.y"), Pair("c", "c"), Pair("b", "b")));
  EXPECT_THAT(pipeline.outputs(), ElementsAre("lift.l", "lift.k"));

  ASSERT_EQ(version.schema().outputs_size(), 2);
  EXPECT_EQ(version.schema().inputs(0).name(), "a");
  EXPECT_EQ(version.schema().inputs(0).upper(), 2);  // As the dataset's schema says.
  EXPECT_EQ(version.schema().inputs(2).name(), "c");
  EXPECT_EQ(version.schema().outputs(0).name(), "l");
  ASSERT_EQ(version.domain_size(), 3);
  EXPECT_EQ(version.domain(0).min(), grid.latest_version().domain(0).min());
  EXPECT_EQ(version.domain(1).min(), -0.5);
  EXPECT_EQ(version.domain(1).max(), grid.latest_version().domain(1).max());
  EXPECT_EQ(version.domain(2).max(), 2);
}

TEST_F(PipelineServiceTest, DeletedPartsAndARestartChangeNothing) {
  Create(GridAndLift());
  const std::vector<double> x = {0.1, -0.2, 1};
  const std::string before = At("models/chain", 3, x).hessian().data();
  v1::DeleteModelRequest remove_model;
  remove_model.set_name("models/grid");
  grpc::ClientContext model_context;
  v1::DeleteModelResponse removed_model;
  ASSERT_TRUE(models_->DeleteModel(&model_context, remove_model, &removed_model).ok());
  v1::DeleteProgramRequest remove_program;
  remove_program.set_name("programs/lift");
  grpc::ClientContext program_context;
  v1::DeleteProgramResponse removed_program;
  ASSERT_TRUE(v1::ProgramService::NewStub(channel_)
                  ->DeleteProgram(&program_context, remove_program, &removed_program)
                  .ok());
  EXPECT_EQ(At("models/chain", 3, x).hessian().data(), before);
  StartServer();
  EXPECT_EQ(At("models/chain", 3, x).hessian().data(), before);
}

TEST_F(PipelineServiceTest, TheSameFunctionIsTheSameVersionAndAnotherANewOne) {
  EXPECT_EQ(Create(GridAndLift()).name(), "models/chain/versions/1");
  EXPECT_EQ(Create(GridAndLift()).name(), "models/chain/versions/1");
  TrainGrid();
  const v1::ModelVersion newer = Create(GridAndLift());
  EXPECT_EQ(newer.name(), "models/chain/versions/2");
  EXPECT_EQ(newer.pipeline().stages(0).model(), "models/grid/versions/2");
  v1::CreatePipelineRequest pinned = GridAndLift();
  pinned.mutable_stages(0)->set_model("models/grid/versions/1");
  EXPECT_EQ(Create(pinned).name(), "models/chain/versions/3");
}

TEST_F(PipelineServiceTest, InputsAndOutputsAreWiredByName) {
  ASSERT_TRUE(CreateProgram("pair", "input v[2]\noutput w[2] = [v[1], 3 * v[0]]\n").ok());
  const v1::ModelVersion version = Create(Request(
      R"pb(model_id: "wired"
           stages { program: "programs/pair" }
           stages {
             name: "again"
             program: "programs/pair"
             inputs { key: "v.0" value: "pair.w.1" }
             inputs { key: "v.1" value: "t" }
           }
           outputs: "again.w.0"
           outputs: "w.1"
           outputs: "pair.w.1"
           outputs: "v.1")pb"));
  std::vector<std::string> names;
  for (const v1::Variable& input : version.schema().inputs()) names.push_back(input.name());
  for (const v1::Variable& output : version.schema().outputs()) names.push_back(output.name());
  EXPECT_THAT(names, ElementsAre("v.0", "v.1", "t", "w.0", "w.1", "pair.w.1", "input.v.1"));
  EXPECT_THAT(version.pipeline().outputs(),
              ElementsAre("again.w.0", "again.w.1", "pair.w.1", "v.1"));
  // again = [t, 3 (3 v₀)].
  EXPECT_THAT(Values(At("models/wired", 3, {5, 7, 11}).value()), ElementsAre(11, 45, 15, 7));
}

TEST_F(PipelineServiceTest, APipelineIsAStageOfAnother) {
  Create(GridAndLift());
  const v1::ModelVersion outer = Create(Request(
      R"pb(model_id: "outer"
           stages { model: "models/chain" }
           stages {
             program: "programs/lift"
             inputs { key: "y" value: "chain.k" }
           }
           outputs: "lift.k")pb"));
  ASSERT_EQ(outer.schema().inputs_size(), 3);
  const double k = Values(At("models/chain", 3, {0.1, -0.2, 1.5}).value())[1];
  EXPECT_NEAR(Values(At("models/outer", 3, {0.1, -0.2, 1.5}).value())[0], 1.5 * k, 1e-13);
}

TEST_F(PipelineServiceTest, APointWithoutAValueIsRefusedByPlace) {
  ASSERT_TRUE(CreateProgram("root", "input y\ninput c\noutput r = sqrt(c) + y\n").ok());
  Create(Request(R"pb(model_id: "rooted"
                      stages { model: "models/grid" }
                      stages { program: "programs/root" })pb"));
  v1::PredictRequest request;
  request.set_model("models/rooted");
  SetTensor({2, 3}, {0, 0, 1, 0, 0, -1}, request.mutable_x());
  v1::PredictResponse response;
  const grpc::Status status = Predict(request, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(Reason(status), "PREDICTION_OVERFLOW");
  EXPECT_THAT(status.error_message(),
              HasSubstr("x[1]: the prediction at this point is not finite"));
  request.add_quantities(v1::QUANTITY_SPREAD);
  EXPECT_THAT(Predict(request, &response).error_message(), HasSubstr("QUANTITY_SPREAD"));
}

TEST_F(PipelineServiceTest, TrainedModelsAndPipelinesKeepTheirNames) {
  v1::CreatePipelineRequest request = GridAndLift();
  request.set_model_id("grid");
  v1::ModelVersion version;
  const grpc::Status pipeline = TryCreate(request, &version);
  EXPECT_EQ(pipeline.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_THAT(pipeline.error_message(),
              HasSubstr("model_id: \"grid\" is a model that was trained"));
  Create(GridAndLift());
  v1::TrainRequest training = SmallTraining(2);
  training.set_model_id("chain");
  v1::Job job;
  const grpc::Status trained = Train(training, &job);
  EXPECT_EQ(trained.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_THAT(trained.error_message(), HasSubstr("model_id: \"chain\" is a pipeline"));
}

TEST_F(PipelineServiceTest, ATrainingWhoseNameBecameAPipelineMeanwhileFails) {
  v1::TrainRequest training = SmallTraining(1000000);
  training.set_model_id("chain");
  v1::Job job;
  ASSERT_TRUE(Train(training, &job).ok());
  training.mutable_spec()->set_epochs(2);
  v1::Job queued;
  ASSERT_TRUE(Train(training, &queued).ok());
  const v1::ModelVersion pipeline = Create(GridAndLift());
  {
    v1::CancelJobRequest cancel;
    cancel.set_name(job.name());
    grpc::ClientContext context;
    ASSERT_TRUE(jobs_->CancelJob(&context, cancel, &job).ok());
  }
  queued = Wait(queued.name());
  EXPECT_EQ(queued.state(), v1::Job::STATE_FAILED);
  EXPECT_EQ(queued.error().code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_EQ(queued.error().reason(), "MODEL_ALREADY_EXISTS");
  EXPECT_EQ(queued.error().message(),
            "model_id: \"chain\" is a pipeline; choose another id or delete it");
  v1::GetModelRequest request;
  request.set_name("models/chain");
  v1::Model model;
  grpc::ClientContext context;
  ASSERT_TRUE(models_->GetModel(&context, request, &model).ok());
  EXPECT_EQ(model.latest_version().name(), pipeline.name());
}

TEST_F(PipelineServiceTest, WhatCannotBeWiredIsNamed) {
  const std::string grid = "stages { model: \"models/grid\" } ";
  const std::string lift = "stages { program: \"programs/lift\" } ";
  const auto bound = [](const std::string& input, const std::string& source) {
    return "stages { program: \"programs/lift\" inputs { key: \"" + input + "\" value: \"" +
           source + "\" } } ";
  };
  std::string many;
  for (int k = 0; k < 65; ++k) many += lift;
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "stages: expected 1 to 64 stages, got 0"},
      {many, "stages: expected 1 to 64 stages, got 65"},
      {"stages {}", "stages[0].function: expected a model or a program"},
      {"stages { model: \"grid\" }", "stages[0].model: expected \"models/{model}"},
      {grid + "stages { program: \"lift\" }", "stages[1].program: expected \"programs/{program}\""},
      {grid + grid, "stages[1].name: \"grid\" is the name of an earlier stage"},
      {"stages { name: \"a.b\" model: \"models/grid\" }",
       "stages[0].name: expected a name without"},
      {"stages { name: \"a b\" model: \"models/grid\" }", "stages[0].name: expected 1 to 63"},
      {grid + bound("z", "grid.y"), "stages[1].inputs: expected names of inputs of stage \"lift\""},
      {grid + bound("y", "grid.z"), "stages[1].inputs[\"y\"]: expected an output of an earlier"},
      {bound("y", "grid.y") + grid, "stages[0].inputs[\"y\"]: expected an output of an earlier"},
      {bound("y", "lift.l"), "stages[0].inputs[\"y\"]: expected an output of an earlier"},
      {bound("y", "1"), "stages[0].inputs[\"y\"]: expected a letter"},
      {bound("y", ""), "stages[0].inputs[\"y\"]: expected 1 to 63"},
      {"stages { name: \"idle\" model: \"models/grid\" } " + grid + bound("y", "grid.y"),
       "stages[0]: expected that something takes an output of \"idle\""},
      {grid + lift + "outputs: \"lift.z\"", "outputs[0]: expected \"{stage}.{output}\""},
      {grid + lift + "outputs: \"k\" outputs: \"lift.k\"", "outputs[1]: \"lift.k\" is an output"},
  };
  for (const auto& [stages, message] : cases) {
    v1::ModelVersion version;
    const grpc::Status status = TryCreate(Request("model_id: \"bad\" " + stages), &version);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << stages;
    EXPECT_THAT(status.error_message(), HasSubstr(message)) << stages;
  }
  const std::vector<std::pair<std::string, std::string>> unknown = {
      {"stages { model: \"models/none\" }", "stages[0].model: \"models/none\" does not exist"},
      {"stages { model: \"models/grid/versions/7\" }", "stages[0].model: "},
      {grid + "stages { program: \"programs/none\" }", "stages[1].program: \"programs/none\""},
  };
  for (const auto& [stages, message] : unknown) {
    v1::ModelVersion version;
    const grpc::Status status = TryCreate(Request("model_id: \"bad\" " + stages), &version);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND) << stages;
    EXPECT_THAT(status.error_message(), HasSubstr(message)) << stages;
  }
  v1::ModelVersion version;
  EXPECT_THAT(TryCreate(Request("model_id: \"No\" " + grid), &version).error_message(),
              HasSubstr("model_id: expected"));
}

}  // namespace
}  // namespace sobolev::server
