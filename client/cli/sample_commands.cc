// `sobolev sample`: following and steering sampling jobs.

#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/format.h"
#include "client/cli/interrupt.h"
#include "client/cli/json_format.h"
#include "client/cli/sampling_format.h"
#include "client/cli/sampling_options.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

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
                                .goal = ReadGoal(arguments.aim),
                                .boxes = ReadBoxes(arguments.aim),
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
  Print(client.UpdateSampling(arguments.job, change), context);
}

// A line for each change.
class ChangeLog {
 public:
  explicit ChangeLog(bool json) : json_(json) {}

  void Show(const client::JobEvent& event) {
    const std::string state(Name(event.state));
    std::string text = event.sampling ? Describe(*event.sampling) : state;
    if (event.progress) text = FormatPercent(event.progress->fraction) + "  " + text;
    if (text == last_) return;
    last_ = text;
    if (!json_) {
      std::cout << text << std::endl;
      return;
    }
    Json line = {{"state", state}};
    if (event.progress) line["fraction"] = event.progress->fraction;
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

void ListPoints(const std::string& job, const Context& context) {
  const client::Client client = context.Connect();
  const client::Schema schema = SchemaOfSampling(client, job);
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
  const client::Schema schema = SchemaOfSampling(client, job);
  const client::SamplingBoxes boxes = client.GetSamplingBoxes(job);
  if (context.json) {
    std::cout << ToJson(boxes, schema).dump(2) << '\n';
  } else {
    PrintBoxes(std::cout, boxes, schema);
  }
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

}  // namespace

client::Schema SchemaOfSampling(const client::Client& client, const std::string& job) {
  return client.GetDataset(client.GetSampling(job).spec.dataset).schema;
}

void AddSampleCommands(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand(
      "sample", "Start, watch, steer and work for jobs that decide where to evaluate next.");
  group->require_subcommand(1)->fallthrough();
  AddSampleStartCommand(*group, context);
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
  AddSampleWorkCommands(*group, context);
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
  AddSampleReportCommand(*group, context);
}

}  // namespace sobolev::cli
