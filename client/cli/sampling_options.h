// Options of sampling jobs that may also change while they run: when to stop, and what points are
// for.

#ifndef SOBOLEV_CLIENT_CLI_SAMPLING_OPTIONS_H_
#define SOBOLEV_CLIENT_CLI_SAMPLING_OPTIONS_H_

#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <sobolev/sampling.h>

namespace sobolev::cli {

// As typed.
struct StopArguments {
  client::StopRule budget;  // One condition each of these.
  client::StopRule cost;
  client::StopRule value_error;
  client::StopRule gradient_error;
  client::StopRule time;
  client::StopRule stale;
  client::StopRule closed;
  std::vector<std::string> stops;
};

// As typed.
struct AimArguments {
  std::optional<client::SamplingStrategy> strategy;
  std::string goal;
  client::SamplingBoxSpec boxes;
  std::optional<double> round_fraction;
};

// `arguments` must outlive the parser.
void AddStopOptions(CLI::App& command, StopArguments& arguments);
void AddAimOptions(CLI::App& command, AimArguments& arguments);

// Any of the rules holds. Throws UsageError naming --stop.
std::vector<client::StopRule> ReadRules(const StopArguments& arguments);

// No value if --goal is not given. Throws UsageError naming it.
std::optional<client::SamplingGoal> ReadGoal(const AimArguments& arguments);
// No value if none of the options of boxes is given.
std::optional<client::SamplingBoxSpec> ReadBoxes(const AimArguments& arguments);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_SAMPLING_OPTIONS_H_
