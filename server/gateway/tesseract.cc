#include "server/gateway/tesseract.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <exception>
#include <span>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "server/convert/derivatives.h"
#include "server/convert/names.h"
#include "server/gateway/http_error.h"
#include "server/gateway/json.h"
#include "server/gateway/model_name.h"
#include "server/gateway/tesseract_array.h"
#include "server/gateway/tesseract_schema.h"

namespace sobolev::server {
namespace {

using Shape = std::vector<std::int64_t>;

constexpr std::string_view kPrefix = "/tesseract/";
constexpr std::string_view kAbstractEval = "/abstract_eval";

struct Path {
  std::string model;
  std::string_view endpoint;  // With its slash.
};

Path Split(std::string_view path) {
  path.remove_prefix(kPrefix.size());
  const std::size_t slash = std::min(path.find('/'), path.size());
  return {std::string(path.substr(0, slash)), path.substr(slash)};
}

std::int64_t Product(std::span<const std::int64_t> extents) {
  std::int64_t product = 1;
  for (const std::int64_t extent : extents) product *= extent;
  return product;
}

// All extents but the last: those of the points.
std::span<const std::int64_t> Points(const Shape& shape) {
  return std::span(shape).first(shape.size() - 1);
}

// The shape with another last extent.
Shape WithLast(Shape shape, std::int64_t extent) {
  shape.back() = extent;
  return shape;
}

Shape ShapeOf(const v1::Tensor& tensor) { return {tensor.shape().begin(), tensor.shape().end()}; }

// Throws unless the shape is [..., extent].
void RequireLast(const Shape& shape, std::int64_t extent, const std::string& meaning,
                 const std::string& field) {
  if (!shape.empty() && shape.back() == extent) return;
  throw InvalidArgument("SHAPE_MISMATCH", field,
                        "expected shape [..., " + std::to_string(extent) + "], the last for the " +
                            meaning + " of the model, got " + ToText(Json(shape)));
}

void Reshape(const Shape& shape, v1::Tensor& tensor) {
  tensor.mutable_shape()->Assign(shape.begin(), shape.end());
}

// inputs.x as ReadArray or ReadAbstractArray has it.
template <class Read>
v1::Tensor ReadX(const Json& body, std::int64_t n, const Read& read) {
  const Json& inputs = RequireMember(body, "inputs", "inputs", "an object with the array x");
  RequireMembersAmong(inputs, {"x"}, "inputs");
  v1::Tensor x = read(RequireMember(inputs, "x", "inputs.x", "an array [..., n]"), "inputs.x");
  RequireLast(ShapeOf(x), n, "inputs", "inputs.x");
  return x;
}

// Throws unless body[field] is a list of the one name there is.
void RequireOnly(const Json& body, const std::string& field, const std::string& name) {
  const Json expected = Json::array({name});
  const Json& given = RequireMember(body, field, field, ToText(expected));
  if (given == expected) return;
  throw InvalidArgument("OUT_OF_RANGE", field,
                        "expected " + ToText(expected) + ", got " + ToText(given));
}

// The direction body[field][name]: one for each point, or one for all of them.
v1::Tensor ReadDirection(const Json& body, const std::string& field, const std::string& name,
                         const Shape& expected, const std::string& meaning) {
  const std::string path = field + "." + name;
  const Json& vector = RequireMember(body, field, field, "an object with the array " + name);
  RequireMembersAmong(vector, {name}, field);
  v1::Tensor direction =
      ReadArray(RequireMember(vector, name, path, "an array " + ToText(Json(expected))), path);
  const Shape shape = ShapeOf(direction);
  RequireLast(shape, expected.back(), meaning, path);
  if (shape == expected) {
    Reshape({Product(Points(shape)), 1, shape.back()}, direction);
  } else if (Product(Points(shape)) == 1) {
    Reshape({1, shape.back()}, direction);
  } else {
    throw InvalidArgument(
        "SHAPE_MISMATCH", path,
        "expected shape " + ToText(Json(expected)) + ", got " + ToText(Json(shape)));
  }
  return direction;
}

// From jacobian [N, m, n], the derivative of each output by each input: [N, m, N, n], zero where
// the points differ.
v1::Tensor SpreadJacobian(const v1::Tensor& jacobian, std::int64_t max_bytes) {
  const std::int64_t num_points = jacobian.shape(0);
  const std::int64_t m = jacobian.shape(1);
  const std::int64_t n = jacobian.shape(2);
  if (num_points <= 1) return jacobian;
  RequireReplyLimit(static_cast<double>(num_points) * static_cast<double>(m) *
                        static_cast<double>(num_points) * static_cast<double>(n),
                    max_bytes, "inputs.x");
  v1::Tensor spread;
  spread.set_data_type(jacobian.data_type());
  Reshape({num_points, m, num_points, n}, spread);
  const std::size_t row = jacobian.data().size() / static_cast<std::size_t>(num_points * m);
  std::string& bytes = *spread.mutable_data();
  bytes.resize(jacobian.data().size() * static_cast<std::size_t>(num_points));
  for (std::int64_t s = 0; s < num_points; ++s) {
    for (std::int64_t i = 0; i < m; ++i) {
      const auto from = static_cast<std::size_t>(s * m + i);
      const auto to = static_cast<std::size_t>((s * m + i) * num_points + s);
      std::memcpy(&bytes[to * row], &jacobian.data()[from * row], row);
    }
  }
  return spread;
}

ArrayEncoding EncodingFor(const std::string& accept) {
  const bool base64 = accept.find("json+base64") != std::string::npos ||
                      accept.find("application/*") != std::string::npos;
  return base64 ? ArrayEncoding::kBase64 : ArrayEncoding::kJson;
}

// A question for arrays.
struct Question {
  Json body;
  Shape x_shape;
  Shape y_shape;
  ArrayEncoding encoding = ArrayEncoding::kJson;  // Of the reply.
  std::int64_t max_reply_bytes = 0;
  v1::PredictRequest predict;  // With model and x.
};

// An endpoint that answers with arrays: what is asked of Predict, and the reply made of its answer.
struct ArrayEndpoint {
  std::string_view path;
  void (*ask)(Question& question);  // Checks the body beside the inputs.
  std::string (*reply)(const Question& question, const v1::PredictResponse& predicted);
};

// {"y":<array>}
std::string ArrayReply(const char* name, const v1::Tensor& tensor, const Shape& shape,
                       ArrayEncoding encoding) {
  std::string text = std::string("{\"") + name + "\":";
  AppendArray(tensor, shape, encoding, text);
  text += '}';
  return text;
}

void AskValue(Question& question) { RequireMembersAmong(question.body, {"inputs"}, "body"); }

std::string ValueReply(const Question& question, const v1::PredictResponse& predicted) {
  return ArrayReply("y", predicted.value(), question.y_shape, question.encoding);
}

void AskJacobian(Question& question) {
  RequireMembersAmong(question.body, {"inputs", "jac_inputs", "jac_outputs"}, "body");
  RequireOnly(question.body, "jac_inputs", "x");
  RequireOnly(question.body, "jac_outputs", "y");
  question.predict.add_quantities(v1::QUANTITY_JACOBIAN);
}

std::string JacobianReply(const Question& question, const v1::PredictResponse& predicted) {
  Shape shape = question.y_shape;
  shape.insert(shape.end(), question.x_shape.begin(), question.x_shape.end());
  const v1::Tensor jacobian = SpreadJacobian(predicted.jacobian(), question.max_reply_bytes);
  return R"({"y":)" + ArrayReply("x", jacobian, shape, question.encoding) + "}";
}

void AskJvp(Question& question) {
  const Json& body = question.body;
  RequireMembersAmong(body, {"inputs", "jvp_inputs", "jvp_outputs", "tangent_vector"}, "body");
  RequireOnly(body, "jvp_inputs", "x");
  RequireOnly(body, "jvp_outputs", "y");
  question.predict.add_quantities(v1::QUANTITY_JVP);
  *question.predict.mutable_tangents() =
      ReadDirection(body, "tangent_vector", "x", question.x_shape, "inputs");
}

std::string JvpReply(const Question& question, const v1::PredictResponse& predicted) {
  return ArrayReply("y", predicted.jvp(), question.y_shape, question.encoding);
}

void AskVjp(Question& question) {
  const Json& body = question.body;
  RequireMembersAmong(body, {"inputs", "vjp_inputs", "vjp_outputs", "cotangent_vector"}, "body");
  RequireOnly(body, "vjp_inputs", "x");
  RequireOnly(body, "vjp_outputs", "y");
  question.predict.add_quantities(v1::QUANTITY_VJP);
  *question.predict.mutable_adjoints() =
      ReadDirection(body, "cotangent_vector", "y", question.y_shape, "outputs");
}

std::string VjpReply(const Question& question, const v1::PredictResponse& predicted) {
  return ArrayReply("x", predicted.vjp(), question.x_shape, question.encoding);
}

constexpr std::array<ArrayEndpoint, 4> kArrayEndpoints = {
    {{"/apply", AskValue, ValueReply},
     {"/jacobian", AskJacobian, JacobianReply},
     {"/jacobian_vector_product", AskJvp, JvpReply},
     {"/vector_jacobian_product", AskVjp, VjpReply}}};

std::string AbstractReply(const Json& body, std::int64_t n, std::int64_t m) {
  RequireMembersAmong(body, {"inputs"}, "body");
  const v1::Tensor x = ReadX(body, n, ReadAbstractArray);
  return ToText(Json::object({{"y", Json::object({{"shape", WithLast(ShapeOf(x), m)},
                                                  {"dtype", DtypeName(x.data_type())}})}}));
}

bool IsGet(std::string_view endpoint) {
  return endpoint == "/health" || endpoint == "/openapi.json";
}

// "inputs.x[2].data" as ["body","inputs","x",2,"data"].
Json Location(const std::string& field) {
  Json location = Json::array({"body"});
  std::string_view rest = field == "body" ? std::string_view() : field;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find_first_of(".[]"), rest.size());
    const std::string_view part = rest.substr(0, end);
    std::int64_t index = 0;
    if (std::from_chars(part.data(), part.data() + part.size(), index).ec == std::errc()) {
      location.push_back(index);
    } else if (!part.empty()) {
      location.push_back(part);
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return location;
}

HttpReply Detail(int status, const Json& detail) {
  return {.status = status, .body = ToText(Json::object({{"detail", detail}}))};
}

// What the caller calls a field of a PredictRequest. Directions have gained a dimension on the way.
std::string FieldOfCaller(const std::string& field) {
  if (field.starts_with("tangents")) return "tangent_vector.x";
  if (field.starts_with("adjoints")) return "cotangent_vector.y";
  return field.starts_with("x") ? "inputs." + field : field;
}

HttpReply ToReply(const HttpError& error) {
  if (error.status != 400) return Detail(error.status, error.message);
  const std::string field = FieldOfCaller(error.field);
  std::string type = error.reason;
  std::ranges::transform(type, type.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return Detail(422, Json::array({Json::object(
                         {{"type", type}, {"loc", Location(field)}, {"msg", error.message}})}));
}

}  // namespace

bool Tesseract::Takes(std::string_view path) { return path.starts_with(kPrefix); }

std::string_view Tesseract::EndpointIn(std::string_view path) {
  const std::string_view endpoint = Split(path).endpoint;
  const bool known =
      IsGet(endpoint) || endpoint == kAbstractEval ||
      std::ranges::find(kArrayEndpoints, endpoint, &ArrayEndpoint::path) != kArrayEndpoints.end();
  return known ? endpoint : std::string_view();
}

HttpReply Tesseract::Answer(const HttpRequest& request, const std::stop_token& stop) const {
  const Path path = Split(request.path);
  if (EndpointIn(request.path).empty()) {
    return Detail(404,
                  "expected /tesseract/{model}/ with apply, jacobian, jacobian_vector_product, "
                  "vector_jacobian_product, abstract_eval, health or openapi.json");
  }
  const bool gets = IsGet(path.endpoint);
  if (request.method != (gets ? "GET" : "POST")) {
    return Detail(405, std::string(path.endpoint) + ": expected " + (gets ? "GET" : "POST"));
  }
  try {
    const ModelRef ref = ParseModelWithVersion(path.model, "model");
    const ModelRegistry::Handle model = models_.Get(ref.id, ref.version);
    return {.body = Text(path.endpoint, *model, request, stop)};
  } catch (...) {
    return ToReply(ToHttpError(std::current_exception()));
  }
}

std::string Tesseract::Text(std::string_view endpoint, const ServedModel& model,
                            const HttpRequest& request, const std::stop_token& stop) const {
  if (endpoint == "/health") return R"({"status":"ok"})";
  if (endpoint == "/openapi.json") return TesseractSchema(model);
  const std::int64_t n = model.surrogate->n();
  const std::int64_t m = model.surrogate->m();
  if (endpoint == kAbstractEval) return AbstractReply(ParseObject(request.body), n, m);

  Question question{.body = ParseObject(request.body),
                    .encoding = EncodingFor(request.accept),
                    .max_reply_bytes = config_.max_predict_reply_bytes};
  v1::Tensor& x = *question.predict.mutable_x();
  x = ReadX(question.body, n, ReadArray);
  question.x_shape = ShapeOf(x);
  question.y_shape = WithLast(question.x_shape, m);
  Reshape({Product(Points(question.x_shape)), n}, x);
  question.predict.set_model(ModelVersionName(model.model_id, model.version));
  question.predict.set_data_type(x.data_type());

  const ArrayEndpoint& found = *std::ranges::find(kArrayEndpoints, endpoint, &ArrayEndpoint::path);
  found.ask(question);
  v1::PredictResponse predicted;
  answer_.Fill(question.predict, predicted, stop);
  return found.reply(question, predicted);
}

}  // namespace sobolev::server
