#include "server/convert/inference.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <set>
#include <string_view>
#include <utility>

#include "engine/base/error.h"

namespace sobolev::server {
namespace {

using inference::ModelInferRequest;
using inference::ModelMetadataResponse;

// An output of the protocol; in_domain, which is no Tensor, comes apart.
struct Output {
  std::string_view name;
  v1::Quantity quantity;
  v1::Tensor* (v1::PredictResponse::*tensor)();
  std::vector<std::int64_t> (*shape)(std::int64_t n, std::int64_t m);  // -1: the request decides.
};

constexpr std::string_view kInDomain = "in_domain";

const std::array<Output, 8>& Outputs() {
  using Response = v1::PredictResponse;
  using Shape = std::vector<std::int64_t>;
  static const std::array<Output, 8> kOutputs = {{
      {"y", v1::QUANTITY_VALUE, &Response::mutable_value,
       [](std::int64_t, std::int64_t m) {
         return Shape{-1, m};
       }},
      {"jacobian", v1::QUANTITY_JACOBIAN, &Response::mutable_jacobian,
       [](std::int64_t n, std::int64_t m) {
         return Shape{-1, m, n};
       }},
      {"jvp", v1::QUANTITY_JVP, &Response::mutable_jvp,
       [](std::int64_t, std::int64_t m) {
         return Shape{-1, -1, m};
       }},
      {"vjp", v1::QUANTITY_VJP, &Response::mutable_vjp,
       [](std::int64_t n, std::int64_t) {
         return Shape{-1, -1, n};
       }},
      {"hessian", v1::QUANTITY_HESSIAN, &Response::mutable_hessian,
       [](std::int64_t n, std::int64_t m) {
         return Shape{-1, m, n, n};
       }},
      {"hvp", v1::QUANTITY_HVP, &Response::mutable_hvp,
       [](std::int64_t n, std::int64_t) {
         return Shape{-1, -1, -1, n};
       }},
      {"spread", v1::QUANTITY_SPREAD, &Response::mutable_spread,
       [](std::int64_t, std::int64_t m) {
         return Shape{-1, m};
       }},
      {"jacobian_spread", v1::QUANTITY_JACOBIAN_SPREAD, &Response::mutable_jacobian_spread,
       [](std::int64_t n, std::int64_t m) {
         return Shape{-1, m, n};
       }},
  }};
  return kOutputs;
}

const Output* FindOutput(std::string_view name) {
  const auto* found = std::ranges::find(Outputs(), name, &Output::name);
  return found == Outputs().end() ? nullptr : found;
}

// "inputs[x]"
std::string InputField(std::string_view name) { return "inputs[" + std::string(name) + "]"; }

void RequireNoParameters(const google::protobuf::Map<std::string, inference::InferParameter>& given,
                         const std::string& field) {
  if (given.empty()) return;
  throw InvalidArgument(
      "UNSUPPORTED_PARAMETER", field + ".parameters",
      "expected none, got '" + given.begin()->first + "'; tensors travel within the message");
}

v1::Tensor::DataType ToDataType(const ModelInferRequest::InferInputTensor& input) {
  if (input.datatype() == "FP64") return v1::Tensor::DATA_TYPE_FLOAT64;
  if (input.datatype() == "FP32") return v1::Tensor::DATA_TYPE_FLOAT32;
  throw InvalidArgument("UNKNOWN_ENUM_VALUE", InputField(input.name()) + ".datatype",
                        "expected FP64 or FP32, got '" + input.datatype() + "'");
}

template <class Numbers>
void SetBytes(const Numbers& numbers, std::string& bytes) {
  bytes.assign(reinterpret_cast<const char*>(numbers.data()),
               static_cast<std::size_t>(numbers.size()) * sizeof(*numbers.data()));
}

void SetInput(const ModelInferRequest::InferInputTensor& input, const std::string* raw,
              v1::Tensor& tensor) {
  RequireNoParameters(input.parameters(), InputField(input.name()));
  tensor.set_data_type(ToDataType(input));
  tensor.mutable_shape()->CopyFrom(input.shape());
  if (raw != nullptr) {
    if (input.has_contents()) {
      throw InvalidArgument("CONFLICTING_FIELDS", InputField(input.name()) + ".contents",
                            "expected no contents beside raw_input_contents");
    }
    tensor.set_data(*raw);
  } else if (tensor.data_type() == v1::Tensor::DATA_TYPE_FLOAT64) {
    SetBytes(input.contents().fp64_contents(), *tensor.mutable_data());
  } else {
    SetBytes(input.contents().fp32_contents(), *tensor.mutable_data());
  }
}

v1::Tensor& TensorOf(const std::string& name, v1::PredictRequest& request) {
  if (name == "x") return *request.mutable_x();
  if (name == "tangents") return *request.mutable_tangents();
  if (name == "adjoints") return *request.mutable_adjoints();
  throw InvalidArgument("UNKNOWN_TENSOR", InputField(name),
                        "expected x, tangents or adjoints, got '" + name + "'");
}

void AddOutput(const std::string& name, std::string_view datatype,
               const google::protobuf::RepeatedField<std::int64_t>& shape, std::string bytes,
               inference::ModelInferResponse& response) {
  inference::ModelInferResponse::InferOutputTensor& output = *response.add_outputs();
  output.set_name(name);
  output.set_datatype(std::string(datatype));
  output.mutable_shape()->CopyFrom(shape);
  *response.add_raw_output_contents() = std::move(bytes);
}

std::string Joined(const google::protobuf::RepeatedPtrField<v1::Variable>& variables) {
  std::string text;
  for (const v1::Variable& variable : variables) {
    if (!text.empty()) text += ',';
    text += variable.name();
  }
  return text;
}

}  // namespace

ModelRef ParseInferenceModel(const std::string& name, const std::string& version,
                             const std::string& name_field, const std::string& version_field) {
  RequireResourceId(name, name_field);
  ModelRef ref{.id = StoredId(name)};
  if (version.empty()) return ref;
  const char* const end = version.data() + version.size();
  const auto [stopped, error] = std::from_chars(version.data(), end, ref.version);
  if (error == std::errc() && stopped == end && ref.version >= 1) return ref;
  throw InvalidArgument(
      "INVALID_NAME", version_field,
      "expected a whole number from 1, or nothing for the newest version, got '" + version + "'");
}

v1::PredictRequest ToPredictRequest(const ModelInferRequest& request) {
  const ModelRef ref = ParseInferenceModel(request.model_name(), request.model_version(),
                                           "model_name", "model_version");
  for (const auto& [name, value] : request.parameters()) {
    if (name == "priority" || name == "timeout") continue;
    throw InvalidArgument("UNSUPPORTED_PARAMETER", "parameters",
                          "expected none but priority and timeout, got '" + name + "'");
  }
  const int num_raw = request.raw_input_contents_size();
  if (num_raw != 0 && num_raw != request.inputs_size()) {
    throw InvalidArgument("SHAPE_MISMATCH", "raw_input_contents",
                          "expected one for each of the " + std::to_string(request.inputs_size()) +
                              " inputs, or none, got " + std::to_string(num_raw));
  }
  v1::PredictRequest predict;
  predict.set_model(ref.version == 0 ? ModelName(ref.id) : ModelVersionName(ref.id, ref.version));
  for (int i = 0; i < request.inputs_size(); ++i) {
    const ModelInferRequest::InferInputTensor& input = request.inputs(i);
    v1::Tensor& tensor = TensorOf(input.name(), predict);
    if (tensor.data_type() != v1::Tensor::DATA_TYPE_UNSPECIFIED) {
      throw InvalidArgument("CONFLICTING_FIELDS", InputField(input.name()),
                            "expected it once, got it twice");
    }
    SetInput(input, num_raw == 0 ? nullptr : &request.raw_input_contents(i), tensor);
  }
  if (!predict.has_x()) {
    throw InvalidArgument("MISSING_FIELD", "inputs", "expected an input x [N, n], got none");
  }
  predict.set_data_type(predict.x().data_type());
  std::set<std::string_view> asked;
  for (const ModelInferRequest::InferRequestedOutputTensor& wanted : request.outputs()) {
    const std::string field = "outputs[" + wanted.name() + "]";
    RequireNoParameters(wanted.parameters(), field);
    // Each takes its room in the reply, which a short request must not multiply.
    if (!asked.insert(wanted.name()).second) {
      throw InvalidArgument("CONFLICTING_FIELDS", field, "expected it once, got it twice");
    }
    if (wanted.name() == kInDomain) continue;
    const Output* output = FindOutput(wanted.name());
    if (output == nullptr) {
      throw InvalidArgument("UNKNOWN_TENSOR", field,
                            "expected y, jacobian, jvp, vjp, hessian, hvp, spread, "
                            "jacobian_spread or in_domain");
    }
    predict.add_quantities(output->quantity);
  }
  return predict;
}

inference::ModelInferResponse ToInferResponse(const ModelInferRequest& request,
                                              v1::PredictResponse predicted) {
  inference::ModelInferResponse response;
  const ModelRef answered = ParseModelName(predicted.model_version(), "model_version");
  response.set_model_name(LocalId(answered.id));
  response.set_model_version(std::to_string(answered.version));
  response.set_id(request.id());
  const auto add = [&](const std::string& name) {
    if (name == kInDomain) {
      google::protobuf::RepeatedField<std::int64_t> shape;
      shape.Add(predicted.in_domain_size());
      AddOutput(name, "BOOL", shape, {predicted.in_domain().begin(), predicted.in_domain().end()},
                response);
      return;
    }
    v1::Tensor& tensor = *(predicted.*FindOutput(name)->tensor)();
    const bool narrow = tensor.data_type() == v1::Tensor::DATA_TYPE_FLOAT32;
    AddOutput(name, narrow ? "FP32" : "FP64", tensor.shape(), std::move(*tensor.mutable_data()),
              response);
  };
  for (const auto& wanted : request.outputs()) add(wanted.name());
  if (request.outputs().empty()) add("y");
  return response;
}

ModelMetadataResponse ToMetadata(const ServedModel& model,
                                 const std::vector<std::int64_t>& versions) {
  ModelMetadataResponse response;
  response.set_name(LocalId(model.model_id));
  for (const std::int64_t version : versions) response.add_versions(std::to_string(version));
  response.set_platform("sobolev");
  const std::int64_t n = model.surrogate->n();
  const std::int64_t m = model.surrogate->m();
  const auto add = [](std::string_view name, std::string_view datatype,
                      const std::vector<std::int64_t>& shape, auto& tensors) {
    ModelMetadataResponse::TensorMetadata& tensor = *tensors.Add();
    tensor.set_name(std::string(name));
    tensor.set_datatype(std::string(datatype));
    tensor.mutable_shape()->Assign(shape.begin(), shape.end());
  };
  add("x", "FP64", {-1, n}, *response.mutable_inputs());
  add("tangents", "FP64", {-1, n}, *response.mutable_inputs());
  add("adjoints", "FP64", {-1, m}, *response.mutable_inputs());
  for (const Output& output : Outputs()) {
    const bool judges =
        output.quantity == v1::QUANTITY_SPREAD || output.quantity == v1::QUANTITY_JACOBIAN_SPREAD;
    if (judges && !model.surrogate->HasSpread()) continue;
    add(output.name, "FP64", output.shape(n, m), *response.mutable_outputs());
  }
  add(kInDomain, "BOOL", {-1}, *response.mutable_outputs());
  auto& properties = *response.mutable_properties();
  properties["inputs"] = Joined(model.description.schema().inputs());
  properties["outputs"] = Joined(model.description.schema().outputs());
  return response;
}

}  // namespace sobolev::server
