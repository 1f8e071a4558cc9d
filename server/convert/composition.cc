#include "server/convert/composition.h"

#include <cstddef>
#include <string>
#include <vector>

#include <google/protobuf/repeated_ptr_field.h>

#include "engine/base/error.h"
#include "engine/train/composition.h"

namespace sobolev::server {
namespace {

using Spec = v1::TrainingSpec;

// Where each of the named variables is among those of the schema; `what` is "input" or "output".
class Places {
 public:
  Places(const google::protobuf::RepeatedPtrField<v1::Variable>& variables, std::string what)
      : variables_(variables),
        what_(std::move(what)),
        taken_(static_cast<std::size_t>(variables.size())) {}

  std::size_t Take(const std::string& name, int map) {
    const std::string field = "spec." + what_ + "_maps[" + std::to_string(map) + "]." + what_;
    for (std::size_t place = 0; place < taken_.size(); ++place) {
      if (variables_[static_cast<int>(place)].name() != name) continue;
      if (taken_[place]) {
        throw InvalidArgument("DUPLICATE_NAME", field,
                              "expected one map of each " + what_ + ", got another of '" + name +
                                  "'; put both into one");
      }
      taken_[place] = true;
      return place;
    }
    throw InvalidArgument("UNKNOWN_NAME", field,
                          "expected the name of an " + what_ + " of the dataset, got '" + name +
                              "'; the " + what_ + "s are " + Names());
  }

 private:
  // The first few.
  std::string Names() const {
    constexpr int kMostNames = 10;
    std::string names;
    for (int i = 0; i < variables_.size(); ++i) {
      if (i == kMostNames) return names + ", ...";
      if (i > 0) names += ", ";
      names += variables_[i].name();
    }
    return names;
  }

  const google::protobuf::RepeatedPtrField<v1::Variable>& variables_;
  const std::string what_;
  std::vector<bool> taken_;
};

train::Extrapolation ToExtrapolation(Spec::Extrapolation extrapolation) {
  switch (extrapolation) {
    case Spec::EXTRAPOLATION_UNSPECIFIED:
    case Spec::EXTRAPOLATION_OWN:
      return train::Extrapolation::kOwn;
    case Spec::EXTRAPOLATION_CONSTANT:
      return train::Extrapolation::kConstant;
    case Spec::EXTRAPOLATION_LINEAR:
      return train::Extrapolation::kLinear;
    default:
      break;
  }
  throw InvalidArgument("UNKNOWN_ENUM_VALUE", "spec.extrapolation",
                        "expected own, constant or linear, got number " +
                            std::to_string(static_cast<int>(extrapolation)));
}

}  // namespace

train::CompositionOptions ToComposition(const Spec& spec, const v1::Schema& schema) {
  train::CompositionOptions options{.extrapolation = ToExtrapolation(spec.extrapolation())};
  if (spec.has_feature_degree()) options.degree = spec.feature_degree();
  Places inputs(schema.inputs(), "input");
  if (!spec.input_maps().empty())
    options.inputs.resize(static_cast<std::size_t>(schema.inputs_size()));
  for (int i = 0; i < spec.input_maps_size(); ++i) {
    const v1::InputMap& map = spec.input_maps(i);
    train::InputMapping& input = options.inputs[inputs.Take(map.input(), i)];
    input.name = map.input();
    if (map.has_period()) input.period = map.period();
    if (map.has_harmonics()) input.harmonics = map.harmonics();
    input.logarithmic = map.logarithmic();
  }
  Places outputs(schema.outputs(), "output");
  if (!spec.output_maps().empty())
    options.outputs.resize(static_cast<std::size_t>(schema.outputs_size()));
  for (int i = 0; i < spec.output_maps_size(); ++i) {
    const v1::OutputMap& map = spec.output_maps(i);
    train::OutputMapping& output = options.outputs[outputs.Take(map.output(), i)];
    output.name = map.output();
    if (map.has_lower()) output.lower = map.lower();
    if (map.has_upper()) output.upper = map.upper();
    output.logarithmic = map.logarithmic();
  }
  return options;
}

}  // namespace sobolev::server
