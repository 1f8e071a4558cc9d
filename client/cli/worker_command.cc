// `sobolev worker`: evaluates the points of a sampling job with a command of the shell.
//
// One thread, the caller's, makes all calls to the server, so that what it knows of its points is
// what the server said last; each point that is evaluated has a thread that waits for its process.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <pthread.h>
#include <unistd.h>

#include "client/cli/commands.h"
#include "client/cli/evaluation.h"
#include "client/cli/format.h"
#include "client/cli/interrupt.h"
#include "client/cli/json_format.h"
#include "client/cli/process.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

constexpr Seconds kFirstPause{0.2};
constexpr Seconds kLongestPause{10};
constexpr int kMaxParallel = 1024;
constexpr std::size_t kMaxIdLength = 63;
// The exit codes of a shell for commands that cannot be run and are not found.
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;

struct WorkerArguments {
  std::string job;
  std::string command;
  std::string id;
  int parallel = 1;
  int retries = 0;
  std::optional<double> timeout;
  double patience = 3600;
};

// A point whose process has ended.
struct Outcome {
  client::SamplingPoint point;
  Evaluation evaluation;
  Seconds took{};
  bool is_misconfigured = false;  // There is no such command.
};

// What the threads of points hand to the caller's. Thread-safe.
class OutcomeQueue {
 public:
  void Push(Outcome outcome) {
    {
      const std::lock_guard lock(mutex_);
      outcomes_.push_back(std::move(outcome));
    }
    changed_.notify_one();
  }

  // Nothing, if none comes until then or `stop` fires.
  std::optional<Outcome> Pop(Clock::time_point until, const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    changed_.wait_until(lock, stop, until, [&] { return !outcomes_.empty(); });
    if (outcomes_.empty()) return std::nullopt;
    Outcome outcome = std::move(outcomes_.front());
    outcomes_.pop_front();
    return outcome;
  }

 private:
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Outcome> outcomes_;
};

bool IsTransient(const client::RpcError& error) {
  using enum client::StatusCode;
  return error.code() == kUnavailable || error.code() == kDeadlineExceeded ||
         error.code() == kResourceExhausted || error.code() == kAborted;
}

Clock::time_point After(double seconds) {
  return Clock::now() + std::chrono::duration_cast<Clock::duration>(Seconds(seconds));
}

class Worker {
 public:
  Worker(const client::Client& client, const WorkerArguments& arguments, std::stop_token stop)
      : client_(client), arguments_(arguments), stop_(std::move(stop)) {
    const client::Sampling sampling = client_.GetSampling(arguments_.job);
    if (!sampling.spec.program.empty()) {
      throw UsageError(sampling.job +
                       ": expected a job whose points workers evaluate; the server "
                       "evaluates " +
                       sampling.spec.program + " itself");
    }
    schema_ = client_.GetDataset(sampling.spec.dataset).schema;
  }

  // Until the job has ended: true, or a signal came: false.
  bool Run() {
    while (!stop_.stop_requested() && !finished_) {
      try {
        Turn();
      } catch (const client::RpcError&) {
        if (!stop_.stop_requested()) throw;
      }
    }
    EndProcesses();
    if (!finished_) GiveBack();
    return finished_;
  }

  Json Summary() const {
    return {{"job", arguments_.job},     {"worker", arguments_.id}, {"evaluated", evaluated_},
            {"infeasible", infeasible_}, {"failed", failed_},       {"finished", finished_}};
  }

  std::string Describe() const {
    return "evaluated " + std::to_string(evaluated_) + " points, " + std::to_string(infeasible_) +
           " infeasible, " + std::to_string(failed_) + " failed" +
           (finished_ ? "; the job has ended" : "");
  }

 private:
  bool HasRoom() const { return std::ssize(running_) < arguments_.parallel; }

  // Asks, renews and tells what is due, then waits for the next of it.
  void Turn() {
    if (HasRoom() && Clock::now() >= next_ask_) Ask();
    if (!running_.empty() && Clock::now() >= next_heartbeat_) Heartbeat();
    if (finished_) return;
    Clock::time_point until = running_.empty() ? next_ask_ : next_heartbeat_;
    if (HasRoom()) until = std::min(until, next_ask_);
    std::optional<Outcome> outcome = outcomes_.Pop(until, stop_);
    if (!outcome) return;
    running_.erase(outcome->point.id);
    if (outcome->is_misconfigured) {
      EndProcesses();
      GiveBack(*outcome);
      throw UsageError("--exec: expected a command that can be run; " + outcome->evaluation.reason);
    }
    const bool is_lost = lost_.erase(outcome->point.id) > 0;
    if (is_lost && outcome->evaluation.kind != Evaluation::Kind::kValue) {
      Report(outcome->point, "given up: another worker has it");
    } else {
      Tell(*outcome);
    }
    next_ask_ = Clock::now();
  }

