#include "server/gateway/tesseract_array.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include "engine/base/error.h"
#include "server/convert/tensor.h"
#include "server/gateway/base64.h"

namespace sobolev::server {
namespace {

constexpr std::size_t kMaxRank = 16;

// How the elements of a dtype lie in bytes.
struct Dtype {
  std::string_view name;
  std::size_t size;
  v1::Tensor::DataType type;                                    // What they become.
  void (*widen)(const char* bytes, std::span<double> numbers);  // Of integers, else null.
};

template <class Integer>
void Widen(const char* bytes, std::span<double> numbers) {
  for (double& number : numbers) {
    Integer element = 0;
    std::memcpy(&element, bytes, sizeof element);
    bytes += sizeof element;
    number = static_cast<double>(element);
  }
}

constexpr std::array<Dtype, 4> kDtypes = {
    {{"float64", 8, v1::Tensor::DATA_TYPE_FLOAT64, nullptr},
     {"float32", 4, v1::Tensor::DATA_TYPE_FLOAT32, nullptr},
     {"int64", 8, v1::Tensor::DATA_TYPE_FLOAT64, &Widen<std::int64_t>},
     {"int32", 4, v1::Tensor::DATA_TYPE_FLOAT64, &Widen<std::int32_t>}}};

struct Header {
  std::vector<std::int64_t> shape;
  std::size_t count = 1;  // Product of the shape.
  const Dtype* dtype = nullptr;
};

Header ReadHeader(const Json& value, const std::string& field) {
  const std::string shape_field = field + ".shape";
  const Json& shape = RequireMember(value, "shape", shape_field, "a list of whole numbers");
  if (!shape.is_array() || shape.size() > kMaxRank) {
    throw InvalidArgument("SHAPE_MISMATCH", shape_field,
                          "expected a list of at most " + std::to_string(kMaxRank) +
                              " whole numbers, got " + Kind(shape));
  }
  Header header;
  header.shape.reserve(shape.size());
  bool overflows = false;
  for (const Json& extent : shape) {
    header.shape.push_back(RequireInteger(extent, shape_field));
    overflows = overflows || header.shape.back() < 0 ||
                __builtin_mul_overflow(header.count, header.shape.back(), &header.count);
  }
  if (overflows || header.count > std::size_t{1} << 48U) {
    throw InvalidArgument(
        "OUT_OF_RANGE", shape_field,
        "expected extents from 0 whose product is an array, got " + ToText(shape));
  }
  const std::string dtype_field = field + ".dtype";
  const std::string& name =
      RequireString(RequireMember(value, "dtype", dtype_field, "\"float64\""), dtype_field);
  header.dtype = std::ranges::find(kDtypes, name, &Dtype::name);
  if (header.dtype == kDtypes.end()) {
    throw InvalidArgument("UNKNOWN_ENUM_VALUE", dtype_field,
                          "expected float64, float32, int64 or int32, got '" + name + "'");
  }
  return header;
}

// The numbers in nested lists, one after another, whatever their shape.
void Flatten(const Json& value, const std::string& field, std::vector<double>& numbers) {
  if (!value.is_array()) {
    numbers.push_back(RequireNumber(value, field));
    return;
  }
  for (const Json& element : value) Flatten(element, field, numbers);
}

// The shape of nested lists, which must be the same in each branch.
void CheckShape(const Json& value, std::span<const std::int64_t> shape, const std::string& field) {
  const bool fits =
      shape.empty() ? !value.is_array()
                    : value.is_array() && static_cast<std::int64_t>(value.size()) == shape.front();
  if (!fits) {
    throw InvalidArgument(
        "SHAPE_MISMATCH", field,
        "expected lists of equal lengths, got " + Kind(value) + " beside " +
            (shape.empty() ? "numbers" : "lists of " + std::to_string(shape.front())));
  }
  if (shape.empty()) return;
  for (const Json& element : value) CheckShape(element, shape.subspan(1), field);
}

v1::Tensor FromLists(const Json& value, const std::string& field) {
  std::vector<std::int64_t> shape;
  for (const Json* inner = &value; inner->is_array(); inner = &inner->front()) {
    shape.push_back(static_cast<std::int64_t>(inner->size()));
    if (inner->empty()) break;
  }
  CheckShape(value, shape, field);
  std::vector<double> numbers;
  Flatten(value, field, numbers);
  v1::Tensor tensor;
  SetTensor(shape, numbers.data(), v1::Tensor::DATA_TYPE_FLOAT64, tensor);
  return tensor;
}

v1::Tensor FromBase64(const Json& buffer, const Header& header, const std::string& field) {
  std::optional<std::string> bytes = DecodeBase64(RequireString(buffer, field));
  if (!bytes) {
    throw InvalidArgument("INVALID_BASE64", field, "expected base64 with padding, got other text");
  }
  if (bytes->size() != header.count * header.dtype->size) {
    throw InvalidArgument("SHAPE_MISMATCH", field,
                          "expected " + std::to_string(header.count * header.dtype->size) +
                              " bytes for shape and dtype, got " + std::to_string(bytes->size()));
  }
  v1::Tensor tensor;
  if (header.dtype->widen != nullptr) {
    std::vector<double> numbers(header.count);
    header.dtype->widen(bytes->data(), numbers);
    SetTensor(header.shape, numbers.data(), header.dtype->type, tensor);
  } else {
    tensor.set_data_type(header.dtype->type);
    tensor.mutable_shape()->Assign(header.shape.begin(), header.shape.end());
    tensor.set_data(*std::move(bytes));
  }
  return tensor;
}

v1::Tensor FromNumbers(const Json& buffer, const Header& header, const std::string& field) {
  std::vector<double> numbers;
  Flatten(buffer, field, numbers);
  if (numbers.size() != header.count) {
    throw InvalidArgument("SHAPE_MISMATCH", field,
                          "expected " + std::to_string(header.count) +
                              " numbers for the shape, got " + std::to_string(numbers.size()));
  }
  v1::Tensor tensor;
  SetTensor(header.shape, numbers.data(), header.dtype->type, tensor);
  return tensor;
}

}  // namespace

v1::Tensor ReadArray(const Json& value, const std::string& field) {
  if (!value.is_object()) return FromLists(value, field);
  RequireMembersAmong(value, {"object_type", "shape", "dtype", "data"}, field);
  const auto type = value.find("object_type");
  if (type != value.end() && *type != "array") {
    throw InvalidArgument("UNKNOWN_ENUM_VALUE", field + ".object_type",
                          "expected \"array\", got " + Kind(*type));
  }
  const Header header = ReadHeader(value, field);
  const std::string data_field = field + ".data";
  const Json& data = RequireMember(value, "data", data_field, "an object with encoding and buffer");
  RequireMembersAmong(data, {"encoding", "buffer", "compression"}, data_field);
  const std::string encoding_field = data_field + ".encoding";
  const std::string& encoding = RequireString(
      RequireMember(data, "encoding", encoding_field, "\"json\" or \"base64\""), encoding_field);
  const auto compression = data.find("compression");
  if (compression != data.end() && !compression->is_null()) {
    throw InvalidArgument("UNSUPPORTED_ENCODING", data_field + ".compression",
                          "expected none; send the buffer as it is");
  }
  const std::string buffer_field = data_field + ".buffer";
  const Json& buffer = RequireMember(data, "buffer", buffer_field, "the elements");
  if (encoding == "base64") return FromBase64(buffer, header, buffer_field);
  if (encoding == "json" || encoding == "raw") return FromNumbers(buffer, header, buffer_field);
  throw InvalidArgument("UNSUPPORTED_ENCODING", encoding_field,
                        "expected json or base64, got '" + encoding +
                            "'; the server reads no files and no device memory of its clients");
}

v1::Tensor ReadAbstractArray(const Json& value, const std::string& field) {
  RequireMembersAmong(value, {"shape", "dtype"}, field);
  const Header header = ReadHeader(value, field);
  v1::Tensor tensor;
  tensor.set_data_type(header.dtype->type);
  tensor.mutable_shape()->Assign(header.shape.begin(), header.shape.end());
  return tensor;
}

const char* DtypeName(v1::Tensor::DataType type) {
  return type == v1::Tensor::DATA_TYPE_FLOAT32 ? "float32" : "float64";
}

void AppendArray(const v1::Tensor& tensor, std::span<const std::int64_t> shape,
                 ArrayEncoding encoding, std::string& text) {
  text += R"({"object_type":"array","shape":)";
  text += ToText(Json(std::vector<std::int64_t>(shape.begin(), shape.end())));
  text += R"(,"dtype":")";
  text += DtypeName(tensor.data_type());
  if (encoding == ArrayEncoding::kBase64) {
    text += R"(","data":{"buffer":")";
    AppendBase64(tensor.data(), text);
    text += R"(","encoding":"base64"}})";
    return;
  }
  text += R"(","data":{"buffer":)";
  const TensorView view(tensor, "reply", {tensor.shape().begin(), tensor.shape().end()}, "");
  AppendNumbers({view.data(), static_cast<std::size_t>(view.size())}, shape, text);
  text += R"(,"encoding":"json"}})";
}

}  // namespace sobolev::server
