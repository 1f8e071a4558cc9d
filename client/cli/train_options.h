// Options of training that say what to fit and how.

#ifndef SOBOLEV_CLIENT_CLI_TRAIN_OPTIONS_H_
#define SOBOLEV_CLIENT_CLI_TRAIN_OPTIONS_H_

#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <sobolev/training.h>

#include "client/cli/composition_options.h"

namespace sobolev::cli {

// As typed, where the spec does not say it option by option.
struct SpecArguments {
  client::TrainingSpec spec;
  std::vector<std::string> increasing;
  std::vector<std::string> decreasing;
  CompositionArguments composition;
};

// What kind of model, and the work to spend on it. `spec` must outlive the parser.
void AddKindOptions(CLI::App& train, client::TrainingSpec& spec);

// All of them. `arguments` must outlive the parser.
void AddSpecOptions(CLI::App& train, SpecArguments& arguments);

// The spec, once the command line is parsed. Throws UsageError naming the option.
client::TrainingSpec ReadSpec(const SpecArguments& arguments);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_TRAIN_OPTIONS_H_