  void Ask() {
    const client::AskReply reply =
        Patiently([&] { return client_.Ask(arguments_.job, arguments_.id, arguments_.parallel); });
    finished_ = reply.finished;
    heartbeat_seconds_ = reply.heartbeat_seconds;
    if (running_.empty()) next_heartbeat_ = After(heartbeat_seconds_);
    next_ask_ = After(reply.retry_after_seconds);
    for (const client::SamplingPoint& point : reply.points) {
      if (HasRoom() && !running_.contains(point.id)) Start(point, reply.jacobian);
    }
  }

  void Heartbeat() {
    const client::HeartbeatReply reply =
        Patiently([&] { return client_.Heartbeat(arguments_.job, arguments_.id); });
    finished_ = reply.finished;
    next_heartbeat_ = After(heartbeat_seconds_);
    for (auto& [id, thread] : running_) {
      if (std::ranges::find(reply.points, id) != reply.points.end()) continue;
      lost_.insert(id);
      thread.request_stop();
    }
  }

  void Start(const client::SamplingPoint& point, bool jacobian) {
    const std::string input = PointToJson(point, schema_, jacobian).dump() + "\n";
    running_.emplace(point.id, std::jthread([this, point, input](const std::stop_token& stop) {
                       Evaluate(point, input, stop);
                     }));
  }

  // In a thread of its own.
  void Evaluate(const client::SamplingPoint& point, const std::string& input,
                const std::stop_token& stop) {
    // A simulator that reads nothing is no reason to end.
    sigset_t broken_pipe;
    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
    const Clock::time_point start = Clock::now();
    Outcome outcome{.point = point, .evaluation = {}};
    for (int run = 0; run <= arguments_.retries && !stop.stop_requested(); ++run) {
      try {
        const ProcessResult result = RunProcess(arguments_.command, input, timeout(), stop);
        outcome.evaluation = JudgeProcess(result, schema_);
        outcome.is_misconfigured = result.end == ProcessResult::End::kExited &&
                                   (result.code == kNotExecutable || result.code == kNotFound);
      } catch (const std::system_error& error) {
        outcome.evaluation.reason = error.what();
      }
      if (outcome.evaluation.kind != Evaluation::Kind::kFailed) break;
    }
    outcome.took = Clock::now() - start;
    outcomes_.Push(std::move(outcome));
  }

  std::optional<Seconds> timeout() const {
    return arguments_.timeout ? std::optional(Seconds(*arguments_.timeout)) : std::nullopt;
  }

  void Tell(const Outcome& outcome) {
    const Evaluation& evaluation = outcome.evaluation;
    if (evaluation.kind != Evaluation::Kind::kValue) {
      TellFailure(outcome.point, evaluation);
      return;
    }
    const client::Samples samples{
        .X = outcome.point.x, .Y = evaluation.y, .jacobian = evaluation.jacobian, .weight = {}};
    try {
      const client::TellReply reply = Patiently(
          [&] { return client_.Tell(arguments_.job, arguments_.id, {outcome.point.id}, samples); });
      finished_ = finished_ || reply.finished;
    } catch (const client::RpcError& error) {
      // A value outside the bounds of the schema, for example.
      if (error.code() != client::StatusCode::kInvalidArgument) throw;
      TellFailure(outcome.point, {.y = {}, .jacobian = {}, .reason = error.what()});
      return;
    }
    ++evaluated_;
    Report(outcome.point, "evaluated in " + FormatShort(outcome.took.count()) + " s");
  }

  void TellFailure(const client::SamplingPoint& point, const Evaluation& evaluation) {
    const bool infeasible = evaluation.kind == Evaluation::Kind::kInfeasible;
    const client::TellReply reply = Patiently([&] {
      return client_.Tell(arguments_.job, arguments_.id, {}, {},
                          {{.point = point.id,
                            .infeasible = infeasible,
                            .reason = evaluation.reason,
                            .attempt = point.attempt}});
    });
    finished_ = finished_ || reply.finished;
    ++(infeasible ? infeasible_ : failed_);
    Report(point, (infeasible ? "infeasible" : "failed") +
                      (evaluation.reason.empty() ? "" : ": " + evaluation.reason));
  }

  static void Report(const client::SamplingPoint& point, const std::string& what) {
    std::cerr << "point " << point.id << " attempt " << point.attempt << ": " << what << std::endl;
  }

  void EndProcesses() {
    for (auto& [id, thread] : running_) thread.request_stop();
    running_.clear();
  }

  // Tells what is known of the points that we hold, so that others need not wait for their leases;
  // where the server is not there, they do.
  void GiveBack() {
    gives_back_ = true;
    try {
      while (std::optional<Outcome> outcome = outcomes_.Pop(Clock::now(), {})) Tell(*outcome);
    } catch (const client::RpcError& error) {
      std::cerr << "sobolev: points are left to their leases: " << error.what() << std::endl;
    }
  }

  void GiveBack(Outcome outcome) {
    outcomes_.Push(std::move(outcome));
    GiveBack();
  }

