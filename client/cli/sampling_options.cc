#include "client/cli/sampling_options.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <map>
#include <string_view>
#include <system_error>

#include "client/cli/format.h"
#include "client/cli/option_values.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

// Sets the condition, if the text is a number of its kind.
template <class T>
bool ReadCondition(std::string_view text, std::optional<T>& condition) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  condition = value;
  return true;
}

// "evaluations=100,value_error=1e-3".
client::StopRule ParseRule(const std::string& text) {
  client::StopRule rule;
  for (const std::string& item : ParseList<std::string>("--stop", text)) {
    const std::size_t equals = std::min(item.find('='), item.size());
    const std::string_view name = std::string_view(item).substr(0, equals);
    const std::string_view value = std::string_view(item).substr(std::min(equals + 1, item.size()));
    bool valid = false;
    if (name == "evaluations") {
      valid = ReadCondition(value, rule.evaluations);
    } else if (name == "cost") {
      valid = ReadCondition(value, rule.cost);
    } else if (name == "value_error") {
      valid = ReadCondition(value, rule.value_error);
    } else if (name == "gradient_error") {
      valid = ReadCondition(value, rule.gradient_error);
    } else if (name == "seconds") {
      valid = ReadCondition(value, rule.seconds);
    } else if (name == "stale_rounds") {
      valid = ReadCondition(value, rule.stale_rounds);
    } else if (name == "closed_share") {
      valid = ReadCondition(value, rule.closed_share);
    } else {
      throw UsageError(
          "--stop: expected evaluations, cost, value_error, gradient_error, seconds, "
          "stale_rounds or closed_share with = and a number, got " +
          Quoted(item));
    }
    if (!valid) throw UsageError("--stop: expected a number after =, got " + Quoted(item));
  }
  return rule;
}

}  // namespace

void AddStopOptions(CLI::App& command, StopArguments& arguments) {
  command.option_defaults()->group("When to stop: as soon as one of these holds");
  command.add_option("--budget", arguments.budget.evaluations, "So many points are evaluated");
  command.add_option("--cost", arguments.cost.cost, "So much is spent, in the unit of the costs");
  command.add_option("--error", arguments.value_error.value_error,
                     "The reported error of values is at most this, relative to their standard "
                     "deviation; from few samples, those of two rounds at most a tenth of it");
  command.add_option("--gradient-error", arguments.gradient_error.gradient_error,
                     "Likewise of the Jacobian, relative to its root mean square");
  command.add_option("--time", arguments.time.seconds, "So many seconds have passed");
  command.add_option("--stale", arguments.stale.stale_rounds,
                     "So many rounds in a row did not lower the best error by a tenth, or did not "
                     "find a better value if that is the goal");
  command.add_option("--closed", arguments.closed.closed_share,
                     "Boxes in which the function is simple have this share of the volume");
  command
      .add_option("--stop", arguments.stops,
                  "All of these hold, as in evaluations=100,value_error=1e-3; of evaluations, "
                  "cost, value_error, gradient_error, seconds, stale_rounds and closed_share. "
                  "Once or more")
      ->type_name("CONDITION,...")
      ->allow_extra_args(false);
  command.option_defaults()->group("Options");
}

void AddAimOptions(CLI::App& command, AimArguments& arguments) {
  const std::map<std::string, client::SamplingStrategy> strategies = {
      {"adaptive", client::SamplingStrategy::kAdaptive},
      {"space-filling", client::SamplingStrategy::kSpaceFilling},
      {"lola-voronoi", client::SamplingStrategy::kLolaVoronoi}};
  command
      .add_option("--strategy", arguments.strategy,
                  "adaptive (default), space-filling or lola-voronoi: how points are chosen")
      ->transform(OneOf(strategies));
  command
      .add_option(
          "--goal", arguments.goal,
          "surrogate (default), minimum:OUTPUT, maximum:OUTPUT or level:OUTPUT=NUMBER: what "
          "they are for")
      ->type_name("GOAL");
  command.add_option("--box-tolerance", arguments.boxes.tolerance,
                     "How wrong a Taylor polynomial may be in the box that it closes, relative to "
                     "the standard deviation; default 0.01");
  command.add_option("--max-boxes", arguments.boxes.max_boxes,
                     "Boxes at most; 0: none. Default 1000 in up to 3 inputs");
  command.add_option("--round", arguments.round_fraction,
                     "Points of a round, as a share of the samples known");
}

std::vector<client::StopRule> ReadRules(const StopArguments& arguments) {
  std::vector<client::StopRule> rules;
  if (arguments.budget.evaluations) rules.push_back(arguments.budget);
  if (arguments.cost.cost) rules.push_back(arguments.cost);
  if (arguments.value_error.value_error) rules.push_back(arguments.value_error);
  if (arguments.gradient_error.gradient_error) rules.push_back(arguments.gradient_error);
  if (arguments.time.seconds) rules.push_back(arguments.time);
  if (arguments.stale.stale_rounds) rules.push_back(arguments.stale);
  if (arguments.closed.closed_share) rules.push_back(arguments.closed);
  for (const std::string& stop : arguments.stops) rules.push_back(ParseRule(stop));
  return rules;
}

std::optional<client::SamplingGoal> ReadGoal(const AimArguments& arguments) {
  const std::string& text = arguments.goal;
  if (text.empty()) return std::nullopt;
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string kind = text.substr(0, colon);
  client::SamplingGoal goal{.output = text.substr(std::min(colon + 1, text.size()))};
  if (kind == "surrogate") {
    goal.kind = client::SamplingGoalKind::kSurrogate;
  } else if (kind == "minimum") {
    goal.kind = client::SamplingGoalKind::kMinimum;
  } else if (kind == "maximum") {
    goal.kind = client::SamplingGoalKind::kMaximum;
  } else if (kind == "level") {
    goal.kind = client::SamplingGoalKind::kLevel;
    const std::size_t equals = std::min(goal.output.find('='), goal.output.size());
    const std::string level = goal.output.substr(std::min(equals + 1, goal.output.size()));
    goal.output.resize(equals);
    if (!ReadCondition(level, goal.level)) {
      throw UsageError("--goal: expected level:OUTPUT=NUMBER, got " + Quoted(text));
    }
  } else {
    throw UsageError(
        "--goal: expected surrogate, minimum:OUTPUT, maximum:OUTPUT or level:OUTPUT=NUMBER, got " +
        Quoted(text));
  }
  return goal;
}

std::optional<client::SamplingBoxSpec> ReadBoxes(const AimArguments& arguments) {
  const client::SamplingBoxSpec& boxes = arguments.boxes;
  return boxes.tolerance || boxes.max_boxes ? std::optional(boxes) : std::nullopt;
}

}  // namespace sobolev::cli
