// ProgramService through an in-process server: real engine, real store, requests over a real
// channel.

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include "proto/sobolev/v1/programs.grpc.pb.h"
#include "server/app/server.h"
#include "server/base/config.h"
#include "server/base/log.h"
#include "tests/server/rpc/services_testing.h"

namespace sobolev::server {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pointwise;

// f = v₀ sin a + v₁², g = v₁ log a.
constexpr const char* kSource = R"(
input a in [0.5, 2]   ## A number.
input v[2] in [-1, 1]
output f = sin(a) * v[0] + v[1]^2
output g = log(a) * v[1]  ## Where a > 0.
)";
// Logistic growth: 100 steps of Euler's method.
constexpr const char* kEvolution = R"(
input x in [0, 1]
var z = x
evolve t in 0..100 { z += 0.01 * z * (1 - z) }
output y = z
)";

v1::Tensor ToTensor(const std::vector<std::int64_t>& shape, const std::vector<double>& values) {
  v1::Tensor tensor;
  SetTensor(shape, values, &tensor);
  return tensor;
}

std::vector<std::int64_t> Shape(const v1::Tensor& tensor) {
  return {tensor.shape().begin(), tensor.shape().end()};
}

// Each operation is accurate to a few units in the last place, and there are few.
auto Near(const std::vector<double>& expected) { return Pointwise(DoubleNear(1e-14), expected); }

