#include "server/models/pipeline_parts.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/chain/pipeline.h"
#include "engine/chain/program_surrogate.h"
#include "engine/program/definition.h"
#include "server/convert/names.h"
#include "server/storage/sha256.h"

namespace sobolev::server {
namespace {

// Throws what `find` throws, naming the field of the request where something does not exist.
template <class Find>
auto Found(const std::string& field, const std::string& name, const Find& find) {
  try {
    return find();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kNotFound) throw;
    throw NotFound(field, name);
  }
}

// The names of the elements, row by row: "T", "x.0", "A.0.1".
std::vector<std::string> ElementNames(const program::Variable& variable) {
  std::vector<std::string> names;
  names.reserve(static_cast<std::size_t>(variable.size));
  for (Index element = 0; element < variable.size; ++element) {
    std::string indices;
    Index rest = element;
    for (auto extent = variable.shape.rbegin(); extent != variable.shape.rend(); ++extent) {
      indices.insert(0, "." + std::to_string(rest % *extent));
      rest /= *extent;
    }
    names.push_back(variable.name + indices);
  }
  return names;
}

void RequireStageName(const std::string& name, const std::string& field) {
  RequireToken(name, field);
  if (name.find('.') == std::string::npos) return;
  throw InvalidArgument("INVALID_NAME", field,
                        "expected a name without '.', which is between stage and output, got \"" +
                            name + "\"; give the stage another name");
}

}  // namespace

PipelinePart FindModelPart(const std::string& name, const std::string& field, ModelRegistry& models,
                           Store& store) {
  const ModelRef ref = ParseModelName(name, field);
  return Found(field, name, [&] {
    const ModelRegistry::Handle model = models.Get(ref.id, ref.version);
    PipelinePart part{
        .function = model->surrogate,
        .schema = model->description.schema(),
        .domain = {model->description.domain().begin(), model->description.domain().end()},
        .stage = {}};
    part.stage.set_name(LocalId(ref.id));
    part.stage.set_model(ModelVersionName(ref.id, model->version));
    part.stage.set_sha256(store.GetModelVersion(ref.id, model->version).blob_sha256);
    return part;
  });
}

PipelinePart FindProgramPart(const std::string& name, const std::string& field, Store& store) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::string id = ParseProgramName(name, field);
  const ProgramRecord record = Found(field, name, [&] { return store.GetProgram(id); });
  const auto function =
      std::make_shared<const chain::ProgramSurrogate>(record.source, chain::AcceptedSourceLimits());
  PipelinePart part{.function = function, .schema = {}, .domain = {}, .stage = {}};
  for (const program::Variable& input : function->program().inputs()) {
    v1::Range range;
    range.set_min(-kInfinity);
    range.set_max(kInfinity);
    if (input.bounds) {
      range.set_min(input.bounds->min);
      range.set_max(input.bounds->max);
    }
    for (const std::string& element : ElementNames(input)) {
      part.schema.add_inputs()->set_name(element);
      part.domain.push_back(range);
    }
  }
  for (const program::Variable& output : function->program().outputs()) {
    for (const std::string& element : ElementNames(output)) {
      part.schema.add_outputs()->set_name(element);
    }
  }
  part.stage.set_name(LocalId(id));
  part.stage.set_program(name);
  part.stage.set_sha256(Sha256Hex(record.source));
  return part;
}

std::vector<PipelinePart> FindPipelineParts(const v1::CreatePipelineRequest& request,
                                            ModelRegistry& models, Store& store) {
  if (request.stages_size() < 1 || request.stages_size() > chain::Pipeline::kMaxStages) {
    throw InvalidArgument("OUT_OF_RANGE", "stages",
                          "expected 1 to " + std::to_string(chain::Pipeline::kMaxStages) +
                              " stages, got " + std::to_string(request.stages_size()));
  }
  std::vector<PipelinePart> parts;
  parts.reserve(static_cast<std::size_t>(request.stages_size()));
  std::set<std::string> names;
  for (const v1::PipelineStage& stage : request.stages()) {
    const std::string field = "stages[" + std::to_string(parts.size()) + "]";
    switch (stage.function_case()) {
      case v1::PipelineStage::kModel:
        parts.push_back(FindModelPart(stage.model(), field + ".model", models, store));
        break;
      case v1::PipelineStage::kProgram:
        parts.push_back(FindProgramPart(stage.program(), field + ".program", store));
        break;
      case v1::PipelineStage::FUNCTION_NOT_SET:
        throw InvalidArgument("MISSING_FIELD", field + ".function",
                              "expected a model or a program, got none");
    }
    v1::PipelineStage& pinned = parts.back().stage;
    if (!stage.name().empty()) pinned.set_name(stage.name());
    RequireStageName(pinned.name(), field + ".name");
    if (names.insert(pinned.name()).second) continue;
    throw InvalidArgument(
        "DUPLICATE_NAME", field + ".name",
        "\"" + pinned.name() + "\" is the name of an earlier stage; give one of them another name");
  }
  return parts;
}

}  // namespace sobolev::server
