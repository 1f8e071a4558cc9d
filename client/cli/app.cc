#include "client/cli/app.h"

#include <exception>
#include <ios>
#include <iostream>
#include <string>

#include <CLI/CLI.hpp>
#include <sobolev/client.h>

#include "client/cli/commands.h"
#include "client/cli/json_format.h"
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

int Report(const client::RpcError& error, const Context& context) {
  const bool unavailable = error.code() == client::StatusCode::kUnavailable;
  if (context.json) {
    std::cerr << ToJson(error).dump() << '\n';
  } else {
    std::cerr << "sobolev: " << error.what() << '\n';
    if (unavailable) {
      std::cerr << "Is a server running at " << context.server
                << "? Name another with --server or SOBOLEV_SERVER.\n";
    }
  }
  return unavailable ? kUnavailable : kServerError;
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
  app.add_option("--server", context.server, "Address of the server")
      ->envname("SOBOLEV_SERVER")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app.add_flag("--json", context.json, "Print results, and errors, as JSON");
  app.require_subcommand(1);
  app.footer(kFooter);
  AddDatasetCommands(app, context);
  AddTrainCommand(app, context);
  AddPredictCommand(app, context);
  AddModelCommands(app, context);
  AddJobCommands(app, context);
  AddProgramCommands(app, context);
  AddHealthCommand(app, context);

  try {
    app.parse(argc, argv);
    std::cout.flush();
    if (!std::cout) throw UsageError("standard output: cannot be written");
    return context.exit_code;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kOk : kUsage;
  } catch (const client::RpcError& e) {
    return Report(e, context);
  } catch (const client::JobError& e) {
    std::cerr << "sobolev: " << e.what() << '\n';
    return kJobEnded;
  } catch (const UsageError& e) {
    std::cerr << "sobolev: " << e.what() << '\n';
    return kUsage;
  } catch (const std::ios_base::failure& e) {  // A directory in place of a file, for example.
    std::cerr << "sobolev: " << e.what() << '\n';
    return kUsage;
  } catch (const std::exception& e) {
    std::cerr << "sobolev: " << e.what() << '\n';
    return kServerError;
  }
}

}  // namespace sobolev::cli
