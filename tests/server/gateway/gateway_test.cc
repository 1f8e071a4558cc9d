// Both protocols over a real listener, with a real model behind it: what is answered, and that bad
// input is refused with the right code, type and field.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <httplib.h>
#include <nlohmann/json.hpp>

#include "server/gateway/base64.h"
#include "tests/server/rpc/services_testing.h"

namespace sobolev::server {
namespace {

using Json = nlohmann::json;
using ::testing::HasSubstr;

// A model "grid" with 2 inputs and 1 output.
class GatewayTest : public ServicesTest {
 protected:
  void SetUp() override {
    ServicesTest::SetUp();
    MakeGridDataset();
    Train();
    client_ = std::make_unique<httplib::Client>("http://" + server_->gateway_address());
    client_->set_keep_alive(true);
    client_->set_tcp_nodelay(true);
  }

  void TearDown() override {
    client_.reset();  // The server waits for its connections to be idle for a while.
    ServicesTest::TearDown();
  }

  void Train() {
    v1::Job job;
    ASSERT_TRUE(ServicesTest::Train(SmallTraining(3), &job).ok());
    ASSERT_EQ(Wait(job.name()).state(), v1::Job::STATE_SUCCEEDED);
  }

  // The reply of Predict over gRPC at (0.25, -0.5), with tangent (1, 2) and adjoint (3).
  v1::PredictResponse Expected(const std::vector<v1::Quantity>& quantities,
                               const std::string& model = "models/grid") {
    v1::PredictRequest request;
    request.set_model(model);
    SetTensor({1, 2}, {0.25, -0.5}, request.mutable_x());
    SetTensor({1, 2}, {1, 2}, request.mutable_tangents());
    SetTensor({1, 1}, {3}, request.mutable_adjoints());
    for (const v1::Quantity quantity : quantities) request.add_quantities(quantity);
    v1::PredictResponse response;
    const grpc::Status status = Predict(request, &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  struct Reply {
    int status = 0;
    Json body;
  };
  Reply Post(const std::string& path, const std::string& body) {
    const httplib::Result result = client_->Post(path, body, "application/octet-stream");
    if (!result) return {};
    return {result->status, Json::parse(result->body, nullptr, false)};
  }
  Reply Get(const std::string& path) {
    const httplib::Result result = client_->Get(path);
    if (!result) return {};
    return {result->status, Json::parse(result->body, nullptr, false)};
  }

  std::unique_ptr<httplib::Client> client_;
};

std::vector<double> Doubles(const Json& list) { return list.get<std::vector<double>>(); }

TEST_F(GatewayTest, UmBridgeAnswersWithTheBitsOfPredict) {
  const v1::PredictResponse expected =
      Expected({v1::QUANTITY_VALUE, v1::QUANTITY_VJP, v1::QUANTITY_JVP, v1::QUANTITY_HVP});
  EXPECT_EQ(Get("/Info").body,
            Json({{"protocolVersion", 1.0}, {"models", Json::array({"grid", "grid:1"})}}));
  EXPECT_EQ(Post("/ModelInfo", R"({"name":"grid"})").body,
            Json::parse(R"({"support":{"Evaluate":true,"Gradient":true,"ApplyJacobian":true,
                                       "ApplyHessian":true}})"));
  EXPECT_EQ(Post("/InputSizes", R"({"name":"grid","config":{}})").body,
            Json::parse(R"({"inputSizes":[2]})"));
  EXPECT_EQ(Post("/OutputSizes", R"({"name":"grid:1"})").body,
            Json::parse(R"({"outputSizes":[1]})"));

  const Reply value = Post("/Evaluate", R"({"name":"grid","input":[[0.25,-0.5]]})");
  EXPECT_EQ(value.status, 200);
  ASSERT_EQ(value.body["output"].size(), 1U) << value.body;
  EXPECT_EQ(Doubles(value.body["output"][0]), Values(expected.value()));
  EXPECT_EQ(Doubles(Post("/Gradient", R"({"name":"grid","input":[[0.25,-0.5]],"outWrt":0,
                                          "inWrt":0,"sens":[3]})")
                        .body["output"]),
            Values(expected.vjp()));
  EXPECT_EQ(Doubles(Post("/ApplyJacobian", R"({"name":"grid:1","input":[[0.25,-0.5]],"outWrt":0.0,
                                               "inWrt":0,"vec":[1,2],"config":{"version":1}})")
                        .body["output"]),
            Values(expected.jvp()));
  EXPECT_EQ(Doubles(Post("/ApplyHessian", R"({"name":"grid","input":[[0.25,-0.5]],"outWrt":0,
                                              "inWrt1":0,"inWrt2":0,"sens":[3],"vec":[1,2]})")
                        .body["output"]),
            Values(expected.hvp()));
}

