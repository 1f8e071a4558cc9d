// Structured logs on stderr: one event per line.
//
//   LogInfo("job started", {{"job", id}, {"samples", num_samples}});
//
// gives, as JSON (the default unless stderr is a terminal) or as text,
//
//   {"time":"2026-01-31T12:00:00.123456Z","level":"info","msg":"job
//   started","job":"j1","samples":8} 2026-01-31T12:00:00.123456Z info  job started job=j1 samples=8
//
// Values never break a line or the JSON: control characters are escaped, invalid UTF-8 is replaced.
// Thread-safe.

#ifndef SOBOLEV_SERVER_BASE_LOG_H_
#define SOBOLEV_SERVER_BASE_LOG_H_

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

namespace spdlog {
class logger;
}

namespace sobolev::server {

enum class LogLevel { kDebug, kInfo, kWarning, kError };
enum class LogFormat { kAuto, kJson, kText };  // kAuto: text on a terminal, JSON elsewhere.

// A key with a value. Views: what they point at must live through the call.
struct LogField {
  using Value = std::variant<std::string_view, std::int64_t, double, bool>;

  template <class T>
  LogField(std::string_view field_key, const T& field_value)
      : key(field_key), value(ToValue(field_value)) {}

  std::string_view key;
  Value value;

 private:
  template <class T>
  static Value ToValue(const T& value) {
    if constexpr (std::same_as<T, bool>) {
      return value;
    } else if constexpr (std::integral<T>) {
      return static_cast<std::int64_t>(value);
    } else if constexpr (std::floating_point<T>) {
      return static_cast<double>(value);
    } else {
      return std::string_view(value);
    }
  }
};

using LogFields = std::initializer_list<LogField>;

// What is logged, and how, from now on. Before the first call: kInfo and kAuto. Call it before
// other threads log.
void ConfigureLog(LogLevel level, LogFormat format);

// Notes who changed what: one line of JSON per change, in a file of its own or in the log. Lines
// hold names, never values or tokens. Thread-safe.
class AuditLog {
 public:
  // destination: a file, at the end of which lines are added; "-": the log, at level info; empty:
  // nowhere. Throws Error(kFailedPrecondition CANNOT_WRITE) naming "audit-log" unless the file can
  // be written.
  explicit AuditLog(const std::string& destination);
  ~AuditLog();
  AuditLog(const AuditLog&) = delete;
  AuditLog& operator=(const AuditLog&) = delete;

  bool is_on() const { return to_log_ || file_ != nullptr; }
  void Write(LogFields fields);

 private:
  const bool to_log_;
  std::unique_ptr<spdlog::logger> file_;  // Null: no file.
};

void LogDebug(std::string_view message, LogFields fields = {});
void LogInfo(std::string_view message, LogFields fields = {});
void LogWarning(std::string_view message, LogFields fields = {});
void LogError(std::string_view message, LogFields fields = {});

}  // namespace sobolev::server

#endif  // SOBOLEV_SERVER_BASE_LOG_H_
