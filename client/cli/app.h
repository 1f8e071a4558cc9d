// The program `sobolev`, without main.

#ifndef SOBOLEV_CLIENT_CLI_APP_H_
#define SOBOLEV_CLIENT_CLI_APP_H_

namespace sobolev::cli {

// Parses the command line, runs the command, reports what went wrong on standard error, and returns
// the exit code (ExitCode in client/cli/commands.h).
int RunApp(int argc, const char* const* argv);

}  // namespace sobolev::cli

#endif  // SOBOLEV_CLIENT_CLI_APP_H_