TEST_F(GatewayTest, VersionsAreModelsOfTheirOwn) {
  v1::TrainRequest other = SmallTraining(3);
  other.mutable_spec()->set_seed(7);
  v1::Job job;
  ASSERT_TRUE(ServicesTest::Train(other, &job).ok());
  ASSERT_EQ(Wait(job.name()).state(), v1::Job::STATE_SUCCEEDED);
  EXPECT_EQ(Get("/Info").body["models"], Json::array({"grid", "grid:1", "grid:2"}));
  const std::vector<double> first =
      Values(Expected({v1::QUANTITY_VALUE}, "models/grid/versions/1").value());
  const std::vector<double> second =
      Values(Expected({v1::QUANTITY_VALUE}, "models/grid/versions/2").value());
  ASSERT_NE(first, second);
  const auto value = [this](const std::string& name, const std::string& config) {
    const Reply reply = Post(
        "/Evaluate", R"({"name":")" + name + R"(","input":[[0.25,-0.5]],"config":)" + config + "}");
    EXPECT_EQ(reply.status, 200) << reply.body;
    return Doubles(reply.body["output"][0]);
  };
  EXPECT_EQ(value("grid", "{}"), second);
  EXPECT_EQ(value("grid", "null"), second);
  EXPECT_EQ(value("grid:1", "{}"), first);
  EXPECT_EQ(value("grid", R"({"version":1})"), first);
  EXPECT_EQ(value("grid:2", R"({"version":2})"), second);
}

