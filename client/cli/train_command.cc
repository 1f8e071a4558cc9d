#include <charconv>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <system_error>

#include "client/cli/commands.h"
#include "client/cli/interrupt.h"
#include "client/cli/json_format.h"
#include "client/cli/train_options.h"

namespace sobolev::cli {
namespace {

struct TrainArguments {
  std::string dataset;
  SpecArguments spec;
  client::TrainOptions options;
  bool detach = false;
};

void Train(const TrainArguments& arguments, Context& context) {
  const client::TrainingSpec spec = ReadSpec(arguments.spec);
  const InterruptToken interrupt;
  const client::Client client = context.Connect();
  const client::Job job = client.Train(arguments.dataset, spec, arguments.options);
  if (!arguments.detach) {
    std::cerr << job.name() << '\n';
    FollowJob(client, job, context, interrupt.token());
  } else if (context.json) {
    std::cout << Json{{"job", ToJson(job.Get())}}.dump(2) << '\n';
  } else {
    std::cout << job.name() << '\n';
  }
}

}  // namespace

std::string IsUint64(const std::string& text) {
  std::uint64_t seed = 0;
  const char* end = text.data() + text.size();
  const std::from_chars_result result = std::from_chars(text.data(), end, seed);
  if (result.ec == std::errc() && result.ptr == end) return "";
  return "expected a whole number from 0 to 18446744073709551615, got " + text;
}

std::string IsNotEmpty(const std::string& text) {
  return text.empty() ? "expected a text, got none" : "";
}

void AddTrainCommand(CLI::App& app, Context& context) {
  CLI::App* train = app.add_subcommand("train", "Train a model on a dataset.")->fallthrough();
  const auto arguments = std::make_shared<TrainArguments>();
  train->add_option("DATASET", arguments->dataset, "Dataset to learn from")->required();
  train->add_option("--model", arguments->options.model,
                    "Model that gets the new version; created if missing");
  train->add_option("--dataset-version", arguments->options.dataset_version,
                    "Learn from this version of the dataset");
  train->add_flag("--detach", arguments->detach, "Print the job's name and leave it running");
  AddSpecOptions(*train, arguments->spec);
  train->footer(
      "Without options the server tries polynomials, Gaussian processes and networks, judges them\n"
      "by held-out values and derivatives, and takes the best; options of networks mean\n"
      "--kind network. With another --optimizer than adam only --hidden, --activation, --skip,\n"
      "--residual and --derivative-scale apply. The report says what was tried and chosen. "
      "Progress goes to standard\n"
      "error. Ctrl-C leaves the job running and says how to follow or stop it.\n"
      "Exit code 0 if the job succeeds, 4 if it fails or is cancelled, 130 after Ctrl-C.");
  train->callback([arguments, &context] { Train(*arguments, context); });
}

}  // namespace sobolev::cli
