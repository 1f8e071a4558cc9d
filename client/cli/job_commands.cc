#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <unistd.h>

#include "client/cli/await_job.h"
#include "client/cli/commands.h"
#include "client/cli/format.h"
#include "client/cli/interrupt.h"
#include "client/cli/json_format.h"
#include "client/cli/progress.h"

namespace sobolev::cli {
namespace {

std::string Seconds(client::Time from, client::Time to) {
  if (from == client::Time{} || to == client::Time{}) return "-";
  return FormatShort(std::chrono::duration<double>(to - from).count()) + " s";
}

bool HasBegun(const client::TrainingProgress& progress) {
  return progress.epoch.epoch > 0 || !progress.leaderboard.empty() || !progress.stage.empty();
}

// In a word or two.
std::string Progress(const client::TrainingProgress& progress) {
  if (!HasBegun(progress)) return "-";
  if (!progress.stage.empty()) return progress.stage;
  if (progress.epochs == 0) return FormatPercent(progress.fraction);
  return "epoch " + std::to_string(progress.epoch.epoch) + "/" + std::to_string(progress.epochs);
}

void Print(const client::JobStatus& job, const Context& context) {
  if (context.json) {
    std::cout << ToJson(job).dump(2) << '\n';
    return;
  }
  std::vector<std::pair<std::string, std::string>> fields = {
      {"name", job.name},
      {"state", std::string(Name(job.state))},
      {"kind", std::string(Name(job.kind))},
      {"dataset",
       job.dataset.empty() ? "-" : job.dataset + " version " + std::to_string(job.dataset_version)},
      {"model", job.model},
      {"attempt", std::to_string(job.attempt)},
      {"created", FormatTime(job.create_time)},
      {"started", FormatTime(job.start_time)},
      {"ended", FormatTime(job.end_time)},
      {"took", Seconds(job.start_time, job.end_time)}};
  if (!job.source_model.empty()) fields.emplace_back("pruned from", job.source_model);
  if (HasBegun(job.progress)) {
    fields.emplace_back("progress", DescribeProgress(job.progress));
  }
  if (job.state == client::JobState::kFailed) {
    fields.emplace_back("error",
                        job.error_code + " (" + job.error_reason + "): " + job.error_message);
  }
  PrintFields(std::cout, fields);
}

void List(const Context& context) {
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows = {
      {"name", "kind", "state", "progress", "dataset", "model", "created", "took"}};
  for (const client::JobStatus& job : context.Connect().ListJobs()) {
    list.push_back(ToJson(job));
    rows.push_back({job.name, std::string(Name(job.kind)), std::string(Name(job.state)),
                    Progress(job.progress), job.dataset.empty() ? "-" : job.dataset, job.model,
                    FormatTime(job.create_time), Seconds(job.start_time, job.end_time)});
  }
  if (context.json) {
    std::cout << list.dump(2) << '\n';
  } else {
    PrintTable(std::cout, rows);
  }
}

void Watch(const std::string& name, Context& context) {
  const InterruptToken interrupt;
  const client::Client client = context.Connect();
  FollowJob(client, client.GetJob(name), context, interrupt.token());
}

}  // namespace

std::optional<client::JobStatus> AwaitJob(const client::Job& job, Context& context,
                                          const std::stop_token& interrupt) {
  client::JobStatus status;
  {
    ProgressDisplay display(std::cerr, isatty(STDERR_FILENO) == 1);
    status = job.Watch([&](const client::JobEvent& event) { display.Show(event); }, 0, interrupt);
  }
  if (!IsTerminal(status.state)) {
    std::cerr << job.name() << " runs on. To follow it: sobolev job watch " << job.name()
              << "; to stop it: sobolev job cancel " << job.name() << '\n';
    context.exit_code = kInterrupted;
    return std::nullopt;
  }
  if (status.state != client::JobState::kSucceeded) {
    if (context.json) std::cout << Json{{"job", ToJson(status)}}.dump(2) << '\n';
    throw client::JobError(status);
  }
  return status;
}

void FollowJob(const client::Client& client, const client::Job& job, Context& context,
               const std::stop_token& interrupt) {
  const std::optional<client::JobStatus> status = AwaitJob(job, context, interrupt);
  if (!status) return;
  const client::ModelVersion version = client.GetModelVersion(status->model);
  if (context.json) {
    std::cout << Json{{"job", ToJson(*status)}, {"model_version", ToJson(version)}}.dump(2) << '\n';
  } else {
    PrintModelVersion(version);
  }
}

void AddJobCommands(CLI::App& app, Context& context) {
  CLI::App* group = app.add_subcommand("job", "List, show, watch and cancel jobs.");
  group->require_subcommand(1)->fallthrough();
  group->add_subcommand("list", "List all jobs, newest first.")
      ->fallthrough()
      ->callback([&context] { List(context); });

  CLI::App* show = group->add_subcommand("show", "Show where a job stands.")->fallthrough();
  CLI::App* watch =
      group->add_subcommand("watch", "Follow a job until it ends, then print its report.")
          ->fallthrough();
  CLI::App* cancel = group->add_subcommand("cancel", "Ask a job to stop.")->fallthrough();
  const auto name = std::make_shared<std::string>();
  for (CLI::App* command : {show, watch, cancel}) {
    command->add_option("JOB", *name, "Job")->required();
  }
  watch->footer(
      "Exit code 0 if the job succeeds, 4 if it fails or is cancelled, 130 after Ctrl-C, which\n"
      "leaves the job running.");
  show->callback([name, &context] { Print(context.Connect().GetJob(*name).Get(), context); });
  watch->callback([name, &context] { Watch(*name, context); });
  cancel->callback([name, &context] { Print(context.Connect().GetJob(*name).Cancel(), context); });
}

}  // namespace sobolev::cli
