#include "server/convert/sampling_domain.h"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/error.h"
#include "server/convert/field_error.h"
#include "server/convert/tensor.h"

namespace sobolev::server {
namespace {

using sampling::Input;
using sampling::LinearConstraint;

// The position of an input of that name.
int PositionOf(const v1::Schema& schema, const std::string& name, const std::string& field) {
  for (int j = 0; j < schema.inputs_size(); ++j) {
    if (schema.inputs(j).name() == name) return j;
  }
  throw InvalidArgument("UNKNOWN_NAME", field,
                        "expected the name of an input of the dataset, got \"" + name + "\"");
}

sampling::Scale ToScale(v1::SamplingInput::Scale scale, const std::string& field) {
  switch (scale) {
    case v1::SamplingInput::SCALE_UNSPECIFIED:
    case v1::SamplingInput::SCALE_LINEAR:
      return sampling::Scale::kLinear;
    case v1::SamplingInput::SCALE_LOGARITHMIC:
      return sampling::Scale::kLogarithmic;
    default:
      break;
  }
  throw InvalidArgument(
      "UNKNOWN_ENUM_VALUE", field,
      "expected linear or logarithmic, got number " + std::to_string(static_cast<int>(scale)));
}

sampling::MeasureSpec ToMeasure(const v1::SamplingInput& input) {
  switch (input.measure_case()) {
    case v1::SamplingInput::kNormal:
      return sampling::NormalMeasure{.mean = input.normal().mean(),
                                     .standard_deviation = input.normal().standard_deviation()};
    case v1::SamplingInput::kTriangular:
      return sampling::TriangularMeasure{.mode = input.triangular().mode()};
    case v1::SamplingInput::kBeta:
      return sampling::BetaMeasure{.alpha = input.beta().has_alpha() ? input.beta().alpha() : 1,
                                   .beta = input.beta().has_beta() ? input.beta().beta() : 1};
    case v1::SamplingInput::kPiecewiseLinear:
      return sampling::PiecewiseLinearMeasure{
          .positions = {input.piecewise_linear().positions().begin(),
                        input.piecewise_linear().positions().end()},
          .densities = {input.piecewise_linear().densities().begin(),
                        input.piecewise_linear().densities().end()}};
    case v1::SamplingInput::MEASURE_NOT_SET:
      break;
  }
  return sampling::UniformMeasure{};
}

// Which of spec.inputs speaks of each input of the schema.
std::vector<std::optional<int>> InputsByPosition(const v1::SamplingSpec& spec,
                                                 const v1::Schema& schema) {
  std::vector<std::optional<int>> positions(static_cast<std::size_t>(schema.inputs_size()));
  for (int k = 0; k < spec.inputs_size(); ++k) {
    const std::string field = "spec.inputs[" + std::to_string(k) + "].input";
    const int j = PositionOf(schema, spec.inputs(k).input(), field);
    std::optional<int>& position = positions[static_cast<std::size_t>(j)];
    if (position) {
      throw InvalidArgument(
          "DUPLICATE_NAME", field,
          "\"" + spec.inputs(k).input() + "\" is named twice; say all of it once");
    }
    position = k;
  }
  return positions;
}

// Not NaN, either.
double FixedValue(double value, const Input& input, int k) {
  if (value >= input.min && value <= input.max) return value;
  throw InvalidArgument("OUT_OF_RANGE", "spec.inputs[" + std::to_string(k) + "].fixed",
                        "expected a number of the range of \"" + input.name + "\", " +
                            Text(input.min) + " to " + Text(input.max) + ", got " + Text(value));
}

std::vector<Input> ToInputs(const v1::SamplingSpec& spec, const v1::Schema& schema,
                            const std::vector<std::optional<int>>& positions) {
  std::vector<Input> inputs;
  inputs.reserve(positions.size());
  for (int j = 0; j < schema.inputs_size(); ++j) {
    Input input{
        .name = schema.inputs(j).name(), .min = spec.domain(j).min(), .max = spec.domain(j).max()};
    if (const std::optional<int> k = positions[static_cast<std::size_t>(j)]) {
      const v1::SamplingInput& given = spec.inputs(*k);
      const std::string field = "spec.inputs[" + std::to_string(*k) + "].scale";
      input.kind =
          given.integer() ? sampling::InputKind::kInteger : sampling::InputKind::kContinuous;
      input.scale = ToScale(given.scale(), field);
      input.measure = ToMeasure(given);
      if (given.has_fixed()) input.fixed = FixedValue(given.fixed(), input, *k);
    }
    inputs.push_back(std::move(input));
  }
  return inputs;
}

std::vector<LinearConstraint> ToConstraints(const v1::SamplingSpec& spec,
                                            const v1::Schema& schema) {
  std::vector<LinearConstraint> constraints;
  constraints.reserve(static_cast<std::size_t>(spec.constraints_size()));
  for (int i = 0; i < spec.constraints_size(); ++i) {
    const std::string field = "spec.constraints[" + std::to_string(i) + "].coefficients";
    LinearConstraint constraint{.coefficients = Vector::Zero(schema.inputs_size()),
                                .bound = spec.constraints(i).bound()};
    for (const auto& [name, coefficient] : spec.constraints(i).coefficients()) {
      constraint.coefficients[PositionOf(schema, name, field)] = coefficient;
    }
    constraints.push_back(std::move(constraint));
  }
  return constraints;
}

std::string NameOfMeasure(v1::SamplingInput::MeasureCase measure) {
  const auto* const field = v1::SamplingInput::descriptor()->FindFieldByNumber(measure);
  return field == nullptr ? "measure" : field->name();
}

// The engine's "inputs[2].measure.mean" as this spec has it.
std::string FieldOfSpec(const std::string& field, const v1::SamplingSpec& spec,
                        const std::vector<std::optional<int>>& positions) {
  constexpr std::string_view kInputs = "inputs[";
  constexpr std::string_view kLinear = "constraints.linear";
  if (field.starts_with(kLinear)) return "spec.constraints" + field.substr(kLinear.size());
  if (field == "constraints.program") return "spec.constraint_program";
  if (!field.starts_with(kInputs)) return "spec." + field;
  const std::size_t j = std::stoul(field.substr(kInputs.size()));
  std::string rest = field.substr(field.find(']') + 1);
  const bool is_range = rest == ".min" || rest == ".max";
  if (is_range || !positions[j]) return "spec.domain[" + std::to_string(j) + "]" + rest;
  const int k = *positions[j];
  constexpr std::string_view kMeasure = ".measure";
  if (rest.starts_with(kMeasure)) {
    rest.replace(1, kMeasure.size() - 1, NameOfMeasure(spec.inputs(k).measure_case()));
  }
  return "spec.inputs[" + std::to_string(k) + "]" + rest;
}

}  // namespace

sampling::Domain ToDomain(const v1::SamplingSpec& spec, const v1::Schema& schema,
                          std::shared_ptr<const program::Program> constraints,
                          const std::stop_token& stop) {
  const std::vector<std::optional<int>> positions = InputsByPosition(spec, schema);
  std::vector<Input> inputs = ToInputs(spec, schema, positions);
  std::vector<LinearConstraint> linear = ToConstraints(spec, schema);
  try {
    return sampling::Domain(std::move(inputs), std::move(linear), std::move(constraints), stop);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kInvalidArgument) throw;
    throw WithField(error, FieldOfSpec(error.field(), spec, positions));
  }
}

}  // namespace sobolev::server
