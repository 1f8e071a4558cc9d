#include "client/cli/process.h"

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sobolev::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMaxOutputBytes = 64 << 20;
constexpr std::chrono::seconds kGrace{2};
// How long the end of a process or the token may go unnoticed. Its closed pipes are noticed at
// once.
constexpr int kPollMs = 50;

[[noreturn]] void ThrowSystemError(int error, const char* what) {
  throw std::system_error(error, std::generic_category(), what);
}

// One end of a pipe.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { Close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  int get() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }
  void Close() {
    if (fd_ >= 0) close(std::exchange(fd_, -1));
  }

 private:
  int fd_ = -1;
};

struct Pipe {
  Descriptor read;
  Descriptor write;
};

// Only our end, which is not to block, stays open in us once the process has its own.
Pipe MakePipe(bool we_read) {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) ThrowSystemError(errno, "pipe");
  Pipe made{.read = Descriptor(ends[0]), .write = Descriptor(ends[1])};
  const int ours = we_read ? ends[0] : ends[1];
  if (fcntl(ours, F_SETFL, O_NONBLOCK) != 0) ThrowSystemError(errno, "pipe");
  return made;
}

// Our ends of the pipes of a process.
struct Streams {
  Descriptor in;
  Descriptor out;
  Descriptor error;
};

// In a group of its own, so that all of it can be ended and Ctrl-C is ours alone; with the signals
// that we block or handle as they are by default.
pid_t Spawn(const std::string& command, Streams& streams) {
  Pipe in = MakePipe(false);
  Pipe out = MakePipe(true);
  Pipe error = MakePipe(true);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_adddup2(&actions, in.read.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, error.write.get(), STDERR_FILENO);
  sigset_t none;
  sigemptyset(&none);
  sigset_t all;
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  // The shell gets the command as one argument; execve takes char*, but changes nothing.
  const std::array<const char*, 4> arguments = {"sh", "-c", command.c_str(), nullptr};
  pid_t pid = 0;
  const int failure = posix_spawn(&pid, "/bin/sh", &actions, &attributes,
                                  const_cast<char* const*>(arguments.data()), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (failure != 0) ThrowSystemError(failure, "/bin/sh");
  streams = {.in = std::move(in.write), .out = std::move(out.read), .error = std::move(error.read)};
  return pid;
}

// Writes what fits; closes the pipe after the last byte, and where nobody reads.
void Feed(Descriptor& pipe, std::string_view& rest) {
  while (!rest.empty()) {
    const ssize_t written = write(pipe.get(), rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) return;
    if (written < 0) break;
    rest.remove_prefix(static_cast<std::size_t>(written));
  }
  pipe.Close();
}

// Reads what is there; closes the pipe at its end.
void Drain(Descriptor& pipe, std::string& text) {
  std::array<char, 65536> buffer{};
  while (pipe.is_open() && text.size() <= kMaxOutputBytes) {
    const ssize_t count = read(pipe.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      pipe.Close();
      return;
    }
    text.append(buffer.data(), static_cast<std::size_t>(count));
  }
}

// A process that runs, from its start to its end.
class Child {
 public:
  Child(const std::string& command, const std::string& input)
      : input_(input), pid_(Spawn(command, streams_)) {}

  ~Child() {
    if (!is_reaped_) {
      Signal(SIGKILL);
      waitpid(pid_, nullptr, 0);
    }
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Feeds, reads and waits a little.
  void Step() {
    std::array<pollfd, 3> events = {
        pollfd{.fd = streams_.in.get(), .events = POLLOUT, .revents = 0},
        pollfd{.fd = streams_.out.get(), .events = POLLIN, .revents = 0},
        pollfd{.fd = streams_.error.get(), .events = POLLIN, .revents = 0}};
    poll(events.data(), events.size(), kPollMs);
    if (streams_.in.is_open() && events[0].revents != 0) Feed(streams_.in, input_);
    // Before the last read: what has ended has written all.
    siginfo_t info{};
    has_ended_ = waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
                 info.si_pid == pid_;
    Drain(streams_.out, result_.out);
    Drain(streams_.error, result_.error_tail);
    if (result_.error_tail.size() > kErrorTailBytes) {
      result_.error_tail.erase(0, result_.error_tail.size() - kErrorTailBytes);
    }
  }

  // To all of the group. Until its first process is reaped, nobody else can have its number.
  void Signal(int signal) const { kill(-pid_, signal); }

  // What the process leaves behind may go on.
  bool has_ended() const { return has_ended_; }
  // Nothing that writes to us is left, either.
  bool IsSilent() const { return !streams_.out.is_open() && !streams_.error.is_open(); }
  bool IsFlooding() const { return result_.out.size() > kMaxOutputBytes; }

  // Once it has ended.
  ProcessResult Reap() {
    waitpid(pid_, &status_, 0);
    is_reaped_ = true;
    const bool exited = WIFEXITED(status_);
    result_.end = exited ? ProcessResult::End::kExited : ProcessResult::End::kSignalled;
    result_.code = exited ? WEXITSTATUS(status_) : WTERMSIG(status_);
    return std::move(result_);
  }

 private:
  std::string_view input_;
  Streams streams_;
  pid_t pid_;
  bool has_ended_ = false;
  bool is_reaped_ = false;
  int status_ = 0;
  ProcessResult result_;
};

}  // namespace

ProcessResult RunProcess(const std::string& command, const std::string& input,
                         std::optional<std::chrono::duration<double>> timeout,
                         const std::stop_token& stop) {
  using End = ProcessResult::End;
  const Clock::time_point start = Clock::now();
  Child child(command, input);
  std::optional<End> broken_off;
  Clock::time_point kill_time;
  while (true) {
    child.Step();
    const Clock::time_point now = Clock::now();
    if (child.has_ended() && (!broken_off || child.IsSilent() || now >= kill_time)) break;
    if (broken_off) {
      if (now >= kill_time) child.Signal(SIGKILL);
      continue;
    }
    if (stop.stop_requested()) {
      broken_off = End::kStopped;
    } else if (timeout && now - start >= *timeout) {
      broken_off = End::kTimedOut;
    } else if (child.IsFlooding()) {
      broken_off = End::kFlooded;
    }
    if (broken_off) {
      child.Signal(SIGTERM);
      kill_time = broken_off == End::kFlooded ? now : now + kGrace;
    }
  }
  if (broken_off) child.Signal(SIGKILL);  // Whoever is left.
  ProcessResult result = child.Reap();
  if (broken_off) result.end = *broken_off;
  return result;
}

}  // namespace sobolev::cli
