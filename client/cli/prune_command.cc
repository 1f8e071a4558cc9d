// `sobolev model prune`: a smaller version of a network that keeps values and derivatives.

#include <iostream>
#include <map>
#include <memory>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/interrupt.h"
#include "client/cli/json_format.h"
#include "client/cli/option_values.h"
#include "client/cli/program_box.h"

namespace sobolev::cli {
namespace {

struct PruneArguments {
  std::string model;
  std::string bounds;
  client::PruneOptions options;
  bool detach = false;
};

void Prune(const PruneArguments& arguments, Context& context) {
  client::PruneOptions options = arguments.options;
  const InterruptToken interrupt;
  const client::Client client = context.Connect();
  std::string model = arguments.model;
  if (!arguments.bounds.empty()) {
    const client::ModelVersion version = client.GetModelVersion(model);
    options.box = RangesOf(BoxOf(version, arguments.bounds));
    model = version.name;
  }
  const client::Job job = client.Prune(model, options);
  if (!arguments.detach) {
    std::cerr << job.name() << '\n';
    FollowJob(client, job, context, interrupt.token());
  } else if (context.json) {
    std::cout << Json{{"job", ToJson(job.Get())}}.dump(2) << '\n';
  } else {
    std::cout << job.name() << '\n';
  }
}

void AddTargetOptions(CLI::App& prune, client::PruneOptions& options) {
  prune.option_defaults()->group("How far to go: one of these, or both errors");
  prune.add_option("--fraction", options.fraction,
                   "Of the vertices or weights to remove; three vertices stay in each layer");
  prune.add_option("--max-parameters", options.parameters, "That are left at most");
  prune.add_option("--max-cost", options.multiply_adds,
                   "Multiply-adds of a Jacobian that are left at most");
  prune.add_option("--max-error", options.value_error,
                   "Remove as much as changes values by at most so many standard deviations (RMS)");
  prune.add_option("--max-jacobian-error", options.jacobian_error,
                   "The same for Jacobians, relative (RMS)");
  prune.add_option("--input-threshold", options.input_threshold,
                   "Drop inputs whose bound on the total Sobol index is below; 0.01 is usual");
}

void AddRuleOptions(CLI::App& prune, PruneArguments& arguments) {
  using client::PrunedParts;
  using client::PruningCompensation;
  using client::PruningRule;
  const std::map<std::string, PrunedParts> parts = {{"vertices", PrunedParts::kVertices},
                                                    {"weights", PrunedParts::kWeights}};
  const std::map<std::string, PruningRule> rules = {
      {"sobolev-obs", PruningRule::kSobolevObs}, {"interval", PruningRule::kInterval},
      {"sampled", PruningRule::kSampled},        {"taylor", PruningRule::kTaylor},
      {"magnitude", PruningRule::kMagnitude},    {"wanda", PruningRule::kWanda},
      {"random", PruningRule::kRandom}};
  const std::map<std::string, PruningCompensation> compensations = {
      {"sobolev", PruningCompensation::kSobolev},
      {"mean", PruningCompensation::kMean},
      {"midpoint", PruningCompensation::kMidpoint},
      {"zero", PruningCompensation::kZero}};
  client::PruneOptions& options = arguments.options;
  prune.option_defaults()->group("What goes and what takes its place");
  prune.add_option("--parts", options.parts, "vertices (default) or weights")
      ->transform(OneOf(parts));
  prune
      .add_option("--rule", options.rule,
                  "sobolev-obs (default), interval, magnitude or random; of vertices also sampled "
                  "and taylor, of weights wanda")
      ->transform(OneOf(rules));
  prune
      .add_option("--compensation", options.compensation,
                  "sobolev (default): refit to values and tangents; mean, midpoint or zero")
      ->transform(OneOf(compensations));
  prune
      .add_option(
          "--bounds", arguments.bounds,
          "Where the model is to stay what it is, instead of its domain: "
          "NAME=LOWER:UPPER,...; an end that is left out, as in x=0:, is that of the domain")
      ->type_name("BOX");
  prune.add_option("--points", options.num_points, "To rank and fit with; default 2048");
  prune.add_option("--certificate-boxes", options.certificate_boxes,
                   "How much to spend on proved bounds of the difference; 0: none; default 5000");
  prune.add_option("--seed", options.seed, "Of points and the order of samples")->check(IsUint64);
}

void AddRetrainingOptions(CLI::App& prune, client::PruneOptions& options) {
  prune.option_defaults()->group("Retraining, which any of these asks for");
  prune.add_flag("--retrain", options.retrain,
                 "Retrain what is left (removed weights stay 0), and a network of the same size "
                 "from scratch to compare");
  prune.add_option("--dataset", options.dataset, "Default: what the model was trained on");
  prune.add_option("--dataset-version", options.dataset_version, "This version of the dataset");
  prune.add_option("--steps", options.steps, "Of the optimiser; default 1000");
  prune.add_option("--learning-rate", options.learning_rate, "Peak of the one-cycle schedule");
  prune.add_option("--alpha", options.alpha, "Weight of the value loss");
  prune.add_option("--beta", options.beta, "Weight of the gradient loss");
}

}  // namespace

void AddPruneCommand(CLI::App& group, Context& context) {
  CLI::App* prune =
      group
          .add_subcommand("prune",
                          "Make a smaller version of a network that keeps values and derivatives.")
          ->fallthrough();
  const auto arguments = std::make_shared<PruneArguments>();
  prune->add_option("MODEL", arguments->model, "Model, or models/MODEL/versions/N")->required();
  prune->add_option("--into", arguments->options.model_id,
                    "Model that gets the new version, created if missing; default the same");
  prune->add_flag("--detach", arguments->detach, "Print the job's name and leave it running");
  AddTargetOptions(*prune, arguments->options);
  AddRuleOptions(*prune, *arguments);
  AddRetrainingOptions(*prune, arguments->options);
  prune->footer(
      "The report says what was removed, how far values and Jacobians are from the original, and\n"
      "what is proved of the difference. Progress goes to standard error. Ctrl-C leaves the job\n"
      "running and says how to follow or stop it.\n"
      "Exit code 0 if the job succeeds, 4 if it fails or is cancelled, 130 after Ctrl-C.");
  prune->callback([arguments, &context] { Prune(*arguments, context); });
}

}  // namespace sobolev::cli
