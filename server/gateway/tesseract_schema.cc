#include "server/gateway/tesseract_schema.h"

#include "server/convert/names.h"
#include "server/gateway/json.h"

namespace sobolev::server {
namespace {

// {"$ref": "#/components/schemas/<name>"}
Json Ref(const std::string& name) {
  return Json::object({{"$ref", "#/components/schemas/" + name}});
}

Json Object(const Json& properties) {
  Json required = Json::array();
  for (const auto& [name, schema] : properties.items()) required.push_back(name);
  return Json::object({{"type", "object"},
                       {"properties", properties},
                       {"required", required},
                       {"additionalProperties", false}});
}

// A list of the one name there is.
Json ListOf(const std::string& name) {
  return Json::object({{"type", "array"},
                       {"items", Json::object({{"type", "string"}, {"const", name}})},
                       {"minItems", 1},
                       {"maxItems", 1}});
}

Json Array() {
  return Json::parse(R"({
    "type": "object",
    "properties": {
      "object_type": {"type": "string", "const": "array", "default": "array"},
      "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
      "dtype": {"type": "string", "enum": ["float64", "float32", "int64", "int32"]},
      "data": {
        "type": "object",
        "properties": {
          "encoding": {"type": "string", "enum": ["json", "base64"]},
          "buffer": {}
        },
        "required": ["encoding", "buffer"]
      }
    },
    "required": ["shape", "dtype", "data"],
    "additionalProperties": false,
    "array_flags": ["DIFFERENTIABLE"]
  })");
}

Json ShapeAndDtype() {
  return Json::parse(R"({
    "type": "object",
    "properties": {
      "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}},
      "dtype": {"type": "string"}
    },
    "required": ["shape", "dtype"]
  })");
}

Json Schemas() {
  const Json x = Object({{"x", Array()}});
  const Json y = Object({{"y", Array()}});
  Json schemas = {{"Apply_InputSchema", x},
                  {"Apply_OutputSchema", y},
                  {"ApplyInputSchema", Object({{"inputs", Ref("Apply_InputSchema")}})},
                  {"ApplyOutputSchema", Ref("Apply_OutputSchema")},
                  {"AbstractInputSchema", Object({{"inputs", Object({{"x", ShapeAndDtype()}})}})},
                  {"AbstractOutputSchema", Object({{"y", ShapeAndDtype()}})},
                  {"JacobianInputSchema", Object({{"inputs", Ref("Apply_InputSchema")},
                                                  {"jac_inputs", ListOf("x")},
                                                  {"jac_outputs", ListOf("y")}})},
                  {"JacobianOutputSchema", Object({{"y", x}})},
                  {"JVPInputSchema", Object({{"inputs", Ref("Apply_InputSchema")},
                                             {"jvp_inputs", ListOf("x")},
                                             {"jvp_outputs", ListOf("y")},
                                             {"tangent_vector", x}})},
                  {"JVPOutputSchema", y},
                  {"VJPInputSchema", Object({{"inputs", Ref("Apply_InputSchema")},
                                             {"vjp_inputs", ListOf("x")},
                                             {"vjp_outputs", ListOf("y")},
                                             {"cotangent_vector", y}})},
                  {"VJPOutputSchema", x}};
  // Without "shape": any.
  const Json dtype = Json::object({{"dtype", "float64"}});
  schemas["ApplyInputSchema"]["differentiable_arrays"] = Json::object({{"x", dtype}});
  schemas["ApplyOutputSchema"]["differentiable_arrays"] = Json::object({{"y", dtype}});
  return schemas;
}

Json Content(const std::string& schema) {
  return Json::object({{"application/json", Json::object({{"schema", Ref(schema)}})}});
}

Json Post(const std::string& summary, const std::string& input, const std::string& output) {
  return Json::object(
      {{"post",
        Json::object(
            {{"summary", summary},
             {"requestBody", Json::object({{"required", true}, {"content", Content(input)}})},
             {"responses",
              Json::object({{"200", Json::object({{"description", "The result"},
                                                  {"content", Content(output)}})},
                            {"422", Json::object({{"description", "What is wrong"}})}})}})}});
}

Json Paths() {
  return Json::object(
      {{"/apply", Post("y = f(x)", "ApplyInputSchema", "ApplyOutputSchema")},
       {"/jacobian", Post("dy/dx", "JacobianInputSchema", "JacobianOutputSchema")},
       {"/jacobian_vector_product",
        Post("dy/dx times a tangent of x", "JVPInputSchema", "JVPOutputSchema")},
       {"/vector_jacobian_product",
        Post("A cotangent of y times dy/dx", "VJPInputSchema", "VJPOutputSchema")},
       {"/abstract_eval", Post("The shape of y", "AbstractInputSchema", "AbstractOutputSchema")},
       {"/health",
        Json::parse(R"({"get":{"responses":{"200":{"description":"The model answers"}}}})")}});
}

std::string Names(const google::protobuf::RepeatedPtrField<v1::Variable>& variables) {
  std::string names;
  for (const v1::Variable& variable : variables) {
    if (!names.empty()) names += ", ";
    names += variable.name();
  }
  return names;
}

}  // namespace

std::string TesseractSchema(const ServedModel& model) {
  const v1::Schema& schema = model.description.schema();
  const std::string description =
      "y [..., " + std::to_string(model.surrogate->m()) + "] (" + Names(schema.outputs()) +
      ") of x [..., " + std::to_string(model.surrogate->n()) + "] (" + Names(schema.inputs()) + ")";
  return ToText(Json::object({{"openapi", "3.1.0"},
                              {"info", Json::object({{"title", LocalId(model.model_id)},
                                                     {"version", std::to_string(model.version)},
                                                     {"description", description}})},
                              {"paths", Paths()},
                              {"components", Json::object({{"schemas", Schemas()}})},
                              {"x-supported-output-formats", Json::array({"json", "json+base64"})},
                              {"x-supported-gpu-transports", Json::array({"none"})},
                              {"x-supported-compressions", Json::array({"none"})}}));
}

}  // namespace sobolev::server
