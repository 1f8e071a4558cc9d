#include "server/convert/pipeline.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "engine/base/matrix.h"
#include "engine/nn/network.h"
#include "server/convert/model_version.h"
#include "server/convert/names.h"

namespace sobolev::server {
namespace {

using VariableList = google::protobuf::RepeatedPtrField<v1::Variable>;

// Names for messages; of many, the first.
std::string NamesOf(const VariableList& variables) {
  constexpr int kShown = 8;
  std::string names;
  for (int i = 0; i < std::min(variables.size(), kShown); ++i) {
    if (i > 0) names += ", ";
    names += variables[i].name();
  }
  return variables.size() > kShown ? names + ", ..." : names;
}

// What inputs of stages that are an input of the whole agree on.
void Narrow(const v1::Variable& from, v1::Variable& variable) {
  if (variable.unit().empty()) variable.set_unit(from.unit());
  if (from.has_lower()) {
    variable.set_lower(variable.has_lower() ? std::max(variable.lower(), from.lower())
                                            : from.lower());
  }
  if (from.has_upper()) {
    variable.set_upper(variable.has_upper() ? std::min(variable.upper(), from.upper())
                                            : from.upper());
  }
}

void RequireInputName(const std::string& name, const std::string& field) {
  RequireToken(name, field);
  if (name.front() == '_' || std::isalpha(static_cast<unsigned char>(name.front())) != 0) return;
  throw InvalidArgument("INVALID_NAME", field,
                        "expected a letter or '_' first, got \"" + name + "\"");
}

void RequireCount(const std::string& field, std::size_t count, Index most, const char* what) {
  if (count >= 1 && count <= static_cast<std::size_t>(most)) return;
  throw InvalidArgument(
      "OUT_OF_RANGE", field,
      "expected 1 to " + std::to_string(most) + " " + what + ", got " + std::to_string(count));
}

// Where a value comes from. Positions of outputs in the pool are known once all inputs are.
struct Source {
  bool is_output = false;
  Index index = 0;   // Among the inputs of the whole, or the outputs of all stages.
  std::string name;  // As Pipeline tells it.
  v1::Variable variable;
};

// The stages, one after the other.
class Wiring {
 public:
  explicit Wiring(const std::vector<PipelinePart>& parts) {
    for (const PipelinePart& part : parts) stage_names_.insert(part.stage.name());
  }

  // `bindings` are the inputs of the request's stage.
  void AddStage(const PipelinePart& part,
                const google::protobuf::Map<std::string, std::string>& bindings,
                const std::string& field) {
    RequireKnownInputs(part, bindings, field);
    v1::PipelineStage& stage = *pipeline_.add_stages();
    stage = part.stage;
    std::vector<Source>& sources = inputs_of_stages_.emplace_back();
    for (int j = 0; j < part.schema.inputs_size(); ++j) {
      const v1::Variable& variable = part.schema.inputs(j);
      const auto bound = bindings.find(variable.name());
      const Source source = bound != bindings.end()
                                ? FindBound(bound->second, field + "[\"" + variable.name() + "\"]")
                                : FindUnbound(variable.name());
      if (!source.is_output)
        TakeInput(source.index, variable, part.domain[static_cast<std::size_t>(j)]);
      (*stage.mutable_inputs())[variable.name()] = source.name;
      sources.push_back(source);
    }
    AddOutputs(part);
  }

