// `sobolev model prune`: a smaller version of a network that keeps values and derivatives.

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "client/cli/await_job.h"
#include "client/cli/commands.h"
#include "client/cli/format.h"
#include "client/cli/interrupt.h"
#include "client/cli/json_format.h"
#include "client/cli/option_values.h"
#include "client/cli/program_box.h"
#include "client/cli/pruning_text.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

struct PruneArguments {
  std::string model;
  std::string bounds;
  std::string split;
  client::PruneOptions options;
  bool detach = false;
};

// INPUT=K.
struct Split {
  std::size_t input = 0;
  int parts = 0;
};

Split ParseSplit(const std::string& text, const client::ModelVersion& version) {
  constexpr int kMostParts = 64;
  const std::size_t equals = text.rfind('=');
  Split split;
  const char* const end = text.data() + text.size();
  const char* const number = equals == std::string::npos ? end : text.data() + equals + 1;
  const auto [rest, error] = std::from_chars(number, end, split.parts);
  if (error != std::errc() || rest != end || split.parts < 2 || split.parts > kMostParts) {
    throw UsageError("--split: expected INPUT=K with K from 2 to " + std::to_string(kMostParts) +
                     ", got \"" + text + "\"");
  }
  const std::vector<std::string> names = Names(version.schema.inputs);
  const auto found = std::ranges::find(names, text.substr(0, equals));
  if (found == names.end()) {
    throw UsageError("--split: \"" + text.substr(0, equals) + "\" is no input of " + version.name +
                     "; expected " + Join(names, ", ").substr(0, 200));
  }
  split.input = static_cast<std::size_t>(found - names.begin());
  return split;
}

std::vector<std::vector<client::Range>> PartsOf(const std::vector<client::Range>& box,
                                                const Split& split) {
  const client::Range whole = box.at(split.input);
  std::vector<std::vector<client::Range>> parts;
  parts.reserve(static_cast<std::size_t>(split.parts));
  double from = whole.min;
  for (int k = 1; k <= split.parts; ++k) {
    const double to = std::lerp(whole.min, whole.max, static_cast<double>(k) / split.parts);
    parts.push_back(box);
    parts.back()[split.input] = {from, to};
    from = to;
  }
  return parts;
}

// A job for each part of the box, then a table of what came out.
void PruneParts(const PruneArguments& arguments, Context& context) {
  client::PruneOptions options = arguments.options;
  const InterruptToken interrupt;
  const client::Client client = context.Connect();
  const client::ModelVersion source = client.GetModelVersion(arguments.model);
  if (options.model_id.empty() || source.name.starts_with("models/" + options.model_id + "/")) {
    throw UsageError(
        "--split: expected --into another model, or the newest version of this one would hold in a "
        "part of the domain");
  }
  const Split split = ParseSplit(arguments.split, source);
  std::vector<client::Job> jobs;
  jobs.reserve(static_cast<std::size_t>(split.parts));
  for (auto& part : PartsOf(RangesOf(BoxOf(source, arguments.bounds)), split)) {
    options.box = std::move(part);
    jobs.push_back(client.Prune(source.name, options));
    (arguments.detach && !context.json ? std::cout : std::cerr) << jobs.back().name() << '\n';
  }
  Json list = Json::array();
  if (arguments.detach) {
    for (const client::Job& job : jobs) list.push_back(ToJson(job.Get()));
    if (context.json) std::cout << Json{{"jobs", std::move(list)}}.dump(2) << '\n';
    return;
  }
  std::vector<client::ModelVersion> versions;
  versions.reserve(jobs.size());
  for (const client::Job& job : jobs) {
    try {
      const std::optional<client::JobStatus> status = AwaitJob(job, context, interrupt.token());
      if (!status) return;
      versions.push_back(client.GetModelVersion(status->model));
    } catch (const client::JobError&) {
      std::cerr << "Part " << versions.size() + 1 << " of " << jobs.size() << " failed; "
                << options.model_id
                << " has the parts before it, and those that are still to come.\n";
      throw;
    }
    list.push_back(ToJson(versions.back()));
  }
  if (context.json) {
    std::cout << Json{{"model_versions", std::move(list)}}.dump(2) << '\n';
  } else {
    PrintPrunedParts(std::cout, versions, split.input);
  }
}

void Prune(const PruneArguments& arguments, Context& context) {
  if (!arguments.split.empty()) {
    PruneParts(arguments, context);
    return;
  }
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
      ->type_name("BOX")
      ->check(CLI::Validator(IsNotEmpty, ""));
  prune
      .add_option("--split", arguments.split,
                  "Cut that along an input into K equal parts, and make a version for each, which "
                  "holds there only")
      ->type_name("INPUT=K");
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
