#include "client/cli/pipeline_text.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/format.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

[[noreturn]] void ThrowExpected(const std::string& option, const std::string& form,
                                const std::string& text) {
  std::string problem = option;
  problem.append(": expected ").append(form).append(", got \"").append(text).append("\"");
  throw UsageError(problem);
}

client::PipelineStage ParseStage(const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::size_t equals = std::min(text.find('='), colon);
  const bool has_name = colon != std::string::npos && equals < colon;
  const std::size_t begin = has_name ? equals + 1 : 0;
  const std::string kind = colon == std::string::npos ? "" : text.substr(begin, colon - begin);
  if ((kind != "model" && kind != "program") || colon + 1 == text.size() ||
      (has_name && equals == 0)) {
    ThrowExpected("--stage", "[NAME=]model:MODEL or [NAME=]program:PROGRAM", text);
  }
  const std::string id = text.substr(colon + 1);
  return {.name = has_name ? text.substr(0, equals) : id.substr(0, id.find('/')),
          .function = kind + "s/" + id};
}

void Bind(const std::string& text, std::vector<client::PipelineStage>& stages) {
  const std::size_t dot = text.find('.');
  const std::size_t equals = text.find('=');
  if (dot == std::string::npos || equals == std::string::npos || dot + 1 >= equals ||
      equals + 1 == text.size()) {
    ThrowExpected("--bind", "STAGE.INPUT=SOURCE", text);
  }
  const auto stage = std::ranges::find(stages, text.substr(0, dot), &client::PipelineStage::name);
  if (stage == stages.end()) {
    std::vector<std::string> names;
    names.reserve(stages.size());
    for (const client::PipelineStage& each : stages) names.push_back(each.name);
    ThrowExpected("--bind", "an input of a stage (" + Join(names, ", ") + ")", text);
  }
  const bool is_new =
      stage->inputs.try_emplace(text.substr(dot + 1, equals - dot - 1), text.substr(equals + 1))
          .second;
  if (!is_new) ThrowExpected("--bind", "every input once", text);
}

}  // namespace

client::Pipeline ParsePipeline(const std::vector<std::string>& stages,
                               const std::vector<std::string>& bindings,
                               const std::vector<std::string>& outputs) {
  client::Pipeline pipeline{.stages = {}, .outputs = outputs};
  pipeline.stages.reserve(stages.size());
  for (const std::string& stage : stages) pipeline.stages.push_back(ParseStage(stage));
  for (const std::string& binding : bindings) Bind(binding, pipeline.stages);
  return pipeline;
}

std::vector<std::pair<std::string, std::string>> PipelineFields(const client::Pipeline& pipeline) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (const client::PipelineStage& stage : pipeline.stages) {
    std::vector<std::string> inputs;
    inputs.reserve(stage.inputs.size());
    for (const auto& [input, source] : stage.inputs) {
      inputs.push_back(input);
      if (source != input) inputs.back().append(" from ").append(source);
    }
    fields.emplace_back("stage " + stage.name, stage.function + " of " + Join(inputs, ", "));
  }
  fields.emplace_back("outputs", Join(pipeline.outputs, ", "));
  return fields;
}

}  // namespace sobolev::cli
