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
constexpr std::array<std::string_view, 2> kGets = {"/health", "/openapi.json"};
constexpr std::array<std::string_view, 5> kPosts = {"/apply", "/jacobian",
                                                    "/jacobian_vector_product",
                                                    "/vector_jacobian_product", "/abstract_eval"};

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

HttpReply ToReply(const HttpError& error) {
  if (error.status != 400) return Detail(error.status, error.message);
  // The engine knows the array as x.
  const std::string field = error.field.starts_with("x") ? "inputs." + error.field : error.field;
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
  const bool known = std::ranges::find(kGets, endpoint) != kGets.end() ||
                     std::ranges::find(kPosts, endpoint) != kPosts.end();
  return known ? endpoint : std::string_view();
}

HttpReply Tesseract::Answer(const HttpRequest& request, const std::stop_token& stop) const {
  const Path path = Split(request.path);
  if (EndpointIn(request.path).empty()) {
    return Detail(404,
                  "expected /tesseract/{model}/ with apply, jacobian, jacobian_vector_product, "
                  "vector_jacobian_product, abstract_eval, health or openapi.json");
  }
  const bool gets = std::ranges::find(kGets, path.endpoint) != kGets.end();
  if (request.method != (gets ? "GET" : "POST")) {
    return Detail(405, std::string(path.endpoint) + ": expected " + (gets ? "GET" : "POST"));
  }
  try {
    const ModelRef ref = ParseModelWithVersion(path.model, "model");
    return {.body = Text(path.endpoint, models_.Get(ref.id, ref.version), request, stop)};
  } catch (...) {
    return ToReply(ToHttpError(std::current_exception()));
  }
}

std::string Tesseract::Text(std::string_view endpoint, const ModelRegistry::Handle& model,
                            const HttpRequest& request, const std::stop_token& stop) const {
  if (endpoint == "/health") return R"({"status":"ok"})";
  if (endpoint == "/openapi.json") return TesseractSchema(*model);

  const std::int64_t n = model->surrogate->n();
  const std::int64_t m = model->surrogate->m();
  const Json body = ParseObject(request.body);
  if (endpoint == "/abstract_eval") {
    RequireMembersAmong(body, {"inputs"}, "body");
    const v1::Tensor x = ReadX(body, n, ReadAbstractArray);
    return ToText(Json::object({{"y", Json::object({{"shape", WithLast(ShapeOf(x), m)},
                                                    {"dtype", DtypeName(x.data_type())}})}}));
  }

  v1::PredictRequest predict;
  predict.set_model(ModelVersionName(model->model_id, model->version));
  *predict.mutable_x() = ReadX(body, n, ReadArray);
  const Shape x_shape = ShapeOf(predict.x());
  const Shape y_shape = WithLast(x_shape, m);
  Reshape({Product(Points(x_shape)), n}, *predict.mutable_x());
  predict.set_data_type(predict.x().data_type());

  const ArrayEncoding encoding = EncodingFor(request.accept);
  v1::PredictResponse predicted;
  std::string text;
  if (endpoint == "/apply") {
    RequireMembersAmong(body, {"inputs"}, "body");
    answer_.Fill(predict, predicted, stop);
    text = R"({"y":)";
    AppendArray(predicted.value(), y_shape, encoding, text);
  } else if (endpoint == "/jacobian") {
    RequireMembersAmong(body, {"inputs", "jac_inputs", "jac_outputs"}, "body");
    RequireOnly(body, "jac_inputs", "x");
    RequireOnly(body, "jac_outputs", "y");
    predict.add_quantities(v1::QUANTITY_JACOBIAN);
    answer_.Fill(predict, predicted, stop);
    Shape shape = y_shape;
    shape.insert(shape.end(), x_shape.begin(), x_shape.end());
    text = R"({"y":{"x":)";
    AppendArray(SpreadJacobian(predicted.jacobian(), config_.max_predict_reply_bytes), shape,
                encoding, text);
    text += '}';
  } else if (endpoint == "/jacobian_vector_product") {
    RequireMembersAmong(body, {"inputs", "jvp_inputs", "jvp_outputs", "tangent_vector"}, "body");
    RequireOnly(body, "jvp_inputs", "x");
    RequireOnly(body, "jvp_outputs", "y");
    predict.add_quantities(v1::QUANTITY_JVP);
    *predict.mutable_tangents() = ReadDirection(body, "tangent_vector", "x", x_shape, "inputs");
    answer_.Fill(predict, predicted, stop);
    text = R"({"y":)";
    AppendArray(predicted.jvp(), y_shape, encoding, text);
  } else {
    RequireMembersAmong(body, {"inputs", "vjp_inputs", "vjp_outputs", "cotangent_vector"}, "body");
    RequireOnly(body, "vjp_inputs", "x");
    RequireOnly(body, "vjp_outputs", "y");
    predict.add_quantities(v1::QUANTITY_VJP);
    *predict.mutable_adjoints() = ReadDirection(body, "cotangent_vector", "y", y_shape, "outputs");
    answer_.Fill(predict, predicted, stop);
    text = R"({"x":)";
    AppendArray(predicted.vjp(), x_shape, encoding, text);
  }
  text += '}';
  return text;
}

}  // namespace sobolev::server