TEST_F(GatewayTest, UmBridgeRefusesBadInputNamingTheField) {
  struct Case {
    const char* path;
    std::string body;
    int status;
    const char* type;
    const char* message;
  };
  const std::string deep(40, '[');
  for (const Case& c : std::vector<Case>{
           // No JSON.
           {"/Evaluate", "", 400, "InvalidInput", "body"},
           {"/Evaluate", "{", 400, "InvalidInput", "byte 2"},
           {"/Evaluate", "[]", 400, "InvalidInput", "a list of 0"},
           {"/Evaluate", "null", 400, "InvalidInput", "null"},
           {"/Evaluate", deep, 400, "InvalidInput", "32 levels"},
           {"/Evaluate", R"({"name":"grid","input":[[NaN,1]]})", 400, "InvalidInput", "NaN"},
           {"/Evaluate", R"({"name":"grid","input":[[1e999,1]]})", 400, "InvalidInput", "range"},
           {"/Evaluate", "{\"name\":\"gr\xFFid\"}", 400, "InvalidInput", "byte"},
           // The model comes first.
           {"/Evaluate", "{}", 400, "InvalidInput", "name"},
           {"/Evaluate", R"({"name":7})", 400, "InvalidInput", "a string"},
           {"/Evaluate", R"({"name":"none"})", 400, "ModelNotFound", "none"},
           {"/ModelInfo", R"({"name":"none"})", 400, "ModelNotFound", "none"},
           {"/Evaluate", R"({"name":"grid:9"})", 400, "ModelNotFound", "9"},
           {"/Evaluate", R"({"name":"grid:"})", 400, "ModelNotFound", "name"},
           {"/Evaluate", R"({"name":"grid:0"})", 400, "ModelNotFound", "name"},
           {"/Evaluate", R"({"name":"grid:1:1"})", 400, "ModelNotFound", "name"},
           {"/Evaluate", R"({"name":"../grid"})", 400, "ModelNotFound", "name"},
           {"/Evaluate", R"({"name":"grid/versions/1"})", 400, "ModelNotFound", "name"},
           {"/Evaluate", R"({"name":"grid\u0000"})", 400, "ModelNotFound", "name"},
           {"/Evaluate", R"({"name":""})", 400, "ModelNotFound", "name"},
           {"/Evaluate", R"({"name":"grid","config":7})", 400, "InvalidInput", "config"},
           {"/Evaluate", R"({"name":"grid","config":{"level":1}})", 400, "InvalidInput", "level"},
           {"/InputSizes", R"({"name":"grid","config":{"level":1}})", 400, "InvalidInput", "level"},
           {"/Evaluate", R"({"name":"grid","config":{"version":9}})", 400, "ModelNotFound", "9"},
           {"/Evaluate", R"({"name":"grid","config":{"version":"1"}})", 400, "InvalidInput",
            "config.version"},
           {"/Evaluate", R"({"name":"grid:1","config":{"version":2}})", 400, "InvalidInput",
            "config.version"},
           // Then shapes.
           {"/Evaluate", R"({"name":"grid"})", 400, "InvalidInput", "input"},
           {"/Evaluate", R"({"name":"grid","input":[]})", 400, "InvalidInput", "input: expected"},
           {"/Evaluate", R"({"name":"grid","input":[1,2]})", 400, "InvalidInput", "a list of 2"},
           {"/Evaluate", R"({"name":"grid","input":[[1]]})", 400, "InvalidInput", "2 numbers"},
           {"/Evaluate", R"({"name":"grid","input":[[1,2,3]]})", 400, "InvalidInput", "input[0]"},
           {"/Evaluate", R"({"name":"grid","input":[[1,"2"]]})", 400, "InvalidInput",
            "input[0][1]: expected a number, got a string"},
           {"/Evaluate", R"({"name":"grid","input":[[1,null]]})", 400, "InvalidInput", "null"},
           {"/Evaluate", R"({"name":"grid","input":[[1,true]]})", 400, "InvalidInput", "true"},
           {"/Gradient", R"({"name":"grid","input":[[1,2]]})", 400, "InvalidInput", "outWrt"},
           {"/Gradient", R"({"name":"grid","outWrt":1,"inWrt":0,"input":[[1,2]],"sens":[1]})", 400,
            "InvalidInput", "outWrt: expected 0"},
           {"/Gradient", R"({"name":"grid","outWrt":0,"inWrt":-1,"input":[[1,2]],"sens":[1]})", 400,
            "InvalidInput", "inWrt: expected 0"},
           {"/Gradient", R"({"name":"grid","outWrt":0,"inWrt":0.5,"input":[[1,2]],"sens":[1]})",
            400, "InvalidInput", "inWrt: expected a whole number"},
           {"/Gradient", R"({"name":"grid","outWrt":0,"inWrt":0,"input":[[1,2]],"sens":[1,2]})",
            400, "InvalidInput", "sens"},
           {"/ApplyJacobian", R"({"name":"grid","outWrt":0,"inWrt":0,"input":[[1,2]],"vec":[1]})",
            400, "InvalidInput", "vec"},
           {"/ApplyHessian",
            R"({"name":"grid","outWrt":0,"inWrt1":0,"inWrt2":2,"input":[[1,2]],"sens":[1],
                "vec":[1,2]})",
            400, "InvalidInput", "inWrt2"},
           // A network multiplies that beyond float64, in its derivatives.
           {"/ApplyJacobian",
            R"({"name":"grid","outWrt":0,"inWrt":0,"input":[[0,0]],"vec":[1.7e308,1.7e308]})", 500,
            "InvalidOutput", "beyond the range"},
           {"/EvaluateShMem", R"({"name":"grid"})", 404, "InvalidInput", "no such path"},
           {"/TestShMem", R"({"name":"grid"})", 404, "InvalidInput", "no such path"},
           {"/Info", "{}", 405, "InvalidInput", "expected GET"},
       }) {
    const Reply reply = Post(c.path, c.body);
    EXPECT_EQ(reply.status, c.status) << c.path << c.body << reply.body;
    ASSERT_TRUE(reply.body.is_object()) << c.path << c.body;
    ASSERT_EQ(reply.body.size(), 1U) << reply.body;
    ASSERT_EQ(reply.body["error"].size(), 2U) << reply.body;
    EXPECT_EQ(reply.body["error"]["type"], c.type) << c.path << c.body << reply.body;
    EXPECT_THAT(reply.body["error"]["message"].get<std::string>(), HasSubstr(c.message))
        << c.path << c.body;
  }
  EXPECT_EQ(Get("/Evaluate").status, 405);
}