  // A server that restarts is no reason to end.
  template <class Call>
  std::invoke_result_t<Call> Patiently(Call call) {
    const Clock::time_point end = After(arguments_.patience);
    for (Seconds pause = kFirstPause;; pause = std::min(2 * pause, kLongestPause)) {
      try {
        return call();
      } catch (const client::RpcError& error) {
        if (!IsTransient(error) || gives_back_ || Clock::now() >= end) throw;
        if (pause == kFirstPause) {
          std::cerr << "sobolev: tries again: " << error.what() << std::endl;
        }
        Pause(pause);
        if (stop_.stop_requested()) throw;
      }
    }
  }

  void Pause(Seconds pause) const {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait_for(lock, stop_, pause, [] { return false; });
  }

  const client::Client& client_;
  const WorkerArguments& arguments_;
  const std::stop_token stop_;
  client::Schema schema_;

  bool finished_ = false;
  bool gives_back_ = false;
  double heartbeat_seconds_ = 0;
  Clock::time_point next_ask_ = Clock::now();
  Clock::time_point next_heartbeat_ = Clock::now();
  std::int64_t evaluated_ = 0;
  std::int64_t infeasible_ = 0;
  std::int64_t failed_ = 0;
  std::set<std::int64_t> lost_;  // Of those that run, what another worker has got.

  OutcomeQueue outcomes_;
  std::map<std::int64_t, std::jthread> running_;  // By point; ends before the queue does.
};

// Of this host and process.
std::string DefaultId() {
  std::string host(kMaxIdLength, '\0');
  gethostname(host.data(), host.size());
  host.resize(std::min(host.find('\0'), host.size()));
  const std::string process = "-" + std::to_string(getpid());
  host.resize(std::min(host.size(), kMaxIdLength - process.size()));
  return host + process;
}

void Work(const WorkerArguments& arguments, Context& context) {
  const InterruptToken interrupt({SIGINT, SIGTERM});
  const client::Client client = context.Connect();
  Worker worker(client, arguments, interrupt.token());
  const bool finished = worker.Run();
  if (context.json) {
    std::cout << worker.Summary().dump(2) << '\n';
  } else {
    std::cout << worker.Describe() << '\n';
  }
  if (!finished) context.exit_code = kInterrupted;
}

}  // namespace

void AddWorkerCommand(CLI::App& app, Context& context) {
  CLI::App* worker =
      app.add_subcommand("worker", "Evaluate the points of a sampling job with a command.")
          ->fallthrough();
  const auto arguments = std::make_shared<WorkerArguments>();
  arguments->id = DefaultId();
  worker->add_option("JOB", arguments->job, "Sampling job")->required();
  worker
      ->add_option("--exec", arguments->command,
                   "Command, run by /bin/sh for each point, with the point on standard input")
      ->type_name("COMMAND")
      ->required();
  worker->add_option("--parallel", arguments->parallel, "Points at a time")
      ->check(CLI::Range(1, kMaxParallel).description(""))
      ->capture_default_str();
  worker->add_option("--id", arguments->id,
                     "Name of this worker, one for each that runs; whoever starts again under the "
                     "same one goes on with the points that it had. Default: host and process");
  worker
      ->add_option("--retries", arguments->retries,
                   "Runs of a command that failed, before the failure is told")
      ->check(CLI::Range(0, 100).description(""))
      ->capture_default_str();
  worker->add_option("--timeout", arguments->timeout, "Seconds after which a command has failed")
      ->check(CLI::PositiveNumber.description(""));
  worker
      ->add_option("--patience", arguments->patience,
                   "Seconds to try again when the server cannot be reached")
      ->check(CLI::NonNegativeNumber.description(""))
      ->capture_default_str();
  worker->footer(
      "The command reads one JSON object, and prints one:\n"
      "  {\"point\": 7, \"attempt\": 1, \"x\": [1.5, 0.5], \"inputs\": {\"span\": 1.5, \"chord\": "
      "0.5},\n"
      "   \"jacobian\": true}\n"
      "  {\"y\": [0.7], \"jacobian\": [[0.5, 1.3]]}    or by name, {\"y\": {\"lift\": 0.7}, "
      "\"jacobian\":\n"
      "                                           {\"lift\": {\"span\": 0.5, \"chord\": 1.3}}}\n"
      "  {\"infeasible\": true, \"reason\": \"...\"}   where the function has no value; exit code "
      "3\n"
      "                                           and values that are not finite say so, too\n"
      "The Jacobian may be left out. Another exit code, other output and --timeout are failures: "
      "the\n"
      "job hands the point out again, up to its --attempts. The command gets nothing else of the\n"
      "point, and its standard error ends up in the reason of a failure.\n"
      "Ctrl-C or SIGTERM ends the commands and gives their points back. Exit code 0 once the job "
      "has\n"
      "ended, 130 after a signal.");
  worker->callback([arguments, &context] { Work(*arguments, context); });
}

}  // namespace sobolev::cli
