// Options of training that say what inputs and outputs are, by name.

#ifndef SOBOLEV_CLIENT_CLI_COMPOSITION_OPTIONS_H_
#define SOBOLEV_CLIENT_CLI_COMPOSITION_OPTIONS_H_

#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <sobolev/training.h>

namespace sobolev::cli {

// As typed.
struct CompositionArguments {
  std::vector<std::string> periods;    // NAME=PERIOD
  std::vector<std::string> harmonics;  // NAME=NUMBER
  std::vector<std::string> log_inputs;
  std::vector<std::string> lower;  // NAME=BOUND
  std::vector<std::string> upper;  // NAME=BOUND
  std::vector<std::string> log_outputs;
};

void AddCompositionOptions(CLI::App& train, CompositionArguments& arguments,
                           client::TrainingSpec& spec);

// Fills the maps of the spec. Throws UsageError naming the option.
void ReadMaps(const CompositionArguments& arguments, client::TrainingSpec& spec);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_COMPOSITION_OPTIONS_H_
