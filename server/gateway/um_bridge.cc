#include "server/gateway/um_bridge.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <exception>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "server/convert/tensor.h"
#include "server/gateway/http_error.h"
#include "server/gateway/json.h"
#include "server/gateway/model_name.h"
#include "server/rpc/own_records.h"

namespace sobolev::server {
namespace {

// What a POST asks for.
enum class Question { kModelInfo, kInputSizes, kOutputSizes, kValue, kVjp, kJvp, kHvp };

struct Route {
  std::string_view path;
  Question question;
};

constexpr std::string_view kInfo = "/Info";
constexpr std::array<Route, 7> kRoutes = {{{"/ModelInfo", Question::kModelInfo},
                                           {"/InputSizes", Question::kInputSizes},
                                           {"/OutputSizes", Question::kOutputSizes},
                                           {"/Evaluate", Question::kValue},
                                           {"/Gradient", Question::kVjp},
                                           {"/ApplyJacobian", Question::kJvp},
                                           {"/ApplyHessian", Question::kHvp}}};

// The version of the model that name and config ask for.
ModelRef RequestedModel(const Json& body) {
  const std::string& name = RequireString(
      RequireMember(body, "name", "name", "the name of a model, as GET /Info lists them"), "name");
  ModelRef ref = ParseModelWithVersion(name, "name");
  const auto config = body.find("config");
  if (config == body.end() || config->is_null()) return ref;
  RequireMembersAmong(*config, {"version"}, "config");
  const auto given = config->find("version");
  if (given == config->end()) return ref;
  const std::int64_t version = RequireInteger(*given, "config.version");
  if (version < 1 || (ref.version != 0 && ref.version != version)) {
    throw InvalidArgument("OUT_OF_RANGE", "config.version",
                          "expected a version from 1, the same as the name has, if it has one, "
                          "got " +
                              std::to_string(version));
  }
  ref.version = version;
  return ref;
}

// There is one input vector and one output vector.
void RequireFirst(const Json& body, const std::string& field) {
  const std::int64_t index =
      RequireInteger(RequireMember(body, field, field, "the number of a vector, 0"), field);
  if (index == 0) return;
  throw InvalidArgument(
      "OUT_OF_RANGE", field,
      "expected 0, because the model has one vector, got " + std::to_string(index));
}

// body[field], a list of `size` numbers, as a [1, size] tensor.
void ReadVector(const Json& body, const std::string& field, std::int64_t size,
                const std::string& meaning, v1::Tensor& tensor) {
  const std::vector<double> numbers = RequireNumbers(
      RequireMember(body, field, field, "a list of " + std::to_string(size) + " numbers"), size,
      meaning, field);
  SetTensor({1, size}, numbers.data(), v1::Tensor::DATA_TYPE_FLOAT64, tensor);
}

void ReadInput(const Json& body, std::int64_t n, v1::PredictRequest& predict) {
  const Json& input = RequireMember(body, "input", "input", "a list of one list of numbers");
  if (!input.is_array() || input.size() != 1) {
    throw InvalidArgument("SHAPE_MISMATCH", "input",
                          "expected a list of one list of numbers, got " + Kind(input));
  }
  const std::vector<double> x =
      RequireNumbers(input[0], n, "one for each input of the model", "input[0]");
  SetTensor({1, n}, x.data(), v1::Tensor::DATA_TYPE_FLOAT64, *predict.mutable_x());
}

// The prediction asked for. Checks all but the model.
v1::PredictRequest ToPredictRequest(Question question, const Json& body, const ServedModel& model) {
  const std::int64_t n = model.surrogate->n();
  const std::int64_t m = model.surrogate->m();
  v1::PredictRequest predict;
  predict.set_model(ModelVersionName(model.model_id, model.version));
  switch (question) {
    case Question::kVjp:
      predict.add_quantities(v1::QUANTITY_VJP);
      RequireFirst(body, "outWrt");
      RequireFirst(body, "inWrt");
      break;
    case Question::kJvp:
      predict.add_quantities(v1::QUANTITY_JVP);
      RequireFirst(body, "outWrt");
      RequireFirst(body, "inWrt");
      break;
    case Question::kHvp:
      predict.add_quantities(v1::QUANTITY_HVP);
      RequireFirst(body, "outWrt");
      RequireFirst(body, "inWrt1");
      RequireFirst(body, "inWrt2");
      break;
    default:
      predict.add_quantities(v1::QUANTITY_VALUE);
  }
  ReadInput(body, n, predict);
  if (question == Question::kVjp || question == Question::kHvp) {
    ReadVector(body, "sens", m, "one for each output of the model", *predict.mutable_adjoints());
  }
  if (question == Question::kJvp || question == Question::kHvp) {
    ReadVector(body, "vec", n, "one for each input of the model", *predict.mutable_tangents());
  }
  return predict;
}

const v1::Tensor& AnsweredTensor(Question question, const v1::PredictResponse& predicted) {
  switch (question) {
    case Question::kVjp:
      return predicted.vjp();
    case Question::kJvp:
      return predicted.jvp();
    case Question::kHvp:
      return predicted.hvp();
    default:
      return predicted.value();
  }
}

std::string OutputText(Question question, const v1::PredictResponse& predicted) {
  const std::string& bytes = AnsweredTensor(question, predicted).data();
  const std::span numbers(reinterpret_cast<const double*>(bytes.data()),
                          bytes.size() / sizeof(double));
  const auto size = static_cast<std::int64_t>(numbers.size());
  const bool nested = question == Question::kValue;  // A list of all output vectors.
  std::string text = nested ? R"({"output":[)" : R"({"output":)";
  AppendNumbers(numbers, {&size, 1}, text);
  text += nested ? "]}" : "}";
  return text;
}

std::string SizesText(const char* name, std::int64_t size) {
  return ToText(Json::object({{name, Json::array({size})}}));
}

HttpReply ToReply(const HttpError& error) {
  if (error.reason == "NOT_FOUND") {
    return UmBridge::ErrorReply(400, "ModelNotFound", error.message);
  }
  if (error.reason == "PREDICTION_OVERFLOW") {
    return UmBridge::ErrorReply(500, "InvalidOutput", error.message);
  }
  if (error.reason == "UNSUPPORTED_QUANTITY") {
    return UmBridge::ErrorReply(400, "UnsupportedFeature", error.message);
  }
  return UmBridge::ErrorReply(error.status, error.status == 400 ? "InvalidInput" : "ServerError",
                              error.message);
}

}  // namespace

bool UmBridge::Takes(std::string_view path) {
  return path == kInfo || std::ranges::find(kRoutes, path, &Route::path) != kRoutes.end();
}

HttpReply UmBridge::ErrorReply(int status, const std::string& type, const std::string& message) {
  return {.status = status,
          .body = ToText(
              Json::object({{"error", Json::object({{"type", type}, {"message", message}})}}))};
}

HttpReply UmBridge::Answer(const HttpRequest& request, const std::stop_token& stop) const {
  const bool wants_info = request.path == kInfo;
  if (request.method != (wants_info ? "GET" : "POST")) {
    return ErrorReply(405, "InvalidInput",
                      request.path + ": expected " + (wants_info ? "GET" : "POST"));
  }
  try {
    if (wants_info) return {.body = Info()};
    const Question question = std::ranges::find(kRoutes, request.path, &Route::path)->question;
    const Json body = ParseObject(request.body);
    const ModelRef ref = RequestedModel(body);
    const ModelRegistry::Handle model = models_.Get(ref.id, ref.version);
    switch (question) {
      case Question::kModelInfo:
        return {.body = R"({"support":{"Evaluate":true,"Gradient":true,"ApplyJacobian":true,)"
                        R"("ApplyHessian":true}})"};
      case Question::kInputSizes:
        return {.body = SizesText("inputSizes", model->surrogate->n())};
      case Question::kOutputSizes:
        return {.body = SizesText("outputSizes", model->surrogate->m())};
      default:
        break;
    }
    v1::PredictResponse predicted;
    answer_.Fill(ToPredictRequest(question, body, *model), predicted, stop);
    return {.body = OutputText(question, predicted)};
  } catch (...) {
    return ToReply(ToHttpError(std::current_exception()));
  }
}

// Clients take only names from this list, so it has every version.
std::string UmBridge::Info() const {
  Json names = Json::array();
  ForEachOwnModel(store_, [&](const ModelRecord& record) {
    const std::string name = LocalId(record.id);
    names.push_back(name);
    // Versions are numbered from 1 without gaps.
    for (std::int64_t version = 1; version <= record.latest.version; ++version) {
      names.push_back(name + ":" + std::to_string(version));
    }
  });
  return ToText(Json::object({{"protocolVersion", 1.0}, {"models", std::move(names)}}));
}

}  // namespace sobolev::server