  // Empty: those of the last stage.
  void SetOutputs(const google::protobuf::RepeatedPtrField<std::string>& names,
                  const PipelinePart& last) {
    if (names.empty()) {
      for (const v1::Variable& output : last.schema.outputs()) {
        outputs_.push_back(by_full_name_.at(last.stage.name() + "." + output.name()));
      }
    }
    std::set<std::string> seen;
    for (int i = 0; i < names.size(); ++i) {
      const std::string field = "outputs[" + std::to_string(i) + "]";
      const Source* const source = FindOutput(names[i]);
      if (source == nullptr) {
        throw InvalidArgument("UNKNOWN_NAME", field,
                              "expected \"{stage}.{output}\", an output or an input of the "
                              "pipeline, got \"" +
                                  names[i] + "\"; the last stage, \"" + last.stage.name() +
                                  "\", has " + NamesOf(last.schema.outputs()));
      }
      if (!seen.insert(source->name).second) {
        throw InvalidArgument("DUPLICATE_NAME", field,
                              "\"" + source->name + "\" is an output already; name it once");
      }
      outputs_.push_back(*source);
    }
    RequireCount("outputs", outputs_.size(), nn::kMaxOutputs, "outputs");
    for (const Source& output : outputs_) pipeline_.add_outputs(output.name);
  }

  // A stage whose outputs nobody takes is a name that does not fit, most likely.
  void RequireAllUsed(const std::vector<PipelinePart>& parts) const {
    std::set<Index> used;
    const auto use = [&used](const std::vector<Source>& sources) {
      for (const Source& source : sources) {
        if (source.is_output) used.insert(source.index);
      }
    };
    for (const std::vector<Source>& sources : inputs_of_stages_) use(sources);
    use(outputs_);
    Index first = 0;
    for (std::size_t k = 0; k < parts.size(); ++k) {
      const Index end = first + parts[k].schema.outputs_size();
      const auto found = used.lower_bound(first);
      if (found == used.end() || *found >= end) {
        throw InvalidArgument(
            "UNUSED_STAGE", "stages[" + std::to_string(k) + "]",
            "expected that something takes an output of \"" + parts[k].stage.name() + "\" (" +
                NamesOf(parts[k].schema.outputs()) +
                "), got nothing; bind an input of a later stage to it, name it among the outputs, "
                "or leave the stage out");
      }
      first = end;
    }
  }

  std::shared_ptr<const chain::Pipeline> Make(const std::vector<PipelinePart>& parts) const {
    RequireCount("stages", inputs_.size(), nn::kMaxInputs,
                 "inputs of the pipeline, which are those that no stage provides");
    std::vector<chain::Stage> stages;
    stages.reserve(parts.size());
    for (std::size_t k = 0; k < parts.size(); ++k) {
      stages.push_back({parts[k].function, Positions(inputs_of_stages_[k])});
    }
    return std::make_shared<const chain::Pipeline>(static_cast<Index>(inputs_.size()),
                                                   std::move(stages), Positions(outputs_));
  }

  void Describe(v1::ModelVersion& version) const {
    std::set<std::string> names;
    for (std::size_t j = 0; j < inputs_.size(); ++j) {
      *version.mutable_schema()->add_inputs() = inputs_[j].variable;
      *version.add_domain() = domain_[j];
      names.insert(inputs_[j].name);
    }
    for (const Source& output : outputs_) {
      v1::Variable& variable = *version.mutable_schema()->add_outputs();
      variable = output.is_output ? output.variable
                                  : inputs_[static_cast<std::size_t>(output.index)].variable;
      variable.clear_allow_missing();
      std::string name = output.is_output ? variable.name() : "input." + variable.name();
      if (names.contains(name)) name = output.name;
      while (!names.insert(name).second) name += '_';
      variable.set_name(name);
    }
    *version.mutable_pipeline() = pipeline_;
  }

 private:
  static void RequireKnownInputs(const PipelinePart& part,
                                 const google::protobuf::Map<std::string, std::string>& bindings,
                                 const std::string& field) {
    for (const auto& [name, value] : bindings) {
      const auto is_it = [&name = name](const v1::Variable& input) { return input.name() == name; };
      if (std::ranges::any_of(part.schema.inputs(), is_it)) continue;
      throw InvalidArgument("UNKNOWN_NAME", field,
                            "expected names of inputs of stage \"" + part.stage.name() + "\" (" +
                                NamesOf(part.schema.inputs()) + "), got \"" + name + "\"");
    }
  }

