// `sobolev sample start`: a job that decides where to evaluate next.

#include <algorithm>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/format.h"
#include "client/cli/json_format.h"
#include "client/cli/program_box.h"
#include "client/cli/sampling_options.h"
#include "client/cli/schema_text.h"
#include "client/cli/train_options.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Index;

struct StartArguments {
  client::SamplingSpec spec;
  StopArguments stop;
  AimArguments aim;
  client::TrainingSpec training;
  bool jacobian = true;
  std::string inputs;
  std::string outputs;
  std::string bounds;
};

bool IsGiven(const client::TrainingSpec& training) {
  return training.kind || training.effort || training.time_limit_seconds ||
         training.ensemble_size || training.taylor_base || training.taylor_order;
}

// The bounds of the schema, but for those that --bounds gives.
std::vector<client::Range> ReadDomain(const client::Schema& schema, const std::string& bounds) {
  std::vector<client::Range> domain;
  const std::vector<client::Variable> given = ParseVariables(bounds, "--bounds");
  for (const client::Variable& input : schema.inputs) {
    const auto found = std::ranges::find(given, input.name, &client::Variable::name);
    client::Variable variable = input;
    if (found != given.end()) {  // An end that is left out stays.
      if (found->lower) variable.lower = found->lower;
      if (found->upper) variable.upper = found->upper;
    }
    if (!variable.lower || !variable.upper) {
      throw UsageError("--bounds: expected " + input.name + "=LOWER:UPPER, because the dataset " +
                       "does not bound " + input.name);
    }
    domain.push_back({*variable.lower, *variable.upper});
  }
  for (const client::Variable& variable : given) {
    if (std::ranges::find(schema.inputs, variable.name, &client::Variable::name) ==
        schema.inputs.end()) {
      throw UsageError("--bounds: expected inputs of the dataset, got " + Quoted(variable.name));
    }
  }
  return domain;
}

// Makes the dataset if it is missing and --inputs and --outputs, or a program, say what it holds.
// Returns whether it did.
bool PrepareDataset(const client::Client& client, const StartArguments& arguments,
                    const std::optional<client::Program>& program) {
  const std::string& name = arguments.spec.dataset;
  if (arguments.inputs.empty() != arguments.outputs.empty()) {
    throw UsageError("--inputs, --outputs: expected both to make a dataset, or none");
  }
  if (!arguments.inputs.empty()) {
    client.CreateDataset(name, {.inputs = ParseVariables(arguments.inputs, "--inputs"),
                                .outputs = ParseVariables(arguments.outputs, "--outputs")});
    return true;
  }
  if (!program) return false;
  try {
    client.GetDataset(name);
  } catch (const client::RpcError& error) {
    if (error.code() != client::StatusCode::kNotFound) throw;
    client.CreateDataset(name, SchemaOf(*program));
    return true;
  }
  return false;
}

// A dataset made for a job that is refused goes with it.
client::Job StartOrForget(const client::Client& client, client::SamplingSpec spec,
                          const std::string& bounds, bool is_new) {
  try {
    if (spec.program.empty() && !bounds.empty()) {
      spec.domain = ReadDomain(client.GetDataset(spec.dataset).schema, bounds);
    }
    return client.StartSampling(spec);
  } catch (const UsageError&) {
    if (is_new) client.DeleteDataset(spec.dataset);
    throw;
  } catch (const client::RpcError& error) {
    const bool is_refused = error.code() == client::StatusCode::kInvalidArgument ||
                            error.code() == client::StatusCode::kFailedPrecondition ||
                            error.code() == client::StatusCode::kNotFound;
    if (is_new && is_refused) client.DeleteDataset(spec.dataset);
    throw;
  }
}

void Start(const StartArguments& arguments, const Context& context) {
  client::SamplingSpec spec = arguments.spec;
  spec.stop_rules = ReadRules(arguments.stop);
  spec.strategy = arguments.aim.strategy;
  spec.goal = ReadGoal(arguments.aim);
  spec.boxes = ReadBoxes(arguments.aim);
  spec.round_fraction = arguments.aim.round_fraction;
  spec.jacobian = arguments.jacobian;
  if (IsGiven(arguments.training)) spec.training = arguments.training;
  const client::Client client = context.Connect();
  std::optional<client::Program> program;
  if (!spec.program.empty()) {
    program = client.GetProgram(spec.program);
    const Box box = BoxOf(*program, arguments.bounds);
    for (Index j = 0; j < box.low.size(); ++j) spec.domain.push_back({box.low[j], box.high[j]});
  }
  const bool is_new = PrepareDataset(client, arguments, program);
  const client::Job job = StartOrForget(client, std::move(spec), arguments.bounds, is_new);
  if (context.json) {
    std::cout << Json{{"job", ToJson(job.Get())}}.dump(2) << '\n';
  } else {
    std::cout << job.name() << '\n';
  }
}

}  // namespace

void AddSampleStartCommand(CLI::App& group, Context& context) {
  CLI::App* start = group.add_subcommand("start", "Start a sampling job.")->fallthrough();
  const auto arguments = std::make_shared<StartArguments>();
  client::SamplingSpec& spec = arguments->spec;
  start->add_option("--dataset", spec.dataset, "Dataset that gets the results")->required();
  start->add_option("--inputs", arguments->inputs,
                    "Make the dataset if it is missing, with these inputs, as in "
                    "'alpha=-5:15[deg],mach=0.2:0.8'");
  start->add_option("--outputs", arguments->outputs, "and these outputs, likewise");
  start->add_option("--model", spec.model, "Model that gets the versions; created if missing");
  start->add_option("--program", spec.program,
                    "Program that the server evaluates; without, workers evaluate the points");
  start
      ->add_option("--bounds", arguments->bounds,
                   "Where to sample, instead of the bounds of the dataset or the program: "
                   "NAME=LOWER:UPPER,...")
      ->check(CLI::Validator(IsNotEmpty, ""));
  AddStopOptions(*start, arguments->stop);
  AddAimOptions(*start, arguments->aim);
  start->add_option("--initial", spec.initial_points,
                    "Points that are spread evenly before the first model");
  start->add_flag("--jacobian,!--no-jacobian", arguments->jacobian,
                  "Whether workers are to tell the Jacobian; default true");
  start->add_option("--value-cost", spec.value_cost, "Of an evaluation; default 1");
  start->add_option("--jacobian-cost", spec.jacobian_cost,
                    "Of its Jacobian on top, in the same unit; default 1");
  start->add_option("--lease", spec.lease_seconds,
                    "Seconds that a worker may be silent before its points go to others");
  start->add_option("--attempts", spec.max_attempts,
                    "How often a point is handed out before it is given up");
  start->add_option("--seed", spec.seed, "Of the points")->check(IsUint64);
  start->option_defaults()->group("Models of the rounds");
  AddKindOptions(*start, arguments->training);
  start->footer(
      "Without a stop rule the job goes on until sample stop. Workers are sobolev worker, sample "
      "ask\n"
      "and tell, or programs that call the server.\n\n"
      "Example:\n"
      "  sobolev sample start --dataset wing --inputs 'span=1:2,chord=0:1' --outputs lift \\\n"
      "    --model wing --error 0.01 --budget 200\n"
      "  sobolev sample start --dataset cone --program cone --stop "
      "evaluations=100,value_error=1e-3");
  start->callback([arguments, &context] { Start(*arguments, context); });
}

}  // namespace sobolev::cli
