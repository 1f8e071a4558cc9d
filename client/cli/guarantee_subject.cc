#include "client/cli/guarantee_subject.h"

#include <cstddef>

#include "client/cli/commands.h"
#include "client/cli/format.h"
#include "client/cli/program_box.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {

void AddSubject(CLI::App& command, Subject& subject) {
  command.add_option("MODEL", subject.model, "Model, or models/MODEL/versions/N");
  command.add_option("--program", subject.program, "A program instead")->type_name("NAME");
  command
      .add_option("--bounds", subject.bounds,
                  "The box: NAME=LOWER:UPPER,... of inputs, the others and ends that are left "
                  "out, as in x=0:, as in the domain")
      ->check(CLI::Validator(IsNotEmpty, ""));
}

Function Find(const Subject& subject, const client::Client& client) {
  if (subject.model.empty() == subject.program.empty()) {
    throw UsageError("MODEL: expected either a model or --program");
  }
  Function function;
  if (!subject.program.empty()) {
    const client::Program program = client.GetProgram(subject.program);
    function.name = program.name;
    function.inputs = ElementNames(program.inputs);
    function.outputs = ElementNames(program.outputs);
    if (!subject.bounds.empty()) function.box = RangesOf(BoxOf(program, subject.bounds));
    return function;
  }
  const client::ModelVersion version = client.GetModelVersion(subject.model);
  function.name = version.name;
  function.inputs = Names(version.schema.inputs);
  function.outputs = Names(version.schema.outputs);
  if (!subject.bounds.empty()) function.box = RangesOf(BoxOf(version, subject.bounds));
  return function;
}

void AddSeed(CLI::App& command, std::optional<std::uint64_t>& seed) {
  command.add_option("--seed", seed, "Of the points; default 1")->check(IsUint64);
}

void AddTexts(CLI::App& command, const char* option, std::vector<std::string>& texts,
              const char* type, const char* help) {
  command.add_option(option, texts, help)->type_name(type)->allow_extra_args(false);
}

Json RangeToJson(const client::Range& range) {
  return {{"min", NumberToJson(range.min)}, {"max", NumberToJson(range.max)}};
}

Json RangesToJson(const std::vector<client::Range>& ranges, const std::vector<std::string>& names) {
  Json json = Json::object();
  for (std::size_t k = 0; k < ranges.size(); ++k) json[names.at(k)] = RangeToJson(ranges[k]);
  return json;
}

Json VectorToJson(const client::Vector& numbers) {
  Json json = Json::array();
  for (const double number : numbers) json.push_back(NumberToJson(number));
  return json;
}

std::string RangeText(const client::Range& range) {
  std::string text = "[";
  text += FormatShort(range.min);
  text += ", ";
  text += FormatShort(range.max);
  text += "]";
  return text;
}

}  // namespace sobolev::cli
