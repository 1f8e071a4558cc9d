// sobolev-server: parse, build, wait for SIGTERM, drain.

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <optional>
#include <thread>
#include <variant>

#include <pthread.h>

#include "server/app/process.h"
#include "server/app/server.h"
#include "server/base/config.h"
#include "server/base/log.h"

namespace {

// Exit codes beyond 0: 1 could not start, 2 bad flags (from ParseConfig), 3 the listener died (from
// Server).
constexpr int kCannotStart = 1;

int Run(int argc, char** argv) {
  using sobolev::server::ServerConfig;
  const std::variant<ServerConfig, int> parsed =
      sobolev::server::ParseConfig(argc, argv, std::cout, std::cerr);
  if (const int* exit_code = std::get_if<int>(&parsed)) return *exit_code;
  const auto& config = std::get<ServerConfig>(parsed);
  sobolev::server::ConfigureLog(config.log_level, config.log_format);

  sobolev::server::TuneProcess();

  // Blocked here and so in every thread to come; sigwait below takes them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);

  std::optional<sobolev::server::Server> server;
  try {
    server.emplace(config);
  } catch (const std::exception& error) {
    sobolev::server::LogError("cannot start", {{"what", error.what()}});
    return kCannotStart;
  }
  int signal = 0;
  sigwait(&signals, &signal);
  // A second signal ends the process at once.
  std::thread([signals] {
    int second = 0;
    sigwait(&signals, &second);
    std::_Exit(128 + second);
  }).detach();
  server->Shutdown();
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return Run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "sobolev-server: %s\n", error.what());
    return kCannotStart;
  }
}
