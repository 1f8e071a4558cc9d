#include "tests/client/cpp/server_process.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sobolev::tests {

ServerProcess::ServerProcess() {
  std::string pattern = (std::filesystem::temp_directory_path() / "sobolev-test-XXXXXX").string();
  if (mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
  directory_ = pattern;
  Start();
}

ServerProcess::~ServerProcess() {
  if (pid_ != 0) Kill();
  std::filesystem::remove_all(directory_);
}

void ServerProcess::Start() {
  const std::filesystem::path port_file = directory_ / "ports";
  const std::string log_file = directory_ / "log";
  std::filesystem::remove(port_file);
  std::vector<std::string> words = {SOBOLEV_SERVER_BINARY,
                                    "--listen=" + target_,
                                    "--metrics=127.0.0.1:0",
                                    "--gateway=off",
                                    "--data-dir=" + (directory_ / "data").string(),
                                    "--port-file=" + port_file.string(),
                                    "--drain-grace-seconds=0",
                                    "--drain-timeout-seconds=1"};
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);

  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork failed");
  if (pid_ == 0) {
    const int log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv(argv[0], argv.data());
    _exit(127);
  }
  while (!std::filesystem::exists(port_file)) {
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = 0;
      throw std::runtime_error("the server ended at start:\n" + Log());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  std::ifstream ports(port_file);
  for (std::string line; std::getline(ports, line);) {
    if (line.starts_with("grpc=")) target_ = line.substr(5);
  }
}

void ServerProcess::Kill() { Stop(SIGKILL); }

void ServerProcess::Terminate() { Stop(SIGTERM); }

void ServerProcess::Stop(int signal) {
  kill(pid_, signal);
  waitpid(pid_, nullptr, 0);
  pid_ = 0;
}

std::string ServerProcess::Log() const {
  std::ifstream file(directory_ / "log");
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

}  // namespace sobolev::tests
