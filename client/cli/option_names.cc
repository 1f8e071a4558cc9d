#include "client/cli/option_names.h"

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include <CLI/CLI.hpp>

namespace sobolev::cli {

namespace {

constexpr auto kOptions = std::to_array<std::pair<std::string_view, const char*>>({
    {"box", "--bounds"},
    {"max_pieces", "--pieces"},
    {"model_id", "--into"},
    {"num_points", "--points"},
    {"sample_count", "--samples"},
    {"spec.boxes.max_boxes", "--max-boxes"},
    {"spec.boxes.tolerance", "--box-tolerance"},
    {"spec.domain", "--bounds"},
    {"spec.goal", "--goal"},
    {"spec.initial_points", "--initial"},
    {"spec.lease_seconds", "--lease"},
    {"spec.max_attempts", "--attempts"},
    {"spec.stop_rules.closed_share", "--closed"},
    {"spec.stop_rules.cost", "--cost"},
    {"spec.stop_rules.evaluations", "--budget"},
    {"spec.stop_rules.gradient_error", "--gradient-error"},
    {"spec.stop_rules.seconds", "--time"},
    {"spec.stop_rules.stale_rounds", "--stale"},
    {"spec.stop_rules.value_error", "--error"},
    {"spec.stop_rules", "--stop"},
    {"target.jacobian_error", "--max-jacobian-error"},
    {"target.multiply_adds", "--max-cost"},
    {"target.parameters", "--max-parameters"},
    {"target.value_error", "--max-error"},
});

// "box.min" for "box[2].min".
std::string WithoutIndices(std::string_view field) {
  std::string names;
  bool is_index = false;
  for (const char c : field) {
    if (c == '[') is_index = true;
    if (!is_index) names += c;
    if (c == ']') is_index = false;
  }
  return names;
}

bool IsPartOf(std::string_view field, std::string_view whole) {
  if (!field.starts_with(whole)) return false;
  return field.size() == whole.size() || field[whole.size()] == '.';
}

}  // namespace

std::string OptionOf(std::string_view field, const CLI::App& app) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().front();
  const std::string names = WithoutIndices(field);
  std::string unused;
  for (const auto& [whole, name] : kOptions) {
    const CLI::Option* const option = command->get_option_no_throw(name);
    if (option == nullptr || !IsPartOf(names, whole)) continue;
    if (option->count() > 0) return name;
    if (unused.empty()) unused = name;
  }
  return unused;
}

}  // namespace sobolev::cli
