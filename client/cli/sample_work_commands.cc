// `sobolev sample ask` and `tell`: what workers do that are no `sobolev worker`.

#include <algorithm>
#include <cctype>
#include <cstdint>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/evaluation.h"
#include "client/cli/files.h"
#include "client/cli/format.h"
#include "client/cli/json_format.h"
#include "client/cli/sampling_format.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

struct AskArguments {
  std::string job;
  std::string worker;
  int count = 1;
};

void Ask(const AskArguments& arguments, const Context& context) {
  const client::Client client = context.Connect();
  const client::Schema schema = SchemaOfSampling(client, arguments.job);
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
  const client::Schema schema = SchemaOfSampling(client, arguments.job);
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

void AddAskCommand(CLI::App& group, Context& context) {
  CLI::App* ask = group.add_subcommand("ask", "Get points to evaluate.")->fallthrough();
  const auto arguments = std::make_shared<AskArguments>();
  ask->add_option("JOB", arguments->job, "Sampling job")->required();
  ask->add_option("--worker", arguments->worker, "Who asks, one name for each")->required();
  ask->add_option("--count", arguments->count, "Points to hold in all")
      ->check(CLI::Range(1, 4096).description(""))
      ->capture_default_str();
  ask->footer("Points that the worker holds already come first, so that asking again is harmless.");
  ask->callback([arguments, &context] { Ask(*arguments, context); });
}

void AddTellCommand(CLI::App& group, Context& context) {
  CLI::App* tell = group.add_subcommand("tell", "Report what came of points.")->fallthrough();
  const auto arguments = std::make_shared<TellArguments>();
  tell->add_option("JOB", arguments->job, "Sampling job")->required();
  tell->add_option("FILE", arguments->file, "File; - or nothing: standard input");
  tell->add_option("--worker", arguments->worker, "Who tells")->required();
  tell->footer(
      "One JSON object a line, as sobolev worker reads it from its command, with the point:\n"
      "  {\"point\": 7, \"y\": [0.7], \"jacobian\": [[0.5, 1.3]]}\n"
      "  {\"point\": 8, \"infeasible\": true, \"reason\": \"no flow\"}\n"
      "  {\"point\": 9, \"failed\": true, \"reason\": \"no licence\", \"attempt\": 1}\n"
      "Telling the same again is harmless.");
  tell->callback([arguments, &context] { TellAll(*arguments, context); });
}

}  // namespace

void AddSampleWorkCommands(CLI::App& group, Context& context) {
  AddAskCommand(group, context);
  AddTellCommand(group, context);
}

}  // namespace sobolev::cli