  // An output of an earlier stage, or else an input of the whole, unless the name is meant for an
  // output.
  Source FindBound(const std::string& value, const std::string& field) {
    const auto found = by_full_name_.find(value);
    if (found != by_full_name_.end()) return found->second;
    const std::size_t dot = value.find('.');
    if (dot != std::string::npos && stage_names_.contains(value.substr(0, dot))) {
      throw InvalidArgument("UNKNOWN_NAME", field,
                            "expected an output of an earlier stage, got \"" + value +
                                "\", which no stage before this one has");
    }
    RequireInputName(value, field);
    return Input(value);
  }

  Source FindUnbound(const std::string& name) {
    const auto found = by_name_.find(name);
    return found != by_name_.end() ? found->second : Input(name);
  }

  const Source* FindOutput(const std::string& name) const {
    for (const auto* sources : {&by_full_name_, &by_name_, &input_by_name_}) {
      const auto found = sources->find(name);
      if (found != sources->end()) return &found->second;
    }
    return nullptr;
  }

  // The input of the whole of that name, a new one if there is none.
  Source Input(const std::string& name) {
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    Source source{.index = static_cast<Index>(inputs_.size()), .name = name, .variable = {}};
    source.variable.set_name(name);
    const auto [entry, is_new] = input_by_name_.try_emplace(name, source);
    if (is_new) {
      inputs_.push_back(std::move(source));
      v1::Range& everywhere = domain_.emplace_back();
      everywhere.set_min(-kInfinity);
      everywhere.set_max(kInfinity);
    }
    return entry->second;
  }

  void TakeInput(Index index, const v1::Variable& variable, const v1::Range& box) {
    const auto j = static_cast<std::size_t>(index);
    Narrow(variable, inputs_[j].variable);
    domain_[j].set_min(std::max(domain_[j].min(), box.min()));
    domain_[j].set_max(std::min(domain_[j].max(), box.max()));
  }

  void AddOutputs(const PipelinePart& part) {
    for (const v1::Variable& variable : part.schema.outputs()) {
      const Source source{.is_output = true,
                          .index = num_outputs_++,
                          .name = part.stage.name() + "." + variable.name(),
                          .variable = variable};
      by_full_name_[source.name] = source;
      by_name_[variable.name()] = source;
    }
  }

  std::vector<Index> Positions(const std::vector<Source>& sources) const {
    const auto n = static_cast<Index>(inputs_.size());
    std::vector<Index> positions;
    positions.reserve(sources.size());
    for (const Source& source : sources) {
      positions.push_back(source.is_output ? n + source.index : source.index);
    }
    return positions;
  }

  std::set<std::string> stage_names_;
  v1::Pipeline pipeline_;
  std::vector<Source> inputs_;  // n; their variables grow narrow with each stage.
  std::vector<v1::Range> domain_;
  std::map<std::string, Source> input_by_name_;
  std::map<std::string, Source> by_full_name_;  // Outputs, "stage.output".
  std::map<std::string, Source> by_name_;       // Of outputs of one name the latest.
  Index num_outputs_ = 0;
  std::vector<std::vector<Source>> inputs_of_stages_;
  std::vector<Source> outputs_;
};

}  // namespace

WiredPipeline WirePipeline(const v1::CreatePipelineRequest& request,
                           const std::vector<PipelinePart>& parts) {
  Wiring wiring(parts);
  for (std::size_t k = 0; k < parts.size(); ++k) {
    wiring.AddStage(parts[k], request.stages(static_cast<int>(k)).inputs(),
                    "stages[" + std::to_string(k) + "].inputs");
  }
  wiring.SetOutputs(request.outputs(), parts.back());
  wiring.RequireAllUsed(parts);
  WiredPipeline wired{.surrogate = wiring.Make(parts), .description = {}};
  wiring.Describe(wired.description);
  Describe(*wired.surrogate, wired.description);
  return wired;
}

}  // namespace sobolev::server