std::string TesseractBody(const std::string& x, const std::string& more = "") {
  return R"({"inputs":{"x":)" + x + "}" + more + "}";
}

TEST_F(GatewayTest, TesseractAnswersWithTheBitsOfPredictInEachEncoding) {
  const v1::PredictResponse expected =
      Expected({v1::QUANTITY_VALUE, v1::QUANTITY_JACOBIAN, v1::QUANTITY_JVP, v1::QUANTITY_VJP});
  // (0.25, -0.5) as little-endian float64 and float32, and as lists.
  const std::string as_object = R"({"object_type":"array","shape":[2],"dtype":"float64","data":)";
  for (const std::string& x :
       {std::string("[0.25,-0.5]"), as_object + R"({"encoding":"json","buffer":[0.25,-0.5]}})",
        as_object + R"({"encoding":"raw","buffer":[0.25,-0.5]}})",
        as_object + R"({"encoding":"base64","buffer":"AAAAAAAA0D8AAAAAAADgvw==",
                        "compression":null}})",
        std::string(R"({"shape":[2],"dtype":"float64","data":
                        {"encoding":"base64","buffer":"AAAAAAAA0D8AAAAAAADgvw=="}})")}) {
    const Reply reply = Post("/tesseract/grid/apply", TesseractBody(x));
    ASSERT_EQ(reply.status, 200) << reply.body;
    EXPECT_EQ(reply.body["y"]["object_type"], "array");
    EXPECT_EQ(reply.body["y"]["shape"], Json::array({1}));
    EXPECT_EQ(reply.body["y"]["dtype"], "float64");
    EXPECT_EQ(reply.body["y"]["data"]["encoding"], "json");
    EXPECT_EQ(Doubles(reply.body["y"]["data"]["buffer"]), Values(expected.value())) << x;
  }
  Reply reply = Post("/tesseract/grid:1/jacobian",
                     TesseractBody("[0.25,-0.5]", R"(,"jac_inputs":["x"],"jac_outputs":["y"])"));
  EXPECT_EQ(reply.body["y"]["x"]["shape"], Json::array({1, 2})) << reply.body;
  EXPECT_EQ(Doubles(reply.body["y"]["x"]["data"]["buffer"][0]), Values(expected.jacobian()));
  reply = Post("/tesseract/grid/jacobian_vector_product",
               TesseractBody("[0.25,-0.5]", R"(,"jvp_inputs":["x"],"jvp_outputs":["y"],
                                               "tangent_vector":{"x":[1,2]})"));
  EXPECT_EQ(Doubles(reply.body["y"]["data"]["buffer"]), Values(expected.jvp())) << reply.body;
  reply = Post("/tesseract/grid/vector_jacobian_product",
               TesseractBody("[0.25,-0.5]", R"(,"vjp_inputs":["x"],"vjp_outputs":["y"],
                                               "cotangent_vector":{"y":[3]})"));
  EXPECT_EQ(Doubles(reply.body["x"]["data"]["buffer"]), Values(expected.vjp())) << reply.body;

  const httplib::Result base64 =
      client_->Post("/tesseract/grid/apply", {{"Accept", "application/json+base64"}},
                    TesseractBody("[0.25,-0.5]"), "application/json");
  const Json array = Json::parse(base64->body)["y"];
  EXPECT_EQ(array["data"]["encoding"], "base64");
  const std::optional<std::string> bytes = DecodeBase64(array["data"]["buffer"].get<std::string>());
  EXPECT_EQ(bytes, expected.value().data());

  EXPECT_EQ(Get("/tesseract/grid/health").body, Json::parse(R"({"status":"ok"})"));
  EXPECT_EQ(
      Post("/tesseract/grid/abstract_eval", TesseractBody(R"({"shape":[5,3,2],"dtype":"float32"})"))
          .body,
      Json::parse(R"({"y":{"shape":[5,3,1],"dtype":"float32"}})"));
}

TEST_F(GatewayTest, TesseractTakesBatchesOfAnyShape) {
  const std::string x = "[[[0.1,0.2],[0.3,0.4],[0.5,0.6]]]";  // 1 x 3 points.
  const Json y = Post("/tesseract/grid/apply", TesseractBody(x)).body["y"];
  EXPECT_EQ(y["shape"], Json::array({1, 3, 1}));
  const std::string more = R"(,"jac_inputs":["x"],"jac_outputs":["y"])";
  const Json jacobian = Post("/tesseract/grid/jacobian", TesseractBody(x, more)).body["y"]["x"];
  EXPECT_EQ(jacobian["shape"], Json::array({1, 3, 1, 1, 3, 2}));
  for (std::size_t s = 0; s < 3; ++s) {
    const Json point =
        Json::array({0.1 + 0.2 * static_cast<double>(s), 0.2 + 0.2 * static_cast<double>(s)});
    EXPECT_NEAR(Post("/tesseract/grid/apply", TesseractBody(point.dump()))
                    .body["y"]["data"]["buffer"][0]
                    .get<double>(),
                y["data"]["buffer"][0][s][0].get<double>(), 1e-12);
    const Json alone = Post("/tesseract/grid/jacobian", TesseractBody(point.dump(), more))
                           .body["y"]["x"]["data"]["buffer"][0];
    for (std::size_t t = 0; t < 3; ++t) {
      for (std::size_t j = 0; j < 2; ++j) {
        EXPECT_NEAR(jacobian["data"]["buffer"][0][s][0][0][t][j].get<double>(),
                    s == t ? alone[j].get<double>() : 0.0, 1e-12);
      }
    }
  }
  // One direction for each point, or one for all.
  const Json each = Post("/tesseract/grid/vector_jacobian_product",
                         TesseractBody(x, R"(,"vjp_inputs":["x"],"vjp_outputs":["y"],
                               "cotangent_vector":{"y":[[[1],[1],[1]]]})"))
                        .body["x"];
  const Json shared = Post("/tesseract/grid/vector_jacobian_product",
                           TesseractBody(x, R"(,"vjp_inputs":["x"],"vjp_outputs":["y"],
                               "cotangent_vector":{"y":[[[1]]]})"))
                          .body["x"];
  EXPECT_EQ(each["shape"], Json::array({1, 3, 2}));
  EXPECT_EQ(each, shared);
  // No points at all.
  EXPECT_EQ(Post("/tesseract/grid/apply", TesseractBody(R"({"shape":[0,2],"dtype":"float64",
                                   "data":{"encoding":"base64","buffer":""}})"))
                .body["y"]["shape"],
            Json::array({0, 1}));
  const Json none =
      Post("/tesseract/grid/apply", TesseractBody(R"({"shape":[1000000000000,0,2],"dtype":"float64",
                                           "data":{"encoding":"json","buffer":[]}})"))
          .body["y"];
  EXPECT_EQ(none["shape"], Json::array({1000000000000, 0, 1}));
  EXPECT_EQ(none["data"]["buffer"], Json::array());
}

TEST_F(GatewayTest, TesseractRefusesBadInputNamingTheField) {
  struct Case {
    const char* endpoint;
    std::string body;
    const char* location;
    const char* message;
  };
  const std::string jvp = R"(,"jvp_inputs":["x"],"jvp_outputs":["y"])";
  const auto encoded = [](const std::string& members) {
    return TesseractBody("{" + members + "}");
  };
  const std::string data = R"("data":{"encoding":"base64","buffer":"AAAAAAAA0D8AAAAAAADgvw=="})";
  for (const Case& c : std::vector<Case>{
           {"apply", "{", R"(["body"])", "byte"},
           {"apply", "[]", R"(["body"])", "a JSON object"},
           {"apply", "{}", R"(["body","inputs"])", "nothing"},
           {"apply", R"({"inputs":[1,2]})", R"(["body","inputs"])", "an object"},
           {"apply", R"({"inputs":{"y":[1,2]}})", R"(["body","inputs"])", "'y'"},
           {"apply", R"({"inputs":{}})", R"(["body","inputs","x"])", "nothing"},
           {"apply", TesseractBody("[1,2]", R"(,"more":1)"), R"(["body"])", "'more'"},
           {"apply", TesseractBody("7"), R"(["body","inputs","x"])", "[..., 2]"},
           {"apply", TesseractBody("[1,2,3]"), R"(["body","inputs","x"])", "got [3]"},
           {"apply", TesseractBody("[[1,2],[3]]"), R"(["body","inputs","x"])", "equal lengths"},
           {"apply", TesseractBody("[[1,2],3]"), R"(["body","inputs","x"])", "equal lengths"},
           {"apply", TesseractBody(R"([1,"2"])"), R"(["body","inputs","x"])", "a string"},
           {"apply", TesseractBody("null"), R"(["body","inputs","x"])", "null"},
           {"apply", encoded(R"("dtype":"float64",)" + data), R"(["body","inputs","x","shape"])",
            "nothing"},
           {"apply", encoded(R"("shape":[2],)" + data), R"(["body","inputs","x","dtype"])",
            "nothing"},
           {"apply", encoded(R"("shape":[2],"dtype":"complex128",)" + data),
            R"(["body","inputs","x","dtype"])", "complex128"},
           {"apply", encoded(R"("shape":[3],"dtype":"float64",)" + data),
            R"(["body","inputs","x","data","buffer"])", "24 bytes"},
           {"apply", encoded(R"("shape":[-2],"dtype":"float64",)" + data),
            R"(["body","inputs","x","shape"])", "from 0"},
           {"apply", encoded(R"("shape":[4294967296,4294967296,2],"dtype":"float64",)" + data),
            R"(["body","inputs","x","shape"])", "from 0"},
           {"apply", encoded(R"("shape":2,"dtype":"float64",)" + data),
            R"(["body","inputs","x","shape"])", "a list"},
           {"apply", encoded(R"("shape":[2],"dtype":"float64")"), R"(["body","inputs","x","data"])",
            "nothing"},
           {"apply",
            encoded(R"("shape":[2],"dtype":"float64","data":{"encoding":"base64","buffer":"A"})"),
            R"(["body","inputs","x","data","buffer"])", "base64"},
           {"apply", encoded(R"("shape":[2],"dtype":"float64",
                       "data":{"encoding":"binref","buffer":"/etc/passwd"})"),
            R"(["body","inputs","x","data","encoding"])", "reads no files"},
           {"apply", encoded(R"("shape":[2],"dtype":"float64",
                       "data":{"encoding":"base64","buffer":"","compression":"lz4"})"),
            R"(["body","inputs","x","data","compression"])", "none"},
           // A NaN in bytes.
           {"apply", encoded(R"("shape":[2],"dtype":"float64",
                       "data":{"encoding":"base64","buffer":"AAAAAAAA+H8AAAAAAADgvw=="})"),
            R"(["body","inputs","x",0,0])", "finite"},
           {"jacobian", TesseractBody("[1,2]", R"(,"jac_inputs":["y"],"jac_outputs":["y"])"),
            R"(["body","jac_inputs"])", R"(["x"])"},
           {"jacobian", TesseractBody("[1,2]", R"(,"jac_inputs":["x"],"jac_outputs":[])"),
            R"(["body","jac_outputs"])", R"(["y"])"},
           {"jacobian_vector_product", TesseractBody("[1,2]", jvp), R"(["body","tangent_vector"])",
            "nothing"},
           {"jacobian_vector_product",
            TesseractBody("[1,2]", jvp + R"(,"tangent_vector":{"x":[1]})"),
            R"(["body","tangent_vector","x"])", "got [1]"},
           {"jacobian_vector_product",
            TesseractBody("[[1,2],[3,4],[5,6]]", jvp + R"(,"tangent_vector":{"x":[[1,2],[3,4]]})"),
            R"(["body","tangent_vector","x"])", "[3,2]"},
           {"abstract_eval", TesseractBody("[1,2]"), R"(["body","inputs","x"])", "an object"},
           {"abstract_eval", TesseractBody(R"({"shape":[3],"dtype":"float64"})"),
            R"(["body","inputs","x"])", "got [3]"},
       }) {
    const Reply reply = Post(std::string("/tesseract/grid/") + c.endpoint, c.body);
    EXPECT_EQ(reply.status, 422) << c.endpoint << c.body << reply.body;
    ASSERT_TRUE(reply.body.is_object() && reply.body["detail"].is_array()) << c.body << reply.body;
    const Json detail = reply.body["detail"][0];
    EXPECT_EQ(detail["loc"], Json::parse(c.location)) << c.body << reply.body;
    EXPECT_THAT(detail["msg"].get<std::string>(), HasSubstr(c.message)) << c.body;
    EXPECT_TRUE(detail["type"].is_string());
  }
}

TEST_F(GatewayTest, PathsOfNoTesseractAreNotFound) {
  for (const char* path :
       {"/tesseract/", "/tesseract/grid", "/tesseract/grid/", "/tesseract/grid/nothing",
        "/tesseract/none/health", "/tesseract/grid:9/health", "/tesseract/grid:/health",
        "/tesseract/../health", "/tesseract/../grid/health", "/tesseract/%2e%2e/health",
        "/tesseract//health", "/tesseract/GRID/health", "/tesseract/grid/health/",
        "/tesseract/grid%2Fversions%2F1/health", "/", "/info", "/Info/", "/metrics"}) {
    const Reply reply = Get(path);
    EXPECT_EQ(reply.status, 404) << path << reply.body;
    EXPECT_TRUE(reply.body.is_object()) << path;
  }
  EXPECT_EQ(Post("/tesseract/grid/health", "{}").status, 405);
  EXPECT_EQ(Get("/tesseract/grid/apply").status, 405);
}

TEST_F(GatewayTest, RequestsAreCountedWithoutNamesOfModels) {
  Post("/Evaluate", R"({"name":"grid","input":[[1,2]]})");
  Post("/Evaluate", R"({"name":"grid"})");
  Get("/tesseract/grid/health");
  Get("/tesseract/none/health");
  Get("/something");
  httplib::Client metrics("http://" + server_->metrics_address());
  const std::string text = metrics.Get("/metrics")->body;
  for (const char* series : {R"({code="200",path="/Evaluate",protocol="umbridge"} 1)",
                             R"({code="400",path="/Evaluate",protocol="umbridge"} 1)",
                             R"({code="200",path="/health",protocol="tesseract"} 1)",
                             R"({code="404",path="/health",protocol="tesseract"} 1)",
                             R"({code="404",path="other",protocol="other"} 1)"}) {
    EXPECT_THAT(text, HasSubstr(std::string("sobolev_http_requests_total") + series));
  }
}

}  // namespace
}  // namespace sobolev::server
