#include "client/cli/composition_options.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <string>
#include <system_error>
#include <vector>

#include "client/cli/option_values.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

// The map of that input, made if it is the first.
client::InputMap& InputOf(const std::string& name, client::TrainingSpec& spec) {
  const auto found = std::ranges::find(spec.input_maps, name, &client::InputMap::input);
  if (found != spec.input_maps.end()) return *found;
  return spec.input_maps.emplace_back(client::InputMap{.input = name});
}

client::OutputMap& OutputOf(const std::string& name, client::TrainingSpec& spec) {
  const auto found = std::ranges::find(spec.output_maps, name, &client::OutputMap::output);
  if (found != spec.output_maps.end()) return *found;
  return spec.output_maps.emplace_back(client::OutputMap{.output = name});
}

// Calls read(name, number) for each NAME=NUMBER.
template <class Number, class Read>
void ForEachAssignment(const std::string& option, const std::vector<std::string>& texts,
                       const Read& read) {
  for (const std::string& text : texts) {
    const std::size_t equals = text.rfind('=');
    Number number{};
    if (equals != std::string::npos && equals > 0) {
      const char* const begin = text.data() + equals + 1;
      const char* const end = text.data() + text.size();
      const auto [rest, error] = std::from_chars(begin, end, number);
      if (error == std::errc() && rest == end && begin != end) {
        read(text.substr(0, equals), number);
        continue;
      }
    }
    std::string problem = option;
    problem.append(": expected NAME=NUMBER, got \"").append(text).append("\"");
    throw UsageError(problem);
  }
}

}  // namespace

void AddCompositionOptions(CLI::App& train, CompositionArguments& arguments,
                           client::TrainingSpec& spec) {
  const std::map<std::string, client::Extrapolation> extrapolations = {
      {"own", client::Extrapolation::kOwn},
      {"constant", client::Extrapolation::kConstant},
      {"linear", client::Extrapolation::kLinear},
  };
  train.option_defaults()->group("What is known of inputs and outputs");
  AddList(train, "--period", arguments.periods, "NAME=P,...",
          "The function repeats when that input grows by P");
  AddList(train, "--harmonics", arguments.harmonics, "NAME=K,...",
          "Sines and cosines of so many multiples of the frequency, 1 to 8");
  AddList(train, "--log-input", arguments.log_inputs, "NAME,...",
          "The model sees the logarithm of that input");
  train.add_option("--feature-degree", spec.feature_degree,
                   "Products and powers of inputs up to this degree are inputs too, 1 to 4");
  AddList(train, "--lower", arguments.lower, "NAME=B,...",
          "Predictions of that output stay above B");
  AddList(train, "--upper", arguments.upper, "NAME=B,...",
          "Predictions of that output stay below B");
  AddList(train, "--log-output", arguments.log_outputs, "NAME,...",
          "The logarithm of that output is fitted; it is positive over several decades");
  train
      .add_option("--extrapolation", spec.extrapolation,
                  "own (default), constant or linear: how the model goes on outside the box of the "
                  "samples; of a --log-output its logarithm does")
      ->transform(OneOf(extrapolations));
}

void ReadMaps(const CompositionArguments& arguments, client::TrainingSpec& spec) {
  ForEachAssignment<double>(
      "--period", arguments.periods,
      [&](const std::string& name, double period) { InputOf(name, spec).period = period; });
  ForEachAssignment<int>(
      "--harmonics", arguments.harmonics,
      [&](const std::string& name, int harmonics) { InputOf(name, spec).harmonics = harmonics; });
  for (const std::string& name : arguments.log_inputs) InputOf(name, spec).logarithmic = true;
  ForEachAssignment<double>("--lower", arguments.lower, [&](const std::string& name, double bound) {
    OutputOf(name, spec).lower = bound;
  });
  ForEachAssignment<double>("--upper", arguments.upper, [&](const std::string& name, double bound) {
    OutputOf(name, spec).upper = bound;
  });
  for (const std::string& name : arguments.log_outputs) OutputOf(name, spec).logarithmic = true;
}

}  // namespace sobolev::cli
