// The commands of `sobolev`. Each Add... puts one group into the parser; its callbacks throw
// UsageError, client::RpcError and client::JobError.

#ifndef SOBOLEV_CLIENT_CLI_COMMANDS_H_
#define SOBOLEV_CLIENT_CLI_COMMANDS_H_

#include <string>

#include <CLI/CLI.hpp>
#include <sobolev/client.h>

namespace sobolev::cli {

enum ExitCode {
  kOk = 0,
  kServerError = 1,   // The server refused the call, or it failed.
  kUsage = 2,         // The command line or an input file is wrong.
  kUnavailable = 3,   // The server cannot be reached, or does not serve.
  kJobEnded = 4,      // The job failed or was cancelled.
  kInterrupted = 130  // Ctrl-C.
};

// What the commands share.
struct Context {
  std::string server = "localhost:50551";
  client::Options options;
  bool json = false;
  int exit_code = kOk;

  client::Client Connect() const { return client::Client(server, options); }
};

void AddDatasetCommands(CLI::App& app, Context& context);
void AddTrainCommand(CLI::App& app, Context& context);
void AddPredictCommand(CLI::App& app, Context& context);
void AddModelCommands(CLI::App& app, Context& context);
void AddJobCommands(CLI::App& app, Context& context);
void AddSampleCommands(CLI::App& app, Context& context);
// `sample start`, into the group `sample`; likewise `sample ask` and `tell`, and `sample report`.
void AddSampleStartCommand(CLI::App& group, Context& context);
void AddSampleWorkCommands(CLI::App& group, Context& context);
void AddSampleReportCommand(CLI::App& group, Context& context);
void AddWorkerCommand(CLI::App& app, Context& context);
void AddProgramCommands(CLI::App& app, Context& context);
// `program sample`, into the group `program`.
void AddProgramSampleCommand(CLI::App& group, Context& context);
// `model plan`, into the group `model`.
void AddPlanCommand(CLI::App& group, Context& context);
// `model prune`, likewise.
void AddPruneCommand(CLI::App& group, Context& context);
// `model bound` and `model certify`, likewise, and `model significance`.
void AddGuaranteeCommands(CLI::App& group, Context& context);
void AddSignificanceCommand(CLI::App& group, Context& context);
// `token`, which makes what --token takes.
void AddTokenCommands(CLI::App& app, Context& context);
// `chain`, plans of derivatives that ask no server.
void AddChainCommands(CLI::App& app, Context& context);
// `design`, points at which to run a function; asks no server.
void AddDesignCommand(CLI::App& app, Context& context);
void AddHealthCommand(CLI::App& app, Context& context);

// Follows a job until it ends, with progress on standard error, then prints its report and sets the
// exit code. Ctrl-C leaves the job running, says how to go on, and gives kInterrupted.
void FollowJob(const client::Client& client, const client::Job& job, Context& context,
               const std::stop_token& interrupt);

// A check for options that take a whole number: empty, or what is wrong with the text. CLI11 by
// itself would turn -1 and numbers beyond 64 bits into the largest of all.
std::string IsUint64(const std::string& text);
// For options that mean nothing without a text, which a shell makes of a variable that is not set.
std::string IsNotEmpty(const std::string& text);

// What the points of a sampling job are: of its dataset.
client::Schema SchemaOfSampling(const client::Client& client, const std::string& job);

// What a model version is, the data, the held-out errors, and what was tried.
void PrintModelVersion(const client::ModelVersion& version);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_COMMANDS_H_
