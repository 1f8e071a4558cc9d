#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/evaluation.h"
#include "client/cli/files.h"
#include "client/cli/format.h"
#include "client/cli/interrupt.h"
#include "client/cli/json_format.h"
#include "client/cli/option_values.h"
#include "client/cli/program_box.h"
#include "client/cli/sampling_format.h"
#include "client/cli/sampling_page.h"
#include "client/cli/sampling_picture.h"
#include "client/cli/sampling_spending.h"
#include "client/cli/schema_text.h"
#include "client/cli/train_options.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using client::Index;

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

// What may also change later.
struct AimArguments {
  std::optional<client::SamplingStrategy> strategy;
  std::string goal;
  client::SamplingBoxSpec boxes;
  std::optional<double> round_fraction;
};

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

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

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

// "minimum:u", "level:u=0.5" or "surrogate"; nothing of "".
std::optional<client::SamplingGoal> ParseGoal(const std::string& text) {
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

bool IsGiven(const client::TrainingSpec& training) {
  return training.kind || training.effort || training.time_limit_seconds ||
         training.ensemble_size || training.taylor_base || training.taylor_order;
}

bool IsGiven(const client::SamplingBoxSpec& boxes) { return boxes.tolerance || boxes.max_boxes; }

// The bounds of the schema, but for those that --bounds gives.
std::vector<client::Range> ReadDomain(const client::Schema& schema, const std::string& bounds) {
  std::vector<client::Range> domain;
  const std::vector<client::Variable> given = ParseVariables(bounds, "--bounds");
  for (const client::Variable& input : schema.inputs) {
    const auto found = std::ranges::find(given, input.name, &client::Variable::name);
    const client::Variable& variable = found == given.end() ? input : *found;
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
client::Job StartOrForget(const client::Client& client, const client::SamplingSpec& spec,
                          bool is_new) {
  try {
    return client.StartSampling(spec);
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
  spec.goal = ParseGoal(arguments.aim.goal);
  if (IsGiven(arguments.aim.boxes)) spec.boxes = arguments.aim.boxes;
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
  if (!program && !arguments.bounds.empty()) {
    spec.domain = ReadDomain(client.GetDataset(spec.dataset).schema, arguments.bounds);
  }
  const client::Job job = StartOrForget(client, spec, is_new);
  if (context.json) {
    std::cout << Json{{"job", ToJson(job.Get())}}.dump(2) << '\n';
  } else {
    std::cout << job.name() << '\n';
  }
}

void Print(const client::Sampling& sampling, const Context& context) {
  if (context.json) {
    std::cout << ToJson(sampling).dump(2) << '\n';
  } else {
    PrintSampling(std::cout, sampling);
  }
}

struct UpdateArguments {
  std::string job;
  StopArguments stop;
  bool keep_rules = false;
  AimArguments aim;
};

void Update(const UpdateArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  client::SamplingChange change{.strategy = arguments.aim.strategy,
                                .goal = ParseGoal(arguments.aim.goal),
                                .round_fraction = arguments.aim.round_fraction};
  if (std::vector<client::StopRule> rules = ReadRules(arguments.stop); !rules.empty()) {
    if (arguments.keep_rules) {
      const client::Sampling now = client.GetSampling(arguments.job);
      rules.insert(rules.begin(), now.spec.stop_rules.begin(), now.spec.stop_rules.end());
    }
    change.stop_rules = std::move(rules);
  } else if (arguments.keep_rules) {
    throw UsageError("--keep: expected a rule to add to those that the job has");
  }
  if (IsGiven(arguments.aim.boxes)) change.boxes = arguments.aim.boxes;
  Print(client.UpdateSampling(arguments.job, change), context);
}

// A line for each change.
class ChangeLog {
 public:
  explicit ChangeLog(bool json) : json_(json) {}

  void Show(const client::JobEvent& event) {
    const std::string state(Name(event.state));
    const std::string text = event.sampling ? Describe(*event.sampling) : state;
    if (text == last_) return;
    last_ = text;
    if (!json_) {
      std::cout << text << std::endl;
      return;
    }
    Json line = {{"state", state}};
    if (event.sampling) line["sampling"] = ToJson(*event.sampling);
    std::cout << line.dump() << std::endl;
  }

 private:
  const bool json_;
  std::string last_;
};

void Watch(const std::string& name, Context& context) {
  const InterruptToken interrupt;
  const client::Client client = context.Connect();
  client.GetSampling(name);  // Refuses jobs of other kinds.
  const client::Job job = client.GetJob(name);
  ChangeLog log(context.json);
  const client::JobStatus status =
      job.Watch([&](const client::JobEvent& event) { log.Show(event); }, 0, interrupt.token());
  if (!IsTerminal(status.state)) {
    std::cerr << job.name() << " runs on. To follow it: sobolev sample watch " << job.name()
              << "; to end it: sobolev sample stop " << job.name() << '\n';
    context.exit_code = kInterrupted;
    return;
  }
  if (status.state != client::JobState::kSucceeded) throw client::JobError(status);
  const client::Sampling sampling = client.GetSampling(name);
  if (context.json) {
    std::cout << Json{{"state", Name(status.state)}, {"sampling", ToJson(sampling)}}.dump() << '\n';
  } else {
    std::cout << '\n';
    PrintSampling(std::cout, sampling);
  }
}

client::Schema SchemaOf(const client::Client& client, const std::string& job) {
  return client.GetDataset(client.GetSampling(job).spec.dataset).schema;
}

struct AskArguments {
  std::string job;
  std::string worker;
  int count = 1;
};

void Ask(const AskArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  const client::Schema schema = SchemaOf(client, arguments.job);
  const client::AskReply reply = client.Ask(arguments.job, arguments.worker, arguments.count);
  if (context.json) {
    Json points = Json::array();
    for (const client::SamplingPoint& point : reply.points) {
      points.push_back(PointToJson(point, schema, reply.jacobian));
    }
    std::cout << Json{{"points", std::move(points)},
                      {"retry_after_seconds", reply.retry_after_seconds},
                      {"heartbeat_seconds", reply.heartbeat_seconds},
                      {"finished", reply.finished}}
                     .dump(2)
              << '\n';
    return;
  }
  if (reply.finished) {
    std::cerr << "the job has ended\n";
    return;
  }
  if (reply.points.empty()) {
    std::cerr << "no points now; ask again in " << FormatShort(reply.retry_after_seconds) << " s\n";
    return;
  }
  std::vector<std::vector<std::string>> rows = {{"point", "attempt"}};
  for (const client::Variable& input : schema.inputs) rows[0].push_back(input.name);
  for (const client::SamplingPoint& point : reply.points) {
    std::vector<std::string>& row = rows.emplace_back(
        std::vector<std::string>{std::to_string(point.id), std::to_string(point.attempt)});
    for (const double x : point.x) row.push_back(FormatExact(x));
  }
  PrintTable(std::cout, rows);
}

struct TellArguments {
  std::string job;
  std::string worker;
  std::string file = "-";
};

// A line of the input.
struct Told {
  std::int64_t point = 0;
  int attempt = 0;
  Evaluation evaluation;
};

Told ParseTold(const std::string& line, const client::Schema& schema) {
  Json object;
  try {
    object = ParseJson(line);
  } catch (const Json::parse_error& error) {
    throw UsageError("expected a JSON object: " + std::string(error.what()));
  }
  Told told{.evaluation = ReadEvaluation(object, schema)};
  const auto read = [&](const char* name, auto& number) {
    if (!object.contains(name)) return;
    if (!object[name].is_number_integer()) {
      throw UsageError(std::string(name) + ": expected a whole number, got " + object[name].dump());
    }
    number = object[name].get<std::decay_t<decltype(number)>>();
  };
  read("point", told.point);
  read("attempt", told.attempt);
  if (told.point < 1) throw UsageError("expected \"point\", the id of a point, 1 or more");
  return told;
}

std::vector<Told> ReadTold(const std::string& name, const client::Schema& schema) {
  InputFile file(name);
  std::vector<Told> all;
  std::string line;
  for (int number = 1; std::getline(file.stream(), line); ++number) {
    if (std::ranges::all_of(line, [](unsigned char c) { return std::isspace(c) != 0; })) continue;
    try {
      all.push_back(ParseTold(line, schema));
    } catch (const UsageError& error) {
      throw UsageError(file.name() + ": line " + std::to_string(number) + ": " + error.what());
    }
  }
  if (all.empty()) {
    throw UsageError(file.name() + ": expected a line {\"point\": ..., \"y\": ...} or more");
  }
  return all;
}

client::TellReply Tell(const client::Client& client, const TellArguments& arguments,
                       const Told& told) {
  const Evaluation& evaluation = told.evaluation;
  if (evaluation.kind != Evaluation::Kind::kValue) {
    return client.Tell(arguments.job, arguments.worker, {}, {},
                       {{.point = told.point,
                         .infeasible = evaluation.kind == Evaluation::Kind::kInfeasible,
                         .reason = evaluation.reason,
                         .attempt = told.attempt}});
  }
  const std::vector<client::SamplingPoint> points =
      client.ListSamplingPoints(arguments.job, told.point - 1, 1);
  if (points.empty() || points.front().id != told.point) {
    throw UsageError("point: expected the id of a point of this job, got " +
                     std::to_string(told.point));
  }
  return client.Tell(
      arguments.job, arguments.worker, {told.point},
      {.X = points.front().x, .Y = evaluation.y, .jacobian = evaluation.jacobian, .weight = {}});
}

void TellAll(const TellArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  const client::Schema schema = SchemaOf(client, arguments.job);
  Json outcomes = Json::array();
  bool finished = false;
  for (const Told& told : ReadTold(arguments.file, schema)) {
    const client::TellReply reply = Tell(client, arguments, told);
    const std::string_view outcome = Name(reply.outcomes.at(0));
    finished = reply.finished;
    outcomes.push_back({{"point", told.point}, {"outcome", outcome}});
    if (!context.json) std::cout << "point " << told.point << ": " << outcome << '\n';
  }
  if (context.json) {
    std::cout << Json{{"outcomes", std::move(outcomes)}, {"finished", finished}}.dump(2) << '\n';
  }
}

void ListPoints(const std::string& job, const Context& context) {
  const client::Client client = context.Connect();
  const client::Schema schema = SchemaOf(client, job);
  const std::vector<client::SamplingPoint> points = client.ListSamplingPoints(job);
  if (!context.json) {
    PrintPoints(std::cout, points, schema);
    return;
  }
  Json list = Json::array();
  for (const client::SamplingPoint& point : points) list.push_back(ToJson(point, schema));
  std::cout << list.dump(2) << '\n';
}

void ListBoxes(const std::string& job, const Context& context) {
  const client::Client client = context.Connect();
  const client::Schema schema = SchemaOf(client, job);
  const client::SamplingBoxes boxes = client.GetSamplingBoxes(job);
  if (context.json) {
    std::cout << ToJson(boxes, schema).dump(2) << '\n';
  } else {
    PrintBoxes(std::cout, boxes, schema);
  }
}

struct ReportArguments {
  std::string job;
  std::string svg;
  std::string html;
  std::vector<std::string> axes;
};

// The places of the inputs that --axes names; the first two, without it.
std::pair<std::size_t, std::size_t> ReadAxes(const ReportArguments& arguments,
                                             const client::Schema& schema) {
  const std::vector<std::string> inputs = Names(schema.inputs);
  if (arguments.axes.empty()) return {0, inputs.size() - 1 < 1 ? 0 : 1};
  if (arguments.axes.size() != 2) {
    throw UsageError("--axes: expected two inputs, got " + std::to_string(arguments.axes.size()));
  }
  const auto place = [&](const std::string& name) {
    const auto found = std::ranges::find(inputs, name);
    if (found == inputs.end()) {
      throw UsageError("--axes: expected inputs of the dataset, " + Join(inputs, ", ") + ", got " +
                       Quoted(name));
    }
    return static_cast<std::size_t>(found - inputs.begin());
  };
  return {place(arguments.axes[0]), place(arguments.axes[1])};
}

void Report(const ReportArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  const client::Sampling sampling = client.GetSampling(arguments.job);
  const client::Schema schema = client.GetDataset(sampling.spec.dataset).schema;
  const auto [first, second] = ReadAxes(arguments, schema);
  const std::vector<client::SamplingPoint> points = client.ListSamplingPoints(arguments.job);
  const client::SamplingBoxes boxes = client.GetSamplingBoxes(arguments.job);
  const auto write = [](const std::string& name, const std::string& text) {
    OutputFile file(name);
    file.stream() << text;
    file.Commit();
  };
  if (!arguments.svg.empty()) {
    write(arguments.svg, DrawSampling(sampling, points, boxes, schema, first, second));
  }
  if (!arguments.html.empty()) write(arguments.html, MakePage(sampling, points, boxes, schema));
  const std::vector<Portion> by_order = SpendingByOrder(sampling, points, boxes);
  const std::vector<Portion> by_slice = SpendingBySlice(sampling, points, schema);
  if (context.json) {
    Json list = Json::array();
    for (const client::SamplingPoint& point : points) list.push_back(ToJson(point, schema));
    Json even = Json::array();
    for (const client::SamplingRound& round : sampling.rounds) {
      even.push_back(NumberToJson(ErrorOfEvenPoints(sampling, round)));
    }
    std::cout << Json{{"sampling", ToJson(sampling)},
                      {"error_of_even_points", std::move(even)},
                      {"points", std::move(list)},
                      {"boxes", ToJson(boxes, schema)},
                      {"spending",
                       {{"by_order", ToJson(by_order)}, {"by_slice", ToJson(by_slice)}}}}
                     .dump(2)
              << '\n';
    return;
  }
  PrintSampling(std::cout, sampling);
  std::cout << '\n';
  PrintTable(std::cout, RoundTable(sampling));
  std::cout << "\neven points: a prediction of the value error with as many evenly spread points, "
               "the largest\nthat follows from the rounds so far by the rate N^(-3/n) of piecewise "
               "quadratic models\n\n";
  PrintSpending(std::cout, points);
  for (const std::vector<Portion>& portions : {by_order, by_slice}) {
    if (portions.empty()) continue;
    std::cout << '\n';
    PrintTable(std::cout, ToTable(portions, points));
  }
}

void AddStopOptions(CLI::App& start, StopArguments& arguments) {
  start.option_defaults()->group("When to stop: as soon as one of these holds");
  start.add_option("--budget", arguments.budget.evaluations, "So many points are evaluated");
  start.add_option("--cost", arguments.cost.cost, "So much is spent, in the unit of the costs");
  start.add_option("--error", arguments.value_error.value_error,
                   "The reported error of values is at most this, relative to their standard "
                   "deviation");
  start.add_option("--gradient-error", arguments.gradient_error.gradient_error,
                   "Likewise of the Jacobian, relative to its root mean square");
  start.add_option("--time", arguments.time.seconds, "So many seconds have passed");
  start.add_option("--stale", arguments.stale.stale_rounds,
                   "So many rounds in a row did not lower the best error by a tenth, or did not "
                   "find a better value if that is the goal");
  start.add_option("--closed", arguments.closed.closed_share,
                   "Boxes in which the function is simple have this share of the volume");
  start
      .add_option("--stop", arguments.stops,
                  "All of these hold, as in evaluations=100,value_error=1e-3; of evaluations, "
                  "cost, value_error, gradient_error, seconds, stale_rounds and closed_share. "
                  "Once or more")
      ->type_name("CONDITION,...")
      ->allow_extra_args(false);
  start.option_defaults()->group("Options");
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

void AddStartCommand(CLI::App& group, Context& context) {
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
  start->add_option("--bounds", arguments->bounds,
                    "Where to sample, instead of the bounds of the dataset or the program: "
                    "NAME=LOWER:UPPER,...");
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

void AddUpdateCommand(CLI::App& group, Context& context) {
  CLI::App* update =
      group.add_subcommand("update", "Change what a job does, or have one that ended go on.")
          ->fallthrough();
  const auto arguments = std::make_shared<UpdateArguments>();
  update->add_option("JOB", arguments->job, "Sampling job")->required();
  AddStopOptions(*update, arguments->stop);
  update->add_flag("--keep", arguments->keep_rules,
                   "Add the new rules to those that there are; default: they replace these");
  AddAimOptions(*update, arguments->aim);
  update->footer(
      "What is not named stays as it is. A job that has succeeded goes on if its stop rules "
      "change.\n\n"
      "Example:\n"
      "  sobolev sample update JOB --budget 400 --goal minimum:drag");
  update->callback([arguments, &context] { Update(*arguments, context); });
}

void AddWorkCommands(CLI::App& group, Context& context) {
  CLI::App* ask = group.add_subcommand("ask", "Get points to evaluate.")->fallthrough();
  const auto ask_arguments = std::make_shared<AskArguments>();
  ask->add_option("JOB", ask_arguments->job, "Sampling job")->required();
  ask->add_option("--worker", ask_arguments->worker, "Who asks, one name for each")->required();
  ask->add_option("--count", ask_arguments->count, "Points to hold in all")
      ->check(CLI::Range(1, 4096).description(""))
      ->capture_default_str();
  ask->footer("Points that the worker holds already come first, so that asking again is harmless.");
  ask->callback([ask_arguments, &context] { Ask(*ask_arguments, context); });

  CLI::App* tell = group.add_subcommand("tell", "Report what came of points.")->fallthrough();
  const auto tell_arguments = std::make_shared<TellArguments>();
  tell->add_option("JOB", tell_arguments->job, "Sampling job")->required();
  tell->add_option("FILE", tell_arguments->file, "File; - or nothing: standard input");
  tell->add_option("--worker", tell_arguments->worker, "Who tells")->required();
  tell->footer(
      "One JSON object a line, as sobolev worker reads it from its command, with the point:\n"
      "  {\"point\": 7, \"y\": [0.7], \"jacobian\": [[0.5, 1.3]]}\n"
      "  {\"point\": 8, \"infeasible\": true, \"reason\": \"no flow\"}\n"
      "  {\"point\": 9, \"failed\": true, \"reason\": \"no licence\", \"attempt\": 1}\n"
      "Telling the same again is harmless.");
  tell->callback([tell_arguments, &context] { TellAll(*tell_arguments, context); });
}

void AddReportCommand(CLI::App& group, Context& context) {
  CLI::App* report =
      group.add_subcommand("report", "Show the rounds, and where the points went.")->fallthrough();
  const auto arguments = std::make_shared<ReportArguments>();
  report->add_option("JOB", arguments->job, "Sampling job")->required();
  report
      ->add_option("--svg", arguments->svg,
                   "Draw the points over two inputs, and the errors of the rounds, into this "
                   "file")
      ->type_name("FILE");
  report
      ->add_option("--html", arguments->html,
                   "Write the report with pictures over all pairs of the first six inputs into "
                   "this file")
      ->type_name("FILE");
  AddList(*report, "--axes", arguments->axes, "NAME,NAME",
          "The two inputs; default: the first ones");
  report->callback([arguments, &context] { Report(*arguments, context); });
}

}  // namespace

void AddSampleCommands(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand(
      "sample", "Start, watch, steer and work for jobs that decide where to evaluate next.");
  group->require_subcommand(1)->fallthrough();
  AddStartCommand(*group, context);
  const auto name = std::make_shared<std::string>();
  const auto add = [&](const char* command, const char* help, auto run) {
    CLI::App* added = group->add_subcommand(command, help)->fallthrough();
    added->add_option("JOB", *name, "Sampling job")->required();
    added->callback([name, &context, run] { run(*name, context); });
    return added;
  };
  add("status", "Show where a job stands.", [](const std::string& job, const Context& shared) {
    Print(shared.Connect().GetSampling(job), shared);
  });
  add("watch", "Follow a job until it ends, with a line for each change.", Watch)
      ->footer(
          "Exit code 0 if the job succeeds, 4 if it fails or is cancelled, 130 after Ctrl-C, "
          "which\n"
          "leaves the job running.");
  AddUpdateCommand(*group, context);
  AddWorkCommands(*group, context);
  add("pause", "Hand out no more points; what is leased may still be told.",
      [](const std::string& job, const Context& shared) {
        Print(shared.Connect().PauseSampling(job), shared);
      });
  add("resume", "Go on after pause.", [](const std::string& job, const Context& shared) {
    Print(shared.Connect().ResumeSampling(job), shared);
  });
  add("stop", "End a job with a model of all that was told.",
      [](const std::string& job, const Context& shared) {
        Print(shared.Connect().StopSampling(job), shared);
      });
  add("points", "List the points of a job.", ListPoints);
  add("boxes", "List the boxes of the domain, with how simple the function is in each.", ListBoxes);
  AddReportCommand(*group, context);
}

}  // namespace sobolev::cli
