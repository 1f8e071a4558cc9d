#include "client/cli/app.h"

#include <algorithm>
#include <cctype>
#include <exception>
#include <ios>
#include <iostream>
#include <span>
#include <string>
#include <string_view>

#include <CLI/CLI.hpp>
#include <sobolev/client.h>

#include "client/cli/commands.h"
#include "client/cli/json_format.h"
#include "client/cli/option_names.h"
#include "client/cli/usage_error.h"

namespace sobolev::cli {
namespace {

constexpr const char* kFooter = R"(
Example:
  sobolev dataset create wing --csv runs.csv --outputs lift
  sobolev dataset append wing runs.csv
  sobolev train wing --model wing
  sobolev predict wing --point 2.5,0.7 --jacobian
  sobolev program create cone cone.sob
  sobolev program sample cone --dataset cone --count 500

Exit codes: 0 done, 1 the server refused or failed, 2 wrong command line or input file, 3 server not
reached or not serving, 4 job failed or cancelled, 130 interrupted.)";

// What the user typed need not be UTF-8, which JSON is.
void PrintError(const Json& error) {
  std::cerr << error.dump(-1, ' ', false, Json::error_handler_t::replace) << '\n';
}

int Report(const client::RpcError& error, const CLI::App& app, const Context& context) {
  const bool unavailable = error.code() == client::StatusCode::kUnavailable;
  if (context.json) {
    PrintError(ToJson(error));
  } else {
    std::cerr << "sobolev: " << error.what() << '\n';
    for (const client::FieldViolation& violation : error.field_violations()) {
      const std::string option = OptionOf(violation.field, app);
      if (!option.empty()) std::cerr << violation.field << " is set by " << option << ".\n";
    }
    if (unavailable) {
      std::cerr << "Is a server running at " << context.server
                << "? Name another with --server or SOBOLEV_SERVER.\n";
    }
  }
  return unavailable ? kUnavailable : kServerError;
}

// What went wrong on this side, in the form that errors of the server have in JSON.
void Report(const std::string& code, const std::string& reason, const std::string& message,
            const Context& context) {
  if (context.json) {
    PrintError(ErrorToJson(code, reason, message));
  } else {
    std::cerr << "sobolev: " << message << '\n';
  }
}

// The parser sets Context::json only if it gets to the end.
bool AsksForJson(std::span<const char* const> arguments) {
  return std::ranges::any_of(arguments,
                             [](std::string_view argument) { return argument == "--json"; });
}

int ReportUsage(const std::string& message, const Context& context) {
  Report("INVALID_ARGUMENT", "USAGE", message, context);
  return kUsage;
}

// How to reach the server and prove who calls.
void AddConnectionOptions(CLI::App& app, Context& context) {
  const std::string group = "Connection";
  app.add_option("--server", context.server, "Address of the server")
      ->envname("SOBOLEV_SERVER")
      ->type_name("HOST:PORT")
      ->capture_default_str()
      ->group(group);
  app.add_flag("--tls", context.options.tls, "Encrypt; the files below do so, too")
      ->envname("SOBOLEV_TLS")
      ->group(group);
  const auto add_file = [&](const std::string& name, std::string& value,
                            const std::string& meaning) {
    CLI::Option* const option = app.add_option("--" + name, value, meaning);
    std::string variable = "SOBOLEV_";
    for (const char c : name) variable += static_cast<char>(std::toupper(c));
    return option->envname(variable)->type_name("FILE")->check(CLI::ExistingFile)->group(group);
  };
  add_file("ca", context.options.ca, "PEM certificates of the authorities to trust");
  CLI::Option* const cert =
      add_file("cert", context.options.cert, "PEM certificate of ours, for servers that ask");
  CLI::Option* const key = add_file("key", context.options.key, "PEM private key of that");
  cert->needs(key);
  key->needs(cert);
  app.add_option("--token", context.options.token,
                 "What proves who calls; rather set SOBOLEV_TOKEN, which other users cannot see")
      ->envname("SOBOLEV_TOKEN")
      ->type_name("TOKEN")
      ->group(group);
}

}  // namespace

void AddHealthCommand(CLI::App& app, Context& context) {
  CLI::App* health = app.add_subcommand("health", "Ask whether the server serves.")->fallthrough();
  health->footer("Exit code 0 if it does, 3 if it does not or cannot be reached.");
  health->callback([&context] {
    const bool serving = context.Connect().IsServing();
    const std::string status = serving ? "SERVING" : "NOT_SERVING";
    std::cout << (context.json ? Json{{"status", status}}.dump() : status) << '\n';
    context.exit_code = serving ? kOk : kUnavailable;
  });
}

int RunApp(int argc, const char* const* argv) {
  Context context;
  CLI::App app("Train differentiable surrogates on values and gradients, and query them.",
               "sobolev");
  app.set_version_flag("--version", "sobolev " SOBOLEV_VERSION);
  AddConnectionOptions(app, context);
  app.add_flag("--json", context.json, "Print results, and errors on standard error, as JSON");
  app.require_subcommand(1);
  app.footer(kFooter);
  AddDatasetCommands(app, context);
  AddTrainCommand(app, context);
  AddPredictCommand(app, context);
  AddModelCommands(app, context);
  AddJobCommands(app, context);
  AddSampleCommands(app, context);
  AddWorkerCommand(app, context);
  AddProgramCommands(app, context);
  AddChainCommands(app, context);
  AddDesignCommand(app, context);
  AddTokenCommands(app, context);
  AddHealthCommand(app, context);

  try {
    app.parse(argc, argv);
    std::cout.flush();
    if (!std::cout) throw UsageError("standard output: cannot be written");
    return context.exit_code;
  } catch (const CLI::ParseError& e) {
    context.json = AsksForJson({argv, static_cast<std::size_t>(argc)});
    if (e.get_exit_code() != 0 && context.json) return ReportUsage(e.what(), context);
    return app.exit(e) == 0 ? kOk : kUsage;
  } catch (const client::RpcError& e) {
    return Report(e, app, context);
  } catch (const client::JobError& e) {
    const client::JobStatus& job = e.status();
    const bool cancelled = job.state == client::JobState::kCancelled;
    Report(cancelled ? "CANCELLED" : job.error_code, job.error_reason, e.what(), context);
    return kJobEnded;
  } catch (const UsageError& e) {
    return ReportUsage(e.what(), context);
  } catch (const std::ios_base::failure& e) {  // A disk that is full, for example.
    return ReportUsage(e.what(), context);
  } catch (const std::exception& e) {
    Report("INTERNAL", "", e.what(), context);
    return kServerError;
  }
}

}  // namespace sobolev::cli
