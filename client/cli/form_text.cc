#include "client/cli/form_text.h"

#include <string>
#include <utility>
#include <vector>

#include "client/cli/format.h"
#include "client/cli/json_format.h"

namespace sobolev::cli {
namespace {

std::string Slopes(const client::ModelVersion& version) {
  std::vector<std::string> parts;
  for (const client::Slope slope : {client::Slope::kIncreasing, client::Slope::kDecreasing}) {
    std::vector<std::string> inputs;
    for (const auto& [input, of_input] : version.monotone) {
      if (of_input == slope) inputs.push_back(input);
    }
    if (!inputs.empty()) parts.push_back(std::string(Name(slope)) + " in " + Join(inputs, ", "));
  }
  return Join(parts, "; ");
}

std::string Text(const client::InputMap& map) {
  if (!map.period) return map.input + ": logarithm";
  std::string text = map.input + ": period " + FormatShort(*map.period);
  if (map.harmonics && *map.harmonics > 1)
    text += ", " + std::to_string(*map.harmonics) + " harmonics";
  return text;
}

std::string Text(const client::OutputMap& map) {
  std::string text = map.output + ":";
  if (map.logarithmic) text += " logarithm,";
  if (map.lower) text += " above " + FormatShort(*map.lower);
  if (map.lower && map.upper) text += " and";
  if (map.upper) text += " below " + FormatShort(*map.upper);
  return text;
}

template <class Map>
std::string Texts(const std::vector<Map>& maps) {
  std::vector<std::string> texts;
  texts.reserve(maps.size());
  for (const Map& map : maps) texts.push_back(Text(map));
  return Join(texts, "; ");
}

}  // namespace

std::vector<std::pair<std::string, std::string>> FormFields(const client::ModelVersion& version) {
  std::vector<std::pair<std::string, std::string>> fields;
  const auto add = [&](const char* name, std::string text) {
    if (!text.empty()) fields.emplace_back(name, std::move(text));
  };
  add("monotone", Slopes(version));
  if (version.convexity) add("shape", std::string(Name(*version.convexity)));
  add("input maps", Texts(version.input_maps));
  if (version.feature_degree > 1) {
    add("features", "products of inputs up to degree " + std::to_string(version.feature_degree));
  }
  add("output maps", Texts(version.output_maps));
  if (version.extrapolation != client::Extrapolation::kOwn) {
    add("extrapolation", std::string(Name(version.extrapolation)));
  }
  return fields;
}

}  // namespace sobolev::cli