class ProgramServiceTest : public testing::Test {
 protected:
  void SetUp() override {
    ConfigureLog(LogLevel::kError, LogFormat::kText);
    std::string name =
        (std::filesystem::temp_directory_path() / "sobolev-programs-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    directory_ = name;
    StartServer();
  }
  void TearDown() override {
    server_.reset();
    std::filesystem::remove_all(directory_);
  }

  void StartServer(std::int64_t max_program_operations = 1000) {
    ServerConfig config;
    config.listen.port = 0;
    config.metrics.port = 0;
    config.gateway.host = "";
    config.data_dir = directory_.string();
    config.max_predict_rows = 1000;
    config.max_predict_reply_bytes = std::int64_t{1} << 20;
    config.max_program_bytes = 2000;
    config.max_program_operations = max_program_operations;
    server_.reset();
    server_ = std::make_unique<Server>(config);
    stub_ = v1::ProgramService::NewStub(
        grpc::CreateChannel(server_->grpc_address(), grpc::InsecureChannelCredentials()));
  }

  grpc::Status Create(const std::string& id, const std::string& source,
                      v1::Program* program = nullptr) {
    v1::CreateProgramRequest request;
    request.set_program_id(id);
    request.set_source(source);
    grpc::ClientContext context;
    v1::Program reply;
    grpc::Status status = stub_->CreateProgram(&context, request, &reply);
    if (program != nullptr) *program = reply;
    return status;
  }
  grpc::Status Get(const std::string& name, v1::Program* program) {
    v1::GetProgramRequest request;
    request.set_name(name);
    grpc::ClientContext context;
    return stub_->GetProgram(&context, request, program);
  }
  grpc::Status Delete(const std::string& name) {
    v1::DeleteProgramRequest request;
    request.set_name(name);
    grpc::ClientContext context;
    v1::DeleteProgramResponse response;
    return stub_->DeleteProgram(&context, request, &response);
  }
  grpc::Status Evaluate(const v1::EvaluateRequest& request, v1::EvaluateResponse* response) {
    grpc::ClientContext context;
    return stub_->Evaluate(&context, request, response);
  }
  grpc::Status Enclose(const v1::EncloseRequest& request, v1::EncloseResponse* response) {
    grpc::ClientContext context;
    return stub_->Enclose(&context, request, response);
  }
  void ExpectRefused(const grpc::Status& status, grpc::StatusCode code, const std::string& reason,
                     const std::string& says) {
    EXPECT_EQ(status.error_code(), code) << status.error_message();
    EXPECT_EQ(Reason(status), reason) << status.error_message();
    EXPECT_THAT(status.error_message(), HasSubstr(says));
  }

  // At the point a = 2, v = (0.5, −1), asking for what `quantities` names.
  v1::EvaluateRequest AtPoint(const std::vector<v1::Quantity>& quantities) {
    v1::EvaluateRequest request;
    request.set_program("programs/p");
    *request.mutable_x() = ToTensor({1, 3}, {2, 0.5, -1});
    for (const v1::Quantity quantity : quantities) request.add_quantities(quantity);
    return request;
  }

  std::filesystem::path directory_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<v1::ProgramService::Stub> stub_;
};

TEST_F(ProgramServiceTest, ACreatedProgramDescribesItsVariablesAndCosts) {
  v1::Program program;
  ASSERT_TRUE(Create("p", kSource, &program).ok());
  EXPECT_EQ(program.name(), "programs/p");
  EXPECT_EQ(program.source(), kSource);
  EXPECT_EQ(program.input_size(), 3);
  EXPECT_EQ(program.output_size(), 2);
  ASSERT_EQ(program.inputs_size(), 2);
  EXPECT_EQ(program.inputs(0).name(), "a");
  EXPECT_EQ(program.inputs(0).description(), "A number.");
  EXPECT_EQ(program.inputs(0).shape_size(), 0);
  EXPECT_EQ(program.inputs(0).bounds().min(), 0.5);
  EXPECT_EQ(program.inputs(0).bounds().max(), 2);
  EXPECT_EQ(program.inputs(1).offset(), 1);
  EXPECT_THAT(program.inputs(1).shape(), ElementsAre(2));
  ASSERT_EQ(program.outputs_size(), 2);
  EXPECT_EQ(program.outputs(1).name(), "g");
  EXPECT_FALSE(program.outputs(1).has_bounds());
  EXPECT_GT(program.statistics().operations(), 4);
  EXPECT_EQ(program.statistics().executed_operations(), program.statistics().operations());
  EXPECT_EQ(program.statistics().jacobian_nonzeros(), 5);
  EXPECT_NE(program.statistics().jacobian_mode(), "");
  EXPECT_GT(program.statistics().adjoint_ratio(), 0.5);
  EXPECT_GT(program.create_time().seconds(), 0);

  StartServer();
  v1::Program found;
  ASSERT_TRUE(Get("programs/p", &found).ok());
  EXPECT_EQ(found.SerializeAsString(), program.SerializeAsString());
}

TEST_F(ProgramServiceTest, CreatingItAgainReturnsItUnlessTheSourceDiffers) {
  v1::Program first;
  v1::Program second;
  ASSERT_TRUE(Create("p", kSource, &first).ok());
  ASSERT_TRUE(Create("p", kSource, &second).ok());
  EXPECT_EQ(second.create_time().nanos(), first.create_time().nanos());
  ExpectRefused(Create("p", kEvolution), grpc::StatusCode::ALREADY_EXISTS, "PROGRAM_ALREADY_EXISTS",
                "another source");
}

TEST_F(ProgramServiceTest, CheckDescribesAndStoresNothing) {
  v1::CheckProgramRequest request;
  request.set_source(kSource);
  grpc::ClientContext context;
  v1::Program program;
  ASSERT_TRUE(stub_->CheckProgram(&context, request, &program).ok());
  EXPECT_EQ(program.name(), "");
  EXPECT_EQ(program.output_size(), 2);
  EXPECT_FALSE(program.has_create_time());
  grpc::ClientContext list_context;
  v1::ListProgramsResponse list;
  ASSERT_TRUE(stub_->ListPrograms(&list_context, {}, &list).ok());
  EXPECT_EQ(list.programs_size(), 0);
}

TEST_F(ProgramServiceTest, ProgramsAreListedPageByPageWithoutWhatIsLong) {
  for (const char* id : {"c", "a", "b"}) ASSERT_TRUE(Create(id, kSource).ok());
  v1::ListProgramsRequest request;
  request.set_page_size(2);
  std::vector<std::string> names;
  do {
    grpc::ClientContext context;
    v1::ListProgramsResponse response;
    ASSERT_TRUE(stub_->ListPrograms(&context, request, &response).ok());
    for (const v1::Program& program : response.programs()) {
      names.push_back(program.name());
      EXPECT_EQ(program.input_size(), 3);
      EXPECT_EQ(program.source(), "");
      EXPECT_EQ(program.inputs_size(), 0);
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  EXPECT_THAT(names, ElementsAre("programs/a", "programs/b", "programs/c"));
}

TEST_F(ProgramServiceTest, ADeletedProgramIsGoneAndItsNameIsFree) {
  ASSERT_TRUE(Create("p", kSource).ok());
  v1::EvaluateResponse response;
  ASSERT_TRUE(Evaluate(AtPoint({}), &response).ok());
  ASSERT_TRUE(Delete("programs/p").ok());
  ExpectRefused(Evaluate(AtPoint({}), &response), grpc::StatusCode::NOT_FOUND, "NOT_FOUND",
                "\"p\" does not exist");
  ExpectRefused(Delete("programs/p"), grpc::StatusCode::NOT_FOUND, "NOT_FOUND", "program");
  ASSERT_TRUE(Create("p", "input x[3]\noutput s = x[0] + x[1] + x[2]\n").ok());
  ASSERT_TRUE(Evaluate(AtPoint({}), &response).ok());
  EXPECT_THAT(Values(response.value()), Near({1.5}));
}

TEST_F(ProgramServiceTest, OneCallAnswersEveryQuantityLikeTheFormulas) {
  ASSERT_TRUE(Create("p", kSource).ok());
  const double s = std::sin(2);
  const double c = std::cos(2);
  const double l = std::log(2);
  v1::EvaluateRequest request =
      AtPoint({v1::QUANTITY_VALUE, v1::QUANTITY_JACOBIAN, v1::QUANTITY_JVP, v1::QUANTITY_VJP,
               v1::QUANTITY_HESSIAN, v1::QUANTITY_HVP});
  *request.mutable_tangents() = ToTensor({2, 3}, {1, 0, 0, 0, 1, -1});
  *request.mutable_adjoints() = ToTensor({1, 1, 2}, {3, 4});
  // The first call records, the others may run on gRPC's own thread.
  for (int repetition = 0; repetition < 3; ++repetition) {
    v1::EvaluateResponse response;
    const grpc::Status status = Evaluate(request, &response);
    ASSERT_TRUE(status.ok()) << status.error_message();
    EXPECT_THAT(Values(response.value()), Near({s / 2 + 1, -l}));
    EXPECT_THAT(Shape(response.jacobian()), ElementsAre(1, 2, 3));
    EXPECT_THAT(Values(response.jacobian()), Near({c / 2, s, -2, -0.5, 0, l}));
    EXPECT_THAT(Shape(response.hessian()), ElementsAre(1, 2, 3, 3));
    EXPECT_THAT(Values(response.hessian()),
                Near({-s / 2, c, 0, c, 0, 0, 0, 0, 2, 0.25, 0, 0.5, 0, 0, 0, 0.5, 0, 0}));
    EXPECT_THAT(Shape(response.jvp()), ElementsAre(1, 2, 2));
    EXPECT_THAT(Values(response.jvp()), Near({c / 2, -0.5, s + 2, -l}));
    EXPECT_THAT(Shape(response.vjp()), ElementsAre(1, 1, 3));
    EXPECT_THAT(Values(response.vjp()), Near({1.5 * c - 2, 3 * s, -6 + 4 * l}));
    EXPECT_THAT(Shape(response.hvp()), ElementsAre(1, 1, 2, 3));
    EXPECT_THAT(Values(response.hvp()), Near({-1.5 * s + 1, 3 * c, 2, 3 * c - 2, 0, -6}));
    EXPECT_THAT(response.valid(), ElementsAre(true));
    EXPECT_FALSE(response.has_reversal());
  }
}

TEST_F(ProgramServiceTest, WithoutAMaskTheValueAloneIsAnswered) {
  ASSERT_TRUE(Create("p", kSource).ok());
  v1::EvaluateResponse response;
  ASSERT_TRUE(Evaluate(AtPoint({}), &response).ok());
  EXPECT_TRUE(response.has_value());
  EXPECT_FALSE(response.has_jacobian());
  EXPECT_FALSE(response.has_hvp());
}

TEST_F(ProgramServiceTest, APointOutsideTheDomainIsFlaggedAndTheOthersAreAnswered) {
  ASSERT_TRUE(Create("p", kSource).ok());
  v1::EvaluateRequest request = AtPoint({v1::QUANTITY_VALUE, v1::QUANTITY_JACOBIAN});
  *request.mutable_x() = ToTensor({3, 3}, {2, 0.5, -1, -1, 0.5, -1, 0, 0.5, -1});
  v1::EvaluateResponse response;
  ASSERT_TRUE(Evaluate(request, &response).ok());
  EXPECT_THAT(response.valid(), ElementsAre(true, false, false));
  const std::vector<double> value = Values(response.value());
  EXPECT_NEAR(value[1], -std::log(2), 1e-14);
  EXPECT_TRUE(std::isnan(value[3]));
  EXPECT_EQ(value[5], std::numeric_limits<double>::infinity());  // −log 0.
}

TEST_F(ProgramServiceTest, AnEmptyBatchHasEmptyAnswers) {
  ASSERT_TRUE(Create("p", kSource).ok());
  v1::EvaluateRequest request = AtPoint({v1::QUANTITY_JACOBIAN});
  *request.mutable_x() = ToTensor({0, 3}, {});
  v1::EvaluateResponse response;
  const grpc::Status status = Evaluate(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(Shape(response.jacobian()), ElementsAre(0, 2, 3));
  EXPECT_EQ(response.valid_size(), 0);
}

TEST_F(ProgramServiceTest, Float32RepliesAreTheRoundedFloat64Replies) {
  ASSERT_TRUE(Create("p", kSource).ok());
  v1::EvaluateRequest request = AtPoint({});
  v1::EvaluateResponse wide;
  ASSERT_TRUE(Evaluate(request, &wide).ok());
  request.set_data_type(v1::Tensor::DATA_TYPE_FLOAT32);
  v1::EvaluateResponse narrow;
  ASSERT_TRUE(Evaluate(request, &narrow).ok());
  float first = 0;
  ASSERT_EQ(narrow.value().data().size(), 2 * sizeof(float));
  std::memcpy(&first, narrow.value().data().data(), sizeof first);
  EXPECT_EQ(first, static_cast<float>(Values(wide.value())[0]));
}

TEST_F(ProgramServiceTest, EveryReversalGivesTheSameGradientAndCountsItsSteps) {
  ASSERT_TRUE(Create("p", kEvolution).ok());
  // dz/dx by the chain rule along the same steps.
  double z = 0.25;
  double dz = 1;
  for (int t = 0; t < 100; ++t) {
    dz *= 1 + 0.01 * (1 - 2 * z);
    z += 0.01 * z * (1 - z);
  }
  v1::EvaluateRequest request;
  request.set_program("programs/p");
  request.add_quantities(v1::QUANTITY_VJP);
  *request.mutable_x() = ToTensor({1, 1}, {0.25});
  *request.mutable_adjoints() = ToTensor({1, 1}, {1});
  const auto counts = [&](v1::Reversal::Strategy strategy, std::int64_t checkpoints) {
    request.mutable_reversal()->set_strategy(strategy);
    request.mutable_reversal()->set_checkpoints(checkpoints);
    v1::EvaluateResponse response;
    const grpc::Status status = Evaluate(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    // 100 steps of a few operations.
    EXPECT_NEAR(Values(response.vjp())[0], dz, 1e-13);
    EXPECT_EQ(response.reversal().state_bytes(), 8);
    return response.reversal();
  };
  counts(v1::Reversal::STRATEGY_AUTOMATIC, 0);
  const v1::ReversalCounts vanilla = counts(v1::Reversal::STRATEGY_VANILLA, 0);
  const v1::ReversalCounts poor = counts(v1::Reversal::STRATEGY_MEMORY_POOR, 0);
  const v1::ReversalCounts binomial = counts(v1::Reversal::STRATEGY_BINOMIAL, 5);
  EXPECT_EQ(vanilla.peak_states(), 100);
  EXPECT_EQ(poor.peak_states(), 1);
  EXPECT_EQ(poor.advanced_steps(), 100 * 99 / 2);
  EXPECT_EQ(binomial.peak_states(), 5);
  EXPECT_LT(vanilla.advanced_steps(), binomial.advanced_steps());
  EXPECT_LT(binomial.advanced_steps(), poor.advanced_steps());
}

TEST_F(ProgramServiceTest, AForwardSweepCountsNoReversal) {
  ASSERT_TRUE(Create("p", kEvolution).ok());
  v1::EvaluateRequest request;
  request.set_program("programs/p");
  *request.mutable_x() = ToTensor({1, 1}, {0.25});
  *request.mutable_tangents() = ToTensor({1, 1}, {1});
  *request.mutable_adjoints() = ToTensor({1, 1}, {1});
  const auto evaluate = [&](v1::Quantity quantity) {
    request.clear_quantities();
    request.add_quantities(quantity);
    v1::EvaluateResponse response;
    const grpc::Status status = Evaluate(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  };
  EXPECT_FALSE(evaluate(v1::QUANTITY_VALUE).has_reversal());
  EXPECT_FALSE(evaluate(v1::QUANTITY_JVP).has_reversal());
  // One input: the Jacobian is one tangent.
  EXPECT_FALSE(evaluate(v1::QUANTITY_JACOBIAN).has_reversal());
  EXPECT_EQ(evaluate(v1::QUANTITY_VJP).reversal().state_bytes(), 8);
  // A state and its tangent.
  EXPECT_EQ(evaluate(v1::QUANTITY_HVP).reversal().state_bytes(), 16);
}

TEST_F(ProgramServiceTest, StatesThatTakeTooMuchMemoryAreRefused) {
  ASSERT_TRUE(Create("p",
                     "input x[32]\nvar u = x\nevolve t in 0..10000000 { u = sin(u) }\n"
                     "output u\n")
                  .ok());
  v1::EvaluateRequest request;
  request.set_program("programs/p");
  request.add_quantities(v1::QUANTITY_VJP);
  *request.mutable_x() = ToTensor({1, 32}, std::vector<double>(32, 1));
  *request.mutable_adjoints() = ToTensor({1, 32}, std::vector<double>(32, 1));
  request.mutable_reversal()->set_strategy(v1::Reversal::STRATEGY_VANILLA);
  v1::EvaluateResponse response;
  ExpectRefused(Evaluate(request, &response), grpc::StatusCode::RESOURCE_EXHAUSTED,
                "TOO_MANY_STATES", "reversal: expected at most 1024 MiB");
}

TEST_F(ProgramServiceTest, TheMemoryOfEigenvaluesIsLimited) {
  StartServer(20'000);
  // A vector of 10⁴ numbers for every iteration: 3355 fit 2²⁵ numbers.
  ASSERT_TRUE(Create("p", "input x[10000]\noutput y = x[0]^2 - x[1]^2\n").ok());
  v1::AnalyzeCurvatureRequest request;
  request.set_program("programs/p");
  *request.mutable_x() = ToTensor({1, 10000}, std::vector<double>(10000, 1));
  request.mutable_eigenvalues()->set_max_iterations(3356);
  const auto analyze = [&](v1::AnalyzeCurvatureResponse* response) {
    grpc::ClientContext context;
    return stub_->AnalyzeCurvature(&context, request, response);
  };
  v1::AnalyzeCurvatureResponse response;
  ExpectRefused(analyze(&response), grpc::StatusCode::INVALID_ARGUMENT, "OUT_OF_RANGE",
                "eigenvalues.max_iterations: expected 1 to 3355, which take");
  request.mutable_eigenvalues()->set_max_iterations(3355);
  const grpc::Status status = analyze(&response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_NEAR(Values(response.smallest_eigenvalue())[0], -2, 1e-8);
  EXPECT_NEAR(Values(response.largest_eigenvalue())[0], 2, 1e-8);
}

TEST_F(ProgramServiceTest, BoundsHoldOverTheBoxAndUnboundedBoxesAreFlagged) {
  ASSERT_TRUE(Create("p", kSource).ok());
  v1::EncloseRequest request;
  request.set_program("programs/p");
  request.add_quantities(v1::QUANTITY_VALUE);
  request.add_quantities(v1::QUANTITY_JACOBIAN);
  *request.mutable_x_min() = ToTensor({2, 3}, {1, 0, 0, 0, 0, 0});
  *request.mutable_x_max() = ToTensor({2, 3}, {1.5, 1, 1, 1, 1, 1});
  v1::EncloseResponse response;
  const grpc::Status status = Enclose(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const std::vector<double> low = Values(response.value_min());
  const std::vector<double> high = Values(response.value_max());
  EXPECT_THAT(response.bounded(), ElementsAre(true, false));
  // f is monotone in a, v₀, v₁ on the box, and so are the bounds but for their rounding outwards.
  EXPECT_LE(low[0], 0);
  EXPECT_NEAR(low[0], 0, 1e-14);
  EXPECT_GE(high[0], std::sin(1.5) + 1);
  EXPECT_NEAR(high[0], std::sin(1.5) + 1, 1e-14);
  EXPECT_LE(low[1], 0);
  EXPECT_GE(high[1], std::log(1.5));
  // ∂f/∂a = v₀ cos a, in [0, cos 1].
  EXPECT_LE(Values(response.jacobian_min())[0], 0);
  EXPECT_NEAR(Values(response.jacobian_max())[0], std::cos(1), 1e-14);
}

TEST_F(ProgramServiceTest, SourcesThatDoNotCompileAreRefusedWithTheirPlace) {
  struct Case {
    const char* source;
    const char* reason;
    const char* says;
  };
  for (const Case& c :
       {Case{"input x\noutput y = x +* 2\n", "SYNTAX_ERROR", "line 2, column"},
        Case{"input speed\noutput y = sped\n", "UNKNOWN_NAME", "speed"},
        Case{"input x[2]\ninput z[3]\noutput y = x + z\n", "SHAPE_MISMATCH", "line 3, column"},
        Case{"input x[2]\noutput y = x[2]\n", "INDEX_OUT_OF_RANGE", "line 2"},
        Case{"fn f(a) = f(a)\ninput x\noutput y = f(x)\n", "RECURSION", "line 1"},
        Case{"input x\nvar y = x\nfor i in 0..2000 { y = sin(y) }\noutput y\n", "TRACE_TOO_LONG",
             "line 3"}}) {
    ExpectRefused(Create("p", c.source), grpc::StatusCode::INVALID_ARGUMENT, c.reason, c.says);
    v1::Program none;
    EXPECT_EQ(Get("programs/p", &none).error_code(), grpc::StatusCode::NOT_FOUND);
  }
  ExpectRefused(Create("p", std::string(2001, '#')), grpc::StatusCode::INVALID_ARGUMENT,
                "SOURCE_TOO_LONG", "source");
}

TEST_F(ProgramServiceTest, RequestsThatAskForWhatThereIsNotAreRefused) {
  ASSERT_TRUE(Create("p", kSource).ok());
  v1::EvaluateResponse response;
  const auto refused = [&](const v1::EvaluateRequest& request, const std::string& reason,
                           const std::string& says) {
    ExpectRefused(Evaluate(request, &response), grpc::StatusCode::INVALID_ARGUMENT, reason, says);
  };
  v1::EvaluateRequest request = AtPoint({v1::QUANTITY_HVP});
  refused(request, "SHAPE_MISMATCH", "tangents: expected shape [N, 3]");
  *request.mutable_tangents() = ToTensor({1, 3}, {1, 0, 0});
  refused(request, "SHAPE_MISMATCH", "adjoints: expected shape [N, 2]");

  request = AtPoint({});
  *request.mutable_x() = ToTensor({1, 2}, {1, 2});
  refused(request, "SHAPE_MISMATCH", "x: expected shape [N, 3]");
  *request.mutable_x() = ToTensor({1, 3}, {1, std::nan(""), 2});
  refused(request, "NON_FINITE", "x[0][1]");
  *request.mutable_x() = ToTensor({1001, 3}, std::vector<double>(3003));
  refused(request, "TOO_MANY_ROWS", "at most 1000 points");

  request = AtPoint({});
  request.mutable_reversal()->set_checkpoints(3);
  refused(request, "OUT_OF_RANGE", "reversal.checkpoints: expected 0 without");
  request.mutable_reversal()->set_strategy(v1::Reversal::STRATEGY_BINOMIAL);
  request.mutable_reversal()->set_checkpoints(0);
  refused(request, "OUT_OF_RANGE", "reversal.checkpoints: expected at least 1");
  request.mutable_reversal()->set_strategy(static_cast<v1::Reversal::Strategy>(9));
  refused(request, "UNKNOWN_ENUM_VALUE", "reversal.strategy");

  request = AtPoint({});
  request.set_arithmetic(static_cast<v1::EvaluateRequest::Arithmetic>(9));
  refused(request, "UNKNOWN_ENUM_VALUE", "arithmetic");

  request = AtPoint({v1::QUANTITY_HESSIAN});
  *request.mutable_x() = ToTensor({1000, 3}, std::vector<double>(3000));
  for (int i = 0; i < 3; ++i) request.add_quantities(v1::QUANTITY_JVP);
  *request.mutable_tangents() = ToTensor({100, 3}, std::vector<double>(300));
  ExpectRefused(Evaluate(request, &response), grpc::StatusCode::RESOURCE_EXHAUSTED,
                "REPLY_TOO_LARGE", "would hold 218000 numbers");
}

TEST_F(ProgramServiceTest, BoxesThatAreNoneAreRefused) {
  ASSERT_TRUE(Create("p", kSource).ok());
  v1::EncloseRequest request;
  request.set_program("programs/p");
  *request.mutable_x_min() = ToTensor({1, 3}, {0, 0, 0});
  *request.mutable_x_max() = ToTensor({1, 3}, {1, -1, 1});
  v1::EncloseResponse response;
  ExpectRefused(Enclose(request, &response), grpc::StatusCode::INVALID_ARGUMENT, "OUT_OF_RANGE",
                "x_max[0][1]: expected at least x_min = 0, got -1");
  *request.mutable_x_max() = ToTensor({2, 3}, {1, 1, 1, 1, 1, 1});
  ExpectRefused(Enclose(request, &response), grpc::StatusCode::INVALID_ARGUMENT, "SHAPE_MISMATCH",
                "x_max: expected shape [1, 3]");
  *request.mutable_x_max() = ToTensor({1, 3}, {1, 1, 1});
  request.add_quantities(v1::QUANTITY_HESSIAN);
  ExpectRefused(Enclose(request, &response), grpc::StatusCode::INVALID_ARGUMENT,
                "UNSUPPORTED_QUANTITY", "QUANTITY_VALUE or QUANTITY_JACOBIAN");
}

}  // namespace
}  // namespace sobolev::server
